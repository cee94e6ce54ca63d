# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Decisions at one half against scikit-learn and by hand, what must not change them, and what they get from a head."""

import json
from pathlib import Path

import evaluate
import numpy as np
import pytest
from sklearn.metrics import average_precision_score, balanced_accuracy_score, brier_score_loss, f1_score, recall_score

import zen_hf.benchmark.metrics as metrics
from zen_hf.benchmark.metrics.binary_decisions.binary_decisions import (
    MEASURES,
    NAMES,
    BinaryDecisions,
    score_of_weights,
    video_statistics,
)
from zen_hf.benchmark.metrics.multilabel_map.multilabel_map import MultilabelMap
from zen_hf.benchmark.scoring import score_frames
from zen_hf.benchmark.task import load_task

SKLEARN = {
    "balanced_accuracy": lambda y, p: balanced_accuracy_score(y, p >= 0.5),
    "sensitivity": lambda y, p: recall_score(y, p >= 0.5),
    "specificity": lambda y, p: recall_score(y, p >= 0.5, pos_label=0),
    "f1": lambda y, p: f1_score(y, p >= 0.5),
    "brier": brier_score_loss,
}


def compute(predictions, references, groups):
    return BinaryDecisions(keep_in_memory=True).compute(predictions=predictions, references=references, groups=groups)


@pytest.fixture
def frames():
    """Three videos; video "a" has no positive frame of class 1 and no negative one of class 2."""
    random = np.random.default_rng(0)
    groups = np.array(["b"] * 40 + ["a"] * 25 + ["c"] * 60)
    truth = (random.random((125, 3)) < (0.3, 0.5, 0.6)).astype(int)
    truth[groups == "a", 1], truth[groups == "a", 2] = 0, 1
    probabilities = np.clip(0.3 * truth + 0.7 * random.random((125, 3)), 0, 1)
    return probabilities, truth, groups


def expected(measure, truth, probabilities):
    """By scikit-learn; None where there is no positive, or no negative, frame that the measure needs."""
    needs = {"balanced_accuracy": (0, 1), "sensitivity": (1,), "specificity": (0,), "f1": (1,), "brier": ()}[measure]
    return SKLEARN[measure](truth, probabilities) if set(needs) <= set(truth.tolist()) else None


@pytest.mark.parametrize("measure", MEASURES)
def test_equals_scikit_learn(frames, measure):
    probabilities, truth, groups = frames
    result = compute(*frames)
    pooled = [expected(measure, truth[:, c], probabilities[:, c]) for c in range(3)]
    assert result[f"{measure}_class_global"] == pytest.approx(pooled, abs=1e-12)
    assert result[f"{measure}_global"] == pytest.approx(np.mean(pooled), abs=1e-12)
    table = [
        [expected(measure, truth[groups == video, c], probabilities[groups == video, c]) for c in range(3)]
        for video in "abc"
    ]
    assert [result["per_video"][video][f"{measure}_class"] for video in "abc"] == [
        [None if value is None else pytest.approx(value, abs=1e-12) for value in row] for row in table
    ]
    table = np.array(table, dtype=float)
    by_video = np.nanmean(table, axis=1)
    assert result[f"{measure}_video_mean"] == pytest.approx(by_video.mean(), abs=1e-12)
    assert result[f"{measure}_video_std"] == pytest.approx(by_video.std(ddof=1), abs=1e-12)
    assert result[f"{measure}_class_mean"] == pytest.approx(np.nanmean(table, axis=0).mean(), abs=1e-12)


def test_worked_by_hand():
    # One half counts as positive: hits 1, false positives 1, misses 1, right negatives 1.
    result = compute([[0.5], [0.9], [0.2], [0.0]], [[1], [0], [1], [0]], ["a"] * 4)
    assert [result[f"{measure}_global"] for measure in MEASURES] == pytest.approx(
        [1 / 2, 1 / 2, 1 / 2, 1 / 2, (0.25 + 0.81 + 0.64 + 0) / 4]
    )
    assert compute([[0.5]] * 3, [[1], [0], [0]], ["a"] * 3)["brier_global"] == 0.25
    nothing = compute([[0.1]] * 2, [[0]] * 2, ["a"] * 2)
    assert nothing["specificity_global"] == 1 and nothing["f1_global"] is nothing["balanced_accuracy_global"] is None


