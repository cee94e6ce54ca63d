# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What a benchmark would do: which data is there, and how many pictures the encoder would have to look at.

The unit of cost is a forward pass of the encoder over one frame; a step of training counts as three (forward, and backward
at twice the cost). The heads' own work is not counted: on features that are cached it is small beside the encoder's. Nor is it known here that
two tasks share their trainings, or that maps of a large dataset do not fit in the cache and are computed again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .evaluation import TUNED, Conditions
from .suites import data_below
from .task import Task, load_task

TRAINING_STEP = 3  # forward passes


@dataclass(frozen=True)
class PlannedTask:
    """One task of a plan.

    Args:
        task: its name.
        data: its folder; None where it is missing.
        problem: what is wrong with the data; None where nothing is.
        videos: number of videos of its split that are there.
        frames: number of their frames.
        passes: protocol -> forward passes of the encoder, for one model.
    """

    task: str
    data: Path | None
    problem: str | None
    videos: int
    frames: int
    passes: dict[str, int]


def plan_tasks(
    tasks: Sequence[str], protocols: Sequence[str], root: Path, suite: bool, conditions: Conditions
) -> list[PlannedTask]:
    """Plan some tasks without loading a model or decoding a frame.

    Args:
        tasks: names.
        protocols: names.
        root: the data, as `zen-hf benchmark` takes it.
        suite: whether `root` holds one folder per dataset.
        conditions: settings of training.
    """
    return [plan_task(load_task(name), protocols, root, suite, conditions) for name in tasks]


def plan_task(task: Task, protocols: Sequence[str], root: Path, suite: bool, conditions: Conditions) -> PlannedTask:
    """Plan one task; arguments as for `plan_tasks`."""
    data = data_below(root, task) or (None if suite else Path(root))
    if data is None:
        return PlannedTask(task.name, None, f"no folder {task.source.name} in {root}", 0, 0, {})
    try:
        rows = task.read(data)
        split = task.split_in(data)
    except (ValueError, OSError) as error:
        return PlannedTask(task.name, data, str(error), 0, 0, {})
    pairs = set(zip(rows["video_id"][:], rows["frame"][:], strict=True))  # a frame with several questions counts once
    counts = dict(zip(*np.unique([video for video, _ in pairs], return_counts=True), strict=True))
    frames = {str(video): int(count) for video, count in counts.items()}
    passes, seen = {}, set()
    for protocol in protocols:
        if protocol not in TUNED:  # features are extracted once for all protocols that read the same layers
            new = layer_sets(task, protocol, conditions) - seen
            seen |= new
            passes[protocol] = len(new) * sum(frames.values())
            continue
        total = 0
        for fold in split.folds:
            train, val, test = (sum(frames.get(video, 0) for video in side) for side in fold.sides.values())
            total += TRAINING_STEP * trained_frames(task, train, conditions)
            total += scored_frames(task, val, conditions) + test
        passes[protocol] = len(conditions.seeds) * total
    return PlannedTask(task.name, data, None, len(frames), sum(frames.values()), passes)


def trained_frames(task: Task, frames: int, conditions: Conditions) -> int:
    """Frames that one training of the trunk looks at, each as often as it comes."""
    if task.targets[0].is_dense:
        return conditions.dense.steps * conditions.dense.batch_size
    steps = -(-frames // conditions.tuning.batch_size)
    if conditions.tuning.max_steps_per_epoch:
        steps = min(steps, conditions.tuning.max_steps_per_epoch)
    return conditions.tuning.epochs * steps * conditions.tuning.batch_size


def scored_frames(task: Task, frames: int, conditions: Conditions) -> int:
    """Validation frames that one training looks at, each as often as it comes."""
    if task.targets[0].is_dense:
        return conditions.dense.checkpoints * min(conditions.dense.validation_frames, frames)
    return conditions.tuning.epochs * frames


def layer_sets(task: Task, protocol: str, conditions: Conditions) -> set[str]:
    """Which layers of the frozen trunk the heads of a protocol read; each set is extracted by itself."""
    heads = conditions.heads or task.heads[protocol]
    if not task.targets[0].is_dense:
        return {"last"}
    return {"four" if head == "dpt" else "last" for head in heads}
