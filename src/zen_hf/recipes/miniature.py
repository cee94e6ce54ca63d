# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""`zen-hf miniature`: a few synthetic operations in the exact layout of a task's dataset."""

from pathlib import Path

from zen_hf.benchmark.miniatures.write import write_miniature
from zen_hf.benchmark.task import load_task


def miniature(task: str, out: Path, seconds: int = 24, size: int = 64, seed: int = 0) -> list[str]:
    """Write the miniature of a task's dataset.

    Args:
        task: name of the task, such as "cholec80_phase".
        out: folder that is made; must be empty or absent.
        seconds: length of every video.
        size: edge of the frames, px, even.
        seed: chooses the operations.

    Returns:
        The ids of its videos.

    Raises:
        FileExistsError: if the folder holds anything.
        ValueError: if the task is unknown.
    """
    videos = write_miniature(load_task(task), Path(out), seconds=seconds, size=size, seed=seed)
    print(
        f"{out}: {len(videos)} synthetic videos in the layout of {load_task(task).source.title}: {', '.join(videos)}"
    )
    return videos
