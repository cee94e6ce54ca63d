# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What can be scored without a look at the picture: chance, and the most frequent answer."""

import numpy as np

from .exam import Exam, FoldLabels, Predictions
from .task import Target


def predict_without_pictures(exam: Exam) -> list[Predictions]:
    """Predictions for all test videos from the training labels' frequencies alone.

    "chance" draws every frame's class by the frequencies (one class per frame), or a random score (several labels).
    "majority" is the most frequent class, "prevalence" a constant score per class, whose AP is the share of positives.
    """
    found = []
    counts = np.unique(np.array(exam.frames["video_id"][:]), return_counts=True)
    frames = dict(zip(counts[0].tolist(), counts[1].tolist(), strict=True))
    for target in exam.task.targets:
        constant = "prevalence" if target.kind == "multi_label" else "majority"
        chance, best = {}, {}
        for number, fold in enumerate(exam.folds):
            shares = training_shares(target, fold)
            generator = np.random.default_rng(number)
            for video in fold.fold.test:
                shape = (frames[video], len(target.labels))
                best[video] = np.tile(constant_logits(target, shares), (shape[0], 1)).astype(np.float32)
                noise = generator.gumbel(size=shape)  # its maximum after adding log p is a draw from p
                ranked = constant_logits(target, shares) if target.kind == "single_label" else 0.0
                chance[video] = (ranked + noise).astype(np.float32)
        found.append(Predictions(target.name, "chance", "drawn", chance, []))
        found.append(Predictions(target.name, constant, "constant", best, []))
    return found


def training_shares(target: Target, fold: FoldLabels) -> np.ndarray:
    """Share of the training frames that hold each class, [classes]."""
    labels = np.concatenate(list(fold.train[target.name].values()))
    if target.kind == "multi_label":
        return labels.mean(axis=0)
    return np.bincount(labels, minlength=len(target.labels)) / len(labels)


def constant_logits(target: Target, shares: np.ndarray) -> np.ndarray:
    """Log-probabilities (one class per frame) or log-odds (several labels) of training shares, all finite."""
    if target.kind == "single_label":
        return np.log(np.maximum(shares, 1e-9))
    shares = np.clip(shares, 1e-6, 1 - 1e-6)
    return np.log(shares / (1 - shares))
