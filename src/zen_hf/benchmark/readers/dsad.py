# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""DSAD as its authors hand it out (figshare): pictures of eleven organs, each with the mask of that organ alone.

    abdominal_wall/03/image00.png    a frame of operation 03
    abdominal_wall/03/mask00.png     white where the abdominal wall is; whatever else is seen has no label
    abdominal_wall/03/anno_1/ ... anno_3/, merged/, weak_labels.csv, multilabel/   not read

A picture says nothing of the other ten organs: they are unknown, not background. Pictures of several organs of one operation
have no common time; `frame` is a running number over the organs, in the order below, and the numbers of their pictures, and
`time_s` repeats it. It orders the rows and means nothing else.

Reference: M. Carstens et al., The Dresden Surgical Anatomy Dataset, Scientific Data 10 (2023) 3.
"""

import re
from pathlib import Path

import datasets
import numpy as np

from ..dense.pictures import PartialMask
from .canonical import canonical_dataset, frame_row
from .mask_values import classes_of_values, read_grey
from .source import Source

ORGANS = (
    "abdominal_wall",
    "colon",
    "inferior_mesenteric_artery",
    "intestinal_veins",
    "liver",
    "pancreas",
    "small_intestine",
    "spleen",
    "stomach",
    "ureter",
    "vesicular_glands",
)
TABLE = {0: 0, 255: 1}
NAME = re.compile(r"image(\d+)\.png")
LAYOUT = "ORGAN/NN/imageNN.png beside ORGAN/NN/maskNN.png, with a folder for each of eleven organs"


def patient(video: str) -> str:
    """The name that this patient has in the leakage manifest."""
    return f"dsad:{int(video)}"


SOURCE = Source(
    name="dsad",
    title="DSAD",
    licence="CC BY 4.0",
    fps=1,
    files=(),
    pictures=tuple(f"{organ}/{{video}}/{kind}*.png" for organ in ORGANS for kind in ("image", "mask")),
    ignored=("multilabel/*", "*/anno_1/*", "*/anno_2/*", "*/anno_3/*", "*/merged/*", "*/weak_labels.csv"),
    defects=(
        "a picture has the mask of one organ; the others are unknown there, and neither trained on nor scored",
        "pictures of several organs of one operation have no common time: their order is that of organ and number",
        "no operation has pictures of every organ",
    ),
    patient=patient,
    corpora={"endo700k": "it is a part", "surgenet": "all 32 operations, unlabelled"},
)


def read_dsad(folder: Path, videos: list[str]) -> datasets.Dataset:
    """Read the pictures of some operations with the paths of their masks.

    Args:
        folder: the download, with a folder per organ.
        videos: numbers of the operations to read, such as "03".

    Returns:
        Rows of `canonical_features` with `organs`, the path of the mask, for `read_organ`.

    Raises:
        FileNotFoundError: if the folder of an organ or a mask is missing, or an operation has no picture at all.
        ValueError: if a picture is not named as expected.
    """
    folder, rows, absent = Path(folder), [], []
    lacking = [organ for organ in ORGANS if not (folder / organ).is_dir()]
    if lacking:
        raise FileNotFoundError(
            f"{folder}: {len(lacking)} of {len(ORGANS)} organs have no folder (first: {lacking[0]}); expected {LAYOUT}. "
            "Give the folder of the official download, and complete it."
        )
    for video in sorted(videos):
        pictures = [path for organ in ORGANS for path in _numbered(folder / organ / video)]
        if not pictures:
            raise FileNotFoundError(f"{folder}: operation {video} has no picture of any organ; expected {LAYOUT}.")
        for frame, picture in enumerate(pictures):
            mask = picture.with_name(picture.name.replace("image", "mask"))
            absent += [] if mask.is_file() else [mask]
            rows.append(frame_row(str(picture), video, frame, SOURCE.fps) | {"organs": str(mask)})
    if absent:
        raise FileNotFoundError(
            f"{folder}: {len(absent)} of {len(rows)} pictures have no mask (first: {absent[0]}); expected {LAYOUT}. "
            "Complete the download."
        )
    return canonical_dataset(rows, {"organs": datasets.Value("string")})


def read_organ(cell: str) -> PartialMask:
    """The one organ that is labelled in a picture, with its pixels.

    Args:
        cell: path of the mask, `ORGAN/NN/maskNN.png`.

    Raises:
        FileNotFoundError: if the mask or its picture is missing.
        ValueError: if the mask has another size than its picture, or other values than black and white.
    """
    mask = Path(cell)
    channel = ORGANS.index(mask.parent.parent.name)
    frame = mask.with_name(mask.name.replace("mask", "image"))
    present = classes_of_values(read_grey(mask, frame), TABLE, str(mask))
    return PartialMask(bits=present.astype(np.uint16) << channel, known=(channel,))


def _numbered(folder: Path) -> list[Path]:
    """Pictures of one organ in one operation by their numbers; none where there is no such folder."""
    found = {}
    for path in folder.glob("image*"):
        name = NAME.fullmatch(path.name)
        if name is None:
            raise ValueError(f"{path}: expected a name like image00.png.")
        other = found.setdefault(int(name.group(1)), path)
        if other != path:
            raise ValueError(f"{path} and {other.name} have the same number; keep one.")
    return [found[number] for number in sorted(found)]
