# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A linear head on cached features: standardise, then logistic regression with an L2 penalty.

    min over w, b of   1/n sum_i loss(y_i, w x_i + b) + strength/2 ||w||^2

with one binary loss per class where a frame has several labels, and the multinomial loss where it has one. The strength
is chosen from a grid by leaving out one training video (patient) at a time; the held-out patients never take part.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from sklearn.linear_model import LogisticRegression

STRENGTHS = (100.0, 10.0, 1.0, 0.1, 0.01, 0.001)  # strongest first: each solution starts the next, and wins a tie

Kind = Literal["multi_label", "single_label"]
Score = Callable[[np.ndarray, np.ndarray, np.ndarray], float | None]  # (predictions, references, video ids)


@dataclass(frozen=True)
class LinearHead:
    """A trained linear head.

    Args:
        kind: what `predict` gives: a probability per class ("multi_label") or a class index ("single_label").
        mean: mean of the training features, [features].
        scale: their standard deviation, [features]; 1 for a constant feature.
        weight: [classes, features]; zero for a class that the training frames do not tell apart.
        bias: [classes].
        untrained: classes without a positive (or, multi-label, without a negative) training frame. Their score is
            a constant, the training prevalence; a single-label head never predicts them.
    """

    kind: Kind
    mean: np.ndarray
    scale: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    untrained: tuple[int, ...]

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Probabilities [frames, classes] of a multi-label head, class indices [frames] of a single-label one."""
        logits = (features - self.mean) / self.scale @ self.weight.T + self.bias
        if self.kind == "single_label":
            return np.argmax(logits, axis=1)
        return 0.5 * (1 + np.tanh(0.5 * logits))  # the sigmoid, without overflow


def fit_linear_heads(
    features: np.ndarray, labels: np.ndarray, kind: Kind, classes: int, strengths: Sequence[float]
) -> list[LinearHead]:
    """Fit one head per regularisation strength, each started from the one before.

    Args:
        features: training features, [frames, features].
        labels: 0/1 [frames, classes] for "multi_label", class indices [frames] for "single_label".
        kind: which of the two.
        classes: number of classes.
        strengths: weights of the penalty, relative to the mean loss; best ordered from strong to weak.
    """
    mean, scale = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    scale = np.where(scale > 1e-6 * np.abs(mean) + 1e-12, scale, 1.0)  # a constant feature stays zero
    standardised = (features - mean) / scale
    basis = row_space(standardised)  # [features, rank] or None
    reduced = standardised if basis is None else standardised @ basis
    fit = fit_one_per_class if kind == "multi_label" else fit_multinomial
    heads = []
    for weight, bias, untrained in fit(reduced, labels, classes, strengths):
        weight = weight if basis is None else weight @ basis.T
        heads.append(LinearHead(kind, mean, scale, weight, bias, untrained))
    return heads


def row_space(features: np.ndarray) -> np.ndarray | None:
    """Orthonormal basis of the rows where there are fewer frames than features, else None.

    With an L2 penalty the solution lies in the span of the training rows (representer theorem), and an orthonormal
    change of coordinates leaves the penalty alone: solving there is the same problem with far fewer unknowns.
    """
    if features.shape[0] >= features.shape[1]:
        return None
    return np.linalg.qr(features.T)[0]


def fit_one_per_class(features: np.ndarray, labels: np.ndarray, classes: int, strengths: Sequence[float]):
    """One binary regression per class; yields (weight, bias, untrained) for every strength."""
    prevalence = labels.mean(axis=0)
    trained = [index for index in range(classes) if 0 < prevalence[index] < 1]
    models = {index: regression() for index in trained}
    clipped = np.clip(prevalence, 1e-6, 1 - 1e-6)
    for strength in strengths:
        weight, bias = np.zeros((classes, features.shape[1])), np.log(clipped / (1 - clipped))
        for index, model in models.items():
            model.set_params(C=1 / (strength * len(features))).fit(features, labels[:, index])
            weight[index], bias[index] = model.coef_[0], model.intercept_[0]
        yield weight, bias, tuple(sorted(set(range(classes)) - set(trained)))


def fit_multinomial(features: np.ndarray, labels: np.ndarray, classes: int, strengths: Sequence[float]):
    """One multinomial regression; yields (weight, bias, untrained) for every strength."""
    present = np.unique(labels).tolist()
    untrained = tuple(sorted(set(range(classes)) - set(present)))
    model = regression()
    for strength in strengths:
        weight, bias = np.zeros((classes, features.shape[1])), np.full(classes, -np.inf)
        if len(present) == 1:
            bias[present] = 0.0
        else:
            model.set_params(C=1 / (strength * len(features))).fit(features, labels)
            two = len(present) == 2  # scikit-learn then keeps one row: the second class against the first
            weight[present] = np.concatenate([0 * model.coef_, model.coef_]) if two else model.coef_
            bias[present] = np.append(0.0, model.intercept_) if two else model.intercept_
        yield weight, bias, untrained


def regression() -> LogisticRegression:
    """The solver: L-BFGS to a gradient of 1e-5 of the mean loss, which is far below what changes a ranking."""
    return LogisticRegression(solver="lbfgs", tol=1e-5, max_iter=2000, warm_start=True)


@dataclass(frozen=True)
class Choice:
    """The chosen strength, and the mean inner score of every strength of the grid."""

    strength: float
    inner_scores: dict[float, float]


def choose_strength(
    features: np.ndarray,
    labels: np.ndarray,
    videos: np.ndarray,
    kind: Kind,
    classes: int,
    score: Score,
    strengths: Sequence[float] = STRENGTHS,
) -> Choice:
    """Choose the regularisation by leaving out each training video in turn; a tie goes to the stronger one.

    Args:
        features: training features, [frames, features].
        labels: their labels, as `fit_linear_heads` takes them.
        videos: video id of every training frame, [frames].
        kind: "multi_label" or "single_label".
        classes: number of classes.
        score: primary metric of the target, higher is better, None where undefined.
        strengths: the grid.

    Raises:
        ValueError: if there are fewer than two training videos, or the score is undefined on all of them.
    """
    ids = sorted(set(videos.tolist()))
    if len(ids) < 2:
        raise ValueError(f"choosing the regularisation needs at least 2 training videos, found {ids}.")
    ordered = sorted(strengths, reverse=True)
    scores = {strength: [] for strength in ordered}
    for left_out in ids:
        inside, outside = videos != left_out, videos == left_out
        heads = fit_linear_heads(features[inside], labels[inside], kind, classes, ordered)
        for strength, head in zip(ordered, heads, strict=True):
            value = score(head.predict(features[outside]), labels[outside], videos[outside])
            if value is not None:
                scores[strength].append(value)
    if not scores[ordered[0]]:
        raise ValueError(f"the metric is undefined on every training video {ids}: no class has a positive frame.")
    means = {strength: float(np.mean(values)) for strength, values in scores.items()}
    return Choice(max(ordered, key=means.__getitem__), means)  # max keeps the first, the strongest, of equals
