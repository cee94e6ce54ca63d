# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Maps of a frozen trunk, encoded once and kept on the disk as float16, as far as there is room.

What does not fit is encoded again, and it alone, whenever it is asked for, and rounded alike. The files are those of `feature_file`, some
frames each: they carry the encoder's fingerprint, the rule and size of the canvas and the hash of their frames.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from zen_hf.extraction.feature_file import FeatureFile
from zen_hf.extraction.preconditions import versions_of

from ..feature_cache import PACKAGES, frames_hash
from .canvas import RULE
from .canvas_frames import CanvasFrames

FRAMES_PER_FILE = 128  # of one video: what is in memory at once while it is written

Maps = list[torch.Tensor]


class TrunkMaps:
    """Maps of the frames of some videos.

    Args:
        frames: them.
        rows_of: video -> rows of `frames`. Where the room is short, the first videos are kept.
        read: from RGB frames [B, 3, H, W] in [0, 1] and which pixels show the frame [B, 1, H, W] to maps [B, C, h, w].
        key: what the maps depend on besides the frames, ready for JSON; holds `encoder` and `image_size`.
        cache_dir: folder of all cached features.
        cache_bytes: room for these maps; those of other encoders, layers and tasks are not counted.
        batch_size: frames per forward pass.
    """

    def __init__(
        self,
        frames: CanvasFrames,
        rows_of: dict[str, list[int]],
        read: Callable[[torch.Tensor, torch.Tensor], Maps],
        key: dict,
        cache_dir: Path,
        cache_bytes: int,
        batch_size: int,
    ):
        """Encode what is missing, as far as there is room.

        Raises:
            ValueError: if a frame cannot be decoded, maps are not finite in float16, or a kept file is damaged.
        """
        self.frames, self.read, self.place_of = frames, read, {}
        key = key | {"canvas": list(frames.canvas), "frame_to_pixels": RULE, "versions": versions_of(PACKAGES)}
        parts = [
            (f"{video}-{start}", rows[start : start + FRAMES_PER_FILE])
            for video, rows in rows_of.items()
            for start in range(0, len(rows), FRAMES_PER_FILE)
        ]
        files = [
            FeatureFile(cache_dir, name, key | {"dense maps": 1, "frames": frames_hash(frames.frames.select(rows))})
            for name, rows in parts
        ]
        missing = [index for index, file in enumerate(files) if not file.path.is_file()]
        fitting = self.fitting([parts[index][1] for index in missing], files, cache_bytes)
        kept = set(range(len(files))) - set(missing[fitting:])
        total = sum(len(rows) for _, rows in parts)
        progress = track(missing[:fitting], "encoding frames", console=Console(stderr=True), disable=not fitting)
        for index in progress:
            files[index].write(self.encode(parts[index][1], batch_size))
        for index in sorted(kept):
            tensors = files[index].read()
            maps = [tensors[name] for name in sorted(tensors)]
            self.place_of |= {row: (maps, place) for place, row in enumerate(parts[index][1])}
        if len(self.place_of) < total:
            Console(stderr=True).print(
                f"maps of {total - len(self.place_of)} of {total} frames do not fit into {cache_bytes / 2**30:.3g} GiB: "
                "these frames are encoded again whenever they are needed"
            )

    def fitting(self, missing: list[list[int]], files: list[FeatureFile], cache_bytes: int) -> int:
        """How many of the missing parts fit beside those that are there."""
        if not missing:
            return 0
        size = sum(2 * values[0].numel() for values in self.batch(missing[0][:1]))
        place = Path(files[0].cache_dir).absolute()
        free = shutil.disk_usage(next(folder for folder in (place, *place.parents) if folder.exists())).free
        there = sum(file.path.stat().st_size for file in files if file.path.is_file())
        ends = np.cumsum([len(rows) * size for rows in missing])
        return int((ends <= min(cache_bytes - there, 0.9 * free)).sum())

    def encode(self, rows: list[int], batch_size: int) -> dict[str, np.ndarray]:
        """Maps of some frames, [frames, C, h, w] float16 each."""
        batches = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
        found: list[np.ndarray] = []
        done = 0
        for batch, pixels in zip(batches, self.frames.batches(batches), strict=True):
            maps = [values.half().cpu().numpy() for values in self.read(pixels, self.frames.inside(batch))]
            found = found or [np.empty((len(rows), *values.shape[1:]), np.float16) for values in maps]
            for whole, values in zip(found, maps, strict=True):
                if not np.isfinite(values).all():
                    name = self.frames.frames[batch[0]]["video_id"]
                    raise ValueError(
                        f"maps of video {name} are not finite in float16 (up to 65504), in which they are kept; this "
                        "encoder cannot be probed on its maps."
                    )
                whole[done : done + len(batch)] = values
            done += len(batch)
        return {f"map_{index:02d}": values for index, values in enumerate(found)}

    def absent(self, rows: Sequence[int]) -> list[int]:
        """Those of some rows whose maps are not kept, each once."""
        return [row for row in dict.fromkeys(map(int, rows)) if row not in self.place_of]

    def batch(self, rows: Sequence[int]) -> Maps:
        """Maps of some frames, [B, C, h, w] float32 each, on the CPU."""
        return next(self.batches([rows]))

    def batches(self, batches: Sequence[Sequence[int]]) -> Iterator[Maps]:
        """Maps of one batch of rows after the other; frames whose maps are not kept are decoded ahead of their turn."""
        absent = [self.absent(rows) for rows in batches]
        pixels = self.frames.batches([rows for rows in absent if rows])
        for rows, missing in zip(batches, absent, strict=True):
            made = self.computed(missing, next(pixels)) if missing else {}
            each = [made[row] if row in made else self.kept(row) for row in map(int, rows)]
            yield [torch.from_numpy(np.stack(values)).float() for values in zip(*each, strict=True)]

    def computed(self, rows: list[int], pixels: torch.Tensor) -> dict[int, list[np.ndarray]]:
        """Maps of some frames by row, [C, h, w] each, encoded now and rounded as those that are kept."""
        maps = [values.half().cpu().numpy() for values in self.read(pixels, self.frames.inside(rows))]
        return {row: [values[place] for values in maps] for place, row in enumerate(rows)}

    def kept(self, row: int) -> list[np.ndarray]:
        """Maps of a frame from the disk, [C, h, w] each."""
        maps, place = self.place_of[row]
        return [values[place] for values in maps]
