# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The protocol `zero_shot`: no head is trained for the task.

`transfer:A`: the linear head of another task A, trained on A's frames and labels, is tested here as it is; its labels are
mapped to those here. `knn`: the training frames here vote, weighted by their likeness, which needs labels but no training:
a diagnostic, never the headline where there is a transfer.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from scipy.special import logsumexp

from ..exam import Exam, FoldLabels, Labels, Predictions
from ..feature_cache import VideoFeatures
from ..task import Target, Transfer
from .probing import TRAINERS, in_time, joined, labelled, probe, smoothed_variant

NEVER = 1e3  # by how much the logit of a class that cannot be predicted lies below the others


def predict_by_neighbours(exam: Exam, features: dict[str, VideoFeatures], seeds: Sequence[int]) -> list[Predictions]:
    """Predict the test videos by a vote of the most similar training frames."""
    return probe(exam.folds, exam.task.targets, features, ["knn"], seeds[:1], in_time(exam.task))


def predict_by_transfer(
    exam: Exam,
    features: dict[str, VideoFeatures],
    transfer: Transfer,
    source: FoldLabels,
    source_target: Target,
    source_features: dict[str, VideoFeatures],
    seeds: Sequence[int],
) -> list[Predictions]:
    """Predict the test videos by a head that was trained on another task.

    Args:
        exam: the task that is tested; only its first target is predicted.
        features: of its test videos.
        transfer: where the head comes from, and how labels are mapped.
        source: labels of that task's training and validation videos.
        source_target: its target.
        source_features: features of these videos by the same encoder.
        seeds: the first one is used.
    """
    target = exam.task.targets[0]
    train = labelled(source.train[source_target.name], source_features)
    val = labelled(source.val[source_target.name], source_features)
    trained = TRAINERS["linear"](source_target, train, val, seeds[:1])[0]
    chosen, name = trained.chosen | {"trained_on": sorted(source.fold.train)}, f"transfer:{transfer.task}"
    parts = {}
    for fold in exam.folds:
        logits = {
            video: mapped(trained.head.logits(features[video]), source_target, target, transfer.labels)
            for video in fold.fold.test
        }
        parts.setdefault((target.name, name, 0), []).append((logits, chosen))
        if in_time(exam.task):  # no label here may choose the window
            for smoothed, part in smoothed_variant(target, name, logits, [], [], chosen).items():
                parts.setdefault((target.name, smoothed, 0), []).append(part)
    return joined(parts, seeds)


def mapped(logits: np.ndarray, source: Target, target: Target, labels: dict[str, str]) -> np.ndarray:
    """Logits of one task's classes as those of another's.

    Several classes that mean the same here join: their probabilities add up (one class per frame), or the highest counts
    (several). A class that nothing maps to gets a constant far below all others: it is never predicted, and counts as missed.

    Args:
        logits: [frames, source classes].
        source: the target they belong to.
        target: the target that is tested.
        labels: source label -> label here.
    """
    join = logsumexp if target.kind == "single_label" else np.max
    result = np.full((len(logits), len(target.labels)), float(logits.min()) - NEVER)
    for index, name in enumerate(target.labels):
        columns = [source.labels.index(other) for other, here in labels.items() if here == name]
        if columns:
            result[:, index] = join(logits[:, columns], axis=1)
    return result


def without_patients(fold: FoldLabels, patient: Callable[[str], str], tested: set[str]) -> FoldLabels:
    """A fold to transfer from, without the videos of patients that are tested elsewhere.

    Args:
        fold: labels of the other task.
        patient: video id -> patient there.
        tested: patients of the test videos here.

    Raises:
        ValueError: if no training video is left.
    """

    def kept(videos: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(video for video in videos if patient(video) not in tested)

    def of(labels: Labels, videos: tuple[str, ...]) -> Labels:
        return {target: {video: by_video[video] for video in videos} for target, by_video in labels.items()}

    train, val = kept(fold.fold.train), kept(fold.fold.val)
    if not train:
        raise ValueError("all training videos of the other task show patients that are tested here; nothing is left.")
    return FoldLabels(replace(fold.fold, train=train, val=val), of(fold.train, train), of(fold.val, val))
