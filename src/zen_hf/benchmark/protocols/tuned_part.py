# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What one training of a trunk predicts, kept until all are done, so that an interrupted benchmark goes on."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from zen_hf.atomic_files import atomic_file
from zen_hf.extraction.feature_file import content_hash

FORMAT = "zen-hf tuned part 1"

Part = tuple[str, str, tuple[dict[str, np.ndarray], dict]]  # head, target, (logits by video, what was chosen)


@dataclass(frozen=True)
class TunedPart:
    """The file of one fold and seed.

    Args:
        folder: of all parts of a result; made when something is written.
        name: what the fold and seed are called.
        key: all that the predictions depend on, ready for JSON.
    """

    folder: Path
    name: str
    key: dict

    @property
    def path(self) -> Path:
        """Where it is; another key gives another name."""
        return Path(self.folder) / f"{self.name}-{hashlib.sha256(self._key.encode()).hexdigest()[:16]}.safetensors"

    @property
    def _key(self) -> str:
        return json.dumps([FORMAT, self.key], sort_keys=True)

    def write(self, parts: list[Part]) -> None:
        """Write the logits as float32 (what is scored) and beside them, in the header, what was chosen; whole or not at all."""
        tensors = {
            f"{number}/{video}": np.ascontiguousarray(values, dtype=np.float32)
            for number, (_, _, (logits, _)) in enumerate(parts)
            for video, values in logits.items()
        }
        heads = [
            {"head": head, "target": target, "videos": list(logits), "chosen": chosen}
            for head, target, (logits, chosen) in parts
        ]
        metadata = {"key": self._key, "heads": json.dumps(heads), "content": content_hash(tensors)}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(self.path) as temporary:
            save_file(tensors, temporary, metadata=metadata)

    def read(self) -> list[Part] | None:
        """What was written, in its order, or None where there is no file.

        Raises:
            ValueError: if the file is damaged, or was stored under another key than its name says.
        """
        if not self.path.is_file():
            return None
        try:
            with safe_open(self.path, framework="numpy") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        except SafetensorError as error:
            raise ValueError(f"{self.path}: damaged ({error}); delete it, and this trunk is trained anew.") from error
        if metadata.get("key") != self._key or metadata.get("content") != content_hash(tensors):
            raise ValueError(
                f"{self.path}: not what was written under this name (damaged, or renamed); delete it, and this trunk is "
                "trained anew."
            )
        return [
            (entry["head"], entry["target"], ({v: tensors[f"{number}/{v}"] for v in entry["videos"]}, entry["chosen"]))
            for number, entry in enumerate(json.loads(metadata["heads"]))
        ]
