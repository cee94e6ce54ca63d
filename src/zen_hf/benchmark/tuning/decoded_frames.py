# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Frames as pixels for training: decoded in background threads, and only once where they fit in memory."""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import datasets
import numpy as np
import torch

from ..feature_cache import frame_to_pixels, undecoded


class DecodedFrames:
    """Frames of a dataset by row, made into pixels by the rule `feature_cache.FRAME_TO_PIXELS`.

    Args:
        frames: rows with the column `image`.
        image_size: side of the square that they are resized to, in pixels.
        keep_bytes: they are kept decoded, a byte per value, if all of them take no more than this.
    """

    def __init__(self, frames: datasets.Dataset, image_size: int, keep_bytes: int = 2**30):
        """Remember the rows; nothing is decoded yet."""
        self.rows, self.image_size = undecoded(frames), image_size
        self.kept: dict[int, torch.Tensor] = {}
        self.keeps = len(frames) * 3 * image_size**2 <= keep_bytes

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
        return torch.stack([self.frame(int(row)) for row in rows])

    def frame(self, row: int) -> torch.Tensor:
        """One row as bytes, [3, S, S]."""
        if row in self.kept:
            return self.kept[row]
        pixels = (frame_to_pixels(self.rows[row], self.image_size) * 255).round().to(torch.uint8)
        if self.keeps:
            self.kept[row] = pixels
        return pixels
