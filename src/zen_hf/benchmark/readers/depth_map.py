# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What the readers of dense depth share: the cell that says where a depth map lies, and the checks when it is looked at."""

import json
from pathlib import Path

import numpy as np
from PIL import Image


def depth_cell(image: str | Path, depth: str | Path) -> str:
    """The cell of a depth column: the depth file, and the frame that it must be as large as."""
    return json.dumps({"image": str(image), "depth": str(depth)})


def cell_paths(cell: str) -> tuple[Path, Path]:
    """Frame and depth file of a cell."""
    content = json.loads(cell)
    return Path(content["image"]), Path(content["depth"])


def checked_depth(depth: np.ndarray, file: Path, frame: Path, nearest: float, farthest: float) -> np.ndarray:
    """Depth on the pixels of its frame, with 0 where nothing is known.

    Args:
        depth: [H, W] depth; what does not lie between `nearest` and `farthest` is unknown: it neither trains nor is scored.
        file: where it was read.
        frame: the picture it belongs to.
        nearest: depths up to this one are unknown; above 0.
        farthest: depths from this one on are unknown.

    Returns:
        [H, W] float32.

    Raises:
        ValueError: if it has another size than its frame, or no pixel is known.
    """
    with Image.open(frame) as picture:
        width, height = picture.size
    if depth.shape != (height, width):
        raise ValueError(
            f"{file}: the depth map has {depth.shape[1]} x {depth.shape[0]} pixels, its frame {frame} has {width} x "
            f"{height}; both must have the same. Take picture and depth from the same release."
        )
    depth = depth.astype(np.float32)
    depth = np.where((depth > nearest) & (depth < farthest), depth, np.float32(0))  # NaN is in no interval
    if not depth.any():
        raise ValueError(
            f"{file}: empty depth: none of its {depth.size} pixels lies between {nearest} and {farthest}. Download it "
            f"again; if it is empty there too, take it and its frame {frame.name} out of the folder."
        )
    return depth
