# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""EndoVis 2015, rigid instruments: frames of colorectal surgeries with the parts and the instances of the instruments.

    OP1/img_01.jpg              the frame (or .png)
    OP1/img_01_class.png        0 background, 160 shaft, 70 manipulator
    OP1/img_01_instrument.png   0 background, 20, 40, 60, 80: one value per instrument

The protocol of the challenge leaves one surgery out. The frames of a surgery are numbered in order; the time between them is
not known, so that `time_s` repeats the number.

Reference: S. Bodenstedt et al., Comparative evaluation of instrument segmentation and tracking methods, arXiv:1805.02475.
"""

from pathlib import Path

import datasets
import numpy as np
from faster_coco_eval.core import mask as run_lengths

from ..dense.pictures import Instances
from .canonical import canonical_dataset, frame_row
from .mask_values import classes_of_values, read_grey
from .pictures import SUFFIXES
from .source import Source

PARTS = ("background", "shaft", "manipulator")
INSTRUMENTS = ("instrument",)
PART_TABLE = {0: 0, 160: 1, 70: 2}
INSTANCE_VALUES = (20, 40, 60, 80)
INSTANCE_TABLE = {value: value for value in (0, *INSTANCE_VALUES)}
PARTS_MASK, INSTANCES_MASK = "_class.png", "_instrument.png"
STRAY_PIXELS = 10  # an instance of fewer is a slip of the annotator
LAYOUT = f"OPN/img_NN.jpg beside OPN/img_NN{PARTS_MASK} and OPN/img_NN{INSTANCES_MASK}"


def patient(video: str) -> str:
    """The name that this patient has in the leakage manifest."""
    return f"endovis15:{int(video.removeprefix('OP'))}"


SOURCE = Source(
    name="endovis15",
    title="EndoVis 2015 (rigid instruments)",
    licence="terms of the challenge; research only",
    fps=1,
    files=(),
    pictures=("{video}/img_*",),
    defects=(
        f"an instance of fewer than {STRAY_PIXELS} pixels is left out (OP1/img_22 has one of 2)",
        "in four frames up to 39 pixels of an instance have no part; each task scores its own mask",
    ),
    patient=patient,
)


def read_endovis15_parts(folder: Path, videos: list[str]) -> datasets.Dataset:
    """Read the frames of some surgeries with the parts of the instruments.

    Args:
        folder: the download.
        videos: ids of the surgeries to read, such as "OP1".

    Returns:
        Rows of `canonical_features` with `semantic`, the path of the mask, for `read_parts`.

    Raises:
        FileNotFoundError: if a surgery or a mask is missing.
        ValueError: if a frame is not named as expected.
    """
    return _read(Path(folder), videos, "semantic", PARTS_MASK)


def read_endovis15_instances(folder: Path, videos: list[str]) -> datasets.Dataset:
    """Read the frames of some surgeries with the instances of the instruments.

    As `read_endovis15_parts`, with `instances`, the path of the mask, for `read_instances`.
    """
    return _read(Path(folder), videos, "instances", INSTANCES_MASK)


def read_parts(cell: str) -> np.ndarray:
    """Part of every pixel, [H, W] uint8: index in `PARTS`.

    Args:
        cell: path of the mask.

    Raises:
        FileNotFoundError: if the mask or its frame is missing.
        ValueError: if the mask has another size than its frame, or unknown values.
    """
    return classes_of_values(_values(cell, PARTS_MASK), PART_TABLE, cell)


def read_instances(cell: str) -> Instances:
    """The instruments of a frame with their masks and tight boxes.

    Args:
        cell: path of the mask.

    Raises:
        FileNotFoundError: if the mask or its frame is missing.
        ValueError: if the mask has another size than its frame, or unknown values.
    """
    values = classes_of_values(_values(cell, INSTANCES_MASK), INSTANCE_TABLE, cell)
    masks = [values == value for value in INSTANCE_VALUES if np.count_nonzero(values == value) >= STRAY_PIXELS]
    encoded = [run_lengths.encode(np.asfortranarray(mask, np.uint8)) for mask in masks]
    boxes = [run_lengths.toBbox(one) for one in encoded]
    return Instances(
        size=values.shape,
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        labels=np.zeros(len(masks), np.int64),
        masks=tuple(one["counts"] for one in encoded),
    )


def _values(cell: str, ending: str) -> np.ndarray:
    mask = Path(cell)
    stem = mask.name.removesuffix(ending)
    frames = [path for path in (mask.with_name(stem + suffix) for suffix in SUFFIXES) if path.is_file()]
    if not frames:
        raise FileNotFoundError(f"{mask}: its frame {stem}.jpg (or .png) is missing; complete the download.")
    return read_grey(mask, frames[0])


def _read(folder: Path, videos: list[str], column: str, ending: str) -> datasets.Dataset:
    """Rows of some surgeries with the paths of one of the two masks."""
    rows = []
    for video in sorted(videos):
        for number, frame in sorted(_frames_of(folder / video).items()):
            mask = frame.with_name(frame.stem + ending)
            if not mask.is_file():
                raise FileNotFoundError(f"{frame}: its mask {mask.name} is missing; expected {LAYOUT}.")
            rows.append(frame_row(str(frame), video, number, SOURCE.fps) | {column: str(mask)})
    return canonical_dataset(rows, {column: datasets.Value("string")})


def _frames_of(folder: Path) -> dict[int, Path]:
    """Frames of a surgery by their numbers."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; expected {LAYOUT}.")
    found = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES or path.name.endswith((PARTS_MASK, INSTANCES_MASK)):
            continue
        number = path.stem.removeprefix("img_")
        if not number.isdigit():
            raise ValueError(f"{path}: expected a name like img_01.jpg.")
        other = found.setdefault(int(number), path)
        if other != path:
            raise ValueError(f"{path} and {other.name} have the same number; keep one.")
    if not found:
        raise FileNotFoundError(f"{folder} holds no frame; expected {LAYOUT}.")
    return found
