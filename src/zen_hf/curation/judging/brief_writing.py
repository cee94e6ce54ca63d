# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Writing that a film shows for some seconds alone, such as a name at its beginning: two neighbouring frames tell it.

Strokes that lie at the same pixels in both frames, that stand together in one line, apart from all others, and that
rise and fall several times along it, are letters. Tissue that stands still has such strokes too, but in no lone line.
"""

import numpy as np

from .windows import Box
from .writing import brightness, colour, greenness, groups, letter_height, step, stroke_edges

DISTINCT = 20  # levels between the neighbours of a pixel, in each of the two frames
HIGHEST = 4  # heights of small writing
LONG = 1.5  # heights of the line, at least
CHANGES = 8  # between rise and fall along a row of the line: three letters of two uprights have 11
ROWS = 4  # px of the line's height that change so often: small letters are 7 px high


def stroke_signs(rgb: np.ndarray) -> np.ndarray:
    """Where brightness, red less blue, and green rise (1) or fall (-1) across and down, int8 [3, 2, H, W].

    Args:
        rgb: uint8 [H, W, 3], with the film's own overlays masked.
    """
    planes = [plane(rgb) for plane in (brightness, colour, greenness)]
    changes = (step(plane, axis) for plane in planes for axis in (1, 0))
    signs = [(change >= DISTINCT).astype(np.int8) - (change <= -DISTINCT) for change in changes]
    return np.stack(signs).reshape(3, 2, *rgb.shape[:2])


def common_lines(signs: np.ndarray, others: np.ndarray) -> list[Box]:
    """Boxes around lines of writing that two frames have in common.

    Args:
        signs: Of a frame, see `stroke_signs`.
        others: Of the sampled frame before or after it.
    """
    letter = letter_height(signs.shape[2:])
    lasting = np.where(signs == others, signs, 0)  # [3, 2, H, W]
    merged = lasting[0]
    for plane in lasting[1:]:
        merged = np.where(merged == 0, plane, merged)  # [2, H, W]
    if np.count_nonzero(merged) < CHANGES:
        return []
    boxes = [box for box, _ in groups(stroke_edges(*merged, letter), letter)]
    return [box for box in boxes if is_line(box, lasting[:, 0], letter)]


def is_line(box: Box, across: np.ndarray, letter: int) -> bool:
    """Whether a lone group of strokes is a line of letters; `across` is int8 [3, H, W]."""
    x, y, width, height = box
    if not (5 <= height <= HIGHEST * letter and width >= LONG * height):
        return False
    rows = (row[row != 0] for row in across[..., y : y + height, x : x + width].reshape(-1, width))
    changes = np.array([np.count_nonzero(row[1:] != row[:-1]) for row in rows]).reshape(3, height)
    return (changes >= CHANGES).sum(axis=1).max() >= ROWS
