# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The miniature of DSAD: a folder per organ and operation, each picture with the mask of that organ alone."""

from pathlib import Path

import numpy as np
from PIL import Image

from zen_hf.data.synthetic_surgery import SEMANTIC_CLASSES, SceneFrame

from ..readers.dsad import ORGANS
from .cholecseg8k import wide
from .operation import draw_operation

# Organ -> what stands in for it in a synthetic sigmoidectomy; two organs may share a structure, each has its own pictures.
STRUCTURES = {
    "abdominal_wall": "bed",
    "colon": "bowel",
    "inferior_mesenteric_artery": "artery",
    "intestinal_veins": "vein",
    "liver": "connective",
    "pancreas": "fat",
    "small_intestine": "bowel",
    "spleen": "connective",
    "stomach": "bowel",
    "ureter": "duct",
    "vesicular_glands": "fat",
}


def write(folder: Path, videos: list[str], seconds: int, size: int, seed: int) -> None:
    """Write operations of DSAD's layout, about `seconds` pictures each, 16:9; see `write_miniature`.

    An organ that an operation does not show has no folder there, as in the original.
    """
    for organ in ORGANS:
        (folder / organ).mkdir()
    for number, video in enumerate(videos):
        scenes = draw_operation(number, seconds, wide(size), seed, "sigmoidectomy")
        for index, organ in enumerate(ORGANS):
            masks = [(scene, mask_of(scene, organ)) for scene in scenes]
            shown = [(scene, mask) for scene, mask in masks if mask.any()]
            shown = shown[index % 3 :: 3] or shown  # not the same pictures for all organs
            place = folder / organ / video
            for picture, (scene, mask) in enumerate(shown[: max(1, round(seconds / len(ORGANS)))]):
                place.mkdir(exist_ok=True)
                Image.fromarray(scene.image).save(place / f"image{picture:02d}.png")
                Image.fromarray(mask).save(place / f"mask{picture:02d}.png")
                _write_unread(place, mask, picture)
    _write_multilabel(folder / "multilabel" / videos[0], scenes[0])


def mask_of(scene: SceneFrame, organ: str) -> np.ndarray:
    """White where the organ is, [H, W] uint8."""
    return (scene.semantic_mask == SEMANTIC_CLASSES.index(STRUCTURES[organ])).astype(np.uint8) * 255


def _write_unread(place: Path, mask: np.ndarray, picture: int) -> None:
    """What the original has beside a mask, and no task reads: the masks of single annotators, and weak labels."""
    for rater in ("anno_1", "merged"):
        (place / rater).mkdir(exist_ok=True)
        Image.fromarray(mask).save(place / rater / f"mask{picture:02d}.png")
    (place / "weak_labels.csv").write_text("image,organ\n")


def _write_multilabel(place: Path, scene: SceneFrame) -> None:
    """The folder of pictures with several organs, which no task reads."""
    place.mkdir(parents=True)
    Image.fromarray(scene.image).save(place / "image00.png")
    Image.fromarray(mask_of(scene, "colon")).save(place / "mask00_colon.png")
