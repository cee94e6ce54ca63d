# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Heads on features that are already there: the part that `frozen`, `few_shot` and `zero_shot` share."""

from collections.abc import Sequence

import numpy as np

from ..exam import FoldLabels, Predictions
from ..feature_cache import VideoFeatures
from ..heads import attentive, knn, linear, ms_tcn
from ..heads.head import LabelledVideo, TrainedHead
from ..heads.smoothing import DEFAULT_WINDOW, choose_window, smooth
from ..task import Target, Task

TRAINERS = {"linear": linear.train, "attentive": attentive.train, "ms_tcn": ms_tcn.train, "knn": knn.train}
TEMPORAL = "ms_tcn"  # a task that has this head is about time: smoothed scores stand beside the raw ones


def in_time(task: Task) -> bool:
    """Whether frames of a task go on from each other, so that their predictions are smoothed as well."""
    return TEMPORAL in task.heads["frozen"]


def probe(
    folds: Sequence[FoldLabels],
    targets: Sequence[Target],
    features: dict[str, VideoFeatures],
    heads: Sequence[str],
    seeds: Sequence[int],
    smoothed: bool,
) -> list[Predictions]:
    """Train heads in every fold and predict its test videos.

    Args:
        folds: labels to train and to choose on.
        targets: what to predict.
        features: of every video of the folds.
        heads: names of `TRAINERS`.
        seeds: of the heads.
        smoothed: whether each head but the temporal one is smoothed causally as well.

    Returns:
        One entry per target, head and seed.
    """
    parts = {}
    for fold in folds:
        for target in targets:
            train = labelled(fold.train[target.name], features)
            val = labelled(fold.val[target.name], features)
            test = {video: features[video] for video in fold.fold.test}
            for head in heads:
                for run, trained in enumerate(TRAINERS[head](target, train, val, seeds)):
                    variants = predict(target, head, trained, val, test, smoothed)
                    for name, (logits, chosen) in variants.items():
                        parts.setdefault((target.name, name, run), []).append((logits, chosen))
    return joined(parts, seeds)


def predict(
    target: Target,
    head: str,
    trained: TrainedHead,
    val: list[LabelledVideo],
    test: dict[str, VideoFeatures],
    smoothed: bool,
) -> dict[str, tuple[dict[str, np.ndarray], dict]]:
    """Logits of the test videos, and beside them the smoothed ones where asked for.

    Returns:
        {name of the head: (logits per video, what was chosen)}.
    """
    logits = {video: trained.head.logits(features) for video, features in test.items()}
    found = {head: (logits, trained.chosen)}
    if smoothed and head != TEMPORAL:
        on_val = [trained.head.logits(video.features) for video in val]
        found |= smoothed_variant(target, head, logits, on_val, [video.labels for video in val], trained.chosen)
    return found


def smoothed_variant(
    target: Target,
    head: str,
    logits: dict[str, np.ndarray],
    on_val: list[np.ndarray],
    val_labels: list[np.ndarray],
    chosen: dict,
) -> dict[str, tuple[dict[str, np.ndarray], dict]]:
    """The same predictions, each the mean of the last frames' probabilities; the window is chosen on validation videos, if there are any."""
    window = choose_window(target, on_val, val_labels) if on_val else DEFAULT_WINDOW
    means = {video: smoothed_logits(target, values, window) for video, values in logits.items()}
    return {f"{head}_smoothed": (means, chosen | {"window": window})}


def smoothed_logits(target: Target, logits: np.ndarray, window: int) -> np.ndarray:
    """Smoothed probabilities as logits again: what is scored and stored is of one kind for all heads."""
    least = 1e-30
    if window == 1:
        return logits
    logs = np.log(np.maximum(smooth(target, logits, window), least))
    if target.kind == "single_label":
        return logs
    return logs - np.log(np.maximum(smooth(target, -logits, window), least))  # 1 - p would round to 0


def labelled(labels: dict[str, np.ndarray], features: dict[str, VideoFeatures]) -> list[LabelledVideo]:
    """Videos with their features and truth."""
    return [LabelledVideo(video, features[video], truth) for video, truth in labels.items()]


def joined(parts: dict[tuple, list[tuple]], seeds: Sequence[int], run_name: str | None = None) -> list[Predictions]:
    """Put the folds of each head together.

    Args:
        parts: (target, head, number of the run) -> per fold (logits per video, what was chosen).
        seeds: the seed of each run.
        run_name: name of the only run; by default that of its seed.
    """
    return [
        Predictions(
            target=target,
            head=head,
            run=run_name or f"seed {seeds[run]}",
            # What is scored is what is stored: single precision.
            outputs={video: values.astype(np.float32) for logits, _ in folds for video, values in logits.items()},
            chosen=[chosen for _, chosen in folds],
        )
        for (target, head, run), folds in parts.items()
    ]
