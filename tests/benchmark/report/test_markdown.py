# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The Markdown says what the results say."""

import json

from result_folders import write_result

from zen_hf.benchmark.report.entries import entries_of
from zen_hf.benchmark.report.markdown import results_markdown
from zen_hf.benchmark.result_files import read_results


def rows_of(text):
    """Cells of every row of the first table."""
    table = text.split("\n\n")[1].splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table]


def test_numbers(results):
    text = results_markdown(entries_of(read_results([results])))
    primary = json.loads((results / "zen" / "cholec80_phase" / "frozen" / "summary.json").read_text())["primary"]
    headings, _, _, row = rows_of(text)[:4]
    assert len({len(line) for line in rows_of(text)}) == 1
    said = dict(zip(headings, row, strict=True))
    assert said["Score"] == f"**{primary['value']:.3f}** `f1_b_video_mean`"
    assert said["95 % interval"] == f"{primary['interval'][0]:.3f} to {primary['interval'][1]:.3f}"
    assert (said["Encoder"], said["Test videos"], said["Leakage"]) == ("zen, 224 px", "10", "clean")
    assert "| cholec80_phase | phase | frozen | other | temporal (MS-TCN) |" in text
    assert "miniature" not in text


def test_names_break_neither_tables_nor_html(tmp_path):
    write_result(tmp_path / "a", model="a|b\n<img src=x>", videos=3, split="a split (miniature)")
    text = results_markdown(entries_of(read_results([tmp_path])))
    assert "<img" not in text and "a\\|b &lt;img src=x>" in text
    assert "**1 of 1 results are of miniatures**" in text and "cholec80_phase (miniature)" in text
