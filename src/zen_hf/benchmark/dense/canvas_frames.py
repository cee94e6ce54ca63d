# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Frames on their canvas, in any order: decoded once where they are needed again and again."""

import os
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import datasets
import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from rich.console import Console
from rich.progress import track

from ..feature_cache import are_of_films, frame_name, open_image, stored_images, undecoded
from ..readers.frame_image import split_reference
from ..tuning.decoded_frames import map_file
from .canvas import Layout, Place, Size

FILES_AT_ONCE = 8


class KeptArrays:
    """Arrays of one shape by row, in memory where they fit and else in a temporary file.

    Args:
        shape: of all, rows first.
        dtype: of their values.
        keep_bytes: they stay in memory if all take no more than this.
    """

    def __init__(self, shape: tuple[int, ...], dtype: type, keep_bytes: int = 2**30):
        """Make room; nothing is known yet."""
        self.known, size = np.zeros(shape[0], bool), int(np.prod(shape)) * np.dtype(dtype).itemsize
        if size <= keep_bytes:
            self.values = np.empty(shape, dtype)
        else:
            self.folder = tempfile.TemporaryDirectory(prefix="dense-")  # goes when this object goes
            self.values = map_file(Path(self.folder.name) / "values", (size,)).view(dtype).reshape(shape)

    def put(self, row: int, value: np.ndarray) -> np.ndarray:
        """Keep a row, and give it back."""
        self.values[row] = value
        self.known[row] = True  # only now: another thread may look
        return self.values[row]


class CanvasFrames:
    """Frames of a dataset, resized and padded as `canvas.RULE` says.

    Args:
        frames: rows with the column `image`.
        layout: how they become frames on a canvas.
        canvas: height and width of the canvas; by default the smallest for these frames.

    Raises:
        ValueError: if the size of a frame cannot be read; the message names it.
    """

    def __init__(self, frames: datasets.Dataset, layout: Layout, canvas: Size | None = None):
        """Look at the size of every frame; no picture is decoded."""
        self.frames, self.layout = undecoded(frames), layout
        self.films = len(frames) > 0 and are_of_films(frames)
        self.sizes = native_sizes(self.frames)
        self.canvas = canvas or layout.canvas(self.sizes)
        self.kept: KeptArrays | None = None
        self.place_of: dict[int, int] = {}  # row -> place among those that are kept

    def place(self, row: int) -> Place:
        """Where a frame lies."""
        return Place(self.sizes[row], self.layout.shown(self.sizes[row]), self.canvas)

    def inside(self, rows: Sequence[int]) -> torch.Tensor:
        """Which pixels of the canvas show the frame, [B, 1, H, W] of bool."""
        return torch.from_numpy(np.stack([self.place(row).inside(self.canvas) for row in rows]))[:, None]

    def keep(self, rows: Sequence[int]) -> None:
        """Keep these rows once they are decoded, and none but them; of films, decode them now, in the order of time."""
        rows = [int(row) for row in rows]
        if list(self.place_of) == rows:
            return
        self.place_of = {row: place for place, row in enumerate(rows)}
        self.kept = KeptArrays((len(rows), 3, *self.canvas), np.uint8)
        if self.films:
            cells = [cell["path"] for stored in stored_images(self.frames) for cell in stored]
            ordered = sorted(rows, key=lambda row: split_reference(cells[row]))
            for row in track(ordered, "decoding films", console=Console(stderr=True)):
                self.frame(row)

    def batches(self, batches: Sequence[Sequence[int]]) -> Iterator[torch.Tensor]:
        """Pixels of one batch of rows after the other, while the next ones are decoded in the background.

        Yields:
            RGB frames [B, 3, H, W] in [0, 1], float32; black beyond the frame.

        Raises:
            ValueError: if a frame cannot be decoded; the message names it.
        """
        threads = 1 if self.films else min(FILES_AT_ONCE, os.cpu_count() or 1)  # a film is read in the order of time
        with ThreadPoolExecutor(threads, "decode") as pool:
            waiting, remaining = deque(), iter(batches)
            try:
                while True:
                    while len(waiting) <= threads and (rows := next(remaining, None)) is not None:
                        waiting.append(pool.submit(self.batch, rows))
                    if not waiting:
                        return
                    yield torch.from_numpy(waiting.popleft().result()).float() / 255
            finally:
                for batch in waiting:
                    batch.cancel()

    def batch(self, rows: Sequence[int]) -> np.ndarray:
        """Some rows as bytes, [B, 3, H, W]."""
        return np.stack([self.frame(int(row)) for row in rows])

    def frame(self, row: int) -> np.ndarray:
        """One row as bytes, [3, H, W]."""
        index = self.place_of.get(row)
        if index is not None and self.kept.known[index]:
            return self.kept.values[index]
        cells, place = self.frames[row], self.place(row)
        try:
            with open_image(cells["image"]) as picture:
                if (picture.height, picture.width) != place.native:
                    raise ValueError(f"{picture.height}x{picture.width} pixels, not {place.native} as its film")
                resized = picture.convert("RGB").resize(place.shown[::-1], Image.Resampling.BICUBIC)
        except (UnidentifiedImageError, ValueError, OSError) as error:
            raise ValueError(f"{frame_name(cells)}: not a readable picture ({error}); replace the file.") from error
        pixels = np.zeros((3, *self.canvas), np.uint8)
        pixels[:, : place.shown[0], : place.shown[1]] = np.asarray(resized).transpose(2, 0, 1)
        return pixels if index is None else self.kept.put(index, pixels)


def native_sizes(frames: datasets.Dataset) -> list[Size]:
    """Height and width of every frame: from the header of a picture, and from the first frame of a film.

    Args:
        frames: rows whose pictures are not decoded.

    Raises:
        ValueError: if one cannot be read; the message names it.
    """

    def size_of(cell: dict) -> Size:
        try:
            with open_image(cell) as picture:
                return picture.height, picture.width
        except (UnidentifiedImageError, ValueError, OSError) as error:
            raise ValueError(f"{cell['path'] or 'a frame'}: not a readable picture ({error}); replace it.") from error

    sizes, films = [], {}
    with ThreadPoolExecutor(FILES_AT_ONCE, "look") as pool:
        for cells in stored_images(frames):
            of_film = [cell["bytes"] is None and split_reference(cell["path"])[1] is not None for cell in cells]
            of_pictures = pool.map(size_of, (cell for cell, film in zip(cells, of_film, strict=True) if not film))
            for cell, film in zip(cells, of_film, strict=True):
                if not film:
                    sizes.append(next(of_pictures))
                    continue
                path = split_reference(cell["path"])[0]
                if path not in films:
                    films[path] = size_of(cell)
                sizes.append(films[path])
    return sizes
