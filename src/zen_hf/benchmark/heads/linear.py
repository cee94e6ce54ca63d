# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A linear head on cached features: standardise, then logistic regression with an L2 penalty.

    min over w, b of   1/n sum_i loss(y_i, w x_i + b) + strength/2 ||w||^2

with one binary loss per class where a frame has several labels, and the multinomial loss where it has one. x is the
summary beside the mean patch token. The problem is convex and solved to convergence, so nothing depends on a seed.

The strength is one of `STRENGTHS`, fitted from strong to weak, each from the solution before. It is chosen on validation
videos; without any, on training videos that are left out in turn; with a single training video it is `DEFAULT_STRENGTH`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from torch.nn import functional

from ..feature_cache import VideoFeatures
from ..scoring import selection_scores
from ..task import Target
from .head import LabelledVideo, TrainedHead
from .seen_classes import SeenClasses
from .selection import Choice, best, choose_inside_training

STRENGTHS = tuple(2.0**power for power in range(6, -14, -1))  # strongest first: 64 to 0.00012; the first wins a tie
DEFAULT_STRENGTH = 0.1
ROWS = 8192  # frames per product: float32 inside, float64 over them


@dataclass(frozen=True)
class LinearHead:
    """A trained linear head.

    Args:
        joined: whether its input is summary and mean patch side by side, or the summary alone.
        mean: mean of the training features, [features].
        scale: their standard deviation, [features]; 1 for a constant feature.
        weight: [classes, features]; zero for a class that the training frames do not tell apart.
        bias: [classes].
        classes: which classes those are.
    """

    joined: bool
    mean: np.ndarray
    scale: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    classes: SeenClasses

    def logits(self, features: VideoFeatures) -> np.ndarray:
        """Scores of every frame of a video, [frames, classes] float32."""
        return self.logits_of(join_features(features, self.joined))

    def logits_of(self, inputs: np.ndarray) -> np.ndarray:
        """The same from joined features, [frames, features]."""
        return self.classes.complete((inputs - self.mean) / self.scale @ self.weight.T + self.bias)


def train(
    target: Target, train: list[LabelledVideo], val: list[LabelledVideo], seeds: Sequence[int]
) -> list[TrainedHead]:
    """Choose the strength and fit; one head whatever the seeds, for nothing is drawn at random.

    Args:
        target: what to predict.
        train: videos to fit on.
        val: videos to choose the strength on; may be empty.
        seeds: not used.

    Returns:
        One head. Its `chosen` holds the strength, the score of every strength, on what they were judged, and the names of
        the classes without training frames.
    """
    joined = not summary_is_mean_patch(video.features for video in train)

    def path(inside: list[LabelledVideo], strengths: Sequence[float]) -> list[LinearHead]:
        inputs = (join_features(video.features, joined) for video in inside)
        return fit_linear_heads(target, inputs, [video.labels for video in inside], strengths, joined)

    def path_logits(inside: list[LabelledVideo], outside: list[LabelledVideo]) -> list[list[np.ndarray]]:
        return predict(path(inside, STRENGTHS), outside)

    if val:
        heads = path(train, STRENGTHS)
        scores = selection_scores(target, predict(heads, val), [video.labels for video in val])
        choice = best(scores, "validation videos")
        return [trained(heads[choice.setting], STRENGTHS[choice.setting], choice)]
    if len(train) == 1:
        return [trained(path(train, [DEFAULT_STRENGTH])[0], DEFAULT_STRENGTH, Choice(0, [], "nothing"))]
    choice = choose_inside_training(target, train, path_logits)
    strength = STRENGTHS[choice.setting]
    return [trained(path(train, [strength])[0], strength, choice)]


def trained(head: LinearHead, strength: float, choice: Choice) -> TrainedHead:
    """The head with its report."""
    chosen = {
        "strength": strength,
        "judged_on": choice.judged_on,
        "scores": {str(tried): score for tried, score in zip(STRENGTHS, choice.scores, strict=False)},
        "untrained": head.classes.untrained,
        "features": len(head.mean),
    }
    return TrainedHead(head, chosen)


def predict(heads: list[LinearHead], videos: list[LabelledVideo]) -> list[list[np.ndarray]]:
    """Logits of every video, per head."""
    logits = [[] for _ in heads]
    for video in videos:
        inputs = join_features(video.features, heads[0].joined)
        for of_head, head in zip(logits, heads, strict=True):
            of_head.append(head.logits_of(inputs))
    return logits


