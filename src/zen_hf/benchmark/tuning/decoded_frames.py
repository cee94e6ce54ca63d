# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Frames as pixels for training, in any order: kept decoded in memory where they fit.

Where they do not, pictures are decoded anew whenever they are asked for, in background threads. Frames of films are not:
to reach one out of order, a decoder starts at the key frame before it. They are all decoded once, in the order of time,
into a temporary file.
"""

import os
import shutil
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import datasets
import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from ..feature_cache import are_of_films, decode_ahead, frame_to_pixels, stored_images, undecoded
from ..readers.frame_image import split_reference

FRAMES_AT_ONCE = 16  # of a film, from the decoder to where they are kept


class DecodedFrames:
    """Frames of a dataset by row, made into pixels by the rule `data.frame_pixels.FRAME_TO_PIXELS`.

    Args:
        frames: rows with the column `image`. Those of films are decoded now, pictures when they are asked for.
        image_size: side of the square that they are resized to, in pixels.
        keep_bytes: they are kept in memory, a byte per value, if all of them take no more than this.

    Raises:
        ValueError: if a frame of a film cannot be decoded; the message names it.
        OSError: if frames of films fit neither in memory nor on the disk of temporary files.
    """

    def __init__(self, frames: datasets.Dataset, image_size: int, keep_bytes: int = 2**30):
        """Make room, and fill it with the frames of films."""
        self.rows, self.image_size = undecoded(frames), image_size
        shape = (len(frames), 3, image_size, image_size)
        self.known = np.zeros(len(frames), bool)
        self.kept: np.ndarray | None = None
        films = are_of_films(frames)
        if np.prod(shape) <= keep_bytes:
            self.kept = np.empty(shape, np.uint8)
        elif films:
            self.folder = tempfile.TemporaryDirectory(prefix="decoded-frames-")  # goes when this object goes
            self.kept = map_file(Path(self.folder.name) / "pixels", shape)
        if films:
            self.decode_films()

    def decode_films(self) -> None:
        """Decode all rows film by film, each in the order of time."""
        moments = [split_reference(cell["path"]) for cells in stored_images(self.rows) for cell in cells]
        order = sorted(range(len(moments)), key=moments.__getitem__)
        starts = range(0, len(order), FRAMES_AT_ONCE)
        batches = decode_ahead(self.rows.select(order), self.image_size, FRAMES_AT_ONCE)
        console = Console(stderr=True)
        for start, pixels in zip(track(starts, "decoding films", console=console), batches, strict=True):
            rows = order[start : start + FRAMES_AT_ONCE]
            self.kept[rows] = to_bytes(pixels)
            self.known[rows] = True

    def batches(self, batches: Sequence[np.ndarray]) -> Iterator[torch.Tensor]:
        """Pixels of one batch after the other, while the next ones are decoded in the background.

        Args:
            batches: rows of every batch.

        Yields:
            RGB frames [B, 3, S, S] in [0, 1], float32.

        Raises:
            ValueError: if a frame cannot be decoded; the message names it.
        """
        threads = min(8, os.cpu_count() or 1)
        with ThreadPoolExecutor(threads) as pool:
            waiting, remaining = deque(), iter(batches)
            try:
                while True:
                    while len(waiting) <= threads and (rows := next(remaining, None)) is not None:
                        waiting.append(pool.submit(self.batch, rows))
                    if not waiting:
                        return
                    yield waiting.popleft().result().float() / 255
            finally:
                for batch in waiting:
                    batch.cancel()

    def batch(self, rows: np.ndarray) -> torch.Tensor:
        """Some rows as bytes, [B, 3, S, S]."""
        return torch.from_numpy(np.stack([self.frame(int(row)) for row in rows]))

    def frame(self, row: int) -> np.ndarray:
        """One row as bytes, [3, S, S]."""
        if self.known[row]:
            return self.kept[row]
        pixels = to_bytes(frame_to_pixels(self.rows[row], self.image_size))
        if self.kept is not None:
            self.kept[row] = pixels
            self.known[row] = True  # only now: another thread may look
        return pixels


def to_bytes(pixels: torch.Tensor) -> np.ndarray:
    """Values in [0, 1] that were bytes as bytes again."""
    return (pixels * 255).round().to(torch.uint8).numpy()


def map_file(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """A new array of bytes that lies on the disk.

    Raises:
        OSError: if the disk has no room for it; the message names the sizes.
    """
    size, free = int(np.prod(shape)), shutil.disk_usage(path.parent).free
    if size > free:
        raise OSError(
            f"{shape[0]} decoded frames of films take {size / 1e9:.3g} GB, and {path.parent.parent} has "
            f"{free / 1e9:.3g} GB free; make room, or name a folder on another disk in the environment variable TMPDIR."
        )
    return np.memmap(path, np.uint8, "w+", shape=shape)
