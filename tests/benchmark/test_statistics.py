# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Intervals and p-values against scipy, closed forms and simulation; the metric itself in every resample; speed."""

import dataclasses
import json
import time

import numpy as np
import pytest
from scipy import stats

from zen_hf.benchmark.metrics.multilabel_map.multilabel_map import MultilabelMap
from zen_hf.benchmark.metrics.multilabel_map.multilabel_map import video_statistics as label_statistics
from zen_hf.benchmark.metrics.phase_recognition.phase_recognition import (
    PhaseRecognition,
    score_names,
    score_of_weights,
    video_statistics,
)
from zen_hf.benchmark.statistics import (
    Comparison,
    bootstrap_weights,
    compare,
    confidence_interval,
    holm,
    minimum_detectable_difference,
    rank_encoders,
    spread_over_seeds,
    swap_test,
)
from zen_hf.benchmark.video_weights import mean_of_scores, mean_over_videos


@pytest.fixture
def values():
    return np.random.default_rng(3).gamma(2.0, size=30)


def paired(first, second):
    """Score of two encoders on the same videos: the mean of one value per video."""
    return mean_over_videos(np.concatenate([first, second]))


def test_weights_are_draws_with_replacement():
    weights = bootstrap_weights(12, 2000, seed=1)
    assert (weights.sum(axis=1) == 12).all() and weights.min() == 0
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.1)
    assert np.array_equal(weights, bootstrap_weights(12, 2000, seed=1))
    assert not np.array_equal(weights, bootstrap_weights(12, 2000, seed=2))


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_interval_of_a_mean_equals_scipy(values, method):
    interval = confidence_interval(mean_over_videos(values), len(values), method=method, resamples=4000, seed=5)
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=4000, method=method, rng=np.random.default_rng(5), vectorized=True
    )
    assert (interval.low, interval.high) == pytest.approx(tuple(expected.confidence_interval), abs=1e-9)
    assert interval.value == pytest.approx(values.mean())
    assert interval.standard_error == pytest.approx(expected.standard_error, abs=1e-9)
    assert interval.standard_error == pytest.approx(values.std() / np.sqrt(len(values)), rel=0.05)  # closed form
    assert (interval.units, interval.resamples, interval.undefined, interval.warning) == (30, 4000, 0, None)


def test_swap_test_of_a_mean_equals_scipy():
    random = np.random.default_rng(0)
    first, second = random.normal(0.4, 1, (2, 11)) + [[0.5], [0.0]]
    p, exact = swap_test(paired(first, second), 11)
    expected = stats.permutation_test(
        (first, second), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=np.inf
    )
    assert exact and p == pytest.approx(expected.pvalue, abs=1e-12)

    first, second = random.normal(0.35, 1, (2, 40)) + [[0.35], [0.0]]
    p, exact = swap_test(paired(first, second), 40)
    signs = np.random.default_rng(9).choice([-1, 1], (200_000, 40))
    expected = np.mean(np.abs(signs @ (first - second)) >= abs((first - second).sum()))
    assert not exact and p == pytest.approx(expected, abs=0.012)


def test_smallest_p_values():
    better = paired(np.full(6, 0.9), np.full(6, 0.5))
    assert swap_test(better, 6) == (2 / 2**6, True)
    assert swap_test(paired(np.full(40, 0.9), np.full(40, 0.5)), 40, resamples=1000) == (1 / 1000, False)
    assert swap_test(paired(np.full(6, 0.5), np.full(6, 0.5)), 6)[0] == 1


def test_p_values_of_equal_encoders_are_uniform():
    random = np.random.default_rng(0)
    draws = [swap_test(paired(*random.normal(size=(2, 10))), 10)[0] for _ in range(400)]
    assert np.mean(np.array(draws) <= 0.05) == pytest.approx(0.05, abs=0.03)
    assert np.mean(np.array(draws) <= 0.5) == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize(("units", "expected"), [(32, 0.935), (5, 0.835)])
def test_coverage(units, expected):
    """How many 95 % intervals hold the true mean: close to that with 32 videos, far below with 5; hence the warning."""
    random = np.random.default_rng(123)
    held = []
    for seed in range(1500):
        interval = confidence_interval(mean_over_videos(random.normal(size=units)), units, resamples=400, seed=seed)
        held.append(interval.low <= 0 <= interval.high)
    print(f"\n{units} videos: {100 * np.mean(held):.0f} % of 95 % intervals hold the true mean")  # pytest -s
    assert np.mean(held) == pytest.approx(expected, abs=0.03)


