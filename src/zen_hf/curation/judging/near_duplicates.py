# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Frames that show what another frame shows: within a video by a perceptual hash, across videos by an encoder.

Within a video, a frame is dropped if its hash is within some bits of any frame that was kept. Across videos, which are
taken in the order of their ids, a frame is dropped if the cosine of its embedding to that of a kept frame of another
video is large; without an encoder, if their hashes are close. Flat frames (hash 0) look alike in all operations and
are left as they are there.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from zen_hf.data.perceptual_hash import FLAT_HASH, different_bits

BATCH, BLOCK = 2048, 65536  # rows that are compared at a time, with as many kept ones
MOST_PAIRS = 1 << 22


@dataclass
class DuplicateSettings:
    """What counts as the same picture.

    Attributes:
        bits: Of 64, that may differ between frames of one video that are near-duplicates; -1 keeps all.
        cosine: Of embeddings, from which frames of two videos are near-duplicates; above 1 keeps all.
        across_bits: Of 64, that may differ between frames of two videos where there is no encoder; -1 keeps all.
    """

    bits: int = 4
    cosine: float = 0.985
    across_bits: int = 4

    def __post_init__(self):
        for name in ("bits", "across_bits"):
            if not -1 <= getattr(self, name) <= 16:
                raise ValueError(
                    f"duplicates.{name} is {getattr(self, name)}; expected -1 (keep all) to 16, as frames that have "
                    "nothing in common differ in about 32 bits"
                )
        if not self.cosine > 0:
            raise ValueError(f"duplicates.cosine is {self.cosine}; expected a cosine above 0, such as 0.985")


class SeenFrames:
    """The hashes of all frames that were kept of one video.

    Args:
        settings: What counts as the same picture.
    """

    def __init__(self, settings: DuplicateSettings):
        self.bits = settings.bits
        self.kept, self.count = np.zeros(1024, np.uint64), 0

    def is_near_duplicate(self, hashed: int) -> bool:
        """Whether a frame of this hash was kept before; if not, it is from now on."""
        hashed = np.uint64(hashed)
        if self.count and different_bits(self.kept[: self.count], hashed).min() <= self.bits:
            return True
        if self.count == len(self.kept):
            self.kept = np.concatenate([self.kept, np.zeros_like(self.kept)])
        self.kept[self.count] = hashed
        self.count += 1
        return False


def duplicates_across(
    videos: Iterable[tuple[str, np.ndarray, np.ndarray | None]], settings: DuplicateSettings
) -> Iterator[tuple[str, np.ndarray]]:
    """Which frames of each video show what a kept frame of another video before it shows.

    With embeddings of D numbers, 2 D bytes are held per kept frame (float16), and N frames take about N^2 D operations
    of matrix products, in blocks; hashes take 8 bytes per frame, and time that grows with the pairs that share a band.

    Args:
        videos: Id, hashes uint64 [n], and embeddings [n, D] of length 1 or None, in the order of ids; all videos have
            embeddings, or none has.
        settings: What counts as the same picture.

    Yields:
        Id and rows to drop, bool [n], of every video in that order.

    Raises:
        ValueError: Videos out of order, or only some with embeddings.
    """
    videos = in_order(videos)
    first = next(videos, None)
    if first is None:
        return
    videos = chained(first, videos)
    if first[2] is None:
        yield from _by_hash(videos, settings.across_bits)
    elif settings.cosine > 1:
        yield from ((video_id, np.zeros(len(hashes), bool)) for video_id, hashes, _ in videos)
    else:
        yield from _by_embedding(videos, settings.cosine)


def seconds_across(frames: float, numbers: int) -> float:
    """Time to compare so many frames of different videos by embeddings of so many numbers, by one product now."""
    rows, block = np.ones((BATCH, numbers), np.float32), np.ones((BLOCK, numbers), np.float16)
    start = time.perf_counter()
    (rows @ block.astype(np.float32).T).max(axis=1)
    return (time.perf_counter() - start) * frames**2 / 2 / (BATCH * BLOCK)


def in_order(videos: Iterable[tuple[str, np.ndarray, np.ndarray | None]]) -> Iterator[tuple]:
    """The same videos, once it is sure that their ids ascend and that all are of one kind."""
    last = None
    for video_id, hashes, embeddings in videos:
        if last is not None and video_id <= last[0]:
            raise ValueError(f"video {video_id} comes after {last[0]}; expected each once, in the order of ids")
        if last is not None and (embeddings is None) != last[1]:
            raise ValueError(f"only one of the videos {last[0]} and {video_id} has embeddings; embed all, or none")
        if embeddings is not None and len(embeddings) != len(hashes):
            raise ValueError(
                f"video {video_id} has {len(hashes)} hashes and {len(embeddings)} embeddings; expected a pair each"
            )
        last = video_id, embeddings is None
        yield video_id, np.asarray(hashes, np.uint64), embeddings


def chained(first: tuple, rest: Iterator[tuple]) -> Iterator[tuple]:
    """An iterator with its first item put back."""
    yield first
    yield from rest


# ---------------------------------------------------------------------------------------------------------------------
# Embeddings


def _by_embedding(videos: Iterator[tuple], cosine: float) -> Iterator[tuple[str, np.ndarray]]:
    """Batches of videos are compared with all frames that were kept before them, then with one another."""
    kept = KeptEmbeddings()
    batch, rows = [], 0
    for video in videos:
        batch.append(video)
        rows += len(video[1])
        if rows >= BATCH:
            yield from _judge(batch, kept, cosine)
            batch, rows = [], 0
    yield from _judge(batch, kept, cosine)


