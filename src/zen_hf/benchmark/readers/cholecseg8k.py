# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""CholecSeg8k as its authors hand it out (Kaggle): clips of 80 frames, each frame beside its masks.

    video01/video01_00080/frame_80_endo.png                  the frame; the number is that of the native frame, 25 fps
    video01/video01_00080/frame_80_endo_watershed_mask.png   grey, each class a value: see VALUES
    video01/video01_00080/frame_80_endo_color_mask.png       colours to look at; not read
    video01/video01_00080/frame_80_endo_mask.png             colours of the annotation tool; not read

The description lists the classes as #505050, #111111, ...: the digits are decimal, background is the grey value 50, not 0x50.
Pixels of the values 255 and 0 (a line of one pixel around the picture, and what was left unlabelled) have no class and are not
scored. The 17 videos are videos of Cholec80 under Cholec80's numbers.

Reference: W.-Y. Hong et al., CholecSeg8k, arXiv:2012.12453.
"""

import re
from pathlib import Path

import datasets
import numpy as np

from ..dense.pictures import IGNORE
from .canonical import canonical_dataset, frame_row
from .mask_values import classes_of_values, read_grey
from .source import Source

FPS = 25
CLASSES = (
    "background",
    "abdominal wall",
    "liver",
    "gastrointestinal tract",
    "fat",
    "grasper",
    "connective tissue",
    "blood",
    "cystic duct",
    "L-hook electrocautery",
    "gallbladder",
    "hepatic vein",
    "liver ligament",
)
# Value of the watershed mask of each class, in the order of CLASSES.
VALUES = (50, 11, 21, 13, 12, 31, 23, 24, 25, 32, 22, 33, 5)
UNLABELLED = (0, 255)
TABLE = {value: index for index, value in enumerate(VALUES)} | dict.fromkeys(UNLABELLED, IGNORE)
FRAME, MASK = "_endo.png", "_endo_watershed_mask.png"
FRAME_NAME = re.compile(r"frame_(\d+)_endo\.png")
LAYOUT = f"videoNN/videoNN_NNNNN/frame_N{FRAME} beside frame_N{MASK}"


def _videos(*numbers: int) -> tuple[str, ...]:
    return tuple(f"video{number:02d}" for number in numbers)


# EndoViT's subsets of the training videos (D. Batic et al., IJCARS 2024), by number of videos.
FEW_SHOT = {
    1: (_videos(9), _videos(28), _videos(43)),
    2: (_videos(24, 1), _videos(25, 48), _videos(55, 28)),
    4: (_videos(18, 48, 25, 1), _videos(28, 55, 24, 37), _videos(37, 18, 24, 20)),
}


def patient(video: str) -> str:
    """The name that this patient has in the leakage manifest: Cholec80's."""
    return f"cholec80:{int(video.removeprefix('video'))}"


SOURCE = Source(
    name="cholecseg8k",
    title="CholecSeg8k",
    licence="CC BY-NC-SA 4.0",
    fps=FPS,
    files=(),
    pictures=(f"{{video}}/*/frame_*{FRAME}", f"{{video}}/*/frame_*{MASK}"),
    ignored=("*_endo_mask.png", "*_endo_color_mask.png"),
    defects=(
        "four watershed masks are RGBA; their opacity is left aside",
        "the values 0 and 255 (a line around the picture, unlabelled pixels) are no class; they are not scored",
    ),
    patient=patient,
    corpora={
        "endo700k": "all 17 videos are Cholec80's; three checkpoints exclude one test set each",
        "surgenet": "all 17 videos are Cholec80's, of which it has 76",
    },
)


def read_cholecseg8k(folder: Path, videos: list[str]) -> datasets.Dataset:
    """Read the frames of some videos with the paths of their masks.

    Args:
        folder: the download, with a folder per video.
        videos: ids of the videos to read, such as "video01".

    Returns:
        Rows of `canonical_features`, the clips of a video one after the other in the order of time, with `semantic`, the path
        of the watershed mask, for `read_watershed`.

    Raises:
        FileNotFoundError: if a video, a frame or a mask is missing.
        ValueError: if a frame is not named as expected, or is in two clips.
    """
    folder, rows = Path(folder), []
    for video in sorted(videos):
        for frame, path in sorted(_frames_of(folder / video).items()):
            mask = mask_of(path)
            rows.append(frame_row(str(path), video, frame, FPS) | {"semantic": str(mask)})
    absent = [row["semantic"] for row in rows if not Path(row["semantic"]).is_file()]
    if absent:
        raise FileNotFoundError(
            f"{folder}: {len(absent)} of {len(rows)} frames have no watershed mask (first: {absent[0]}); expected "
            f"{LAYOUT}. Complete the download."
        )
    return canonical_dataset(rows, {"semantic": datasets.Value("string")})


def read_watershed(cell: str) -> np.ndarray:
    """Class of every pixel, [H, W] uint8: index in `CLASSES`, or `IGNORE`.

    Args:
        cell: path of a watershed mask.

    Raises:
        FileNotFoundError: if the mask or its frame is missing.
        ValueError: if the mask has another size than its frame, colours, or values that stand for no class.
    """
    mask = Path(cell)
    frame = mask.with_name(mask.name.removesuffix(MASK) + FRAME)
    return classes_of_values(read_grey(mask, frame), TABLE, str(mask))


def mask_of(frame: Path) -> Path:
    """Path of a frame's watershed mask."""
    return frame.with_name(frame.name.removesuffix(FRAME) + MASK)


def _frames_of(folder: Path) -> dict[int, Path]:
    """Frames of all clips of a video by the number of the native frame."""
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder}: no such folder; expected {LAYOUT}. Give the folder of the official download."
        )
    found = {}
    for path in sorted(folder.glob(f"*/*{FRAME}")):
        name = FRAME_NAME.fullmatch(path.name)
        if name is None:
            raise ValueError(f"{path}: expected a name like frame_80{FRAME}, with the number of the native frame.")
        other = found.setdefault(int(name.group(1)), path)
        if other != path:
            raise ValueError(f"{path} and {other} are the same frame of the video; keep one.")
    if not found:
        raise FileNotFoundError(f"{folder} holds no clip with frames; expected {LAYOUT}. Complete the download.")
    return found
