# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A control for what a teacher teaches: cached targets that belong to frames of another video."""

import shutil
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from zen_hf.atomic_files import atomic_folder
from zen_hf.distillation.target_cache import TargetCache


def shuffle_targets(cache: TargetCache, folder: Path, seed: int) -> None:
    """Copies a filled cache, every frame with what the teachers said of some frame of another video.

    Views stay as they are, and so does the distribution of the targets: what a student then learns is their mean, at
    best per position, and whatever it would learn from targets that say nothing about its frame.

    Args:
        cache: A cache that is filled; not changed.
        folder: The copy, for a run that is otherwise the same; must not exist.
        seed: Seed of the order of frames within a video.

    Raises:
        ValueError: If one video has more than half of the frames.
    """
    random = np.random.default_rng([seed, 6])
    half = len(cache.frames) // 2
    lengths: dict[tuple[str, str], int] = {}
    for video in zip(cache.frames["source"][:], cache.frames["video_id"][:], strict=True):
        lengths[video] = lengths.get(video, 0) + 1
    if max(lengths.values()) > half:
        raise ValueError(
            f"one of {len(lengths)} videos has {max(lengths.values())} of {len(cache.frames)} frames; expected at most half, "
            "or its targets could not all come from another video"
        )
    with atomic_folder(folder) as temporary:
        write_shuffled(cache, temporary, half, random)


def write_shuffled(cache: TargetCache, folder: Path, half: int, random: np.random.Generator) -> None:
    """Writes every block with the targets of the frames half of the set further on, their order within it shuffled."""
    shutil.copytree(cache.folder / cache.pixel_key, folder / cache.pixel_key)
    for view in range(cache.spec.fixed):
        for key in cache.keys.values():
            parts = [load_file(cache.path(block, view, key)) for block in cache.blocks]
            targets = {name: torch.cat([part[name] for part in parts]).roll(half, 0) for name in parts[0]}
            first = 0
            for block in cache.blocks:
                order = torch.from_numpy(first + random.permutation(len(block.rows)))
                path = folder / cache.path(block, view, key).relative_to(cache.folder)
                path.parent.mkdir(parents=True)
                save_file({name: values[order] for name, values in targets.items()}, path)
                first += len(block.rows)
