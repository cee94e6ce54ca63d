# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Write the miniature of a task's dataset."""

import importlib
from pathlib import Path

from ..split import load_split
from ..task import Task
from .marker import mark_miniature


def write_miniature(
    task: Task,
    folder: Path,
    train: int = 3,
    val: int = 1,
    test: int = 2,
    seconds: int = 24,
    size: int = 64,
    seed: int = 0,
) -> list[str]:
    """Write a few synthetic operations in the exact layout of a task's dataset, under ids of the task's split.

    Args:
        task: the task; other tasks on the same dataset and split can use the same folder.
        folder: where the miniature is made; must be empty or absent.
        train: number of videos to train on.
        val: number of videos to choose on, where the split has such videos.
        test: number of videos to test on.
        seconds: length of every video; every class occurs from about twice the number of classes on.
        size: edge of the frames, px, even.
        seed: chooses the operations.

    Returns:
        The ids of the videos.

    Raises:
        FileExistsError: if the folder holds anything.
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty; give a new folder for the miniature.")
    folder.mkdir(parents=True, exist_ok=True)
    fold = load_split(task.split).folds[0]
    videos = list(fold.train[:train] + fold.val[:val] + fold.test[:test])
    writer = importlib.import_module(f"{__package__}.{task.source.name}")
    writer.write(folder, videos, seconds, size, seed)
    mark_miniature(folder, task.source.name, videos)
    return videos
