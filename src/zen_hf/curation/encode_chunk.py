# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The second stage of a curation: an encoder looks at the candidates, and what remains is written."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from .candidate_encoder import CandidateEncoder, EncoderSettings
from .chunk import Chunk
from .frame_row import KEPT, REJECTED
from .parts import VideoRecord, write_table

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class WrittenChunk:
    """What became of a chunk.

    Attributes:
        video_id: Its video.
        number: Its place among the chunks of the video.
        kept: Number of frames written.
        rejected: Number of frames by reason.
        record: As in `Chunk`.
        private: As in `Chunk`.
    """

    video_id: str
    number: int
    kept: int
    rejected: dict[str, int]
    record: VideoRecord | None
    private: str | None


@dataclass(frozen=True)
class ChunkEncoding:
    """Builds the stage; see `engines.stage.Stage`.

    Args:
        work: Folder of the parts.
        settings: The encoder.
        gpu: Whether it runs on a GPU.
    """

    work: Path
    settings: EncoderSettings
    gpu: bool = False

    def __call__(self):
        """Loads the encoder once, and returns the function of one chunk."""
        return ChunkEncoder(self.work, self.settings, self.gpu)


class ChunkEncoder:
    """Encodes, judges and writes chunks.

    Args:
        work: Folder of the parts.
        settings: The encoder.
        gpu: Whether it runs on a GPU.

    Raises:
        ValueError: If the classifier was taught on another encoder, or the encoder is incomplete.
    """

    def __init__(self, work: Path, settings: EncoderSettings, gpu: bool = False):
        self.work = work
        self.candidates = None if settings.model is None else CandidateEncoder(settings, "cuda" if gpu else "cpu")

    def __call__(self, chunk: Chunk) -> Iterator[WrittenChunk]:
        """Writes what remains of a chunk; of a video that failed, nothing."""
        if chunk.record is not None and chunk.record.failed is not None:
            yield WrittenChunk(chunk.video_id, chunk.number, 0, {}, chunk.record, chunk.private)
            return
        kept, rejected = chunk.candidates, list(chunk.rejected)
        if kept and self.candidates is not None:
            kept, outside = self.candidates.judge(kept, chunk.pixels)
            rejected = sorted(rejected + outside, key=lambda row: row["frame_index"])
        folder = self.work / chunk.video_id
        folder.mkdir(parents=True, exist_ok=True)
        write_rows(folder / f"kept-{chunk.number:05d}.parquet", kept, KEPT)
        write_rows(folder / f"rejected-{chunk.number:05d}.parquet", rejected, REJECTED)
        reasons = dict(Counter(row["reason"] for row in rejected))
        yield WrittenChunk(chunk.video_id, chunk.number, len(kept), reasons, chunk.record, chunk.private)


def write_rows(path: Path, rows: list[dict], schema: pa.Schema) -> None:
    """Writes rows as Parquet; no rows, no file."""
    if not rows:
        path.unlink(missing_ok=True)
        return
    write_table(path, pa.Table.from_pylist(rows, schema))
