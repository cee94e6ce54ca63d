# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Mean average precision against scikit-learn, a case worked by hand, and what must not change it."""

from pathlib import Path

import evaluate
import numpy as np
import pytest
from sklearn.metrics import average_precision_score

import zen_hf.benchmark.metrics as metrics
from zen_hf.benchmark.metrics import average_precision as ap_module
from zen_hf.benchmark.metrics.average_precision import average_precision, pooled_average_precision, ranks
from zen_hf.benchmark.metrics.multilabel_map.multilabel_map import (
    NAMES,
    MultilabelMap,
    score_of_weights,
    video_statistics,
)
from zen_hf.benchmark.statistics import bootstrap_weights


def compute(scores, truth, groups):
    return MultilabelMap(keep_in_memory=True).compute(predictions=scores, references=truth, groups=groups)


@pytest.fixture
def frames():
    """Random scores with many ties, three videos of different length, two classes absent from one video each."""
    random = np.random.default_rng(0)
    groups = np.array(["b"] * 40 + ["a"] * 25 + ["c"] * 60)
    truth = (random.random((125, 4)) < [0.5, 0.1, 0.3, 0.2]).astype(int)
    truth[groups == "a", 3] = 0
    truth[groups == "c", 1] = 0
    return np.round(random.random((125, 4)) + 0.3 * truth, 1), truth, groups


def test_equals_scikit_learn(frames):
    scores, truth, groups = frames
    result = compute(*frames)
    expected = {
        video: [
            average_precision_score(truth[groups == video, index], scores[groups == video, index])
            if truth[groups == video, index].any()
            else np.nan
            for index in range(4)
        ]
        for video in "abc"
    }
    for video, ap in expected.items():
        np.testing.assert_allclose(np.array(result["per_video"][video]["ap"], float), ap, atol=1e-12)
        assert result["per_video"][video]["frames"] == (groups == video).sum()
    table = np.array([expected[video] for video in "abc"])
    by_video = np.nanmean(table, axis=1)
    assert result["map_video_mean"] == pytest.approx(by_video.mean(), abs=1e-12)
    assert result["map_video_std"] == pytest.approx(by_video.std(ddof=1), abs=1e-12)
    assert result["map_class_mean"] == pytest.approx(np.nanmean(table, axis=0).mean(), abs=1e-12)
    np.testing.assert_allclose(result["ap_class_video_mean"], np.nanmean(table, axis=0), atol=1e-12)
    assert result["undefined"] == [["a", 3], ["c", 1]]
    pooled = [average_precision_score(truth[:, index], scores[:, index]) for index in range(4)]
    np.testing.assert_allclose(result["ap_class_global"], pooled, atol=1e-12)
    assert result["map_global"] == pytest.approx(np.mean(pooled), abs=1e-12)
    assert result["prevalence_global"] == pytest.approx(truth.mean(), abs=1e-12)


def test_worked_by_hand():
    # Scores 4 3 2 1 with truth 1 0 1 0: precision 1 at recall 1/2, then 2/3 at recall 1.
    assert average_precision(np.array([2, 4, 1, 3]), np.array([1, 1, 0, 0])) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    # A tie is one threshold: both frames above it count, whichever comes first.
    assert average_precision(np.array([1, 1, 0]), np.array([1, 0, 0])) == pytest.approx(0.5)
    assert average_precision(np.array([1, 1, 0]), np.array([0, 1, 0])) == pytest.approx(0.5)
    assert average_precision(np.array([1.0, 2.0]), np.array([0, 0])) is None


def test_perfect_predictions_score_one_with_absent_classes(frames):
    _, truth, groups = frames
    result = compute(truth, truth, groups)
    assert result["map_video_mean"] == result["map_class_mean"] == result["map_global"] == 1.0


def test_a_class_that_no_video_holds_is_left_out(frames):
    scores, truth, groups = frames
    with_absent = compute(np.c_[scores, scores[:, 0]], np.c_[truth, 0 * truth[:, 0]], groups)
    reference = compute(*frames)
    assert all(with_absent[name] == pytest.approx(reference[name], abs=1e-12) for name in NAMES)
    assert with_absent["ap_class_global"][4] is None and with_absent["ap_class_video_mean"][4] is None


def test_constant_score_gives_the_prevalence(frames):
    _, truth, groups = frames
    result = compute(np.tile([0.1, 0.7, 0.2, 0.4], (125, 1)), truth, groups)
    for way in ("video_mean", "class_mean", "global"):
        assert result[f"map_{way}"] == pytest.approx(result[f"prevalence_{way}"], abs=1e-12)


