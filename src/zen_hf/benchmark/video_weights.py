# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Scores as functions of how often each video counts, for thousands of resamples at once.

A bootstrap over videos draws every video 0, 1, 2, ... times. The score of such a sample is the metric itself, computed
with every video counted that often. So a metric hands out its score as a function of weights: `weights` [R, V] holds one
resample per row, the function returns the R scores. All ones give the score itself. A score that is undefined in a
resample (no video in it holds any class, say) is NaN there.
"""

from collections.abc import Callable, Sequence

import numpy as np

Score = Callable[[np.ndarray], np.ndarray]  # weights [R, V] -> scores [R]


def mean_over_videos(values: Sequence[float | None]) -> Score:
    """Mean of one value per video.

    Args:
        values: [V]; None or NaN where undefined, and then left out.
    """
    column = mean_over_videos_by_class(np.asarray(values, dtype=float)[:, None])
    return lambda weights: column(weights)[:, 0]


def mean_over_videos_then_classes(table: Sequence[Sequence[float | None]]) -> Score:
    """Mean of every class over the videos where it is defined, then over the classes.

    Args:
        table: [V, C]; None or NaN where undefined.
    """
    by_class = mean_over_videos_by_class(table)
    return lambda weights: mean_of_defined(by_class(weights))


def mean_over_videos_by_class(table: Sequence[Sequence[float | None]]) -> Score:
    """Mean of every class over the videos where it is defined: weights [R, V] -> [R, C].

    Args:
        table: [V, C]; None or NaN where undefined.
    """
    table = np.asarray(table, dtype=float)
    defined = ~np.isnan(table)
    filled = np.where(defined, table, 0.0)

    def score(weights: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):  # 0 / 0: nothing defined was drawn
            return (weights @ filled) / (weights @ defined.astype(float))

    return score


def function_of_sums(statistics: Sequence, function: Callable[[np.ndarray], np.ndarray]) -> Score:
    """A function of counts summed over videos, such as the F1 of a pooled confusion matrix.

    Args:
        statistics: [V, ...], the counts of each video.
        function: from summed counts [R, ...] to scores [R].
    """
    statistics = np.asarray(statistics, dtype=float)
    flat = statistics.reshape(len(statistics), -1)
    return lambda weights: function((weights @ flat).reshape(len(weights), *statistics.shape[1:]))


def mean_of_scores(scores: Sequence[Score]) -> Score:
    """Mean of several scores on the same videos, such as those of the seeds of one head."""
    return lambda weights: np.mean([score(weights) for score in scores], axis=0)


def value_of(score: Score, videos: int) -> float | None:
    """The score itself: every video once; None where undefined."""
    value = float(score(np.ones((1, videos)))[0])
    return None if np.isnan(value) else value


def mean_of_defined(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis of what is not NaN; NaN where nothing is."""
    defined = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(defined, values, 0.0).sum(axis=-1) / defined.sum(axis=-1)


def spread(values: Sequence[float | None]) -> float | None:
    """Standard deviation of the defined values (ddof 1); None for fewer than two."""
    defined = [value for value in values if value is not None]
    return float(np.std(defined, ddof=1)) if len(defined) > 1 else None


def joined(*encoders: dict[str, dict]) -> list[dict]:
    """Statistics of the videos of one or several encoders, one encoder after the other, each by video id.

    Args:
        encoders: {video id: statistics}, the same ids in each.

    Raises:
        ValueError: if the ids differ.
    """
    ids = sorted(encoders[0])
    for encoder in encoders[1:]:
        if sorted(encoder) != ids:
            odd = sorted(set(encoder) ^ set(ids))
            raise ValueError(
                f"{len(odd)} videos are in one result and not in the other (first: {odd[0]}); a paired comparison needs "
                "the same test videos for both."
            )
    return [encoder[video] for encoder in encoders for video in ids]
