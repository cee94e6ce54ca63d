# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""How sure a score is, and whether two encoders differ: resampling whole videos, always of the metric itself.

The unit is what was sampled from the world: a video (an operation), never a frame. A score comes as a function of how often
each video counts (`video_weights.Score`), which every metric of `benchmark/metrics` hands out by `score_of_weights`.

    score = metric.score_of_weights("f1_b_video_mean", per_video)
    confidence_interval(score, units=len(per_video))

    both = metric.score_of_weights("f1_b_video_mean", per_video_of_a, per_video_of_b)
    compare(both, units=len(per_video_of_a))

B. Efron and R. Tibshirani, An Introduction to the Bootstrap (1993), chapters 13 and 14; P. Good, Permutation Tests (2000),
chapter 3; S. Holm, Scandinavian Journal of Statistics 6 (1979) 65; J. Demsar, Journal of Machine Learning Research 7
(2006) 1, for several encoders on several tasks.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from .video_weights import Score

FEW_UNITS = 8
EXACT_UNITS = 13  # 2**13 = 8,192 ways to swap: fewer than the usual number of random ones


@dataclass(frozen=True)
class Interval:
    """A score and where it would fall with other videos of the same kind.

    Args:
        value: the score itself.
        low: lower end.
        high: upper end.
        level: share of intervals that hold the true value, if there are many videos.
        method: "percentile" or "bca".
        units: videos.
        resamples: bootstrap resamples.
        undefined: resamples without a value (no drawn video held any class); they are left out.
        standard_error: standard deviation over the resamples.
        warning: what is wrong with the interval, or None.
    """

    value: float
    low: float
    high: float
    level: float
    method: str
    units: int
    resamples: int
    undefined: int
    standard_error: float
    warning: str | None


@dataclass(frozen=True)
class Comparison:
    """Two encoders on the same videos.

    Args:
        first: score of the first.
        second: score of the second.
        difference: first minus second, with its interval.
        p_value: two-sided, of "the two encoders are exchangeable in every video".
        p_exact: whether all swaps were tried, so that no chance is left in the p-value.
        minimum_detectable_difference: the difference that a comparison on as many such videos finds with the given power.
        power: the power meant.
    """

    first: float
    second: float
    difference: Interval
    p_value: float
    p_exact: bool
    minimum_detectable_difference: float | None
    power: float


def bootstrap_weights(units: int, resamples: int = 10_000, seed: int = 0) -> np.ndarray:
    """How often each of the videos is drawn in each resample, [resamples, units]; rows add up to `units`.

    Args:
        units: number of videos, 1 or more.
        resamples: number of resamples.
        seed: of the draws.
    """
    drawn = np.random.default_rng(seed).integers(0, units, (resamples, units))
    rows = np.arange(resamples)[:, None] * units
    return np.bincount((drawn + rows).ravel(), minlength=resamples * units).reshape(resamples, units).astype(float)