def summary_is_mean_patch(features: Iterable[VideoFeatures]) -> bool:
    """Whether summary and mean patch token are the same in all videos, as they are for a pooled CNN map."""
    return all(
        video.summary.shape == video.mean_patch.shape
        and np.allclose(video.summary, video.mean_patch, rtol=1e-4, atol=1e-5)
        for video in features
    )


def join_features(features: VideoFeatures, joined: bool) -> np.ndarray:
    """Summary and mean patch token side by side, or the summary alone, [frames, features] float32."""
    return np.concatenate([features.summary, features.mean_patch], axis=1) if joined else features.summary


def fit_linear_heads(
    target: Target,
    inputs: Iterable[np.ndarray],
    labels: Sequence[np.ndarray],
    strengths: Sequence[float],
    joined: bool = False,
) -> list[LinearHead]:
    """Fit one head per strength, each started from the one before.

    Args:
        target: what to predict.
        inputs: joined features of the training videos, [frames, features] each; read once.
        labels: their truth.
        strengths: weights of the penalty, relative to the mean loss; best ordered from strong to weak.
        joined: what the inputs are, for the head.
    """
    truth = np.concatenate(labels)
    classes = SeenClasses.of(target, truth)
    rows = stack(inputs, len(truth))
    mean, scale = channel_statistics([rows])
    standardise(rows, mean, scale)
    basis = principal_axes(rows)  # [features, rank]
    reduced = rotate(rows, basis)  # [frames, rank]
    del rows

    if target.kind == "multi_label":
        truth = torch.from_numpy(np.ascontiguousarray(truth[:, classes.seen], dtype=np.float32))  # [frames, seen]
    else:
        truth = torch.from_numpy((np.cumsum(classes.seen) - 1)[truth])  # class indices among those seen, [frames]
    solution = np.zeros((int(classes.seen.sum()), reduced.shape[1] + 1))
    heads = []
    for strength in strengths:
        weight, bias = np.zeros((len(target.labels), len(mean))), np.zeros(len(target.labels))
        if classes.seen.any():
            solution = solve(reduced, truth, strength, solution)
            weight[classes.seen], bias[classes.seen] = solution[:, :-1] @ basis.T, solution[:, -1]
        heads.append(LinearHead(joined, mean, scale, weight, bias, classes))
    return heads


def stack(inputs: Iterable[np.ndarray], frames: int) -> np.ndarray:
    """Features of all videos in one array, [frames, features] float32; no more than one video is held beside it."""
    rows, start = None, 0
    for video in inputs:
        rows = np.empty((frames, video.shape[1]), np.float32) if rows is None else rows
        rows[start : start + len(video)] = video
        start += len(video)
    if start != frames:
        raise ValueError(f"{start} frames of features and {frames} of labels; expected as many of both.")
    return rows


