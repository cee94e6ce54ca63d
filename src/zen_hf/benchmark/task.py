# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What a benchmark task is, and how one is found by its name."""

import difflib
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import datasets
import evaluate

from . import tasks
from .dense.pictures import DenseValue
from .miniatures.marker import miniature_videos
from .readers.source import Source
from .split import MINIATURE, Split, load_split

DENSE = ("segmentation", "partial", "instances", "depth")
Kind = Literal["multi_label", "single_label", "segmentation", "partial", "instances", "depth"]


@dataclass(frozen=True)
class Target:
    """One thing to predict for every frame.

    Args:
        name: the column of the canonical dataset that holds the truth.
        kind: "multi_label" (a 0/1 vector per frame, scored by AP), "single_label" (one class index per frame), or one of
            `DENSE`, whose truth is a picture (`dense.pictures`).
        labels: names of the classes, in the fixed order of the label indices; of "segmentation" the first is the
            background, of "depth" there are none.
        metric: `evaluate.Metric` class whose `compute` takes `predictions`, `references` and `groups` (video ids).
        score: what the metric calls the score of one video that heads are chosen by; higher is better. Its result holds
            `per_video[id][score]`, `<score>_video_mean` and `<score>_video_std`.
        headline: name of the score that counts, where the field reports another mean than that over videos.
        also: further metrics of the same predictions; their scores stand beside those of `metric`.
        read: of a dense target, from a cell of the column to the truth of one frame.
        settings: keyword arguments of the metric's `video_statistics`, such as the range of depths that is scored.
        lower_is_better: whether the primary score is an error.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    metric: type[evaluate.Metric]
    score: str
    headline: str | None = None
    also: tuple[type[evaluate.Metric], ...] = ()
    read: Callable[[object], DenseValue] | None = None
    settings: dict[str, object] = field(default_factory=dict)
    lower_is_better: bool = False

    @property
    def is_dense(self) -> bool:
        """Whether the truth of a frame is a picture or a list of instances."""
        return self.kind in DENSE

    @property
    def primary(self) -> str:
        """The primary metric, under a name that says how it is averaged."""
        return self.headline or f"{self.score}_video_mean"


@dataclass(frozen=True)
class Transfer:
    """A task whose head can be tested on this one without training here (protocol `zero_shot`).

    Args:
        task: the task that the head is trained on.
        target: its target, with the same kind as the first one here.
        labels: its labels -> labels here. A label here that no other maps to cannot be predicted; it counts as missed.
    """

    task: str
    target: str
    labels: dict[str, str]


TEMPORAL_HEADS = {
    "frozen": ("linear", "attentive", "ms_tcn"),
    "few_shot": ("linear", "ms_tcn"),
    "lora": ("linear", "ms_tcn"),
    "full": ("linear", "ms_tcn"),
    "zero_shot": ("text", "transfer", "knn"),
}
FRAME_HEADS = {
    "frozen": ("linear", "attentive"),
    "few_shot": ("linear",),
    "lora": ("linear",),
    "full": ("linear",),
    "zero_shot": ("text", "transfer", "knn"),
}
MASK_HEADS = {
    "frozen": ("linear", "dpt"),
    "few_shot": ("linear",),
    "lora": ("dpt",),
    "full": ("dpt",),
    "zero_shot": ("transfer", "knn"),
}
DEPTH_HEADS = MASK_HEADS
INSTANCE_HEADS = {
    "frozen": ("mask2former",),
    "few_shot": ("mask2former",),
    "lora": ("mask2former",),
    "full": ("mask2former",),
    "zero_shot": ("knn",),
}
ANSWER_HEADS = {
    "frozen": ("fusion",),
    "few_shot": ("fusion",),
    "lora": ("fusion",),
    "full": ("fusion",),
    "zero_shot": ("knn",),
}


@dataclass(frozen=True)
class Task:
    """A benchmark task. One file of `benchmark/tasks/` holds one, under the name `TASK`.

    Args:
        name: name of the task and of its file.
        source: the dataset: layout, known defects, and the patients it shares with others.
        reader: called as `reader(folder, videos)`; it returns the rows of `readers.canonical.canonical_features` with one
            column per target.
        split: name of the split file in `benchmark/splits/`.
        targets: what is predicted; the first one's primary metric is the task's.
        heads: per protocol the heads that are scored, the default one first.
        transfers: tasks whose heads can be tested here as they are.
        few_shot: number of training videos -> published subsets of that size; without any, subsets are drawn by seed.
        published: counts that the official download has: "videos", "frames", "questions", and "train", "val", "test" (frames).
        other_splits: further splits in use, for `with_split`; the first `split` is the one that results are compared on.
        question: column of the question where a row is a frame with a question about it, so that a frame has several rows.
    """

    name: str
    source: Source
    reader: Callable[[Path, list[str]], datasets.Dataset]
    split: str
    targets: tuple[Target, ...]
    heads: dict[str, tuple[str, ...]] = field(default_factory=lambda: FRAME_HEADS)
    transfers: tuple[Transfer, ...] = ()
    few_shot: dict[int, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    published: dict[str, int] = field(default_factory=dict)
    other_splits: tuple[str, ...] = ()
    question: str | None = None

    def read(self, folder: Path) -> datasets.Dataset:
        """Read the videos of the task's split from the official download, or those of a miniature.

        Args:
            folder: where the download lies.

        Raises:
            FileNotFoundError: if the folder or a part of it is missing.
            ValueError: if it does not have the official layout.
        """
        return self.reader(Path(folder), self.split_in(folder).videos)

    def split_in(self, folder: Path) -> Split:
        """The task's split; for a miniature, what its few videos leave of it, under a name that says so.

        A download with half its videos is no miniature: it keeps the whole split, and reading it is an error.

        Args:
            folder: where the data lies.

        Raises:
            ValueError: if the miniature is of another dataset, or has no video to train or to test on.
        """
        split, videos = load_split(self.split), miniature_videos(Path(folder), self.source.name)
        return split if videos is None else split.restricted_to(videos, f"{split.name} {MINIATURE}")

    def with_split(self, name: str) -> "Task":
        """The same task on another of its splits.

        Args:
            name: one of `other_splits`.

        Raises:
            ValueError: if it is none of them.
        """
        if name not in (self.split, *self.other_splits):
            known = ", ".join((self.split, *self.other_splits))
            raise ValueError(f"task {self.name} has no split {name!r}; it has {known}.")
        return replace(self, split=name)


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
