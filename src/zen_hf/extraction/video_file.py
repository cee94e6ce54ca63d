# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The features of one video in one file, joined from its chunks without holding them in memory.

A safetensors file has `summary` [frames, D], `patches` [frames, N, C], `layer5.summary` ..., `frame_index` and `time_s`; a
Parquet file the same as columns, a row per frame, with `video_id`. Both carry the key of their features as metadata.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors import SafetensorError, safe_open

from zen_hf.atomic_files import atomic_file
from zen_hf.engines.plain_errors import FULL

from .feature_file import map_tensors

SIZES = {"F64": 8, "I64": 8, "F32": 4, "BF16": 2, "F16": 2}  # bytes; larger ones lie first, so that all are aligned


@dataclass(frozen=True)
class VideoFile:
    """A file of features, its header read.

    Attributes:
        path: Where it is.
        key: All that its features depend on, with the video's `sha256` and `extent`.
        frames: Number of its frames.
    """

    path: Path
    key: dict
    frames: int

    @classmethod
    def open(cls, path: Path) -> "VideoFile":
        """Read the header.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is damaged or holds other things.
        """
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file of features")
        try:
            if path.suffix == ".parquet":
                about = pq.ParquetFile(path)
                key, frames = json.loads((about.schema_arrow.metadata or {})[b"key"]), about.metadata.num_rows
            else:
                with safe_open(path, framework="numpy") as file:  # also checks the file's length
                    key, frames = json.loads((file.metadata() or {})["key"]), file.get_slice("time_s").get_shape()[0]
        except (SafetensorError, pa.ArrowInvalid, KeyError, ValueError) as error:
            raise ValueError(
                f"{path}: damaged, or no file of zen-hf extract ({error}); delete it and extract its video again"
            ) from error
        return cls(path, key, frames)

    def read(self, names: list[str] | None = None) -> dict[str, np.ndarray]:
        """Its arrays: of safetensors mapped from the disk, of Parquet in memory.

        Args:
            names: Which; by default all.

        Raises:
            ValueError: If it has no such array.
        """
        if self.path.suffix == ".parquet":
            known = [name for name in pq.read_schema(self.path).names if name != "video_id"]
        else:
            with safe_open(self.path, framework="numpy") as file:
                known = sorted(file.keys())
        missing = sorted(set(names or ()) - set(known))
        if missing:
            raise ValueError(f"{self.path} has no {missing[0]!r} but {', '.join(known)}; extract it with that kind")
        if self.path.suffix == ".parquet":
            table = pq.read_table(self.path, columns=names or known)
            return {name: as_array(table[name]) for name in table.column_names}
        tensors = map_tensors(self.path)
        return {name: tensors[name] for name in names or known}

    def require_undamaged(self) -> None:
        """Compare a safetensors file with the hash that it carries, and read a Parquet file through.

        Raises:
            ValueError: If it is damaged.
        """
        try:
            if self.path.suffix == ".parquet":
                pq.read_table(self.path)
                return
            with safe_open(self.path, framework="numpy") as file:
                expected = file.metadata()["content"]
            with open(self.path, "rb") as file:
                file.seek(8 + int.from_bytes(file.read(8), "little"))
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except (OSError, KeyError, pa.ArrowInvalid) as error:
            raise ValueError(f"{self.path}: damaged ({error}); delete it and extract its video again") from error
        if found != expected:
            raise ValueError(f"{self.path}: damaged; delete it and extract its video again")


def as_array(column: pa.ChunkedArray) -> np.ndarray:
    """A column of numbers, or of lists of one length, as one array."""
    values, shape = column.combine_chunks(), [len(column)]
    while pa.types.is_list(values.type):
        length = len(values.values) // max(len(values), 1)
        shape.append(length)
        values = values.values
    return values.to_numpy(zero_copy_only=False).reshape(shape)


def join_chunks(parts: list[Path], path: Path, video: str, key: dict) -> None:
    """Write the chunks of a video as one file, whole or not at all.

    Args:
        parts: Chunks in the order of time.
        path: Of the file; its ending chooses the format.
        video: Name of the video, for Parquet.
        key: Of the features, ready for JSON.

    Raises:
        OSError: If the disk is full or does not let itself be written, or a chunk is not there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write = write_parquet if path.suffix == ".parquet" else write_safetensors
    try:
        with atomic_file(path) as temporary:
            write(parts, temporary, video, key)
    except OSError as error:
        if error.errno not in FULL:
            raise OSError(f"{path}: cannot be written ({error}); start the same command again") from error
        words = error.strerror or error
        raise OSError(f"{path}: cannot be written ({words}); make room, and start the same command again") from error


def write_safetensors(parts: list[Path], path: Path, video: str, key: dict) -> None:
    """The arrays of all chunks behind each other; see https://github.com/huggingface/safetensors#format."""
    headers = [header_of(part) for part in parts]
    shapes, place = {}, 0
    for name in sorted(headers[0], key=lambda name: (-SIZES[headers[0][name]["dtype"]], name)):
        first, rows = headers[0][name], sum(header[name]["shape"][0] for header in headers)
        size = int(np.prod([rows, *first["shape"][1:]])) * SIZES[first["dtype"]]
        shapes[name] = {
            "dtype": first["dtype"],
            "shape": [rows, *first["shape"][1:]],
            "data_offsets": [place, place + size],
        }
        place += size
    digest = hashlib.sha256()
    for block in blocks(parts, list(shapes)):
        digest.update(block)
    about = {"key": json.dumps(key, sort_keys=True), "content": digest.hexdigest()}
    header = json.dumps({"__metadata__": about} | shapes, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    with open(path, "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for block in blocks(parts, list(shapes)):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())


def header_of(path: Path) -> dict:
    """Type, shape and place of every array of a safetensors file."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    header.pop("__metadata__", None)
    return header


def blocks(parts: list[Path], names: list[str]) -> Iterator[bytes]:
    """The bytes of every array, chunk by chunk."""
    for name in names:
        for part in parts:
            with open(part, "rb") as file:
                start = 8 + int.from_bytes(file.read(8), "little")
                first, last = header_of(part)[name]["data_offsets"]
                file.seek(start + first)
                yield file.read(last - first)


def write_parquet(parts: list[Path], path: Path, video: str, key: dict) -> None:
    """A row group per chunk."""
    writer = None
    try:
        for part in parts:
            arrays = map_tensors(part)
            order = ["frame_index", "time_s", *sorted(set(arrays) - {"frame_index", "time_s"})]
            columns = {"video_id": pa.array([video] * len(arrays["time_s"]))}
            table = pa.table(columns | {name: as_column(arrays[name]) for name in order})
            if writer is None:
                schema = table.schema.with_metadata({"key": json.dumps(key, sort_keys=True)})
                writer = pq.ParquetWriter(path, schema, compression="none")
            writer.write_table(table.cast(schema))
    finally:
        if writer is not None:
            writer.close()


def as_column(array: np.ndarray) -> pa.Array:
    """Numbers, lists of numbers or lists of lists."""
    values = pa.array(array.reshape(-1))
    for length in reversed(array.shape[1:]):
        offsets = np.arange(0, len(values) + 1, length, dtype=np.int32)
        values = pa.ListArray.from_arrays(offsets, values)
    return values
