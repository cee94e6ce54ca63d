# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The miniature of EndoVis 2015's rigid instruments."""

from pathlib import Path

import numpy as np
from PIL import Image

from zen_hf.data.synthetic_surgery import SEMANTIC_CLASSES, SceneFrame

from ..readers.endovis15 import INSTANCE_VALUES, INSTANCES_MASK, PARTS_MASK, STRAY_PIXELS
from .operation import draw_operation

VALUES = {"shaft": 160, "tip": 70}


def write(folder: Path, videos: list[str], seconds: int, size: int, seed: int) -> None:
    """Write surgeries of EndoVis 2015's layout, `seconds` frames each, 4:3; see `write_miniature`."""
    for number, video in enumerate(videos):
        (folder / video).mkdir()
        shape = (size, 2 * round(size * 4 / 3 / 2))
        for index, scene in enumerate(draw_operation(number, seconds, shape, seed, "sigmoidectomy"), 1):
            stem = folder / video / f"img_{index:02d}"
            Image.fromarray(scene.image).save(stem.with_suffix(".jpg"), quality=93)
            parts, instances = masks_of(scene)
            Image.fromarray(parts).save(f"{stem}{PARTS_MASK}")
            Image.fromarray(instances).save(f"{stem}{INSTANCES_MASK}")


def masks_of(scene: SceneFrame) -> tuple[np.ndarray, np.ndarray]:
    """Parts and instances of a scene, each [H, W] uint8; an instrument too small to be told is in neither."""
    parts, instances = (np.zeros(scene.semantic_mask.shape, np.uint8) for _ in range(2))
    for number in range(1, len(scene.box_labels) + 1):
        mine = scene.instance_mask == number
        if np.count_nonzero(mine) >= STRAY_PIXELS:
            instances[mine] = INSTANCE_VALUES[number - 1]
            for part, value in VALUES.items():
                parts[mine & (scene.semantic_mask == SEMANTIC_CLASSES.index(part))] = value
    return parts, instances
