# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A linear head on cached features: standardise, then logistic regression with an L2 penalty.

    min over w, b of   1/n sum_i loss(y_i, w x_i + b) + strength/2 ||w||^2

with one binary loss per class where a frame has several labels, and the multinomial loss where it has one. The strength
is chosen from a grid by leaving out one training video (patient) at a time; the held-out patients never take part.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logsumexp, softmax

STRENGTHS = (100.0, 10.0, 1.0, 0.1, 0.01, 0.001)  # strongest first: each solution starts the next, and wins a tie

Kind = Literal["multi_label", "single_label"]
# (predictions, references, a name per frame) -> score of every name, None where undefined
Score = Callable[[np.ndarray, np.ndarray, np.ndarray], dict[str, float | None]]


@dataclass(frozen=True)
class LinearHead:
    """A trained linear head.

    Args:
        kind: what `predict` gives: a logit per class ("multi_label") or a class index ("single_label").
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
        """Logits [frames, classes] of a multi-label head, class indices [frames] of a single-label one."""
        logits = (features - self.mean) / self.scale @ self.weight.T + self.bias
        # Probabilities of a confident head would round to 1, and frames that it ranks would tie.
        return logits if self.kind == "multi_label" else np.argmax(logits, axis=1)


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
    basis = principal_axes(standardised)  # [features, rank]
    reduced = standardised @ basis  # [frames, rank]

    truth = labels.astype(np.float64) if kind == "multi_label" else np.eye(classes)[labels]  # [frames, classes]
    prevalence = truth.mean(axis=0)
    trained = prevalence > 0
    if kind == "multi_label":
        trained &= prevalence < 1
    heads, solution = [], np.zeros((int(trained.sum()), reduced.shape[1] + 1))
    for strength in strengths:
        weight, bias = np.zeros((classes, features.shape[1])), constant_logits(prevalence, kind)
        if trained.any():
            solution = solve(reduced, truth[:, trained], kind, strength, solution)
            weight[trained], bias[trained] = solution[:, :-1] @ basis.T, solution[:, -1]
        heads.append(LinearHead(kind, mean, scale, weight, bias, tuple(np.flatnonzero(~trained).tolist())))
    return heads


def principal_axes(features: np.ndarray) -> np.ndarray:
    """Orthonormal principal axes of the span of the rows, [features, min(frames, features)].

    With an L2 penalty the solution lies in the span of the training rows (representer theorem), and an orthonormal
    change of coordinates leaves the penalty alone: solving there is the same problem, with fewer unknowns where frames
    are fewer than features, and with a curvature that is nearly diagonal, which the solver makes use of.
    """
    if features.shape[0] >= features.shape[1]:
        return np.linalg.eigh(features.T @ features)[1]
    span, triangle = np.linalg.qr(features.T)  # rows = triangle.T @ span.T
    return span @ np.linalg.eigh(triangle @ triangle.T)[1]


def constant_logits(prevalence: np.ndarray, kind: Kind) -> np.ndarray:
    """Bias of classes that cannot be trained: the log-odds of 0 or 1 (multi-label), never chosen (single-label)."""
    if kind == "single_label":
        return np.full(len(prevalence), -np.inf)
    clipped = np.clip(prevalence, 1e-6, 1 - 1e-6)
    return np.log(clipped / (1 - clipped))


def solve(reduced: np.ndarray, truth: np.ndarray, kind: Kind, strength: float, start: np.ndarray) -> np.ndarray:
    """Minimise the penalised loss of all classes in one L-BFGS run.

    Args:
        reduced: features along their principal axes, [frames, rank].
        truth: 0/1, [frames, classes].
        kind: the binary loss of every class ("multi_label"), or the multinomial loss ("single_label").
        strength: weight of the penalty.
        start: where to start from, [classes, rank + 1].

    Returns:
        Weights and, in the last column, biases, [classes, rank + 1].
    """
    frames = len(reduced)
    inputs = np.concatenate([reduced, np.ones((frames, 1))], axis=1)
    penalty = np.append(np.full(reduced.shape[1], strength), 0.0)  # the bias is free
    probabilities = expit if kind == "multi_label" else partial(softmax, axis=1)
    # Along the principal axes the curvature is nearly diagonal: unknowns are scaled so that it is about one everywhere.
    spread = probabilities(inputs @ start.T)
    curvature = (spread * (1 - spread)).T @ inputs**2 / frames + penalty  # [classes, rank + 1]
    steepness = 1 / np.sqrt(np.maximum(curvature, 1e-9))

    def objective(scaled: np.ndarray) -> tuple[float, np.ndarray]:
        weights = scaled.reshape(start.shape) * steepness
        logits = inputs @ weights.T  # [frames, classes]
        loss = (np.logaddexp(0, logits) if kind == "multi_label" else logsumexp(logits, axis=1)).sum()
        value = (loss - (truth * logits).sum()) / frames + 0.5 * (penalty * weights**2).sum()
        gradient = (probabilities(logits) - truth).T @ inputs / frames + penalty * weights
        return value, (gradient * steepness).ravel()

    options = {"gtol": 1e-5, "ftol": 0.0, "maxiter": 2000, "maxfun": 4000, "maxcor": 20}
    found = minimize(objective, (start / steepness).ravel(), jac=True, method="L-BFGS-B", options=options)
    if np.abs(found.jac).max() > 1e-3:
        raise RuntimeError(f"the linear head did not converge at strength {strength}: {found.message}.")
    return found.x.reshape(start.shape) * steepness


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
        score: scores every group of frames of one name apart, higher is better.
        strengths: the grid.

    Raises:
        ValueError: if there are fewer than two training videos, or the score is undefined on all of them.
    """
    ids = sorted(set(videos.tolist()))
    if len(ids) < 2:
        raise ValueError(f"choosing the regularisation needs at least 2 training videos, found {ids}.")
    ordered = sorted(strengths, reverse=True)
    predictions, references, groups = [], [], []
    for left_out in ids:
        inside, outside = videos != left_out, videos == left_out
        for strength, head in zip(
            ordered, fit_linear_heads(features[inside], labels[inside], kind, classes, ordered), strict=True
        ):
            predictions.append(head.predict(features[outside]))
            references.append(labels[outside])
            groups.append([f"{strength} {left_out}"] * int(outside.sum()))
    scores = score(*map(np.concatenate, (predictions, references, groups)))  # one call: a metric's set-up costs more
    means = {}
    for strength in ordered:
        defined = [value for video in ids if (value := scores[f"{strength} {video}"]) is not None]
        if not defined:
            raise ValueError(f"the metric is undefined on every training video {ids}: no class has a positive frame.")
        means[strength] = float(np.mean(defined))
    return Choice(max(ordered, key=means.__getitem__), means)  # max keeps the first, the strongest, of equals
