# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A safetensors file that is only ever served as what it was written as: under its key, whole, and undamaged."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from zen_hf.atomic_files import atomic_file

TYPES = {"F16": np.float16, "F32": np.float32, "F64": np.float64, "I64": np.int64}


@dataclass(frozen=True)
class FeatureFile:
    """Arrays of one video under one key.

    Args:
        cache_dir: folder of all cached features; made when something is written.
        video: id of the video.
        key: all that the arrays depend on, ready for JSON; holds `encoder` and `image_size`.
    """

    cache_dir: Path
    video: str
    key: dict

    @property
    def path(self) -> Path:
        """Where it is: a folder per encoder and image size, and a name per video and key."""
        whole = hashlib.sha256(json.dumps(self.key, sort_keys=True).encode()).hexdigest()[:16]
        folder = f"{self.key['encoder'][:16]}-{self.key['image_size']}"
        return Path(self.cache_dir) / folder / f"{self.video}-{whole}.safetensors"

    def write(self, tensors: dict[str, np.ndarray]) -> None:
        """Write the arrays (float16 or float32) with their key and their own hash, whole or not at all."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        metadata = {"key": json.dumps(self.key, sort_keys=True), "content": content_hash(tensors)}
        with atomic_file(self.path) as temporary:
            save_file(tensors, temporary, metadata=metadata)

    def read(self) -> dict[str, np.ndarray] | None:
        """The arrays, mapped from the disk and so not held in memory, or None where there is no file.

        Raises:
            ValueError: if the file is damaged, or was stored under another key than its name says.
        """
        if not self.path.is_file():
            return None
        try:
            with safe_open(self.path, framework="numpy") as file:  # also checks the file's length
                metadata = file.metadata() or {}
        except SafetensorError as error:
            raise ValueError(
                f"{self.path}: damaged feature file ({error}); delete it, and it is extracted anew."
            ) from error
        tensors = map_tensors(self.path)
        if metadata.get("key") != json.dumps(self.key, sort_keys=True) or metadata.get("content") != content_hash(
            tensors
        ):
            raise ValueError(f"{self.path}: the features are not those that were stored here; delete the file.")
        return tensors


def map_tensors(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file, in one private mapping: 8 bytes of length, a JSON header, then the values.

    What is written to them stays in memory and never reaches the file. NumPy has no bfloat16: such arrays are float32 in
    memory, each value as it was.
    """
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    values = np.memmap(path, np.uint8, "c", 8 + length)  # one for all: each holds a file open
    tensors = {}
    for name, entry in header.items():
        stored = values[slice(*entry["data_offsets"])]
        if entry["dtype"] == "BF16":  # the upper half of a float32
            numbers = (stored.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        else:
            numbers = stored.view(TYPES[entry["dtype"]])
        tensors[name] = numbers.reshape(entry["shape"])
    return tensors


def content_hash(tensors: dict[str, np.ndarray]) -> str:
    """SHA-256 over names, shapes, types and values."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.shape} {tensor.dtype}".encode())
        digest.update(np.ascontiguousarray(tensor))
    return digest.hexdigest()
