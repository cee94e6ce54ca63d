# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Videos in the rows of a `datasets` dataset: each is read when its turn comes, on whatever worker."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from datasets import Dataset

KNOWN_COLUMNS = ("procedure", "hospital", "patient")
SPLIT_IN_NAME = re.compile(r"([^/\\]+)-\d{5}-of-\d{5}\.parquet$")  # as the Hub names the files of a split


@dataclass(frozen=True)
class VideoRow:
    """A row of a dataset.

    Attributes:
        dataset: Id on the Hub, folder or Parquet file.
        split: Split of the dataset.
        index: Number of the row, from 0.
        name: How its owner's console calls it.
    """

    dataset: str
    split: str
    index: int
    name: str

    def read(self) -> bytes | str:
        """The bytes of the video, or the path of its file.

        Raises:
            ValueError: The row holds neither.
        """
        if self.dataset.endswith(".parquet"):
            cell = _parquet_cell(self.dataset, self.index)
        else:
            cell = open_dataset(self.dataset, self.split)[self.index]["video"]
        cell = cell or {}
        if cell.get("bytes"):
            return cell["bytes"]
        if not cell.get("path"):
            raise ValueError(f"{self.name}: no video in this row; expected bytes or a path in the column video")
        return cell["path"]


def find_rows(dataset: str, split: str) -> Iterator[tuple[VideoRow, dict[str, str]]]:
    """Every row of a dataset, with what its columns `procedure`, `hospital` and `patient` say; no video is read.

    Raises:
        FileNotFoundError: The dataset does not exist.
        ValueError: It has no such split, or no column `video`.
    """
    path = Path(dataset)
    files = [dataset] if path.is_file() else _parquet_files(path, split)
    for file in files:
        table = _parquet_columns(file)
        yield from _rows(file, split, Path(file).name, table.num_rows, table.to_pylist())
    if files:
        return
    rows = open_dataset(dataset, split)
    known = rows.select_columns([column for column in KNOWN_COLUMNS if column in rows.column_names])
    yield from _rows(dataset, split, path.name, len(rows), known.to_list() if known.column_names else [])


def open_dataset(dataset: str, split: str) -> "Dataset":
    """A dataset that was saved to disk, or is on the Hub, whose videos are not decoded."""
    from datasets import DatasetDict, Video, load_dataset, load_from_disk  # takes seconds, and films need none of it

    path = Path(dataset)
    if path.is_dir():
        loaded = load_from_disk(dataset)
    elif path.is_absolute() or dataset.startswith((".", "~")) or dataset.count("/") != 1 or path.exists():
        raise FileNotFoundError(
            f"dataset: no folder or Parquet file {dataset!r}; give a path or a Hub id 'owner/name'"
        )
    else:
        loaded = load_dataset(dataset)
    if isinstance(loaded, DatasetDict):
        if split not in loaded:
            raise ValueError(f"{dataset} has no split {split!r} but {', '.join(map(str, loaded))}; set split")
        loaded = loaded[split]
    _check_columns(dataset, loaded.column_names)
    return loaded.cast_column("video", Video(decode=False))


def _rows(
    dataset: str, split: str, name: str, count: int, columns: list[dict]
) -> Iterator[tuple[VideoRow, dict[str, str]]]:
    for index in range(count):
        known = (
            {key: str(value).strip() for key, value in columns[index].items() if value is not None} if columns else {}
        )
        yield VideoRow(dataset, split, index, f"{name}, row {index}"), known


def _parquet_files(folder: Path, split: str) -> list[str]:
    """The Parquet files of a folder; where their names say of which split they are, those of the split."""
    files = sorted(str(file) for file in folder.glob("**/*.parquet"))
    splits = {file: named[1] if (named := SPLIT_IN_NAME.search(file)) else split for file in files}
    if files and split not in splits.values():
        raise ValueError(f"{folder} has no split {split!r} but {', '.join(sorted(set(splits.values())))}; set split")
    return [file for file in files if splits[file] == split]


def _parquet_columns(file: str) -> pa.Table:
    """What a Parquet file says of its videos."""
    try:
        parquet = pq.ParquetFile(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"{file}: not a readable Parquet file ({error}); write it again") from error
    with parquet:
        names = parquet.schema_arrow.names
        _check_columns(file, names)
        return parquet.read(columns=[column for column in KNOWN_COLUMNS if column in names])


def _parquet_cell(file: str, index: int) -> dict | bytes | None:
    """The video of one row; only its row group is read."""
    cell = None
    with pq.ParquetFile(file) as parquet:
        for group in range(parquet.num_row_groups):
            rows = parquet.metadata.row_group(group).num_rows
            if index < rows:
                break
            index -= rows
        for batch in parquet.iter_batches(1, [group], ["video"]):
            if index == 0:
                cell = batch.column(0)[0].as_py()
                break
            index -= 1
    if isinstance(cell, bytes):
        return {"bytes": cell}
    return {"path": cell} if isinstance(cell, str) else cell


def _check_columns(dataset: str, names: list[str]) -> None:
    if "video" not in names:
        raise ValueError(f"{dataset} has no column 'video' but {', '.join(names)}; rename the column of the videos")