def channel_statistics(inputs: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of every feature over all frames in float64; 1 for a constant feature.

    Read once, part by part, each merged by its own mean and squares: T. F. Chan, G. H. Golub and R. J. LeVeque,
    "Updating formulae and a pairwise algorithm for computing sample variances", 1979, equation 2.1.
    """
    frames, mean, squares = 0, 0.0, 0.0
    for video in inputs:
        for start in range(0, len(video), ROWS):
            part = video[start : start + ROWS]
            its_mean = part.mean(axis=0, dtype=np.float64)
            gap, share = its_mean - mean, len(part) / (frames + len(part))
            squares = squares + ((part - its_mean) ** 2).sum(axis=0) + gap**2 * frames * share
            mean = mean + gap * share
            frames += len(part)
    scale = np.sqrt(squares / frames)
    return mean, np.where(scale > 1e-6 * np.abs(mean) + 1e-12, scale, 1.0)  # a constant feature stays zero


def standardise(rows: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> None:
    """Subtract and divide in place, in float64."""
    for start in range(0, len(rows), ROWS):
        rows[start : start + ROWS] = (rows[start : start + ROWS] - mean) / scale


def principal_axes(rows: np.ndarray) -> np.ndarray:
    """Orthonormal principal axes of the span of the rows, [features, min(frames, features)] float64.

    With an L2 penalty the solution lies in the span of the training rows (representer theorem), and an orthonormal
    change of coordinates leaves the penalty alone: solving there is the same problem, with fewer unknowns where frames
    are fewer than features, and with a curvature that is nearly diagonal, which the solver makes use of.
    """
    if len(rows) >= rows.shape[1]:
        chunks = (rows[start : start + ROWS] for start in range(0, len(rows), ROWS))
        return np.linalg.eigh(sum((chunk.T @ chunk).astype(np.float64) for chunk in chunks))[1]
    span, triangle = np.linalg.qr(rows.T.astype(np.float64))  # rows = triangle.T @ span.T
    return span @ np.linalg.eigh(triangle @ triangle.T)[1]


def rotate(rows: np.ndarray, basis: np.ndarray) -> torch.Tensor:
    """Rows in the coordinates of the basis, [frames, rank] float32; where nothing is dropped, in their own memory."""
    reduced = rows if basis.shape[0] == basis.shape[1] else np.empty((len(rows), basis.shape[1]), rows.dtype)
    basis = basis.astype(rows.dtype)
    for start in range(0, len(rows), ROWS):
        reduced[start : start + ROWS] = rows[start : start + ROWS] @ basis
    return torch.from_numpy(reduced)


def solve(reduced: torch.Tensor, truth: torch.Tensor, strength: float, start: np.ndarray) -> np.ndarray:
    """Minimise the penalised loss of all classes in one L-BFGS run.

    Args:
        reduced: features along their principal axes, [frames, rank] float32.
        truth: 0/1 [frames, classes] float32, the binary loss of every class; or indices [frames], the multinomial loss.
        strength: weight of the penalty.
        start: where to start from, [classes, rank + 1].

    Returns:
        Weights and, in the last column, biases, [classes, rank + 1].

    Raises:
        RuntimeError: if the gradient does not vanish.
    """
    frames, penalty = len(reduced), np.append(np.full(reduced.shape[1], strength), 0.0)  # the bias is free
    parts = list(zip(reduced.split(ROWS), truth.split(ROWS), strict=True))

    def curvature_at(weights: np.ndarray) -> np.ndarray:
        weights, total = torch.from_numpy(weights).float(), torch.zeros(weights.shape, dtype=torch.float64)
        for rows, labels in parts:
            logits = torch.addmm(weights[:, -1], rows, weights[:, :-1].T)
            likely = logits.sigmoid() if labels.ndim == 2 else logits.softmax(dim=1)
            spread = likely * (1 - likely)
            total += torch.cat([spread.T @ rows.square(), spread.sum(dim=0)[:, None]], dim=1)
        return total.numpy() / frames + penalty

    # Along the principal axes the curvature is nearly diagonal: unknowns are scaled so that it is about one everywhere.
    steepness = 1 / np.sqrt(np.maximum(curvature_at(start), 1e-9))

    def objective(scaled: np.ndarray) -> tuple[float, np.ndarray]:
        weights = scaled.reshape(start.shape) * steepness
        w, loss, total = torch.from_numpy(weights).float(), 0.0, torch.zeros(weights.shape, dtype=torch.float64)
        for rows, labels in parts:
            part, residual = loss_and_residual(torch.addmm(w[:, -1], rows, w[:, :-1].T), labels)
            loss += part
            total[:, :-1] += residual.T @ rows
            total[:, -1] += residual.sum(dim=0)
        value = loss / frames + 0.5 * (penalty * weights**2).sum()
        gradient = total.numpy() / frames + penalty * weights
        return value, (gradient * steepness).ravel()

    options = {"gtol": 2e-5, "ftol": 0.0, "maxiter": 2000, "maxfun": 4000, "maxcor": 20}
    found = minimize(objective, (start / steepness).ravel(), jac=True, method="L-BFGS-B", options=options)
    if np.abs(found.jac).max() > 1e-3:
        raise RuntimeError(
            f"the linear head did not converge at strength {strength}: {found.message}, largest gradient "
            f"{np.abs(found.jac).max():.1e}; look for features that are not finite or of absurd scale."
        )
    return found.x.reshape(start.shape) * steepness


def loss_and_residual(logits: torch.Tensor, labels: torch.Tensor) -> tuple[float, torch.Tensor]:
    """Summed loss (float64) and its derivative by the logits, [frames, classes] float32."""
    if labels.ndim == 2:
        loss = functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
        return loss.sum(dtype=torch.float64).item(), logits.sigmoid_().sub_(labels)
    logs = logits.log_softmax(dim=1)
    loss = -logs.gather(1, labels[:, None]).sum(dtype=torch.float64).item()
    return loss, logs.exp_().scatter_add_(1, labels[:, None], torch.full((len(labels), 1), -1.0))
