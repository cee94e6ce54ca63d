# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The miniature of the rectified Hamlyn sequences: whole millimetres in 16 bits, half of the mirrors' two namings each."""

from pathlib import Path

import numpy as np
from PIL import Image

from ..readers.hamlyn import FOLDERS, STEP
from .operation import draw_operation

NAMES = ("{:010d}", "frame{:06d}")  # in `image01` and in `color`


def write(folder: Path, videos: list[str], seconds: int, size: int, seed: int) -> None:
    """Write sequences of the rectified layout, 4:3, `seconds` frames each that are read; see `write_miniature`.

    Official sequences hold every frame. Here it is those that are read, and one between that is not.
    """
    for number, video in enumerate(videos):
        (pictures, depths), name = FOLDERS[number % 2], NAMES[number % 2]
        for part in (pictures, depths):
            (folder / video / part).mkdir(parents=True)
        scenes = draw_operation(number, seconds, (size * 3 // 4, size), seed)
        for index, scene in ((STEP // 2, scenes[0]), *((STEP * second, scene) for second, scene in enumerate(scenes))):
            Image.fromarray(scene.image).save(folder / video / pictures / f"{name.format(index)}.jpg", quality=95)
            depth = Image.fromarray(np.rint(scene.depth_mm).astype(np.uint16))
            depth.save(folder / video / depths / f"{name.format(index)}.png")
        (folder / video / "intrinsics.txt").write_text(f"{size} 0 {size / 2} 0\n0 {size} {size * 3 / 8} 0\n0 0 1 0\n")
