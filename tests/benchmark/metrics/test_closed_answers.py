# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Closed answers against scikit-learn with a fixed list of answers, by hand, and under weights of videos."""

import json
from pathlib import Path

import evaluate
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

import zen_hf.benchmark.metrics as metrics
from zen_hf.benchmark.metrics.closed_answers.closed_answers import (
    ClosedAnswers,
    score_names,
    score_of_weights,
    summarise,
    video_statistics,
)

ANSWERS = 7
TYPES = {"phase": (0, 1, 2), "count": (3, 4)}


def score(given, truth, groups, types=TYPES):
    return summarise(video_statistics(given, truth, groups, ANSWERS, types))


@pytest.fixture
def questions():
    """Three videos; answer 5 is never the truth and often given, answer 6 is the truth in video "a" alone."""
    random = np.random.default_rng(0)
    groups = np.array(["b"] * 40 + ["a"] * 25 + ["c"] * 60)
    truth = random.integers(0, 5, 125)
    truth[groups == "a"] = random.choice([0, 3, 6], 25)
    given = np.where(random.random(125) < 0.6, truth, random.integers(0, 6, 125))
    return given, truth, groups


def by_scikit_learn(truth, given):
    fixed = {"labels": sorted(set(truth.tolist())), "zero_division": 0}
    return {
        "accuracy": accuracy_score(truth, given),
        "macro_f1": f1_score(truth, given, average="macro", **fixed),
        "macro_precision": precision_score(truth, given, average="macro", **fixed),
        "macro_recall": recall_score(truth, given, average="macro", **fixed),
        "weighted_f1": f1_score(truth, given, average="weighted", **fixed),
    }


def test_equals_scikit_learn_with_a_fixed_list(questions):
    given, truth, groups = questions
    result = score(*questions)
    for measure, expected in by_scikit_learn(truth, given).items():
        assert result[f"{measure}_global"] == pytest.approx(expected, abs=1e-12)
        of_videos = [by_scikit_learn(truth[groups == video], given[groups == video])[measure] for video in "abc"]
        assert [result["per_video"][video][measure] for video in "abc"] == pytest.approx(of_videos, abs=1e-12)
        assert result[f"{measure}_video_mean"] == pytest.approx(np.mean(of_videos), abs=1e-12)
        assert result[f"{measure}_video_std"] == pytest.approx(np.std(of_videos, ddof=1), abs=1e-12)
    drifting = f1_score(truth, given, average="macro")  # over truth and predictions together: another number
    assert abs(result["macro_f1_global"] - drifting) > 0.02
    assert result["f1_class_global"][5] is None
    for name, answers in TYPES.items():
        asked = np.isin(truth, answers)
        assert result[f"accuracy_{name}_global"] == pytest.approx((given == truth)[asked].mean(), abs=1e-12)


def test_by_hand():
    # Answer 0: F1 2/3; answer 1 is never given right: 0. Answer 2 is no truth: its question counts against answer 1.
    result = summarise(video_statistics([0, 0, 2], [0, 1, 1], ["a"] * 3, 3, {"yes or no": (0, 1), "organ": (2,)}))
    assert result["macro_f1_global"] == pytest.approx(1 / 3) and result["accuracy_global"] == pytest.approx(1 / 3)
    assert result["weighted_f1_global"] == pytest.approx((2 / 3) / 3)
    assert result["macro_precision_global"] == 0.25 and result["macro_recall_global"] == 0.5
    assert result["accuracy_yes or no_global"] == pytest.approx(1 / 3) and result["accuracy_organ_global"] is None
    perfect = summarise(video_statistics([0, 4], [0, 4], ["a", "b"], 9))
    assert perfect["macro_f1_global"] == perfect["macro_f1_video_mean"] == 1


def test_order_does_not_matter(questions):
    reference = score(*questions)
    order = np.random.default_rng(1).permutation(125)
    assert score(*(column[order] for column in questions)) == reference
    assert json.loads(json.dumps(reference)) == reference


def test_weights_count_a_video_that_often(questions):
    given, truth, groups = questions
    statistics = video_statistics(*questions, ANSWERS, TYPES)
    rows = np.concatenate([np.flatnonzero(groups == video) for video in "aac"])
    drawn = score(given[rows], truth[rows], ["1"] * 25 + ["2"] * 25 + ["3"] * 60)
    for name in score_names(list(statistics.values())):
        value = score_of_weights(name, statistics)(np.array([[2.0, 0, 1], [1, 1, 1]]))
        assert value[0] == pytest.approx(drawn[name], abs=1e-12)
        assert value[1] == pytest.approx(score(*questions)[name], abs=1e-12)


def test_bad_input(questions):
    with pytest.raises(ValueError, match="predictions hold the answers .7, 9.; expected indices from 0 to 6"):
        score([7, 9, 0], [0, 0, 0], ["a"] * 3)
    with pytest.raises(ValueError, match="references hold the answers .-1."):
        score([0], [-1], ["a"])
    with pytest.raises(ValueError, match="in one type at most"):
        score([0], [0], ["a"], {"phase": (0, 1), "step": (1,)})
    with pytest.raises(ValueError, match="2 predictions, 1 references and 1 groups"):
        score([0, 1], [0], ["a"])
    with pytest.raises(ValueError, match="unknown score 'macro_f1'; expected one of macro_f1_global"):
        score_of_weights("macro_f1", video_statistics(*questions, ANSWERS))


def test_loads_by_its_path(questions):
    loaded = evaluate.load(str(Path(metrics.__file__).parent / "closed_answers"), keep_in_memory=True)
    given, truth, groups = questions
    result = loaded.compute(predictions=given, references=truth, groups=groups, num_classes=ANSWERS, types=TYPES)
    assert result == score(*questions)
    assert ClosedAnswers.ranks is False
