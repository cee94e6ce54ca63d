# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which kept frames of a video another video shows too."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .judging.near_duplicates import DuplicateSettings, duplicates_across
from .parts import Part


def shown_before(parts: Sequence[Part], settings: DuplicateSettings) -> dict[str, list[int]]:
    """Numbers of the frames of every video that a kept frame of a video before it shows; see `duplicates_across`.

    Args:
        parts: All videos; those that could not be read, or of which nothing was kept, have no part in it.
        settings: What counts as the same picture.
    """
    with_frames = sorted((part for part in parts if part.record.kept), key=lambda part: part.record.video_id)
    numbers = {}

    def videos() -> Iterator[tuple[str, np.ndarray, np.ndarray | None]]:
        for part in with_frames:
            table = pa.concat_tables(columns_of(part))
            numbers[part.record.video_id] = table["frame_index"].to_numpy()
            hashes = table["perceptual_hash"].to_numpy()
            embeddings = table["embedding"].combine_chunks()
            if embeddings.null_count:
                yield part.record.video_id, hashes, None
            else:
                yield part.record.video_id, hashes, embeddings.flatten().to_numpy().reshape(len(table), -1)

    # a video's numbers are read before its verdict comes
    return {
        video: numbers[video][drop].tolist() for video, drop in duplicates_across(videos(), settings) if drop.any()
    }


def columns_of(part: Part) -> Iterator[pa.Table]:
    """What is known of the frames of a video, file by file, without their images."""
    for file in part.kept_files:
        with pq.ParquetFile(file) as parquet:
            yield parquet.read(columns=["frame_index", "perceptual_hash", "embedding"])
