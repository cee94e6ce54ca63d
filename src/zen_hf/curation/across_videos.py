# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which kept frames of a video another video shows too."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.progress import Progress

from zen_hf.atomic_files import atomic_write_text

from .judging.near_duplicates import DuplicateSettings, duplicates_across
from .parts import Part, read_note


def shown_before(parts: Sequence[Part], settings: DuplicateSettings, note: Path) -> dict[str, list[int]]:
    """Numbers of the frames of every video that a kept frame of a video before it shows; see `duplicates_across`.

    Args:
        parts: All videos; those that could not be read, or of which nothing was kept, have no part in it.
        settings: What counts as the same picture.
        note: File that holds the answer for the same videos and settings, and is written if it does not: of millions of
            frames, comparing takes hours.
    """
    with_frames = sorted((part for part in parts if part.record.kept), key=lambda part: part.record.video_id)
    asked = [settings.cosine, settings.across_bits, [asdict(part.record) for part in with_frames]]
    key = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    noted = read_note(note)
    if noted.get("key") != key:
        noted = {"key": key, "dropped": compare(with_frames, settings)}
        atomic_write_text(note, json.dumps(noted))
    return noted["dropped"]


def compare(parts: Sequence[Part], settings: DuplicateSettings) -> dict[str, list[int]]:
    """The answer of [`shown_before`], from the frames of videos in the order of their ids."""
    numbers = {}

    def videos() -> Iterator[tuple[str, np.ndarray, np.ndarray | None]]:
        for part in parts:
            table = pa.concat_tables(columns_of(part))
            numbers[part.record.video_id] = table["frame_index"].to_numpy()
            hashes = table["perceptual_hash"].to_numpy()
            embeddings = table["embedding"].combine_chunks()
            if embeddings.null_count:
                yield part.record.video_id, hashes, None
            else:
                yield part.record.video_id, hashes, embeddings.flatten().to_numpy().reshape(len(table), -1)

    dropped = {}
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("comparing videos", total=sum(part.record.kept for part in parts))
        for video, drop in duplicates_across(
            videos(), settings
        ):  # a video's numbers are read before its verdict comes
            progress.advance(bar, len(drop))
            if drop.any():
                dropped[video] = numbers[video][drop].tolist()
    return dropped


def columns_of(part: Part) -> Iterator[pa.Table]:
    """What is known of the frames of a video, file by file, without their images."""
    for file in part.kept_files:
        with pq.ParquetFile(file) as parquet:
            yield parquet.read(columns=["frame_index", "perceptual_hash", "embedding"])
