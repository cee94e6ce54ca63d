# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Where a frame lies while it is worked on, and how its truth and its predictions get there and back.

A frame keeps its aspect ratio: it is resized so that its area is that of a square of `image_size`, and put in the upper left
corner of a canvas whose sides the encoder's stride divides. All frames of a task share one canvas. Truth is brought to a
grid of half the canvas's resolution by the nearest pixel, never by interpolation; predictions are interpolated back to the
frame's own pixels before anything is decided, but depth, which is kept at half the resized frame's resolution.

Pixel centres lie at half coordinates everywhere: row y of the frame is row (y + 0.5) h / H of the resized one.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

LABEL_STRIDE = 2  # rows and columns of the canvas per cell of the truth that is trained on
RULE = f"rgb, aspect ratio kept, area of the square, pillow bicubic, padded right and below, truth by {LABEL_STRIDE}"

Size = tuple[int, int]  # height, width in pixels


@dataclass(frozen=True)
class Layout:
    """How frames of any size become frames on a canvas.

    Args:
        image_size: side of the square of the same area, in pixels.
        stride: pixels per patch of the encoder.
    """

    image_size: int
    stride: int

    @classmethod
    def of(cls, encoder, image_size: int) -> "Layout":
        """The layout for an encoder.

        Raises:
            ValueError: if the encoder takes frames of one size alone.
        """
        if not getattr(encoder, "any_size", True):  # raw pixels take everything
            raise ValueError(
                f"{encoder.name} takes frames of {encoder.default_image_size}x{encoder.default_image_size} pixels alone; "
                "dense tasks keep the aspect ratio of frames and need an encoder of any size."
            )
        if image_size < 2 * LABEL_STRIDE:
            raise ValueError(f"image size {image_size}; expected at least {2 * LABEL_STRIDE} pixels.")
        return cls(image_size, encoder.stride)

    def shown(self, native: Size) -> Size:
        """Height and width of the resized frame."""
        height, width = native
        scale = self.image_size / math.sqrt(height * width)
        return max(round(height * scale), 1), max(round(width * scale), 1)

    def canvas(self, natives: Iterable[Size]) -> Size:
        """Height and width of the smallest canvas that holds all frames of these sizes."""
        shown = [self.shown(native) for native in set(natives)]
        multiple = math.lcm(self.stride, LABEL_STRIDE)
        return tuple(-(-max(sides) // multiple) * multiple for sides in zip(*shown, strict=True))


@dataclass(frozen=True)
class Place:
    """One frame on its canvas.

    Args:
        native: height and width of the frame as its dataset hands it out.
        shown: of the resized frame.
        canvas: of the canvas.
    """

    native: Size
    shown: Size
    canvas: Size

    @property
    def grid(self) -> Size:
        """Rows and columns of the truth that is trained on."""
        return tuple(side // LABEL_STRIDE for side in self.canvas)

    def inside(self, size: Size) -> np.ndarray:
        """Which cells of a grid over the canvas show the frame at their centre, [rows, columns] of bool."""
        rows, columns = (
            (np.arange(cells) + 0.5) * side / cells < shown
            for cells, side, shown in zip(size, self.canvas, self.shown, strict=True)
        )
        return rows[:, None] & columns

    def to_grid(self, picture: np.ndarray, outside: int | float) -> np.ndarray:
        """A picture on the frame's pixels, on the grid: each cell has the value of the pixel at its centre.

        Args:
            picture: [H, W].
            outside: value of cells beyond the frame.
        """
        rows, columns = (
            ((np.arange(cells) + 0.5) * LABEL_STRIDE * side / shown).astype(int)
            for cells, side, shown in zip(self.grid, self.native, self.shown, strict=True)
        )
        rows, columns = rows[rows < self.native[0]], columns[columns < self.native[1]]
        found = np.full(self.grid, outside, picture.dtype)
        found[: len(rows), : len(columns)] = picture[np.ix_(rows, columns)]
        return found

    def depth_to_grid(self, depth: np.ndarray) -> np.ndarray:
        """Depth on the grid, 0 where nothing is known.

        A cell whose centre shows no known depth takes a known pixel that lies in it, of several the last in the order of
        rows: sparse points are kept, and no two depths are ever mixed.

        Args:
            depth: [H, W] float32, 0 where unknown.
        """
        found = self.to_grid(depth, 0.0)
        rows, columns = np.nonzero(depth)
        cells = tuple(
            np.minimum(((places + 0.5) * shown / side / LABEL_STRIDE).astype(int), count - 1)
            for places, shown, side, count in zip((rows, columns), self.shown, self.native, self.grid, strict=True)
        )
        empty = found[cells] == 0
        found[cells[0][empty], cells[1][empty]] = depth[rows[empty], columns[empty]]
        return found

    @property
    def halved(self) -> Size:
        """Height and width of depth that is kept: half the resized frame's, and never more than the frame's own."""
        return tuple(min(-(-shown // LABEL_STRIDE), own) for shown, own in zip(self.shown, self.native, strict=True))

    def to_native(self, values: torch.Tensor) -> torch.Tensor:
        """Values on any grid over the canvas, on the frame's own pixels, [C, H, W]; as for `to_frame`."""
        return self.to_frame(values, self.native)

    def to_frame(self, values: torch.Tensor, size: Size) -> torch.Tensor:
        """Values on any grid over the canvas, on a grid over the frame alone, by bilinear interpolation.

        Args:
            values: [C, rows, columns].
            size: rows and columns of that grid; its outer edges are the frame's.

        Returns:
            [C, *size] float32.
        """
        values = values.float()[None]
        if values.shape[-2:] != self.canvas:
            values = functional.interpolate(values, self.canvas, mode="bilinear", align_corners=False)
        values = values[..., : self.shown[0], : self.shown[1]]
        if self.shown != size:
            values = functional.interpolate(values, size, mode="bilinear", align_corners=False)
        return values[0]
