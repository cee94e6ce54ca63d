# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The miniature of the sinus sequence: a moving camera, and points put where the frames that see them say."""

from pathlib import Path

import numpy as np
from PIL import Image

from ..readers.sinus_sfm import (
    FIRST,
    INTRINSICS,
    MOTION,
    ORIGINAL_WIDTH,
    STRUCTURE,
    VIEWS,
    VIEWS_OF_POINTS,
    rotation_matrices,
)
from .operation import draw_operation

POINTS = 40  # per frame
SCALE = 0.1  # units of the reconstruction per mm: it has a scale of its own


def write(folder: Path, videos: list[str], seconds: int, size: int, seed: int) -> None:
    """Write segments of the sequence, 16:9, `seconds` frames each; see `write_miniature`."""
    random = np.random.default_rng(seed)
    height = size * 9 // 16 // 2 * 2
    views, poses, points, seen = [], [], [], []
    for number, video in enumerate(sorted(videos)):
        first, last = (int(part) for part in video.split("-"))
        scenes = draw_operation(number, min(seconds, last - first + 1), (height, size), seed)
        for second, scene in enumerate(scenes):
            frame = FIRST + first + second
            Image.fromarray(scene.image).save(folder / f"{frame:08d}.jpg", quality=95)
            position, quaternion = random.normal(size=3), random.normal(size=4)
            quaternion /= np.linalg.norm(quaternion)
            rows, columns = np.nonzero(scene.depth_mm)
            chosen = random.choice(len(rows), min(POINTS, len(rows)), replace=False)
            rows, columns = rows[chosen], columns[chosen]
            z = scene.depth_mm[rows, columns] * SCALE
            # The focal length is the width; the centre of a pixel is at one half.
            camera = np.stack([(columns + 0.5 - size / 2) / size * z, (rows + 0.5 - height / 2) / size * z, z], 1)
            points.append(camera @ rotation_matrices(quaternion[None])[0].T + position)
            seen += [f"-1\n{frame}\n"] * len(z)
            views.append(frame)
            poses.append((position, quaternion))
    ratio = ORIGINAL_WIDTH / size
    (folder / VIEWS).write_text("".join(f"{view}\n" for view in views))
    (folder / "selected_indexes").write_text("".join(f"{view}\n" for view in views))
    (folder / INTRINSICS).write_text(f"{size * ratio}\n{size / 2 * ratio}\n{height / 2 * ratio}\n" * len(views))
    (folder / MOTION).write_text(motion(poses))
    (folder / VIEWS_OF_POINTS).write_text("".join(seen))
    (folder / STRUCTURE).write_text(ply(np.concatenate(points)))


def motion(poses: list[tuple[np.ndarray, np.ndarray]]) -> str:
    """Poses (position, quaternion x, y, z, w) as the file writes them, with its empty header."""
    lines = ["header: ", "  seq: 0", "  stamp: 0.000000000", "  frame_id: ", "poses[]:"]
    for index, (position, quaternion) in enumerate(poses):
        lines += [f"  poses[{index}]: ", "    position: "]
        lines += [f"      {axis}: {value:.9g}" for axis, value in zip("xyz", position, strict=True)]
        lines += ["    orientation: "]
        lines += [f"      {axis}: {value:.9g}" for axis, value in zip("xyzw", quaternion, strict=True)]
    return "\n".join(lines) + "\n"


def ply(points: np.ndarray) -> str:
    """Points [P, 3] as an ASCII PLY file."""
    header = ["ply", "format ascii 1.0", f"element vertex {len(points)}"]
    header += [f"property float {axis}" for axis in "xyz"] + ["end_header"]
    return "\n".join([*header, *(" ".join(f"{value:.9g}" for value in point) for point in points)]) + "\n"