def test_comparison_is_paired():
    """Videos differ far more than encoders; pairing removes what both have in common."""
    random = np.random.default_rng(0)
    video = random.uniform(0.3, 0.9, 32)
    first, second = video + 0.02 + 0.01 * random.normal(size=32), video + 0.01 * random.normal(size=32)
    both = compare(paired(first, second), 32)
    assert (both.first, both.second) == pytest.approx((first.mean(), second.mean()))
    assert both.difference.value == pytest.approx((first - second).mean())
    assert 0 < both.difference.low < both.difference.high < 0.04
    alone = confidence_interval(mean_over_videos(first), 32)
    assert alone.high - alone.low > 5 * (both.difference.high - both.difference.low)
    assert both.p_value < 0.01 and both.minimum_detectable_difference < 0.02
    opposite = compare(paired(second, first), 32)
    assert opposite.difference.value == pytest.approx(-both.difference.value)
    assert opposite.p_value == both.p_value
    json.dumps(dataclasses.asdict(both))


def test_minimum_detectable_difference_has_the_power_it_names():
    """Power of the paired t-test at that difference, by the noncentral t distribution."""
    for units in (8, 32, 80):
        deviation = 0.05
        found = minimum_detectable_difference(deviation / np.sqrt(units) * np.sqrt((units - 1) / units), units)
        critical = stats.t.ppf(0.975, units - 1)
        power = stats.nct.sf(critical, units - 1, found / deviation * np.sqrt(units))
        assert power == pytest.approx(0.8, abs=0.03)
    assert minimum_detectable_difference(0.1, 1) is None


def test_holm_worked_by_hand():
    adjusted = holm({"a": 0.04, "b": 0.01, "c": 0.03, "d": 0.005})
    assert adjusted == pytest.approx({"a": 0.06, "b": 0.03, "c": 0.06, "d": 0.02})
    assert list(adjusted) == ["a", "b", "c", "d"]
    assert holm({"a": 0.7, "b": 0.6}) == {"a": 1.0, "b": 1.0} and holm({}) == {}
    with pytest.raises(ValueError, match="found {'a': 1.2}"):
        holm({"a": 1.2})


def test_few_videos_are_warned_of():
    few = confidence_interval(mean_over_videos([0.1, 0.4, 0.3, 0.2, 0.6]), 5)
    assert few.warning.startswith("5 test videos: fewer than 8.") and "0.062" in few.warning
    assert confidence_interval(mean_over_videos(np.arange(8) / 8), 8).warning is None


def test_ranks_worked_by_hand():
    ranking = rank_encoders({"a": [0.9, 0.8, 0.7, 0.6], "b": [0.8, 0.7, 0.7, 0.5], "c": [0.1, 0.2, 0.3, 0.7]})
    assert ranking.mean_ranks == pytest.approx({"a": 5.5 / 4, "b": 8.5 / 4, "c": 10 / 4}) and ranking.tasks == 4
    # Friedman's statistic with its correction for ties, by hand: 12/(nk(k+1)) sum R^2 - 3n(k+1), over 1 - sum(t^3-t)/(nk(k^2-1))
    statistic = (12 / (4 * 3 * 4) * (5.5**2 + 8.5**2 + 10**2) - 3 * 4 * 4) / (1 - 6 / (4 * 3 * 8))
    assert ranking.p_value == pytest.approx(stats.chi2.sf(statistic, 2))
    assert rank_encoders(dict.fromkeys("abc", [0.5, 0.5])).p_value == 1
    for scores in ({"a": [1, 2], "b": [1, 2]}, dict.fromkeys("abc", [1]), {"a": [1, 2], "b": [1, 2], "c": [1]}):
        with pytest.raises(ValueError, match="ranks need three encoders"):
            rank_encoders(scores)


@pytest.mark.parametrize(("encoders", "quantile"), [(3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)])
def test_critical_difference_of_the_published_table(encoders, quantile):
    """Demsar (2006), table 5(a), alpha 0.05."""
    scores = {str(index): list(np.random.default_rng(index).random(12)) for index in range(encoders)}
    expected = quantile * np.sqrt(encoders * (encoders + 1) / (6 * 12))
    assert rank_encoders(scores).critical_difference == pytest.approx(expected, rel=5e-4)


def test_seeds_are_apart_from_the_interval():
    spread = spread_over_seeds([0.70, 0.72, 0.74])
    assert (spread.mean, spread.std) == pytest.approx((0.72, 0.02)) and spread.values == (0.70, 0.72, 0.74)
    assert spread_over_seeds([0.5]).std is None
    with pytest.raises(ValueError, match="no seed was run"):
        spread_over_seeds([])
    videos = np.random.default_rng(0).random((3, 20))
    score = mean_of_scores([mean_over_videos(seed) for seed in videos])
    interval = confidence_interval(score, 20)
    alone = confidence_interval(mean_over_videos(videos.mean(axis=0)), 20)
    assert (interval.low, interval.high) == pytest.approx((alone.low, alone.high))


