# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The protocol `few_shot`: heads on frozen features of k training videos, whole ones, several subsets of each size.

Nothing else is learnt from: the validation videos of the split are left out, since a choice among heads on many labelled
videos would not be few-shot. Heads choose inside the k videos, or use fixed settings where k is 1.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..exam import Exam, FoldLabels, Predictions
from ..feature_cache import VideoFeatures
from ..task import Target
from .probing import in_time, probe

SUBSETS = 3
DRAWS = 200  # subsets that are tried for one that holds every class


def predict_few_shot(
    exam: Exam, features: dict[str, VideoFeatures], heads: Sequence[str], seed: int
) -> list[Predictions]:
    """Predict all test videos from k training videos, for every k and subset.

    Args:
        exam: the task's data.
        features: of every video of the split.
        heads: "linear", "attentive", "ms_tcn".
        seed: of the heads; the subsets do not depend on it.

    Returns:
        Predictions whose heads are called `linear@k` and whose runs are the subsets.

    Raises:
        ValueError: if no size fits the training videos.
    """
    found = []
    for size in sizes_of(exam):
        published = published_subsets(exam, size)
        by_fold = [published or draw_subsets(fold, exam.task.targets, size) for fold in exam.folds]
        for number in range(min(len(subsets) for subsets in by_fold)):
            folds = [restricted(fold, subsets[number]) for fold, subsets in zip(exam.folds, by_fold, strict=True)]
            found += [
                replace(
                    entry,
                    head=f"{entry.head}@{size}",
                    run=f"subset {number}",
                    chosen=[
                        chosen | {"videos": list(fold.fold.train), "subset": "published" if published else "drawn"}
                        for chosen, fold in zip(entry.chosen, folds, strict=True)
                    ],
                )
                for entry in probe(folds, exam.task.targets, features, heads, [seed], in_time(exam.task))
            ]
    return found


def sizes_of(exam: Exam) -> list[int]:
    """Numbers of training videos: those of the task that fit, or 1 and 2 in a miniature too small for any of them.

    Raises:
        ValueError: if no size fits the training videos.
    """
    smallest = min(len(fold.fold.train) for fold in exam.folds)
    sizes = [size for size in exam.task.few_shot if size <= smallest]
    if not sizes and exam.split.is_miniature:
        sizes = [size for size in (1, 2) if size <= smallest]
    if not sizes:
        raise ValueError(
            f"{exam.task.name}: few-shot sizes {sorted(exam.task.few_shot)} do not fit {smallest} training videos."
        )
    return sizes


def published_subsets(exam: Exam, size: int) -> list[tuple[str, ...]]:
    """The task's published subsets of a size, where all of them lie in the training videos of every fold; else none."""
    subsets = exam.task.few_shot.get(size, ())
    trains = [set(fold.train) for fold in exam.split.folds]
    return list(subsets) if all(train.issuperset(subset) for train in trains for subset in subsets) else []


def draw_subsets(fold: FoldLabels, targets: Sequence[Target], size: int) -> list[tuple[str, ...]]:
    """Up to three different subsets with as many classes as subsets of that size can hold, the same ones each time."""
    held = {video: classes_of(fold, targets, video) for video in sorted(fold.fold.train)}
    wanted = set().union(*held.values())
    subsets = []
    for number in range(SUBSETS):
        generator, best, most = np.random.default_rng(number), None, -1
        for _ in range(DRAWS):
            drawn = tuple(sorted(generator.choice(list(held), size, replace=False).tolist()))
            covered = len(set().union(*(held[video] for video in drawn)))
            if drawn not in subsets and covered > most:
                best, most = drawn, covered
            if most == len(wanted):
                break
        if best is not None:
            subsets.append(best)
    return subsets


def classes_of(fold: FoldLabels, targets: Sequence[Target], video: str) -> set[tuple[str, int]]:
    """Classes that occur in a training video, as (target, index)."""
    found = set()
    for target in targets:
        labels = fold.train[target.name][video]
        present = np.flatnonzero(labels.any(axis=0)) if target.kind == "multi_label" else np.unique(labels)
        found |= {(target.name, int(index)) for index in present}
    return found


def restricted(fold: FoldLabels, videos: tuple[str, ...]) -> FoldLabels:
    """The fold with some training videos alone, and none to choose on."""
    train = {target: {video: by_video[video] for video in videos} for target, by_video in fold.train.items()}
    return FoldLabels(replace(fold.fold, train=videos, val=()), train, {target: {} for target in fold.val})
