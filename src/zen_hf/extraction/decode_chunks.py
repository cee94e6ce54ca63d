# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The first stage of an extraction: a video becomes chunks of pixels, those left out that an earlier run encoded."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from zen_hf.data.frame_pixels import frame_to_square

from .chunks import Chunk, ChunkFolder, EmptyChunk, VideoEnd
from .moments import Film, Pictures, Unreadable


@dataclass(frozen=True)
class ChunkDecoding:
    """Builds the stage; see `engines.stage.Stage`.

    Args:
        chunks: Where finished chunks are.
        chunk_frames: Frames of a chunk.
    """

    chunks: ChunkFolder
    chunk_frames: int

    def __call__(self):
        """The function of one video."""
        return self.of_video

    def of_video(self, video: Film | Pictures) -> Iterator[Chunk | EmptyChunk | VideoEnd]:
        """All chunks of a video, then its end; nothing but an end where it cannot be read."""
        try:
            moments = video.open(self.chunks.key["fps"])
        except Unreadable as error:
            yield VideoEnd(video.name, failed=str(error))
            return
        try:
            yield from self.of_moments(video.name, moments)
        finally:
            moments.close()

    def of_moments(self, name: str, moments) -> Iterator[Chunk | EmptyChunk | VideoEnd]:
        """All chunks of an open video in their order, whatever is on the disk, then its end."""
        all_numbers = range(-(-len(moments) // self.chunk_frames))
        done = {number for number in all_numbers if self.chunks.path(name, moments.sha256, number).is_file()}
        first = next((number for number in all_numbers if number not in done), None)
        numbers, waiting, current = set(done), [], first
        yield from (EmptyChunk(name, number) for number in all_numbers[:first])
        if first is not None:
            for place, frame in moments.frames(first * self.chunk_frames):
                number = place // self.chunk_frames
                while current < number:
                    yield self.chunk(name, moments.sha256, current, waiting)
                    waiting, current = [], current + 1
                if number not in done:
                    numbers.add(number)
                    square = frame_to_square(frame.image, self.chunks.key["image_size"])
                    waiting.append((square, frame.frame_index, frame.time_s))
            for number in all_numbers[current:]:
                yield self.chunk(name, moments.sha256, number, waiting)
                waiting = []
        problems = tuple(moments.problems)
        failed = None if numbers else "; ".join(["no frame can be decoded", *problems])
        yield VideoEnd(
            name, moments.sha256, len(moments), tuple(sorted(numbers)), tuple(sorted(numbers - done)), problems, failed
        )

    @staticmethod
    def chunk(name: str, sha256: str, number: int, waiting: list[tuple]) -> Chunk | EmptyChunk:
        """The frames that wait as a chunk."""
        if not waiting:
            return EmptyChunk(name, number)
        squares, indices, times = zip(*waiting, strict=True)
        return Chunk(name, sha256, number, np.stack(squares), np.array(indices, np.int64), np.array(times, np.float64))


@dataclass(frozen=True)
class LostVideo:
    """The end of a video whose decoder crashed, or came to a stop, in every attempt."""

    def __call__(self, video: Film | Pictures, words: str) -> Iterator[VideoEnd]:
        """See `lost` of `engines.stage.Stage`."""
        yield VideoEnd(video.name, failed=f"its decoder crashed or came to a stop: {words}")
