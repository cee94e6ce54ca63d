# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Kept frames become Parquet files that stream: as many per split and source as there are readers, equal in length.

```text
OUT/data/<split>-<source>-00000-of-00032.parquet
```

Frames of a video follow each other in the order of time, at a file's end into the next file, so that clips can be read.
"""

import hashlib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..frame_row import SIGNALS
from .kept_video import KeptVideo
from .sampling_weights import FrameWeights

if TYPE_CHECKING:
    import datasets

WORDS = ["video_id", "procedure", "source", "patient_id"]  # columns of few values, which Parquet stores once


@dataclass
class ShardSettings:
    """How large the files are.

    Attributes:
        world: Processes that will train.
        workers: Processes of each that will read. Every split of every source has a file for each of the world x workers
            readers, if it has `shard_rows` frames for each file, else fewer files; never an empty one.
        target_mb: Size that files stay below, in millions of bytes, by more of them.
        shard_rows: Fewest frames of a file.
        row_group_rows: Frames that are read at once; a training that streams keeps some 24 row groups in memory.
        keep_embedding: Whether the recipe's encoder's summaries become a column.
    """

    world: int = 8
    workers: int = 4
    target_mb: int = 256
    shard_rows: int = 16
    row_group_rows: int = 100
    keep_embedding: bool = False

    def __post_init__(self):
        for name in ("world", "workers", "target_mb", "shard_rows", "row_group_rows"):
            if getattr(self, name) < 1:
                raise ValueError(f"shards.{name} is {getattr(self, name)}; expected at least 1")


@dataclass(frozen=True)
class Piece:
    """Frames of a video that follow each other: places `start` to before `stop` among those that stay."""

    video: int
    start: int
    stop: int


@dataclass(frozen=True)
class Shard:
    """One file.

    Attributes:
        name: Below `data/`.
        split: Of all its frames.
        source: Of all its frames.
        pieces: What it holds, in order.
    """

    name: str
    split: str
    source: str
    pieces: tuple[Piece, ...]

    @property
    def rows(self) -> int:
        """Number of its frames."""
        return sum(piece.stop - piece.start for piece in self.pieces)


def features(keep_embedding: bool) -> "datasets.Features":
    """Columns of the dataset, as `datasets` knows them."""
    import datasets  # takes seconds, in which decoding has begun

    text, real = datasets.Value("string"), datasets.Value("float32")
    columns = {
        "image": datasets.Image(),
        "video_id": text,
        "frame_index": datasets.Value("int64"),
        "time_s": datasets.Value("float64"),
        "procedure": text,
        "source": text,
        "patient_id": text,
        "border_box": datasets.List(datasets.Value("int32"), length=4),
        "border_circle": datasets.List(real),
        **dict.fromkeys(SIGNALS, real),
        "perceptual_hash": datasets.Value("uint64"),
        "procedure_weight": real,
        "cluster": datasets.Value("int32"),
        "cluster_weight": real,
    }
    return datasets.Features(columns | ({"embedding": datasets.List(real)} if keep_embedding else {}))


def plan_shards(videos: Sequence[KeptVideo], split_of: dict[str, str], settings: ShardSettings) -> list[Shard]:
    """Which frames go into which file, by split and source; lengths of a split and source differ by one frame at most.

    Args:
        videos: All videos, sorted by id.
        split_of: Video id to its split.
        settings: How large files are.
    """
    shards = []
    of = [(split_of.get(video.record.video_id), video.record.source) for video in videos]
    for split, source in sorted({pair for pair in of if pair[0] is not None}):
        members = [number for number, pair in enumerate(of) if pair == (split, source)]
        ends = np.cumsum([videos[number].frames for number in members])
        total = int(ends[-1])
        count = number_of_shards(total, sum(videos[number].image_bytes for number in members), settings)
        bounds = [total * number // count for number in range(count + 1)]
        for number in range(count):
            pieces = tuple(pieces_between(members, ends, bounds[number], bounds[number + 1]))
            name = f"{split}-{in_file_name(source)}-{number:05d}-of-{count:05d}.parquet"
            shards.append(Shard(name, split, source, pieces))
    return shards


def number_of_shards(frames: int, image_bytes: int, settings: ShardSettings) -> int:
    """A multiple of world x workers, so that every reader has as many files; fewer where frames are few."""
    readers = settings.world * settings.workers
    rounds = max(1, math.ceil(image_bytes / (settings.target_mb * 10**6) / readers))
    return max(1, min(readers * rounds, frames // settings.shard_rows))


def pieces_between(members: list[int], ends: np.ndarray, first: int, last: int) -> Iterator[Piece]:
    """Pieces of the videos that hold the frames from one place of their sequence to another."""
    for video, end, start in zip(members, ends.tolist(), [0, *ends[:-1].tolist()], strict=True):
        if start < last and end > first:
            yield Piece(video, max(first - start, 0), min(last, end) - start)


def in_file_name(source: str) -> str:
    """A source's name as part of a file name; another name where it has characters that files should not have."""
    plain = re.sub(r"[^A-Za-z0-9_.]+", "_", source).strip("_.")
    if plain == source and plain:
        return plain
    return f"{plain or 'source'}_{hashlib.sha256(source.encode()).hexdigest()[:8]}"


def write_shard(
    path: Path, shard: Shard, videos: Sequence[KeptVideo], weights: FrameWeights, settings: ShardSettings
) -> None:
    """Writes a file; about two row groups are in memory at any time.

    Images are copied as they are, and not compressed again, which gains 3 % on JPEG and costs every reader time.

    Args:
        path: The file.
        shard: What it holds.
        videos: All videos, as they were planned.
        weights: Of all their frames.
        settings: Rows of a row group, and which columns.
    """
    schema = features(settings.keep_embedding).arrow_schema
    leaves = leaf_paths(schema)
    options = {
        "compression": {leaf: "none" if leaf.startswith("image.") else "zstd" for leaf in leaves},
        "use_dictionary": WORDS,
        "write_statistics": [leaf for leaf in leaves if leaf in ("frame_index", "time_s", *WORDS)],
    }
    with pq.ParquetWriter(path, schema, **options) as writer:
        waiting: list[pa.Table] = []
        for piece in shard.pieces:
            for table in piece_tables(piece, videos[piece.video], weights, schema):
                waiting.append(table)
                while sum(map(len, waiting)) >= settings.row_group_rows:
                    joined = pa.concat_tables(waiting)
                    writer.write_table(joined.slice(0, settings.row_group_rows), settings.row_group_rows)
                    waiting = [joined.slice(settings.row_group_rows)]
        if rest := sum(map(len, waiting)):
            writer.write_table(pa.concat_tables(waiting), rest)


def piece_tables(piece: Piece, video: KeptVideo, weights: FrameWeights, schema: pa.Schema) -> Iterator[pa.Table]:
    """The frames of a piece with all columns of the dataset."""
    place = piece.start
    for table in video.tables(start=piece.start, stop=piece.stop):
        columns = weights.of(video.record.video_id, place, place + len(table))
        columns |= {name: table[name] for name in table.column_names if name in schema.names}
        place += len(table)
        yield pa.table({name: columns[name] for name in schema.names}).cast(schema)


def leaf_paths(schema: pa.Schema) -> list[str]:
    """How Parquet calls the columns of a schema, those inside structures each by itself."""
    sink = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), sink)
    parquet = pq.ParquetFile(pa.BufferReader(sink.getvalue())).schema
    return [parquet.column(number).path for number in range(len(parquet))]
