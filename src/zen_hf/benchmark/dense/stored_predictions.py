# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Finished predictions of one fold, head and run, kept so that they are made once.

Two tasks that ask different questions of the same predictions (boxes and masks of the same instances) share them, and an
interrupted suite goes on with the first that is missing.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from zen_hf.atomic_files import atomic_file
from zen_hf.extraction.feature_file import content_hash

from .pictures import packed, unpacked

FORMAT = "zen-hf dense predictions 3"


@dataclass(frozen=True)
class StoredPredictions:
    """The file of one training.

    Args:
        cache_dir: of the benchmark; the file lies in `dense_predictions` below it.
        key: all that the predictions depend on, ready for JSON.
    """

    cache_dir: Path
    key: dict

    @property
    def _key(self) -> str:
        return json.dumps([FORMAT, self.key], sort_keys=True)

    @property
    def path(self) -> Path:
        """Where it is; another key gives another name."""
        name = hashlib.sha256(self._key.encode()).hexdigest()[:32]
        return Path(self.cache_dir) / "dense_predictions" / f"{name}.safetensors"

    def write(self, outputs: dict[str, list[bytes]], chosen: dict) -> None:
        """Write the predictions of every video and what was chosen, whole or not at all."""
        tensors = {video: packed(frames) for video, frames in outputs.items()}
        metadata = {"key": self._key, "chosen": json.dumps(chosen), "content": content_hash(tensors)}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(self.path) as temporary:
            save_file(tensors, temporary, metadata=metadata)

    def read(self) -> tuple[dict[str, list[bytes]], dict] | None:
        """What was written, or None where there is no file.

        Raises:
            ValueError: if the file is damaged, or was stored under another key than its name says.
        """
        if not self.path.is_file():
            return None
        try:
            with safe_open(self.path, framework="numpy") as file:
                metadata = file.metadata() or {}
                tensors = {name: np.ascontiguousarray(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise ValueError(f"{self.path}: damaged ({error}); delete it, and the head is trained anew.") from error
        if metadata.get("key") != self._key or metadata.get("content") != content_hash(tensors):
            raise ValueError(f"{self.path}: not what was written here; delete it, and the head is trained anew.")
        return {video: unpacked(frames) for video, frames in tensors.items()}, json.loads(metadata["chosen"])