def test_order_of_frames_videos_and_classes_does_not_matter(frames):
    probabilities, truth, groups = frames
    reference = compute(*frames)
    order = np.random.default_rng(1).permutation(len(groups))
    shuffled = compute(probabilities[order], truth[order], groups[order])
    relabelled = compute(probabilities[:, ::-1], truth[:, ::-1], groups)
    for name in NAMES:
        assert shuffled[name] == pytest.approx(reference[name], abs=1e-12)
        assert relabelled[name] == pytest.approx(reference[name], abs=1e-12)
    assert json.loads(json.dumps(reference)) == reference


@pytest.mark.parametrize("name", NAMES)
def test_weights_count_a_video_that_often(frames, name):
    probabilities, truth, groups = frames
    score = score_of_weights(name, video_statistics(*frames))
    rows = np.concatenate([np.flatnonzero(groups == video) for video in "aac"])
    drawn = compute(probabilities[rows], truth[rows], ["first"] * 25 + ["again"] * 25 + ["c"] * 60)
    assert score(np.array([[2.0, 0, 1]]))[0] == pytest.approx(drawn[name], abs=1e-12)


def test_bad_input(frames):
    probabilities, truth, groups = frames
    with pytest.raises(ValueError, match="predictions go from -3 to 1; expected probabilities in .0, 1."):
        compute([[-3.0], [1.0]], [[1], [0]], ["a", "a"])
    with pytest.raises(ValueError, match="unknown score 'brier'; expected one of balanced_accuracy_video_mean"):
        score_of_weights("brier", video_statistics(*frames))


def test_loads_by_its_path(frames):
    loaded = evaluate.load(str(Path(metrics.__file__).parent / "binary_decisions"), keep_in_memory=True)
    probabilities, truth, groups = frames
    result = loaded.compute(predictions=probabilities, references=truth, groups=groups)
    assert result["brier_global"] == compute(*frames)["brier_global"]


def test_log_odds_of_a_head_become_probabilities(frames):
    """What a task's head returns is no probability; decisions at one half are those at log-odds of zero."""
    target = load_task("cholec80_cvs").targets[0]
    assert BinaryDecisions in target.also and BinaryDecisions in load_task("endoscapes_cvs").targets[0].also
    probabilities, truth, groups = frames
    logits = {video: np.log(probabilities / (1 - probabilities))[groups == video] for video in "abc"}
    result = score_frames(target, logits, {video: truth[groups == video] for video in "abc"}, BinaryDecisions)
    reference = compute(*frames)
    assert [result[name] for name in NAMES] == pytest.approx([reference[name] for name in NAMES], abs=1e-12)


def test_one_class_per_frame_is_ranked_by_its_probability():
    """GraSP: AP of every phase over all frames, from probabilities; logits have no common order over frames."""
    target = load_task("grasp_phase").targets[0]
    assert MultilabelMap in target.also and MultilabelMap in load_task("grasp_step").targets[0].also
    random = np.random.default_rng(0)
    truth = {video: random.integers(0, 11, 60) for video in "ab"}
    logits = {video: random.normal(size=(60, 11)) + 2 * np.eye(11)[truth[video]] for video in "ab"}
    result = score_frames(target, logits, truth, MultilabelMap)
    pooled = np.concatenate(list(logits.values()))
    probabilities = np.exp(pooled) / np.exp(pooled).sum(axis=1, keepdims=True)
    held = np.eye(11)[np.concatenate(list(truth.values()))]
    assert result["map_global"] == pytest.approx(average_precision_score(held, probabilities), abs=1e-12)
    shifted = {video: values + random.normal(size=(60, 1)) * 5 for video, values in logits.items()}
    assert score_frames(target, shifted, truth, MultilabelMap)["map_global"] == pytest.approx(result["map_global"])
