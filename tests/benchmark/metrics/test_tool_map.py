# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Tool mAP against scikit-learn, a case worked by hand, and what must not change it."""

from pathlib import Path

import evaluate
import numpy as np
import pytest
from sklearn.metrics import average_precision_score

import zen_hf.benchmark.metrics as metrics
from zen_hf.benchmark.metrics.tool_map.tool_map import ToolMap, average_precision


def compute(scores, truth, groups):
    return ToolMap(keep_in_memory=True).compute(predictions=scores, references=truth, groups=groups)


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
    assert result["map_video_mean"] == result["map_class_mean"] == 1.0


def test_constant_score_gives_the_prevalence(frames):
    _, truth, groups = frames
    result = compute(np.tile([0.1, 0.7, 0.2, 0.4], (125, 1)), truth, groups)
    assert result["map_video_mean"] == pytest.approx(result["prevalence_video_mean"], abs=1e-12)


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

    batched = ToolMap(keep_in_memory=True)
    for start in range(0, len(groups), 30):
        part = slice(start, start + 30)
        batched.add_batch(predictions=scores[part], references=truth[part], groups=groups[part])
    assert batched.compute() == reference


def test_one_video_without_any_tool_is_left_out():
    result = compute([[0.9], [0.1], [0.5]], [[1], [0], [0]], ["a", "a", "empty"])
    assert result["per_video"]["empty"]["map"] is None
    assert result["map_video_mean"] == 1.0 and result["map_video_std"] is None
    assert compute([[0.5]], [[0]], ["empty"])["map_video_mean"] is None


def test_loads_by_path(frames):
    loaded = evaluate.load(str(Path(metrics.__file__).parent / "tool_map"))
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
