# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Tables of phases and tools are read as written, and every flaw is named."""

import pytest

from zen_hf.benchmark.readers.phase_table import read_phase_table, read_tool_table

PHASES = ("Cut", "Sew")


@pytest.fixture
def table(tmp_path):
    def write(text):
        (tmp_path / "video01-phase.txt").write_text(text)
        return tmp_path / "video01-phase.txt"

    return write


def test_phases(table):
    assert read_phase_table(table("Frame\tPhase\n0\tCut\n1\tCut\n2\tSew\n"), PHASES) == [0, 0, 1]
    assert read_phase_table(table("Frame\tPhase\r\n1\tSew\r\n2\tCut\r\n\r\n"), PHASES, first=1) == [1, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0\tCut\n", "the header is .*expected .'Frame', 'Phase'"),
        ("Frame\tPhase\n", "no row"),
        ("Frame\tPhase\n0\tCut\n2\tCut\n", "line 3 is of frame 2, expected 1"),
        ("Frame\tPhase\n1\tCut\n", "line 2 is of frame 1, expected 0"),
        ("Frame\tPhase\n0\tKnit\n", "unknown phase 'Knit' at frame 0; expected one of Cut, Sew"),
        ("Frame\tPhase\n0\tCut\n1\t", "line 3 is '1.t', expected a frame number and 1 values"),
    ],
)
def test_bad_phases(table, text, message):
    with pytest.raises(ValueError, match=f"video01-phase.txt: {message}"):
        read_phase_table(table(text), PHASES)


def test_tools(table):
    text = "Frame\tHook\tClipper\n0\t1\t0\n25\t0\t1\n"
    assert read_tool_table(table(text), ("Hook", "Clipper")) == {0: [1, 0], 25: [0, 1]}
    with pytest.raises(ValueError, match="the header is"):
        read_tool_table(table(text), ("Clipper", "Hook"))
    with pytest.raises(ValueError, match="frame 25 has"):
        read_tool_table(table(text + "25\t0\t1\n"), ("Hook", "Clipper"))
    with pytest.raises(ValueError, match="frame 50 has"):
        read_tool_table(table(text + "50\t0\t2\n"), ("Hook", "Clipper"))
