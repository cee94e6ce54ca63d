# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Cholec80-CVS: the stretch that is judged, the scores of intervals, and the known defects of the sheet."""

import math
import shutil

import pytest

from zen_hf.benchmark.miniatures.cholec80_cvs import write_sheet
from zen_hf.benchmark.readers.cholec80_cvs import CRITERIA, TIMES, achieved, judged_frames, read_intervals
from zen_hf.benchmark.task import load_task

HEADER = ["video", *TIMES, *CRITERIA, "Total", "critical_view"]


@pytest.mark.parametrize("cut", [1, 24, 25, 26, 1000, 12345, 47_501, 50_000])
def test_judged_stretch(cut):
    """Against the rule in floating point: from floor(0.85 n / 25) whole seconds on, five frames per second."""
    first = math.floor(cut * 0.85 / 25) * 25
    frames = judged_frames(cut)
    assert frames[0] == first and max(frames) < cut
    whole = [frame for frame in frames if frame // 25 * 25 + 25 <= cut]
    assert len(whole) == 5 * ((cut - first) // 25)
    assert all(later - earlier == 5 for earlier, later in zip(frames, frames[1:], strict=False))


def test_scores_by_hand():
    """Ends belong to an interval, later rows count, the clip cuts; an interval that ends before it begins scores nothing."""
    intervals = [(2, 4, [2, 0, 1]), (4, 5, [0, 1, 0]), (8, 20, [1, 1, 1]), (7, 1, [2, 2, 2])]
    none, first = [0, 0, 0], [1, 0, 1]
    assert achieved(intervals, 10) == [none, none, first, first, [0, 1, 0], [0, 1, 0], none, none, [1] * 3, [1] * 3]


def test_sheet(tmp_path):
    rows = [[3, 0, 2, 0, 4, 2, 0, 1, 3, 0], [3, 1, 0.5, 1, 1, 0, 0, 0, 0, 0], [80, 0, 0, 0, 1, 1, 1, 1, 3, 0]]
    write_sheet(tmp_path / "a.xlsx", [HEADER, *rows])
    assert read_intervals(tmp_path / "a.xlsx") == {"video03": [(50, 100, [2, 0, 1])], "video80": [(0, 25, [1, 1, 1])]}


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        (HEADER[:-3], [3, 0, 2, 0, 4, 2, 0], "columns hepatocystic_triangle are missing"),
        (HEADER, [3, 0, "?", 0, 4, 2, 0, 1], "row 2 is .*every column must hold a number"),
        (HEADER, [3, 0, 2, 0, 4, 3, 0, 1], "row 2 has the scores .3, 0, 1., expected 0, 1 or 2"),
    ],
)
def test_bad_sheet(tmp_path, header, row, message):
    write_sheet(tmp_path / "a.xlsx", [header, row])
    with pytest.raises(ValueError, match=message):
        read_intervals(tmp_path / "a.xlsx")


def test_rows_of_the_miniature(miniature):
    """Every frame before the clip, five per second, with the scores of its second."""
    folder = miniature("cholec80_cvs")
    dataset = load_task("cholec80_cvs").read(folder).select_columns(["video_id", "frame", "time_s", "cvs"])
    intervals = read_intervals(folder / "surgeons_annotations.xlsx")
    assert any(end < start for start, end, _ in intervals["video03"])  # the known defect, in the first video
    for row in dataset:
        lines = (folder / "phase_annotations" / f"{row['video_id']}-phase.txt").read_text().splitlines()[1:]
        assert lines[row["frame"]].endswith("\tCalotTriangleDissection")
        covering = [scores for start, end, scores in intervals[row["video_id"]] if start <= row["frame"] <= end]
        assert row["cvs"] == [min(1, score) for score in covering[-1]] if covering else [0, 0, 0]


def test_missing_sheet_and_no_clip(miniature, tmp_path):
    shutil.copytree(miniature("cholec80_cvs"), tmp_path / "copy")
    path = tmp_path / "copy" / "phase_annotations" / "video08-phase.txt"
    path.write_text(path.read_text().replace("ClippingCutting", "Preparation"))
    task = load_task("cholec80_cvs")
    with pytest.raises(ValueError, match="video08-phase.txt has no ClippingCutting frame"):
        task.read(tmp_path / "copy")
    (tmp_path / "copy" / "surgeons_annotations.xlsx").unlink()
    with pytest.raises(FileNotFoundError, match="first: surgeons_annotations.xlsx.*in the folder of Cholec80"):
        task.read(tmp_path / "copy")