def test_undefined_values():
    nothing = mean_over_videos([None, None])
    with pytest.raises(ValueError, match="the score is undefined"):
        confidence_interval(nothing, 2)
    with pytest.raises(ValueError, match="the difference is undefined"):
        swap_test(mean_over_videos([None, None, 0.5, 0.5]), 2)
    half = confidence_interval(mean_over_videos([0.5, None]), 2, resamples=1000)
    assert half.undefined == pytest.approx(250, abs=60) and half.low == half.high == 0.5
    with pytest.raises(ValueError, match="without 1 of 2 it is undefined"):
        confidence_interval(mean_over_videos([0.5, None]), 2, method="bca")
    with pytest.raises(ValueError, match="all resamples lie on one side"):
        confidence_interval(lambda weights: -((weights - 1) ** 2).sum(axis=1), 20, method="bca", resamples=100)
    with pytest.raises(ValueError, match="unknown method 'normal'"):
        confidence_interval(mean_over_videos([0.5, 0.6]), 2, method="normal")


def phase_videos(videos=8, frames=120, right=0.7, seed=0, frames_seed=0):
    """Truth with blocks of phases, some absent, and predictions that are right so often."""
    truth_random, random = np.random.default_rng(frames_seed), np.random.default_rng(seed)
    truth = [np.sort(truth_random.choice(7, frames, p=truth_random.dirichlet(np.ones(7) / 2))) for _ in range(videos)]
    truth = np.concatenate(truth)
    predicted = np.where(random.random(len(truth)) < right, truth, random.integers(0, 7, len(truth)))
    return predicted, truth, np.repeat([f"video{index:02d}" for index in range(videos)], frames)


@pytest.mark.parametrize("name", score_names())
def test_every_resample_is_the_metric_itself(name):
    """A few resamples by hand: the metric's own `compute` on the drawn videos under new names."""
    predicted, truth, groups = phase_videos()
    score = score_of_weights(name, video_statistics(predicted, truth, groups, 7))
    weights = bootstrap_weights(8, 3, seed=2)
    ids = np.unique(groups)
    for row, value in zip(weights, score(weights), strict=True):
        parts = [
            (np.flatnonzero(groups == video), f"{video} copy {copy}")
            for video, times in zip(ids, row, strict=True)
            for copy in range(int(times))
        ]
        rows = np.concatenate([frames for frames, _ in parts])
        named = np.repeat([new for _, new in parts], [len(frames) for frames, _ in parts])
        metric = PhaseRecognition(keep_in_memory=True)
        drawn = metric.compute(predictions=predicted[rows], references=truth[rows], groups=named, num_classes=7)
        assert value == pytest.approx(drawn[name], abs=1e-12)


def test_comparison_of_two_encoders_by_their_metric():
    good, bad = (
        video_statistics(*phase_videos(12, right=right, seed=seed), 7) for right, seed in ((0.8, 1), (0.6, 2))
    )
    for name in ("f1_b_video_mean", "f1_frame", "f1_a_class_mean", "segment_f1_10_pooled"):
        found = compare(PhaseRecognition.score_of_weights(name, good, bad), 12, resamples=1000)
        assert isinstance(found, Comparison) and found.difference.low > 0 and found.p_value <= 0.01
    same = compare(score_of_weights("f1_frame", good, good), 12, resamples=1000)
    assert same.p_value == 1 and same.difference.low == same.difference.high == 0


@pytest.mark.slow
def test_eighty_videos_ten_thousand_times_in_ten_seconds():
    """Processor time of one interval and one comparison, Cholec80's size: 80 videos of 2,300 frames, 7 classes."""
    random = np.random.default_rng(0)
    phase = [video_statistics(*phase_videos(80, 2300, seed=seed), 7) for seed in (0, 1)]
    truth = (random.random((80 * 2300, 7)) < [0.5, 0.05, 0.55, 0.02, 0.03, 0.05, 0.06]).astype(int)
    groups = np.repeat([f"video{index:02d}" for index in range(80)], 2300)
    tools = [label_statistics(random.normal(size=truth.shape) + 2 * truth, truth, groups) for _ in range(2)]
    print("\nprocessor seconds of            an interval   a comparison")  # pytest -s
    for metric, name, encoders in (
        (PhaseRecognition, "accuracy_video_mean", phase),
        (PhaseRecognition, "f1_b_video_mean", phase),
        (PhaseRecognition, "f1_b_class_mean", phase),
        (PhaseRecognition, "f1_frame", phase),
        (MultilabelMap, "map_video_mean", tools),
        (MultilabelMap, "map_global", tools),
    ):
        start = time.process_time()
        interval = confidence_interval(metric.score_of_weights(name, encoders[0]), 80)
        alone = time.process_time() - start
        both = compare(metric.score_of_weights(name, *encoders), 80)
        paired = time.process_time() - start - alone
        print(f"  {name:27} {alone:12.2f} {paired:14.2f}")
        assert alone < 10
        assert interval.low < interval.value < interval.high
        assert both.first == pytest.approx(interval.value, abs=1e-12)
