# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The miniature of CholecSeg8k: two clips per video, with the line around the masks, unlabelled pixels and an RGBA mask."""

from pathlib import Path

import numpy as np
from PIL import Image

from zen_hf.data.synthetic_surgery import INSTRUMENTS, SEMANTIC_CLASSES, SceneFrame

from ..readers.cholecseg8k import CLASSES, FRAME, MASK, UNLABELLED, VALUES
from .operation import draw_operation

FIRST_FRAMES = (95, 1200)  # of the two clips; the numbers of the first go from two digits to three
# What synthetic surgery calls a structure -> the nearest thing in CholecSeg8k; some of its classes have none, and are stood
# in for, so that every class occurs.
STRUCTURES = {
    "border": "background",
    "abdominal_wall": "abdominal wall",
    "liver": "liver",
    "fat": "fat",
    "connective": "connective tissue",
    "blood": "blood",
    "duct": "cystic duct",
    "gallbladder": "gallbladder",
    "artery": "hepatic vein",
    "bed": "liver ligament",
    "clip": "gastrointestinal tract",
    "shaft": "grasper",
    "tip": "grasper",
}


def write(folder: Path, videos: list[str], seconds: int, size: int, seed: int) -> None:
    """Write videos of CholecSeg8k's layout, `seconds` frames each, 16:9; see `write_miniature`."""
    for number, video in enumerate(videos):
        scenes = draw_operation(number, seconds, wide(size), seed)
        middle = (len(scenes) + 1) // 2
        for first, clip in zip(FIRST_FRAMES, (scenes[:middle], scenes[middle:]), strict=True):
            place = folder / video / f"{video}_{first:05d}"
            place.mkdir(parents=True)
            for index, scene in enumerate(clip):
                stem = f"frame_{first + index}"
                classes = classes_of(scene)
                Image.fromarray(scene.image).save(place / f"{stem}{FRAME}")
                rgba = number == 0 and index == 1
                watershed(classes, rgba).save(place / f"{stem}{MASK}")
                for ignored in ("_endo_mask.png", "_endo_color_mask.png"):
                    Image.fromarray(np.repeat(19 * classes[..., None], 3, axis=2)).save(place / f"{stem}{ignored}")


def wide(size: int) -> tuple[int, int]:
    """(height, width) of frames of 16:9 with even edges, px."""
    return size, 2 * round(size * 16 / 9 / 2)


def classes_of(scene: SceneFrame) -> np.ndarray:
    """Class of every pixel of a scene, [H, W] uint8, index in `CLASSES`."""
    table = np.zeros(len(SEMANTIC_CLASSES), np.uint8)
    for index, name in enumerate(SEMANTIC_CLASSES):
        table[index] = CLASSES.index(STRUCTURES.get(name, "background"))
    classes = table[scene.semantic_mask]
    for number, instrument in enumerate(scene.box_labels, 1):
        if INSTRUMENTS[instrument] == "hook":
            classes[scene.instance_mask == number] = CLASSES.index("L-hook electrocautery")
    return classes


def watershed(classes: np.ndarray, rgba: bool) -> Image.Image:
    """The official mask: grey values as RGB, or as RGBA; a line of no class around it, an unlabelled pixel in it."""
    values = np.array(VALUES, np.uint8)[classes]
    for line in (values[0], values[-1], values[:, 0], values[:, -1]):
        line[:] = UNLABELLED[1]
    values[1, 1] = UNLABELLED[0]
    channels = [values] * 3 + ([np.full_like(values, 255)] if rgba else [])
    return Image.fromarray(np.stack(channels, axis=2))
