# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""`zen-hf miniature`: a few synthetic operations in the exact layout of a task's dataset."""

from pathlib import Path

from zen_hf.benchmark.miniatures.write import write_miniature
from zen_hf.benchmark.suites import SUITES
from zen_hf.benchmark.task import load_task


def miniature(name: str, out: Path, seconds: int = 24, size: int = 64, seed: int = 0) -> dict[str, list[str]]:
    """Write the miniature of a task's dataset, or of every dataset of a suite.

    Args:
        name: a task, such as "cholec80_phase", or a suite, such as "workflow".
        out: folder that is made; must be empty or absent. For a suite it gets one folder per dataset.
        seconds: length of every video.
        size: edge of the frames, px, even.
        seed: chooses the operations.

    Returns:
        Folder of each dataset to the ids of its videos.

    Raises:
        FileExistsError: if the folder holds anything.
        ValueError: if the name is unknown.
    """
    tasks = [load_task(task) for task in SUITES.get(name, (name,))]
    out = Path(out)
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"{out} is not empty; give a new folder for the miniature.")
    datasets = {task.source.name: task for task in reversed(tasks)}  # of tasks on one dataset, the first one's split
    written = {}
    for source, task in sorted(datasets.items()):
        folder = out / source if name in SUITES else out
        videos = write_miniature(task, folder, seconds=seconds, size=size, seed=seed)
        print(f"{folder}: {len(videos)} synthetic videos in the layout of {task.source.title}: {', '.join(videos)}")
        written[str(folder)] = videos
    return written
