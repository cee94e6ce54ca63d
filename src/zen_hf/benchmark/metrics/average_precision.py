# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Average precision: of one class, of all classes of a video, and of pooled frames under thousands of video weights.

For a class with at least one positive frame,

    AP = sum_k (R_k - R_{k-1}) P_k

over the distinct scores from the highest down, equal scores taken together (scikit-learn's definition: a step integral,
no interpolation). A class without a positive frame has no AP.
"""

from collections.abc import Sequence

import numpy as np

from zen_hf.benchmark.video_weights import Score, mean_of_defined

EXACT_THRESHOLDS = 128  # of a class, from the highest score down
BINS = 384  # for all thresholds below those
ONE_BY_ONE = 8  # rows of weights up to which nothing is grouped
RESAMPLES_AT_ONCE = 256  # keeps [resamples, thresholds] in the cache


def average_precision(scores: np.ndarray, truth: np.ndarray) -> float | None:
    """Average precision of one class: the step integral of precision over recall, ties taken together.

    Args:
        scores: [frames], higher means more likely.
        truth: [frames], 0 or 1.

    Returns:
        AP in (0, 1], or None if no frame is positive.
    """
    positives = int(truth.sum())
    if positives == 0:
        return None
    order = np.argsort(-scores, kind="stable")
    scores, truth = scores[order], truth[order]
    last_of_tie = np.append(scores[1:] != scores[:-1], True)  # a threshold lies only between different scores
    hits = np.cumsum(truth)[last_of_tie]
    precision = hits / (np.flatnonzero(last_of_tie) + 1)
    return float(np.sum(np.diff(hits, prepend=0) / positives * precision))


def split_by_video(predictions: Sequence, references: Sequence, groups: Sequence[str]) -> dict:
    """Scores and truth of every video, by id.

    Args:
        predictions: score of every class for every frame, [frames][classes].
        references: 0 or 1, likewise.
        groups: id of the video of every frame, [frames].

    Returns:
        {id: (scores [n, classes], truth [n, classes])}, sorted by id.

    Raises:
        ValueError: if shapes differ, a score is not finite, or a reference is neither 0 nor 1.
    """
    scores, truth, groups = np.asarray(predictions, float), np.asarray(references), np.asarray(groups)
    if scores.ndim != 2 or scores.shape != truth.shape:
        raise ValueError(f"predictions {scores.shape} and references {truth.shape} must both be [frames, classes].")
    if len(groups) != len(scores):
        raise ValueError(f"{len(groups)} groups for {len(scores)} frames; expected the video of every frame.")
    if not np.isfinite(scores).all():
        raise ValueError(f"{int((~np.isfinite(scores)).sum())} predicted scores are not finite.")
    if not np.isin(truth, (0, 1)).all():
        raise ValueError(f"references must be 0 or 1, found {sorted(set(truth.ravel().tolist()))}.")
    videos, number = np.unique(groups, return_inverse=True)
    return {str(video): (scores[number == index], truth[number == index]) for index, video in enumerate(videos)}


def ranks(videos: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Scores of one encoder replaced by their rank among all its frames, class by class; equal scores share a rank.

    The AP of its pooled frames stays the same, and two encoders whose scores have different scales become exchangeable.

    Args:
        videos: [n, C] of each video.
    """
    pooled = np.concatenate(videos)
    ranked = np.stack([np.unique(column, return_inverse=True)[1] for column in pooled.T], axis=1)
    # Encoders may have different numbers of ties: scale to the share of frames that score no more.
    for column in range(ranked.shape[1]):
        ranked_share = np.cumsum(np.bincount(ranked[:, column])) / len(pooled)
        pooled[:, column] = ranked_share[ranked[:, column]]
    return np.split(pooled, np.cumsum([len(video) for video in videos])[:-1])


