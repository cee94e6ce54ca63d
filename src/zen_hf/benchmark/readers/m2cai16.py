# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The workflow data of the M2CAI 2016 challenge: videos at 25 fps, each with a table of its phases beside it.

    train_dataset/workflow_video_01.mp4        train_dataset/workflow_video_01.txt
    test_dataset/test_workflow_video_01.mp4    test_dataset/test_workflow_video_01.txt

Releases differ in their folders, so that a file may also lie in the download itself. A table reads
`Frame<tab>Phase`, one row per native frame from 0. Frames are taken at 1 per second. Part of the videos are from
Strasbourg and may show operations of Cholec80; which is not published, so that their leakage is unknown.

Reference: R. Stauder et al., The TUM LapChole dataset for the M2CAI 2016 workflow challenge, arXiv:1610.09278.
"""

from pathlib import Path

import datasets

from . import cholec80
from .canonical import canonical_dataset, frame_row, require_files, single_label
from .phase_table import read_phase_table
from .pictures import labelled_frames
from .source import Source

FPS = 25
PHASES = ("TrocarPlacement", *cholec80.PHASES)
FOLDERS = ("train_dataset", "test_dataset")
LAYOUT = "train_dataset/workflow_video_NN.mp4 and .txt, test_dataset/test_workflow_video_NN.mp4 and .txt"


def patient(video: str) -> str:
    """The name that this patient has in the leakage manifest; it may be one of Cholec80's under another name."""
    return f"m2cai16:{video}"


SOURCE = Source(
    name="m2cai16",
    title="M2CAI16-workflow",
    licence="CC BY-NC-SA",
    fps=FPS,
    files=(
        *(f"{folder}/{{video}}.{kind}" for folder in FOLDERS for kind in ("mp4", "txt")),
        "{video}.mp4",
        "{video}.txt",
    ),
    pictures=("frames/{video}/*",),
    ignored=("*_timestamp.txt", "*_pred.txt"),
    defects=(
        "the videos from Strasbourg may show operations of Cholec80, which ones is not published; leakage counts as unknown",
        "label rows after the last frame that decodes are dropped",
    ),
    patient=patient,
)


def folder_of(video: str) -> str:
    """The folder that the official archive has a video in."""
    return FOLDERS[video.startswith("test_")]


def read_m2cai16(folder: Path, videos: list[str]) -> datasets.Dataset:
    """Read videos at one frame per second with the phase.

    Args:
        folder: the download.
        videos: ids of the videos to read: their names without ".mp4".

    Returns:
        Rows of `canonical_features` with `phase`, an index into `PHASES`.

    Raises:
        FileNotFoundError: if a label file or video is missing.
        ValueError: if a label file is not of this format, or video and labels do not fit.
    """
    folder = Path(folder)
    places = {video: _place(folder, video) for video in videos}
    require_files(folder, [f"{places[video]}{video}.txt" for video in videos], LAYOUT)
    rows = []
    for video in sorted(videos):
        beside = folder / places[video]
        phases = read_phase_table(beside / f"{video}.txt", PHASES)
        wanted = list(range(0, len(phases), FPS))
        frames = labelled_frames(beside / f"{video}.mp4", folder / "frames" / video, wanted, len(phases), FPS)
        rows += [frame_row(image, video, frame, FPS) | {"phase": phases[frame]} for frame, image in frames.items()]
    return canonical_dataset(rows, {"phase": single_label(PHASES)})


def _place(folder: Path, video: str) -> str:
    """Where the label file of a video lies: in the official folder, or in the download itself."""
    return "" if (folder / f"{video}.txt").is_file() else f"{folder_of(video)}/"
