# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Frames that stay in their Parquet files, local or on the Hub, and are read row group by row group."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


@dataclass(frozen=True)
class RowGroup:
    """One row group of one Parquet file: what is read at once."""

    url: str
    number: int
    rows: int
    image_column: str


class StreamedFrames:
    """Rows of Parquet files by number, with the columns of every frame dataset; images are read when asked for.

    Only the small columns are read at first. It knows what `datasets.Dataset` knows of rows (`frames[3]`,
    `frames["video_id"]`, `len`, `select`), so whoever takes one takes the other.

    Args:
        groups: Row groups in the order of the rows.
        columns: Column name to one value per row of all groups: `video_id`, `source`, and what else is asked for.
        rows: Rows that are left, as numbers into all groups; by default all.
    """

    def __init__(self, groups: list[RowGroup], columns: dict[str, list], rows: np.ndarray | None = None):
        self.groups, self.columns = groups, columns
        self.ends = np.cumsum([group.rows for group in groups])
        self.rows = np.arange(int(self.ends[-1])) if rows is None else rows
        self.tables: OrderedDict[int, pa.ChunkedArray] = OrderedDict()
        self.kept_tables = 24  # row groups that a process remembers; more than a reader goes through at a time

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: int | str):
        if isinstance(key, str):
            values = self.columns[key]
            return [values[row] for row in self.rows]
        row = int(self.rows[key])
        return {"image": self.image(row)} | {name: values[row] for name, values in self.columns.items()}

    def __getstate__(self) -> dict:
        return self.__dict__ | {"tables": OrderedDict()}  # a worker reads for itself

    @property
    def column_names(self) -> list[str]:
        """Names of the columns."""
        return ["image", *self.columns]

    @property
    def blocks(self) -> np.ndarray:
        """Number of the row group of every row that is left [N]."""
        return np.searchsorted(self.ends, self.rows, side="right")

    def select(self, rows: Iterable[int]) -> "StreamedFrames":
        """The rows of these numbers, in their order."""
        return StreamedFrames(self.groups, self.columns, self.rows[np.fromiter(rows, dtype=np.int64)])

    def image(self, row: int) -> dict:
        """The undecoded image of a row among all groups: `{"bytes": ..., "path": ...}`."""
        number = int(np.searchsorted(self.ends, row, side="right"))
        place = row - (int(self.ends[number]) - self.groups[number].rows)
        value = self.table(number)[place].as_py()
        return value if isinstance(value, dict) else {"bytes": value, "path": None}

    def table(self, number: int) -> pa.ChunkedArray:
        """The images of a row group, read or remembered."""
        if number not in self.tables:
            group = self.groups[number]
            try:
                with fsspec.open(group.url, "rb") as file:
                    read = pq.ParquetFile(file).read_row_group(group.number, columns=[group.image_column])
            except (pa.ArrowException, OSError) as error:
                raise ValueError(
                    f"{group.url}: row group {group.number} cannot be read ({error}); the file is damaged or its "
                    "server does not answer: replace it, then go on with --resume"
                ) from error
            self.tables[number] = read.column(0)
            while len(self.tables) > self.kept_tables:
                self.tables.popitem(last=False)
        self.tables.move_to_end(number)
        return self.tables[number]


def open_streamed(urls: list[str], image_column: str, columns: dict[str, str], constants: dict[str, str]):
    """Reads the footers and the small columns of Parquet files.

    Args:
        urls: Paths or fsspec addresses such as `hf://datasets/owner/name/data/train-0.parquet`.
        image_column: Column of encoded images.
        columns: Name of a column here to its name in the files.
        constants: Columns with one value for all rows.

    Raises:
        ValueError: A file is no whole Parquet file, or lacks a column.
    """
    groups, values = [], {name: [] for name in columns}
    for url in urls:
        try:
            with fsspec.open(url, "rb") as file:
                parquet = pq.ParquetFile(file)
                names = parquet.schema_arrow.names
                missing = [name for name in (image_column, *columns.values()) if name not in names]
                if missing:
                    raise ValueError(
                        f"{url} has no column {missing[0]!r} but {', '.join(names)}; set image_column and "
                        "video_column (video_column: null if there are no videos)"
                    )
                small = parquet.read(columns=list(columns.values())) if columns else None
                sizes = [parquet.metadata.row_group(n).num_rows for n in range(parquet.num_row_groups)]
        except pa.ArrowException as error:
            raise ValueError(
                f"{url}: not a whole Parquet file ({error}); it was cut off or damaged: copy or write it again"
            ) from error
        groups += [RowGroup(url, number, rows, image_column) for number, rows in enumerate(sizes) if rows]
        for name, column in columns.items():
            values[name] += small.column(column).to_pylist()
    total = sum(group.rows for group in groups)
    if not total:
        raise ValueError(f"{', '.join(urls)}: no rows")
    return StreamedFrames(groups, values | {name: [value] * total for name, value in constants.items()})


def chain(parts: list[StreamedFrames]) -> StreamedFrames:
    """One after the other, as one."""
    groups = [group for part in parts for group in part.groups]
    columns = {name: [value for part in parts for value in part.columns[name]] for name in parts[0].columns}
    starts = np.cumsum([0, *(int(part.ends[-1]) for part in parts)])
    rows = np.concatenate([part.rows + start for part, start in zip(parts, starts[:-1], strict=True)])
    return StreamedFrames(groups, columns, rows)
