# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The truth of a video's frames as a sequence that reads each picture when it is looked at."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from rich.console import Console
from rich.progress import track

from .pictures import DenseValue, Instances, PartialMask


class FrameTruths(Sequence):
    """Truth of the frames of one video, in the order of its rows.

    Args:
        cells: the target's column, one cell per frame.
        read: from a cell to the truth.
    """

    def __init__(self, cells: Sequence[object], read: Callable[[object], DenseValue]):
        self.cells, self.read = tuple(cells), read

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.cells)

    def __getitem__(self, index: int) -> DenseValue:
        """The truth of one frame; whatever its reader raises names the file."""
        return self.read(self.cells[index])

    def __iter__(self) -> Iterator[DenseValue]:
        """The truths one after the other, none kept."""
        return (self.read(cell) for cell in self.cells)


def hash_truths(truths: FrameTruths) -> str:
    """SHA-256 over the truth of all frames; reading them all shows a bad one before anything is trained.

    Raises:
        ValueError: what the reader says of the first frame whose truth cannot be read.
    """
    return _hash(truths.cells, truths.read)


@cache  # a result and its baselines ask for the same ones
def _hash(cells: tuple, read: Callable[[object], DenseValue]) -> str:
    digest = hashlib.sha256()
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:  # decoding pictures releases the lock
        hashes = pool.map(lambda cell: _hash_one(read(cell)), cells)
        for of_frame in track(
            hashes, "reading the truth", total=len(cells), console=Console(stderr=True), transient=True
        ):
            digest.update(of_frame)
    return digest.hexdigest()


def _hash_one(value: DenseValue) -> bytes:
    digest = hashlib.sha256()
    if isinstance(value, Instances):
        masks = None if value.masks is None else [mask.decode("ascii") for mask in value.masks]
        digest.update(json.dumps([value.size, value.boxes.tolist(), value.labels.tolist(), masks]).encode())
        return digest.digest()
    bits = value.bits if isinstance(value, PartialMask) else value
    known = value.known if isinstance(value, PartialMask) else ()
    digest.update(f"{bits.shape} {bits.dtype} {known}".encode())
    digest.update(np.ascontiguousarray(bits).tobytes())
    return digest.digest()
