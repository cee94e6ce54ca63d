# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Masks that are grey pictures in which a value stands for a class, and boxes that belong to a frame."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import PIL.Image

GREY_MODES = ("L", "1", "RGB", "RGBA", "LA")


def read_grey(mask: Path, frame: Path) -> np.ndarray:
    """Values of a mask, [H, W] uint8; a colour picture will do where red, green and blue agree, its opacity is left aside.

    Args:
        mask: the picture of values.
        frame: the picture that it belongs to.

    Raises:
        FileNotFoundError: if one of them is missing.
        ValueError: if the mask is no picture, has colours, or another size than its frame.
    """
    try:
        with PIL.Image.open(mask) as picture:
            mode, size, values = picture.mode, picture.size, np.array(picture)
    except (PIL.UnidentifiedImageError, OSError, SyntaxError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise ValueError(f"{mask} cannot be read as a picture ({error}); download it again.") from error
    if mode not in GREY_MODES:
        raise ValueError(f"{mask} is a picture of the kind {mode!r}; expected 8 bits of grey, or grey as RGB or RGBA.")
    if values.dtype == bool:
        values = values.astype(np.uint8) * 255
    if mode == "LA":
        values = values[..., 0]
    if values.ndim == 3:
        coloured = (values[..., 0] != values[..., 1]) | (values[..., 0] != values[..., 2])
        if coloured.any():
            row, column = np.argwhere(coloured)[0].tolist()
            raise ValueError(
                f"{mask} has colours at {int(coloured.sum())} pixels (first: row {row}, column {column}: "
                f"{values[row, column, :3].tolist()}); expected a mask with red = green = blue. Is it another of the "
                "dataset's masks, or was it saved anew?"
            )
        values = values[..., 0]
    require_size(size, frame, str(mask))
    return values


def require_size(size: tuple[int, int], frame: Path, what: str) -> None:
    """Refuse what was drawn on a picture of another size than its frame.

    Args:
        size: (width, height) of what is called `what`, px.
        frame: picture of the frame.
        what: how the message calls it.

    Raises:
        FileNotFoundError: if there is no such frame.
        ValueError: if the sizes differ, or the frame is no picture.
    """
    expected = frame_size(frame)
    if tuple(size) != expected:
        raise ValueError(
            f"{what} has {size[0]} x {size[1]} pixels, its frame {Path(frame).name} {expected[0]} x {expected[1]}; "
            "one of them was resized. Use both as they are handed out."
        )


def frame_size(frame: Path) -> tuple[int, int]:
    """(width, height) of a picture, px; only its head is read.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no picture.
    """
    try:
        with PIL.Image.open(frame) as picture:
            return picture.size
    except PIL.UnidentifiedImageError as error:
        raise ValueError(f"{frame} cannot be read as a picture; download it again.") from error


def classes_of_values(values: np.ndarray, table: Mapping[int, int], where: str) -> np.ndarray:
    """Replace every value of a mask by its class.

    Args:
        values: [H, W] uint8.
        table: value -> class index, or `dense.pictures.IGNORE`.
        where: how messages call the mask.

    Raises:
        ValueError: if there are values that the table lacks; they are listed with their pixels.
    """
    found = np.bincount(values.ravel(), minlength=256)
    unknown = [value for value in np.flatnonzero(found).tolist() if value not in table]
    if unknown:
        listed = ", ".join(f"{value} ({found[value]} pixels)" for value in unknown[:8])
        more = f" and {len(unknown) - 8} more" if len(unknown) > 8 else ""
        known = ", ".join(map(str, sorted(table)))
        raise ValueError(
            f"{where} holds {len(unknown)} unknown values: {listed}{more}; expected {known}. Was it resized with "
            "smoothing, saved as JPEG, or is it another kind of mask?"
        )
    classes = np.zeros(256, np.uint8)
    for value, index in table.items():
        classes[value] = index
    return classes[values]


def boxes_inside(boxes: np.ndarray, size: tuple[int, int], overhang: tuple[float, float], where: str) -> np.ndarray:
    """Boxes clipped to their frame, which they may overhang by very little.

    Args:
        boxes: [K, 4] left, top, width, height, px.
        size: (height, width) of the frame, px.
        overhang: by how many px a box may go over the edge above or below, and left or right.
        where: how messages call the frame.

    Returns:
        [K, 4] float32, inside the frame.

    Raises:
        ValueError: if a box has no area, is not finite, or overhangs by more.
    """
    boxes = np.asarray(boxes, float).reshape(-1, 4)
    height, width = size
    edge = np.array([width, height], float)
    low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    allowed = np.array([overhang[1], overhang[0]], float)
    with np.errstate(invalid="ignore"):
        flat = ~(boxes[:, 2:] > 0).all(axis=1) | ~np.isfinite(boxes).all(axis=1)
        outside = ((low < -allowed) | (high > edge + allowed)).any(axis=1)
    for bad, what in ((flat, "has no area"), (outside, f"is outside the frame of {width} x {height} pixels")):
        if bad.any():
            first = boxes[bad.argmax()].round(2).tolist()
            raise ValueError(
                f"{where}: {int(bad.sum())} of {len(boxes)} boxes: the box {first} (left, top, width, height) {what}. "
                "Mend or download the labels again; if the frames were resized, use them as they are handed out."
            )
    low, high = low.clip(0, edge), high.clip(0, edge)
    return np.concatenate([low, high - low], axis=1).astype(np.float32)
