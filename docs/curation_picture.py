# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Draws `images/endoscope-geometry.png`: synthetic frames before and after border and overlays are dealt with.

python docs/curation_picture.py
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from zen_hf.curation.judging.geometry import GeometrySettings, find_geometry
from zen_hf.curation.judging.overlays import OverlaySettings, find_overlays
from zen_hf.data.synthetic_surgery import SyntheticSurgery

SIZE, LOOKS = (216, 384), 20


def recorded(hospital: str) -> list[np.ndarray]:
    """A film on which a recorder has written a name that nobody has, and a clock."""
    video = SyntheticSurgery(seed=5, size=SIZE, frames_per_video=LOOKS, hospitals=[hospital]).video(0)
    font, frames = ImageFont.load_default(12), []
    for number in range(LOOKS):
        picture = Image.fromarray(video[number].image)
        pen = ImageDraw.Draw(picture)
        pen.text((130, 12), "MUSTERMANN, ERIKA", (255, 255, 255), font)
        pen.text((8, 196), f"09:{20 + number:02}:{number * 37 % 60:02}", (0, 255, 0), font)
        frames.append(np.asarray(picture))
    return frames


def main() -> None:
    """Writes the picture: a row for each of three hospitals, before and after."""
    sheet = Image.new("RGB", (2 * SIZE[1] + 8, 3 * (SIZE[0] + 8)), "white")
    for row, hospital in enumerate(("alpha", "epsilon", "gamma")):
        frames = recorded(hospital)
        geometry = find_geometry(frames, GeometrySettings())
        overlays = find_overlays(frames, geometry, OverlaySettings())
        after = geometry.apply(overlays.apply(frames[4]))
        for column, pixels in enumerate((frames[4], after)):
            sheet.paste(Image.fromarray(pixels), (column * (SIZE[1] + 8), row * (SIZE[0] + 8)))
    sheet.save(Path(__file__).with_name("images") / "endoscope-geometry.png", optimize=True)


if __name__ == "__main__":
    main()
