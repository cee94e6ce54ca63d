# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""AutoLaparo, task 1, as its authors hand it out: `videos/01.mp4` beside `labels/label_01.txt`.

A label file reads `Frame<tab>Phase`: the second of the video, counted from 1, and the phase, from 1 to 7. Both become
indices from 0 here, so that row 1 is the frame at 0 s. Not every video has every phase.

Reference: Z. Wang et al., AutoLaparo, MICCAI 2022, arXiv:2208.02049.
"""

from pathlib import Path

import datasets

from .canonical import canonical_dataset, frame_row, require_files, single_label
from .phase_table import read_phase_table
from .pictures import labelled_frames
from .source import Source

FPS = 25
PHASES = (
    "Preparation",
    "Dividing Ligament and Peritoneum",
    "Dividing Uterine Vessels and Ligament",
    "Transecting the Vagina",
    "Specimen Removal",
    "Suturing",
    "Washing",
)
LAYOUT = "videos/NN.mp4 beside labels/label_NN.txt"


def patient(video: str) -> str:
    """The name that this patient has in the leakage manifest."""
    return f"autolaparo:{int(video)}"


SOURCE = Source(
    name="autolaparo",
    title="AutoLaparo, task 1",
    licence="CC BY-NC-SA 4.0",
    fps=FPS,
    files=("videos/{video}.mp4", "labels/label_{video}.txt"),
    pictures=("frames/{video}/*", "videos/{video}/*"),
    defects=("seconds and phases count from 1 in the label files, from 0 here",),
    patient=patient,
)


def read_autolaparo(folder: Path, videos: list[str]) -> datasets.Dataset:
    """Read videos at one frame per second with the phase.

    Args:
        folder: the download.
        videos: ids of the videos to read, such as "01".

    Returns:
        Rows of `canonical_features` with `phase`, an index into `PHASES`.

    Raises:
        FileNotFoundError: if a label file or video is missing.
        ValueError: if a label file is not of this format, or video and labels do not fit.
    """
    folder = Path(folder)
    require_files(folder, [f"labels/label_{video}.txt" for video in videos], LAYOUT)
    numbers = tuple(str(number) for number in range(1, 1 + len(PHASES)))
    rows = []
    for video in sorted(videos):
        phases = read_phase_table(folder / "labels" / f"label_{video}.txt", numbers, first=1)
        wanted = [FPS * second for second in range(len(phases))]
        pictures = folder / "frames" / video
        pictures = pictures if pictures.is_dir() else folder / "videos" / video
        # The last second need not be whole: the labels reach one frame into it.
        labelled = wanted[-1] + 1
        frames = labelled_frames(folder / "videos" / f"{video}.mp4", pictures, wanted, labelled, FPS)
        rows += [frame_row(i, video, frame, FPS) | {"phase": phases[frame // FPS]} for frame, i in frames.items()]
    return canonical_dataset(rows, {"phase": single_label(PHASES)})
