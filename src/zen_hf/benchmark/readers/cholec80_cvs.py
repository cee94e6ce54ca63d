# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Cholec80-CVS: the sheet `surgeons_annotations.xlsx` laid into the folder of Cholec80.

A row of the sheet scores an interval of one video: `video`, `initial_minute`, `initial_second`, `final_minute`,
`final_second`, and 0 to 2 for `two_structures`, `cystic_plate`, `hepatocystic_triangle`; what no row covers scores 0. As in
the authors' code, a video ends before its first ClippingCutting frame, the last 15 % of what is left are judged (from a
whole second on), 5 frames per second, and a score of 1 or 2 counts as achieved. Their code draws the 5 frames of a
second at random without a seed; here they are evenly spaced (frames 0, 5, 10, 15, 20 of each second), so that every
reading gives the same frames.

Known defects: 3 intervals end before they begin and 63 go on after the first clip. The former are left out (they score
nothing in the authors' code either), the latter are cut there. Where intervals overlap, the later row counts.

Reference: M.S. Rios et al., Cholec80-CVS, Scientific Data 10 (2023) 194.
"""

from pathlib import Path

import datasets

from . import cholec80
from .canonical import canonical_dataset, frame_row, multi_label, require_files
from .phase_table import read_phase_table
from .source import Source
from .spreadsheet import read_sheet

FPS = cholec80.FPS
STEP = 5  # native frames from one judged frame to the next
JUDGED_PERCENT = 15
# The order of the sheet's columns and of the authors' code (COLENET, `cholec80csv_dataset.py`); read by name.
CRITERIA = ("two_structures", "cystic_plate", "hepatocystic_triangle")
TIMES = ("initial_minute", "initial_second", "final_minute", "final_second")
SHEET = "surgeons_annotations.xlsx"
LAYOUT = f"{SHEET} in the folder of Cholec80 (videos/videoNN.mp4 beside phase_annotations/videoNN-phase.txt)"

SOURCE = Source(
    name="cholec80_cvs",
    title="Cholec80-CVS",
    licence="annotations CC BY 4.0, frames (Cholec80) CC BY-NC-SA 4.0",
    fps=FPS,
    files=("videos/{video}.mp4", "phase_annotations/{video}-phase.txt"),
    pictures=cholec80.SOURCE.pictures,
    shared=(SHEET,),
    ignored=("tool_annotations/*", *cholec80.SOURCE.ignored),
    defects=(
        "intervals that end before they begin are left out (3 in the official sheet)",
        "intervals that go on after the first clip are cut there (63 in the official sheet)",
        "the authors sample frames at random without a seed; here 5 evenly spaced frames per second",
    ),
    patient=cholec80.patient,
    corpora=cholec80.SOURCE.corpora,
)


def read_cholec80_cvs(folder: Path, videos: list[str]) -> datasets.Dataset:
    """Read the judged stretch of some videos, 5 frames per second, with the criteria achieved.

    Args:
        folder: the download of Cholec80, with the sheet in it.
        videos: ids of the videos to read, such as "video01".

    Returns:
        Rows of `canonical_features` with `cvs`, 0/1 for each of `CRITERIA`.

    Raises:
        FileNotFoundError: if the sheet, a label file or a video is missing.
        ValueError: if a file is not of its format, or a video has no row or no ClippingCutting frame.
    """
    folder = Path(folder)
    require_files(folder, [SHEET, *(f"phase_annotations/{video}-phase.txt" for video in videos)], LAYOUT)
    intervals = read_intervals(folder / SHEET)
    rows = []
    for video in sorted(videos):
        table = folder / "phase_annotations" / f"{video}-phase.txt"
        phases = read_phase_table(table, cholec80.PHASES)
        clipping = cholec80.PHASES.index("ClippingCutting")
        if clipping not in phases:
            raise ValueError(
                f"{table} has no ClippingCutting frame, where the judged stretch ends; download it again."
            )
        if video not in intervals:
            raise ValueError(f"{folder / SHEET} has no row of {video}; the official sheet has all 80 videos.")
        cut = phases.index(clipping)
        judged = judged_frames(cut)
        scores = achieved(intervals[video], cut)
        frames = cholec80.locate_frames(folder, video, judged, cut)
        rows += [frame_row(image, video, frame, FPS) | {"cvs": scores[frame]} for frame, image in frames.items()]
    return canonical_dataset(rows, {"cvs": multi_label(CRITERIA)})


def judged_frames(cut: int) -> list[int]:
    """Native frames that are judged, of a video whose first clip is at frame `cut`."""
    first = cut * (100 - JUDGED_PERCENT) // (100 * FPS) * FPS
    return list(range(first, cut, STEP))


def achieved(intervals: list[tuple[int, int, list[int]]], cut: int) -> list[list[int]]:
    """0/1 per criterion for each of the first `cut` native frames; the ends of an interval belong to it."""
    scores = [[0] * len(CRITERIA) for _ in range(cut)]
    for start, end, values in intervals:
        for frame in range(start, min(end + 1, cut)):
            scores[frame] = [min(1, value) for value in values]
    return scores


def read_intervals(path: Path) -> dict[str, list[tuple[int, int, list[int]]]]:
    """First and last native frame and the scores of every interval, by video.

    Raises:
        ValueError: if columns are missing, or a value is no number or out of range.
    """
    header, *rows = read_sheet(path) or [[]]
    names = [name.strip().lower() for name in header]
    missing = [name for name in ("video", *TIMES, *CRITERIA) if name not in names]
    if missing:
        raise ValueError(f"{path}: the columns {', '.join(missing)} are missing; found {', '.join(names) or 'none'}.")
    found = {}
    for number, row in enumerate(rows, 2):
        cells = dict(zip(names, row, strict=False))
        if not any(value.strip() for value in row):
            continue
        try:
            video = int(float(cells["video"]))
            start, end = (
                int((float(cells[f"{edge}_minute"]) * 60 + float(cells[f"{edge}_second"])) * FPS)
                for edge in ("initial", "final")
            )
            scores = [int(float(cells[name])) for name in CRITERIA]
        except (KeyError, ValueError) as error:
            raise ValueError(f"{path}: row {number} is {row}; every column must hold a number.") from error
        if not set(scores) <= {0, 1, 2}:
            raise ValueError(f"{path}: row {number} has the scores {scores}, expected 0, 1 or 2.")
        # A row that scores nothing leaves an earlier one as it is, as in the authors' code.
        if any(scores):
            found.setdefault(f"video{video:02d}", []).append((start, end, scores))
        found.setdefault(f"video{video:02d}", [])
    return found