def confidence_interval(
    score: Score,
    units: int,
    level: float = 0.95,
    method: Literal["percentile", "bca"] = "percentile",
    resamples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """Bootstrap interval of a score over videos.

    Args:
        score: from a metric's `score_of_weights`, of one encoder.
        units: number of videos.
        level: in (0, 1).
        method: "percentile", or "bca" (bias-corrected and accelerated: Efron 1987), which needs a defined score without
            each single video.
        resamples: number of resamples.
        seed: of the draws.

    Raises:
        ValueError: if the score, or for "bca" the score without some video, is undefined, or the method is unknown.
    """
    value = float(score(np.ones((1, units)))[0])
    if np.isnan(value):
        raise ValueError("the score is undefined: no class has a positive frame in any video, so it has no interval.")
    drawn = score(bootstrap_weights(units, resamples, seed))
    defined = drawn[~np.isnan(drawn)]
    if method == "percentile":
        tails = np.array([(1 - level) / 2, (1 + level) / 2])
    elif method == "bca":
        tails = _bca_tails(score, units, value, defined, level)
    else:
        raise ValueError(f"unknown method {method!r}; expected 'percentile' or 'bca'.")
    low, high = np.quantile(defined, tails)
    return Interval(
        value=value,
        low=float(low),
        high=float(high),
        level=level,
        method=method,
        units=units,
        resamples=resamples,
        undefined=len(drawn) - len(defined),
        standard_error=float(np.std(defined, ddof=1)),
        warning=warning_of_few(units),
    )


def compare(
    score: Score,
    units: int,
    level: float = 0.95,
    method: Literal["percentile", "bca"] = "percentile",
    resamples: int = 10_000,
    power: float = 0.8,
    seed: int = 0,
) -> Comparison:
    """Compare two encoders on the same videos: every resample and every swap holds both encoders' results of a video.

    Args:
        score: from a metric's `score_of_weights` of both encoders: its weights have 2 x `units` columns.
        units: number of videos of each.
        level: of the interval of the difference.
        method: of the interval, see `confidence_interval`.
        resamples: of the bootstrap, and of the random swaps.
        power: chance to find a difference of `minimum_detectable_difference`, in (0, 1).
        seed: of the draws.

    Raises:
        ValueError: if either score is undefined.
    """

    def difference(weights: np.ndarray) -> np.ndarray:
        nothing = np.zeros_like(weights)
        return score(np.hstack([weights, nothing])) - score(np.hstack([nothing, weights]))

    once = np.ones((1, units))
    first, second = (float(score(np.hstack(pair))[0]) for pair in ((once, 0 * once), (0 * once, once)))
    interval = confidence_interval(difference, units, level, method, resamples, seed)
    p_value, p_exact = swap_test(score, units, resamples, seed)
    return Comparison(
        first=first,
        second=second,
        difference=interval,
        p_value=p_value,
        p_exact=p_exact,
        minimum_detectable_difference=minimum_detectable_difference(interval.standard_error, units, 1 - level, power),
        power=power,
    )


def swap_test(score: Score, units: int, resamples: int = 10_000, seed: int = 0) -> tuple[float, bool]:
    """Two-sided permutation p-value of the difference of two encoders, swapping their results video by video.

    For a mean over videos, swapping is the sign flip of a video's difference. With up to `EXACT_UNITS` videos all swaps are
    tried; with more, random ones, and the observed difference counts as one of them, so that p is never 0 (B. Phipson and
    G. Smyth, 2010).

    Args:
        score: of both encoders, see `compare`.
        units: number of videos of each.
        resamples: number of random swaps.
        seed: of the draws.

    Returns:
        The p-value, and whether all swaps were tried.
    """
    exact = units <= EXACT_UNITS
    if exact:
        swapped = np.array(list(itertools.product((0.0, 1.0), repeat=units)))
    else:
        swapped = np.random.default_rng(seed).integers(0, 2, (resamples, units)).astype(float)
        swapped[0] = 0  # the observed difference
    differences = score(np.hstack([1 - swapped, swapped])) - score(np.hstack([swapped, 1 - swapped]))
    observed = abs(differences[0])
    if np.isnan(observed):
        raise ValueError("the difference is undefined: one encoder has no score on these videos.")
    differences = np.abs(differences[~np.isnan(differences)])
    # Sums in another order differ in the last digits: what is equal must count as equal.
    return float(np.mean(differences >= observed - 1e-9 * max(observed, 1e-6))), exact


def minimum_detectable_difference(
    standard_error: float, units: int, alpha: float = 0.05, power: float = 0.8
) -> float | None:
    """The true difference that a two-sided paired t-test on so many videos would find with the given power.

    (t(1 - alpha/2) + t(power)) x SE, with quantiles of Student's t for `units` - 1 degrees of freedom; the bootstrap's
    standard error, which divides by n, is widened by sqrt(n / (n - 1)).

    Args:
        standard_error: of the difference over bootstrap resamples.
        units: number of videos.
        alpha: of the test.
        power: in (0, 1).

    Returns:
        The difference, in the unit of the score; None for a single video.
    """
    if units < 2:
        return None
    quantiles = stats.t.ppf([1 - alpha / 2, power], units - 1)
    return float(quantiles.sum() * standard_error * np.sqrt(units / (units - 1)))


def holm(p_values: dict[str, float]) -> dict[str, float]:
    """P-values adjusted for that many tasks: below alpha, all such findings together are wrong with chance alpha at most.

    Args:
        p_values: {task: p}, each in [0, 1].

    Returns:
        {task: adjusted p}, in the same order.

    Raises:
        ValueError: if a p-value lies outside [0, 1].
    """
    wrong = {task: p for task, p in p_values.items() if not 0 <= p <= 1}
    if wrong:
        raise ValueError(f"p-values lie in [0, 1]; found {wrong}.")
    adjusted, largest = {}, 0.0
    for rank, task in enumerate(sorted(p_values, key=p_values.get)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[task]))
        adjusted[task] = largest
    return {task: adjusted[task] for task in p_values}