def test_invariances(frames):
    scores, truth, groups = frames
    reference = compute(*frames)
    order = np.random.default_rng(1).permutation(len(groups))  # of frames, hence also of videos
    assert compute(scores[order], truth[order], groups[order]) == reference
    assert compute(5 * scores - 2, truth, groups) == reference

    classes = [2, 0, 3, 1]
    relabelled = compute(scores[:, classes], truth[:, classes], groups)
    assert relabelled["map_video_mean"] == pytest.approx(reference["map_video_mean"], abs=1e-12)
    assert relabelled["ap_class_video_mean"] == [reference["ap_class_video_mean"][index] for index in classes]

    renamed = compute(scores, truth, np.char.add("patient ", groups))
    assert renamed["map_video_mean"] == reference["map_video_mean"]

    batched = MultilabelMap(keep_in_memory=True)
    for start in range(0, len(groups), 30):
        part = slice(start, start + 30)
        batched.add_batch(predictions=scores[part], references=truth[part], groups=groups[part])
    assert batched.compute() == reference


def test_one_video_without_any_tool_is_left_out():
    result = compute([[0.9], [0.1], [0.5]], [[1], [0], [0]], ["a", "a", "empty"])
    assert result["per_video"]["empty"]["map"] is None
    assert result["map_video_mean"] == 1.0 and result["map_video_std"] is None
    assert compute([[0.5]], [[0]], ["empty"])["map_video_mean"] is None


@pytest.mark.parametrize("name", NAMES)
def test_weights_count_a_video_that_often(frames, name):
    """A weight of two is the video taken twice under two names; a weight of zero is the video left out."""
    scores, truth, groups = frames
    score = score_of_weights(name, video_statistics(scores, truth, groups))
    rows = np.concatenate([np.flatnonzero(groups == video) for video in "aac"])
    drawn = compute(scores[rows], truth[rows], ["first"] * 25 + ["again"] * 25 + ["c"] * 60)
    assert score(np.array([[2.0, 0, 1]]))[0] == pytest.approx(drawn[name], abs=1e-12)


def test_two_encoders_side_by_side(frames):
    """Each half of the weights is one encoder, whatever the scale of its scores."""
    scores, truth, groups = frames
    other = np.random.default_rng(3).random(scores.shape) + truth
    both = [video_statistics(s, truth, groups) for s in (1e3 * scores - 7, other)]
    for name in NAMES:
        score = score_of_weights(name, *both)
        values = score(np.array([[1.0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]]))
        expected = [compute(s, truth, groups)[name] for s in (scores, other)]
        np.testing.assert_allclose(values, expected, atol=1e-12)
    with pytest.raises(ValueError, match="1 videos are in one result and not in the other \\(first: c\\)"):
        score_of_weights("map_video_mean", both[0], {video: both[1][video] for video in "ab"})


def test_ranks_keep_the_order_and_the_ties():
    videos = [np.array([[3.0], [1.0]]), np.array([[3.0], [7.0]])]
    assert [video.ravel().tolist() for video in ranks(videos)] == [[0.75, 0.25], [0.75, 1.0]]


def test_pooled_scores_need_the_scores(frames):
    result = compute(*frames)
    assert score_of_weights("map_class_mean", result["per_video"])(np.ones((1, 3)))[0] == result["map_class_mean"]
    with pytest.raises(ValueError, match="it needs the scores and references of every frame"):
        score_of_weights("map_global", result["per_video"])
    with pytest.raises(ValueError, match="unknown score 'map'"):
        score_of_weights("map", result["per_video"])


@pytest.mark.parametrize("decimals", [1, 12])
def test_grouped_thresholds_are_close(monkeypatch, decimals):
    """The faster way for many thresholds, against the same frames taken as often as drawn and sorted anew."""
    random = np.random.default_rng(0)
    truth = [(random.random(1500) < share).astype(int) for share in random.uniform(0.02, 0.5, 20)]
    scores = [np.round(random.normal(size=1500) + 1.2 * t + random.normal() / 2, decimals) for t in truth]
    score = pooled_average_precision(scores, truth)
    weights = bootstrap_weights(20, 30)
    expected = [
        average_precision(np.repeat(np.concatenate(scores), times), np.repeat(np.concatenate(truth), times))
        for times in np.repeat(weights, 1500, axis=1).astype(int)
    ]
    np.testing.assert_allclose(score(weights), expected, atol=2e-4)
    np.testing.assert_allclose(score(weights[:5]), expected[:5], atol=1e-12)  # few rows: exact
    monkeypatch.setattr(ap_module, "BINS", 10**6)  # nothing grouped
    np.testing.assert_allclose(pooled_average_precision(scores, truth)(weights), expected, atol=1e-12)
    assert np.isnan(pooled_average_precision([np.ones(3)], [np.zeros(3, int)])(np.ones((20, 1)))).all()


def test_loads_by_path(frames):
    loaded = evaluate.load(str(Path(metrics.__file__).parent / "multilabel_map"))
    scores, truth, groups = frames
    assert loaded.compute(predictions=scores, references=truth, groups=groups) == compute(*frames)


@pytest.mark.parametrize(
    ("scores", "truth", "message"),
    [
        ([[0.1, np.nan]], [[0, 1]], "1 predicted scores are not finite"),
        ([[0.1, 0.2]], [[0, 2]], "references must be 0 or 1"),
        ([[0.1, 0.2]], [[0]], "must both be"),
    ],
)
def test_bad_input(scores, truth, message):
    with pytest.raises(ValueError, match=message):
        compute(scores, truth, ["a"])
