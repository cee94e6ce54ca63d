# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What a benchmark task is, and how one is found by its name."""

import difflib
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import datasets
import evaluate

from . import tasks
from .split import load_split


@dataclass(frozen=True)
class Target:
    """One thing to predict for every frame.

    Args:
        name: the column of the canonical dataset that holds the truth.
        kind: "multi_label" (a 0/1 vector per frame, scored by AP) or "single_label" (one class index per frame).
        labels: names of the classes, in the fixed order of the label indices.
        metric: `evaluate.Metric` class whose `compute` takes `predictions`, `references` and `groups` (video ids).
        score: what the metric calls the score of one video that heads are chosen by; higher is better. Its result holds
            `per_video[id][score]`, `<score>_video_mean` and `<score>_video_std`.
    """

    name: str
    kind: Literal["multi_label", "single_label"]
    labels: tuple[str, ...]
    metric: type[evaluate.Metric]
    score: str

    @property
    def primary(self) -> str:
        """The primary metric: the mean over videos, under a name that says so."""
        return f"{self.score}_video_mean"


@dataclass(frozen=True)
class Task:
    """A benchmark task: data, split and targets. One file of `benchmark/tasks/` holds one, under the name `TASK`.

    Args:
        name: name of the task and of its file.
        reader: called as `reader(folder, videos)`; it returns one row per frame with the columns `image`, `video_id`,
            `frame` and one per target.
        split: name of the split file in `benchmark/splits/`.
        targets: what is predicted; the first one's primary metric is the task's.
    """

    name: str
    reader: Callable[[Path, list[str]], datasets.Dataset]
    split: str
    targets: tuple[Target, ...]

    def read(self, folder: Path) -> datasets.Dataset:
        """Read the videos of the task's split from the official download.

        Args:
            folder: where the download lies.

        Raises:
            FileNotFoundError: if the folder or a part of it is missing.
            ValueError: if it does not have the official layout.
        """
        return self.reader(Path(folder), load_split(self.split).videos)


def task_names() -> list[str]:
    """Names of all tasks, sorted: the files of `benchmark/tasks/`."""
    return sorted(module.name for module in pkgutil.iter_modules(tasks.__path__))


def load_task(name: str) -> Task:
    """Find a task by its name.

    Args:
        name: name of a file in `benchmark/tasks/`, such as "cholect50_tool".

    Raises:
        ValueError: if there is no such task; the message names the nearest one and all the others.
    """
    known = task_names()
    if name not in known:
        nearest = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {nearest[0]!r}? " if nearest else ""
        raise ValueError(f"unknown task {name!r}: {hint}The known tasks are: {', '.join(known)}.")
    return importlib.import_module(f"{tasks.__name__}.{name}").TASK
