# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The second stage of an extraction: the features of a chunk of pixels are written."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from .chunks import Chunk, ChunkFolder, EmptyChunk, VideoEnd
from .feature_settings import EncoderSource, FeatureSettings


@dataclass(frozen=True)
class WrittenChunk:
    """A chunk that is on the disk.

    Attributes:
        video: Name of its video.
        number: Place among the chunks of the video.
        frames: Number of its frames.
    """

    video: str
    number: int
    frames: int


@dataclass(frozen=True)
class ChunkEncoding:
    """Builds the stage; see `engines.stage.Stage`.

    Args:
        chunks: Where finished chunks go.
        source: Where the encoder comes from.
        settings: What is kept.
        device: Where the encoder computes, "cuda" or "cpu".
        threads: That it computes with on the processor; another number may change the last bits.
    """

    chunks: ChunkFolder
    source: EncoderSource
    settings: FeatureSettings
    device: str
    threads: int

    def __call__(self):
        """Loads the encoder once, and returns the function of one chunk."""
        torch.set_num_threads(self.threads)
        encoder = self.source.load(self.device)

        def encode(item: Chunk | EmptyChunk | VideoEnd) -> Iterator[WrittenChunk | VideoEnd]:
            """Writes a chunk; passes on the end of a video."""
            if isinstance(item, VideoEnd):
                yield item
                return
            if isinstance(item, EmptyChunk):
                yield WrittenChunk(item.video, item.number, 0)
                return
            try:
                features = self.settings.encode(encoder, item.squares)
            except ValueError as error:
                yield VideoEnd(item.video, item.sha256, failed=str(error))
                return
            self.chunks.write(item, features)
            yield WrittenChunk(item.video, item.number, len(item.squares))

        return encode