def _judge(batch: list[tuple], kept: "KeptEmbeddings", cosine: float) -> Iterator[tuple[str, np.ndarray]]:
    stayed = []
    for (video_id, hashes, embeddings), like_before in zip(
        batch, kept.any_like([e for _, _, e in batch], cosine), strict=True
    ):
        embeddings = np.asarray(embeddings, np.float32)
        drop = like_before.copy()
        for others in stayed:
            drop |= (embeddings @ others.T >= cosine).any(axis=1) if len(drop) else False
        drop &= hashes != FLAT_HASH
        stayed.append(embeddings[~drop & (hashes != FLAT_HASH)])
        yield video_id, drop
    for embeddings in stayed:
        kept.add(embeddings)


class KeptEmbeddings:
    """Embeddings of frames that were kept, in blocks of float16."""

    def __init__(self):
        self.blocks: list[np.ndarray] = []
        self.filled = 0  # rows of the last block

    def add(self, rows: np.ndarray) -> None:
        """Keeps rows [n, D]."""
        while len(rows):
            if not self.blocks or self.filled == BLOCK:
                self.blocks.append(np.empty((BLOCK, rows.shape[1]), np.float16))
                self.filled = 0
            taken = rows[: BLOCK - self.filled]
            self.blocks[-1][self.filled : self.filled + len(taken)] = taken
            self.filled += len(taken)
            rows = rows[len(taken) :]

    def any_like(self, videos: list[np.ndarray], cosine: float) -> list[np.ndarray]:
        """Which rows of each video have the cosine to any kept one, bool [n] each."""
        lengths = [len(rows) for rows in videos]
        like = np.zeros(sum(lengths), bool)
        if self.blocks and len(like):
            rows = np.concatenate(
                [np.asarray(rows, np.float32).reshape(len(rows), -1) for rows in videos if len(rows)]
            )
            for number, block in enumerate(self.blocks):
                block = block[: self.filled if number == len(self.blocks) - 1 else BLOCK].astype(np.float32)
                for begin in range(0, len(rows), BATCH):
                    like[begin : begin + BATCH] |= (rows[begin : begin + BATCH] @ block.T).max(axis=1) >= cosine
        return np.split(like, np.cumsum(lengths)[:-1])


# ---------------------------------------------------------------------------------------------------------------------
# Hashes


def _by_hash(videos: Iterator[tuple], bits: int) -> Iterator[tuple[str, np.ndarray]]:
    """All close pairs of two videos first; then frame by frame, which of them had a kept partner before."""
    ids, parts = [], []
    for video_id, hashes, _ in videos:
        ids.append(video_id)
        parts.append(hashes)
    lengths = [len(part) for part in parts]
    hashes = np.concatenate(parts)
    owner = np.repeat(np.arange(len(ids)), lengths)
    drop = np.zeros(len(hashes), bool)
    earlier, later = close_pairs(hashes, owner, bits)
    for begin, end in zip(*runs(later), strict=True):  # by later row, so that all before it is decided
        drop[later[begin]] = not drop[earlier[begin:end]].all()
    yield from zip(ids, np.split(drop, np.cumsum(lengths)[:-1]), strict=True)


def runs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Begin and end of each run of equal values."""
    begins = np.flatnonzero(np.diff(values, prepend=-1)) if len(values) else np.zeros(0, int)
    return begins, np.append(begins[1:], len(values)) if len(begins) else begins


def close_pairs(hashes: np.ndarray, owner: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of different owners whose hashes are within some bits: the earlier and the later, sorted by the later.

    Of `bits + 1` bands of the hash, two that differ in `bits` bits have at least one in common; only rows that share
    one are compared.
    """
    found = [np.zeros((0, 2), np.int64)]
    rows = np.flatnonzero(hashes != FLAT_HASH)
    places = np.arange(64, dtype=np.uint64)
    for band in range(bits + 1):
        mask = np.bitwise_or.reduce(np.uint64(1) << places[band :: bits + 1])
        keys = hashes[rows] & mask
        order = np.argsort(keys, kind="stable")
        begins = np.flatnonzero(np.diff(keys[order], prepend=~keys[order][:1]))
        for begin, end in zip(begins, np.append(begins[1:], len(rows)), strict=True):
            if end - begin > 1:
                found += pairs_among(rows[order[begin:end]], hashes, owner, bits)
    pairs = np.unique(np.concatenate(found), axis=0)
    pairs = pairs[np.lexsort((pairs[:, 0], pairs[:, 1]))]
    return pairs[:, 0], pairs[:, 1]


def pairs_among(rows: np.ndarray, hashes: np.ndarray, owner: np.ndarray, bits: int) -> Iterator[np.ndarray]:
    """Close pairs of some ascending rows, [n, 2] each, a block of them at a time."""
    height = max(1, MOST_PAIRS // len(rows))
    for begin in range(0, len(rows), height):
        some = rows[begin : begin + height]
        close = different_bits(hashes[some][:, None], hashes[rows][None]) <= bits
        close &= owner[some][:, None] > owner[rows][None]
        later, earlier = np.nonzero(close)
        if len(later):
            yield np.stack([rows[earlier], some[later]], axis=1)