def pooled_map(scores: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> Score:
    """Mean over classes of the AP of the frames of all videos together, as a function of how often each video counts.

    A class that has no positive frame in a resample is left out there.

    Args:
        scores: [n, C] of each video.
        truth: [n, C] of each video, 0 or 1.
    """
    by_class = [
        pooled_average_precision([s[:, index] for s in scores], [t[:, index] for t in truth])
        for index in range(scores[0].shape[1])
    ]
    return lambda weights: mean_of_defined(np.stack([score(weights) for score in by_class], axis=-1))


def pooled_average_precision(scores: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> Score:
    """AP of one class over the frames of all videos together, as a function of how often each video counts.

    Weighted frames need no sorting anew: with H[v, t] the positive and N[v, t] all frames of video v that score at least
    threshold t, hits and predictions of every resample are the products w H and w N. Only scores that some positive frame
    has are thresholds. Up to `EXACT_THRESHOLDS` + `BINS` of them are all kept, and every value is exact. If there are
    more, those below the first `EXACT_THRESHOLDS` are taken in `BINS` groups, with the precision in the middle of each:
    off by less than 2e-4 (a test holds it to that). A call for few weights, such as the score itself, is always exact.

    Args:
        scores: [n] of each video.
        truth: [n] of each video, 0 or 1.
    """
    video = np.repeat(np.arange(len(scores)), [len(s) for s in scores])
    pooled, positive = np.concatenate(scores), np.concatenate(truth).astype(bool)
    thresholds = np.unique(pooled[positive])[::-1]
    grouped = len(thresholds) > EXACT_THRESHOLDS + BINS
    kept = thresholds[_ends_of_groups(len(thresholds))] if grouped else thresholds
    single = EXACT_THRESHOLDS if grouped else len(kept)
    hits = _counts_above(pooled[positive], video[positive], kept, len(scores))  # [V, T]
    frames = _counts_above(pooled, video, kept, len(scores))
    order = np.argsort(-pooled, kind="stable")
    descending, positive, video = pooled[order], positive[order], video[order]
    last_of_tie = np.append(descending[1:] != descending[:-1], True)

    def score(weights: np.ndarray) -> np.ndarray:
        if grouped and len(weights) <= ONE_BY_ONE:
            return np.array([_weighted_average_precision(row[video], positive, last_of_tie) for row in weights])
        parts = [weights[start : start + RESAMPLES_AT_ONCE] for start in range(0, len(weights), RESAMPLES_AT_ONCE)]
        return np.concatenate([_step_integral(part, hits, frames, single) for part in parts])

    return score


def _weighted_average_precision(weights: np.ndarray, positive: np.ndarray, last_of_tie: np.ndarray) -> float:
    """AP of frames in descending order of their scores, each counted `weights` [frames] times; NaN if none is positive."""
    hits, frames = np.cumsum(weights * positive)[last_of_tie], np.cumsum(weights)[last_of_tie]
    if hits[-1] == 0:
        return np.nan
    return float(np.sum(np.diff(hits, prepend=0.0) * hits / np.maximum(frames, 1e-300)) / hits[-1])


def _ends_of_groups(thresholds: int) -> np.ndarray:
    """Indices of the thresholds that are kept: the first ones, then the last of every group."""
    groups = np.linspace(EXACT_THRESHOLDS, thresholds, BINS + 1)[1:].round().astype(int) - 1
    return np.concatenate([np.arange(EXACT_THRESHOLDS), groups])


def _counts_above(scores: np.ndarray, video: np.ndarray, thresholds: np.ndarray, videos: int) -> np.ndarray:
    """Frames of every video that score at least each threshold (descending), [videos, thresholds]."""
    reached = np.searchsorted(-thresholds, -scores, side="left")  # the highest threshold that is not above the score
    counts = np.zeros((videos, len(thresholds) + 1))
    np.add.at(counts, (video, reached), 1)
    return np.cumsum(counts[:, :-1], axis=1)


def _step_integral(weights: np.ndarray, hits: np.ndarray, frames: np.ndarray, single: int) -> np.ndarray:
    """AP per row of weights [R, V]; the thresholds from `single` on are ends of groups."""
    if hits.shape[1] == 0:
        return np.full(len(weights), np.nan)
    above, predicted = weights @ hits, weights @ frames  # [R, T]
    positives = above[:, -1].copy()
    gained = np.diff(above, axis=1, prepend=0.0)
    for counts in (above, predicted):  # to the middle of each group
        counts[:, single:] = (counts[:, single - 1 : -1] + counts[:, single:]) / 2
    np.maximum(predicted, 1e-300, out=predicted)  # no frame drawn yet: no hit either
    np.divide(above, predicted, out=predicted)
    with np.errstate(invalid="ignore"):  # 0 / 0: no positive frame was drawn
        return np.einsum("rt,rt->r", gained, predicted) / positives
