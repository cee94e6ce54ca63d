# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which pixels of an endoscopic frame are picture, and which the black border that the scope's circle leaves."""

import numpy as np
from PIL import Image
from scipy import ndimage

DARK = 20  # of 255, in the brightest channel: above the noise that JPEG leaves in black
COARSE = 96  # px; longest side of the picture that is looked at


def picture_area(frame: Image.Image) -> Image.Image:
    """Marks the picture: everything but dark regions that touch the frame's edge.

    Shadows inside the picture stay part of it, because they do not reach the edge.

    Args:
        frame: RGB frame of any size.

    Returns:
        Greyscale image with the frame's proportions and at most 96 px on its longest side: 255 picture, 0 border.
    """
    shrink = max(1, max(frame.size) / COARSE)
    size = (max(1, round(frame.width / shrink)), max(1, round(frame.height / shrink)))
    dark = np.asarray(frame.resize(size, Image.Resampling.BOX)).max(axis=2) < DARK  # [h, w]
    return Image.fromarray(np.where(border_of(dark), 0, 255).astype(np.uint8))


def border_of(dark: np.ndarray) -> np.ndarray:
    """The dark regions that touch the frame's edge, bool [H, W], of all dark pixels, bool [H, W]."""
    regions, _ = ndimage.label(dark)
    edges = np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]])
    return np.isin(regions, np.unique(edges[edges > 0]))