@dataclass(frozen=True)
class Ranking:
    """Several encoders on several tasks, by their rank on each.

    Args:
        mean_ranks: {encoder: mean rank over the tasks}, 1 is best; equal scores share a rank.
        p_value: of Friedman's test that all encoders are alike.
        critical_difference: of Nemenyi: mean ranks further apart than this differ at `alpha`.
        alpha: chance to find some difference among alike encoders.
        tasks: number of tasks.
    """

    mean_ranks: dict[str, float]
    p_value: float
    critical_difference: float
    alpha: float
    tasks: int


def rank_encoders(scores: dict[str, Sequence[float]], alpha: float = 0.05) -> Ranking:
    """Rank encoders over tasks whose scores have no common scale (Demsar 2006, section 3.2.2).

    The critical difference is q sqrt(k (k + 1) / (6 n)) for k encoders and n tasks, with q the upper quantile of the
    studentised range over sqrt(2).

    Args:
        scores: {encoder: score on every task, higher is better}, the tasks in the same order.
        alpha: in (0, 1).

    Raises:
        ValueError: for fewer than three encoders or two tasks, or if an encoder lacks a task.
    """
    table = np.array(list(scores.values()), dtype=float) if len({len(v) for v in scores.values()}) == 1 else None
    if table is None or len(table) < 3 or table.shape[1] < 2 or np.isnan(table).any():
        raise ValueError(
            f"ranks need three encoders or more, each with a score on the same two tasks or more; found "
            f"{ {name: len(values) for name, values in scores.items()} }."
        )
    encoders, tasks = table.shape
    ranks = stats.rankdata(-table, axis=0)
    alike = (table == table[0]).all()  # Friedman's statistic is then 0 / 0
    return Ranking(
        mean_ranks={name: float(rank) for name, rank in zip(scores, ranks.mean(axis=1), strict=True)},
        p_value=1.0 if alike else float(stats.friedmanchisquare(*table).pvalue),
        critical_difference=float(
            stats.studentized_range.ppf(1 - alpha, encoders, np.inf)
            * np.sqrt(encoders * (encoders + 1) / (12 * tasks))
        ),
        alpha=alpha,
        tasks=tasks,
    )


@dataclass(frozen=True)
class SeedSpread:
    """How much a score changes with the seed of the head: chance of training, not of the choice of videos.

    Args:
        mean: over seeds.
        std: over seeds (ddof 1); None for one seed.
        values: score of every seed.
    """

    mean: float
    std: float | None
    values: tuple[float, ...]


def spread_over_seeds(values: Sequence[float]) -> SeedSpread:
    """Mean and spread of a score over the seeds of a head; kept apart from the interval over videos.

    The interval of the mean over seeds is `confidence_interval(mean_of_scores([score of each seed]), units)`: videos are
    drawn anew, seeds are not.

    Args:
        values: score of every seed on the same test videos.

    Raises:
        ValueError: without a value.
    """
    if not len(values):
        raise ValueError("no seed was run; expected at least one score.")
    std = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return SeedSpread(float(np.mean(values)), std, tuple(float(value) for value in values))


def warning_of_few(units: int) -> str | None:
    """What to say about so few test videos, or None."""
    if units >= FEW_UNITS:
        return None
    return (
        f"{units} test videos: fewer than {FEW_UNITS}. The interval is too narrow, and p cannot fall below "
        f"{2 ** (1 - units):.2g}; take more videos, or every video in turn as the test."
    )


def _bca_tails(score: Score, units: int, value: float, drawn: np.ndarray, level: float) -> np.ndarray:
    """Quantiles of the resamples that bound the BCa interval."""
    without = score(np.ones((units, units)) - np.eye(units))  # jackknife: each video left out
    if np.isnan(without).any():
        raise ValueError(
            f"BCa needs the score without each video, and without {int(np.isnan(without).sum())} of {units} it is "
            "undefined; use method='percentile'."
        )
    below = (np.mean(drawn < value) + np.mean(drawn <= value)) / 2
    if below in (0, 1):
        raise ValueError("BCa is undefined: all resamples lie on one side of the score; use method='percentile'.")
    bias = stats.norm.ppf(below)
    skewed = without.mean() - without
    spread = (skewed**2).sum() ** 1.5
    acceleration = (skewed**3).sum() / (6 * spread) if spread > 0 else 0.0
    z = bias + stats.norm.ppf([(1 - level) / 2, (1 + level) / 2])
    return stats.norm.cdf(bias + z / (1 - acceleration * z))
