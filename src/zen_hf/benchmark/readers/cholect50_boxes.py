# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Boxes of the instruments in CholecT50, from columns 3 to 6 of the rows that `readers.cholect50` describes.

The boxes are left, top, width and height as shares of the frame, -1 where none was drawn. Videos were boxed for the CholecTriplet
2022 challenge alone; a frame without any box has no truth for detection and is left out.
"""

import json
from pathlib import Path

import datasets
import numpy as np

from ..dense.pictures import Instances
from .canonical import canonical_dataset
from .cholect50 import INSTRUMENT, TOOLS, _require_rows, _rows_of
from .mask_values import boxes_inside, frame_size

BOX = slice(3, 7)
OVERHANG = 0.02  # of the frame's edge; boxes at the edge were drawn over it by up to 1.2 %


def read_cholect50_boxes(folder: Path, videos: list[str]) -> datasets.Dataset:
    """Read the frames of some videos that have a box, with the boxes of all instruments.

    Args:
        folder: the download, with `labels/` and `videos/`.
        videos: ids of the videos to read, such as "VID68".

    Returns:
        Rows of `canonical_features`, whose `frame` is the second of the video, with `instances`, for `read_boxes`.

    Raises:
        FileNotFoundError: if the folder, a label file or a frame is missing.
        ValueError: if a label file is not of this format, frames and labels do not match, or a video has no box.
    """
    rows = [row for row in _rows_of(Path(folder), videos, _boxes) if row["instances"]["boxes"]]
    lacking = sorted(set(videos) - {row["video_id"] for row in rows})
    if lacking:
        raise ValueError(
            f"{folder}: {len(lacking)} of {len(videos)} videos have no box in their labels (first: {lacking[0]}); use a "
            "release with boxes, such as the validation videos of CholecTriplet2022."
        )
    for row in rows:
        row["instances"] = json.dumps({"frame": row["image"], **row["instances"]})
    return canonical_dataset(rows, {"instances": datasets.Value("string")})


def read_boxes(cell: str) -> Instances:
    """The instruments of a frame with their boxes in pixels; there are no masks.

    Args:
        cell: JSON that `read_cholect50_boxes` wrote.

    Raises:
        FileNotFoundError: if the frame is missing.
        ValueError: if a box is outside the frame by more than `OVERHANG`.
    """
    content = json.loads(cell)
    frame = Path(content["frame"])
    width, height = frame_size(frame)
    boxes = np.array(content["boxes"], float) * [width, height, width, height]
    where = f"{frame.parent.name}/{frame.name}"
    return Instances(
        size=(height, width),
        boxes=boxes_inside(boxes, (height, width), (OVERHANG * height, OVERHANG * width), where),
        labels=np.array(content["labels"], np.int64),
    )


def _boxes(rows: list[list], where: str) -> dict:
    """Boxes and instruments of one frame, of the rows that have both."""
    _require_rows(rows, where)
    boxed = [row for row in rows if row[INSTRUMENT] not in (None, -1) and _has_box(row)]
    strange = {row[INSTRUMENT] for row in boxed} - set(range(len(TOOLS)))
    if strange:
        raise ValueError(f"{where}: instruments {sorted(strange)}, expected 0 to {len(TOOLS) - 1}, or -1 for none.")
    boxes = [[float(edge) for edge in row[BOX]] for row in boxed]
    return {"instances": {"boxes": boxes, "labels": [row[INSTRUMENT] for row in boxed]}}


def _has_box(row: list) -> bool:
    return all(edge is not None and edge != -1 for edge in row[BOX])
