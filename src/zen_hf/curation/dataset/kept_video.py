# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What stays of a finished video once it was compared with the others; read file by file, never whole."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..frame_row import REJECTED, SIGNALS
from ..parts import Part, VideoRecord

OTHER_VIDEO = "near_duplicate_of_other_video"


@dataclass(frozen=True)
class KeptVideo:
    """The frames of a video that stay.

    Attributes:
        part: Its folder.
        dropped: Numbers of the kept frames that another video shows too.
        rows: Number of frames that stay in each of its files.
        image_bytes: Length of their images, to within what Parquet adds.
    """

    part: Part
    dropped: frozenset[int]
    rows: tuple[int, ...]
    image_bytes: int

    @classmethod
    def of(cls, part: Part, dropped: Sequence[int] = ()) -> "KeptVideo":
        """Counts what stays.

        Raises:
            ValueError: If the files are not what the record says, or a dropped frame is none of the kept ones.
        """
        drop, seen, rows, size = frozenset(dropped), [], [], 0.0
        for file in part.kept_files:
            with pq.ParquetFile(file) as parquet:
                numbers = parquet.read(columns=["frame_index"]).column(0).to_numpy()
                groups = [parquet.metadata.row_group(group) for group in range(parquet.num_row_groups)]
                columns = [group.column(number) for group in groups for number in range(group.num_columns)]
                images = sum(
                    column.total_uncompressed_size for column in columns if column.path_in_schema == "image.bytes"
                )
            staying = int(np.isin(numbers, list(drop), invert=True).sum())
            size += images * staying / max(len(numbers), 1)
            rows.append(staying)
            seen.append(numbers)
        numbers = np.concatenate(seen) if seen else np.zeros(0, np.int64)
        name = part.record.video_id
        if len(numbers) != part.record.kept or (np.diff(numbers) <= 0).any():
            raise ValueError(
                f"video {name}: its record counts {part.record.kept} kept frames, its files hold {len(numbers)}, each "
                "expected once and in the order of time; remove the folder of this part and curate again"
            )
        refused = pq.read_metadata(part.rejected_file).num_rows if part.rejected_file.is_file() else 0
        counted = sum(part.record.rejected.values())
        if refused != counted:
            raise ValueError(
                f"video {name}: its record counts {counted} rejected frames, rejected.parquet holds {refused}; remove the "
                "folder of this part and curate again"
            )
        if unknown := sorted(drop - set(numbers.tolist())):
            raise ValueError(f"video {name}: frame {unknown[0]} is to be dropped, but is none of its kept frames")
        return cls(part, drop, tuple(rows), round(size))

    @property
    def record(self) -> VideoRecord:
        """What the video came to."""
        return self.part.record

    @property
    def frames(self) -> int:
        """Number of frames that stay."""
        return sum(self.rows)

    @property
    def reasons(self) -> dict[str, int]:
        """Number of rejected frames by reason, those that another video shows too among them."""
        other = {OTHER_VIDEO: len(self.dropped)} if self.dropped else {}
        return dict(sorted((self.record.rejected | other).items()))

    def tables(self, columns: list[str] | None = None, start: int = 0, stop: int | None = None) -> Iterator[pa.Table]:
        """Frames that stay, from one place among them to another, in the order of time.

        Args:
            columns: Names of columns of schema KEPT; None for all.
            start: First place, from 0.
            stop: One after the last place; None for the end.
        """
        stop = self.frames if stop is None else stop
        before = 0
        for file, rows in zip(self.part.kept_files, self.rows, strict=True):
            first, last = max(start - before, 0), min(stop - before, rows)
            before += rows
            if first >= last:
                continue
            wanted = None if columns is None else list(dict.fromkeys([*columns, "frame_index"]))
            table = read(file, wanted)
            if self.dropped:
                table = table.filter(np.isin(table["frame_index"].to_numpy(), list(self.dropped), invert=True))
            table = table.slice(first, last - first)
            yield table if columns is None else table.select(columns)

    def rejected(self) -> pa.Table:
        """All its rejected frames, schema REJECTED, in the order of time."""
        file = self.part.rejected_file
        parts = [read(file).cast(REJECTED)] if file.is_file() else []
        for kept in self.part.kept_files if self.dropped else ():
            table = read(kept, ["video_id", "frame_index", "time_s", *SIGNALS])
            table = table.filter(np.isin(table["frame_index"].to_numpy(), list(self.dropped)))
            place = [table[name] for name in ("video_id", "frame_index", "time_s")]
            words = [
                pa.repeat(text, len(table)) for text in (OTHER_VIDEO, "a frame of another video shows it, which stays")
            ]
            parts.append(pa.table([*place, *words, *(table[signal] for signal in SIGNALS)], schema=REJECTED))
        table = pa.concat_tables(parts) if parts else REJECTED.empty_table()
        return table.sort_by("frame_index")


def read(file: Path, columns: list[str] | None = None) -> pa.Table:
    """One file by itself: `pq.read_table` would take folders named `a=b` on the way to it for columns."""
    with pq.ParquetFile(file) as parquet:
        return parquet.read(columns=columns)
