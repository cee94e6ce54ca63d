# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The miniature of SCARED in the layout of AF-SfMLearner: two keyframes per animal, one in each place of the truth."""

import struct
from pathlib import Path

import numpy as np
from PIL import Image

from ..readers.scared import LISTS, TRUTHS
from .operation import draw_operation


def write(folder: Path, videos: list[str], seconds: int, size: int, seed: int) -> None:
    """Write animals of SCARED's layout, 5:4, `seconds` frames each, and the lists; see `write_miniature`."""
    (folder / LISTS[0]).parent.mkdir(parents=True)
    lines = {name: [] for name in LISTS}
    height = size * 4 // 5 // 2 * 2
    for number, video in enumerate(videos):
        for second, scene in enumerate(draw_operation(number, seconds, (height, size), seed)):
            place = second * len(TRUTHS) // seconds
            home = folder / video / f"keyframe{place + 1}"
            picture = home / "image_02/data" / f"{second + 1:010d}.png"
            truth = home / TRUTHS[place] / f"scene_points{second:06d}.tiff"
            for path in (picture, truth):
                path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(scene.image).save(picture)
            write_points(truth, scene_points(scene.depth_mm))
            # The published lists part keyframes, not animals.
            lines[LISTS[second % len(LISTS)]].append(f"{video}/{home.name}\t{second + 1}\tl\n")
    for name, content in lines.items():
        (folder / name).write_text("".join(content))


def scene_points(depth: np.ndarray) -> np.ndarray:
    """Points [2 H, W, 3] (x, y, z in mm, NaN where unknown) of a left eye [H, W] and, below it, an empty right one."""
    height, width = depth.shape
    z = np.where(depth > 0, depth, np.nan)
    rows, columns = np.indices(depth.shape)
    points = np.stack([(columns - width / 2) / width * z, (rows - height / 2) / width * z, z], -1)
    return np.concatenate([points, np.full_like(points, np.nan)]).astype("<f4")


def write_points(path: Path, points: np.ndarray) -> None:
    """Write [H, W, 3] float32 as an uncompressed TIFF, which Pillow cannot.

    Args:
        path: the file.
        points: [H, W, 3].
    """
    points = np.ascontiguousarray(points, "<f4")
    height, width, channels = points.shape
    start = 8
    shorts = {"bits": (32,) * channels, "format": (3,) * channels}  # sample format 3: floating point
    place = start + points.nbytes
    places = {name: place + 2 * channels * index for index, name in enumerate(shorts)}
    directory = place + 2 * channels * len(shorts)
    # Tag, type (3 short, 4 long), count, value or where the values lie; in the order of the tags.
    tags = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, channels, places["bits"]),
        (259, 3, 1, 1),  # no compression
        (262, 3, 1, 2),  # RGB
        (273, 4, 1, start),
        (277, 3, 1, channels),
        (278, 4, 1, height),
        (279, 4, 1, points.nbytes),
        (284, 3, 1, 1),  # channels side by side
        (339, 3, channels, places["format"]),
    ]
    content = struct.pack("<2sHI", b"II", 42, directory) + points.tobytes()
    content += b"".join(struct.pack(f"<{channels}H", *values) for values in shorts.values())
    content += struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    path.write_bytes(content)
