# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Cholec80 as its authors hand it out: `videos/video01.mp4`, `phase_annotations/`, `tool_annotations/`.

    phase_annotations/video01-phase.txt   Frame<tab>Phase, one row per frame of 25 fps, from 0
    tool_annotations/video01-tool.txt     Frame<tab>Grasper<tab>Bipolar..., one row per 25 frames, 0 or 1

Known defects: the phases of some videos go on for some frames after the last one that decodes; those rows are dropped.
Frames are taken at 1 per second: native frames 0, 25, 50, ... In place of a video, a folder `frames/video01/` (or
`videos/video01/`) of extracted pictures will do.

Reference: A.P. Twinanda et al., EndoNet, IEEE Transactions on Medical Imaging 36 (2017) 86-97.
"""

from pathlib import Path

import datasets

from .canonical import canonical_dataset, frame_row, multi_label, require_files, single_label
from .phase_table import read_phase_table, read_tool_table
from .pictures import labelled_frames
from .source import Source

FPS = 25
PHASES = (
    "Preparation",
    "CalotTriangleDissection",
    "ClippingCutting",
    "GallbladderDissection",
    "GallbladderPackaging",
    "CleaningCoagulation",
    "GallbladderRetraction",
)
TOOLS = ("Grasper", "Bipolar", "Hook", "Scissors", "Clipper", "Irrigator", "SpecimenBag")
LAYOUT = "videos/videoNN.mp4 beside phase_annotations/videoNN-phase.txt and tool_annotations/videoNN-tool.txt"


def _videos(*numbers: int) -> tuple[str, ...]:
    return tuple(f"video{number:02d}" for number in numbers)


# EndoViT's subsets of the training videos 1 to 40 (D. Batic et al., IJCARS 2024; `surgical_phase_recognition/output_dir/
# LessTrainingData.txt` of its repository), by number of videos.
FEW_SHOT = {
    2: (_videos(25, 1), _videos(33, 11), _videos(22, 40)),
    4: (_videos(8, 28, 13, 4), _videos(5, 17, 25, 31), _videos(24, 28, 38, 15)),
    8: (
        _videos(1, 22, 12, 8, 6, 33, 31, 29),
        _videos(20, 38, 25, 7, 29, 4, 2, 24),
        _videos(18, 28, 17, 2, 40, 36, 7, 34),
    ),
}


def patient(video: str) -> str:
    """The name that this patient has in the leakage manifest; CholecT50 and Cholec80-CVS use the same."""
    return f"cholec80:{int(video[-2:])}"


SOURCE = Source(
    name="cholec80",
    title="Cholec80",
    licence="CC BY-NC-SA 4.0",
    fps=FPS,
    files=("videos/{video}.mp4", "phase_annotations/{video}-phase.txt", "tool_annotations/{video}-tool.txt"),
    pictures=("frames/{video}/*", "videos/{video}/*"),
    ignored=("phase_annotations/*-timestamp.txt", "videos/*-timestamp.txt"),
    defects=("label rows after the last frame that decodes (some frames at the end of a video) are dropped",),
    patient=patient,
    corpora={
        "endo700k": "all 80 videos; three checkpoints exclude one test set each",
        "surgenet": "76 of the 80 videos; which four are left out is not known",
    },
)


def read_cholec80_phases(folder: Path, videos: list[str]) -> datasets.Dataset:
    """Read videos at one frame per second with the phase.

    Args:
        folder: the download.
        videos: ids of the videos to read, such as "video01".

    Returns:
        Rows of `canonical_features` with `phase`, an index into `PHASES`.

    Raises:
        FileNotFoundError: if a label file or video is missing.
        ValueError: if a label file is not of this format, or video and labels do not fit.
    """
    require_files(folder, [f"phase_annotations/{video}-phase.txt" for video in videos], LAYOUT)
    rows = []
    for video in sorted(videos):
        phases = read_phase_table(folder / "phase_annotations" / f"{video}-phase.txt", PHASES)
        frames = locate_frames(folder, video, list(range(0, len(phases), FPS)), len(phases))
        rows += [frame_row(image, video, frame, FPS) | {"phase": phases[frame]} for frame, image in frames.items()]
    return canonical_dataset(rows, {"phase": single_label(PHASES)})


def read_cholec80_tools(folder: Path, videos: list[str]) -> datasets.Dataset:
    """Read videos at one frame per second with the tools in view.

    Args:
        folder: the download.
        videos: ids of the videos to read, such as "video01".

    Returns:
        Rows of `canonical_features` with `tool`, 0/1 for each of `TOOLS`.

    Raises:
        FileNotFoundError: if a label file or video is missing.
        ValueError: if a label file is not of this format, or video and labels do not fit.
    """
    require_files(folder, [f"tool_annotations/{video}-tool.txt" for video in videos], LAYOUT)
    rows = []
    for video in sorted(videos):
        path = folder / "tool_annotations" / f"{video}-tool.txt"
        tools = read_tool_table(path, TOOLS)
        odd = [frame for frame in tools if frame % FPS]
        if odd:
            raise ValueError(f"{path}: frame {odd[0]} is no multiple of {FPS}; expected one row per second.")
        frames = locate_frames(folder, video, sorted(tools), max(tools) + 1)
        rows += [frame_row(image, video, frame, FPS) | {"tool": tools[frame]} for frame, image in frames.items()]
    return canonical_dataset(rows, {"tool": multi_label(TOOLS)})


def locate_frames(folder: Path, video: str, wanted: list[int], labelled: int) -> dict[int, str]:
    """Where the wanted native frames of a video of Cholec80 are; see `labelled_frames`."""
    pictures = folder / "frames" / video
    pictures = pictures if pictures.is_dir() else folder / "videos" / video
    return labelled_frames(folder / "videos" / f"{video}.mp4", pictures, wanted, labelled, FPS)
