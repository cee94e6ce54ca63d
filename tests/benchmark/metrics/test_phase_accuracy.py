# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Phase accuracy and F1 against scikit-learn, a case worked by hand, and what must not change them."""

from pathlib import Path

import evaluate
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

import zen_hf.benchmark.metrics as metrics
from zen_hf.benchmark.metrics.phase_accuracy.phase_accuracy import PhaseAccuracy


def compute(predicted, truth, groups):
    return PhaseAccuracy(keep_in_memory=True).compute(predictions=predicted, references=truth, groups=groups)


@pytest.fixture
def frames():
    random = np.random.default_rng(0)
    groups = np.array(["b"] * 40 + ["a"] * 25 + ["c"] * 60)
    truth = random.integers(0, 5, 125)
    truth[groups == "a"] %= 3
    return np.where(random.random(125) < 0.5, truth, random.integers(0, 6, 125)), truth, groups


def test_equals_scikit_learn(frames):
    predicted, truth, groups = frames
    result = compute(*frames)
    accuracy, f1 = [], []
    for video in "abc":
        t, p = truth[groups == video], predicted[groups == video]
        accuracy.append(accuracy_score(t, p))
        f1.append(f1_score(t, p, labels=np.unique(t), average="macro"))
        assert result["per_video"][video]["accuracy"] == pytest.approx(accuracy[-1], abs=1e-12)
        assert result["per_video"][video]["macro_f1_b"] == pytest.approx(f1[-1], abs=1e-12)
    assert result["accuracy_video_mean"] == pytest.approx(np.mean(accuracy), abs=1e-12)
    assert result["accuracy_video_std"] == pytest.approx(np.std(accuracy, ddof=1), abs=1e-12)
    assert result["macro_f1_video_b_mean"] == pytest.approx(np.mean(f1), abs=1e-12)


def test_worked_by_hand():
    # Long video: 3 of 4 right; phase 0 has F1 2*1/(1+2) = 2/3, phase 1 2*2/(3+2) = 4/5. Short video: wrong.
    result = compute([0, 1, 1, 1, 2], [0, 0, 1, 1, 0], ["long"] * 4 + ["short"])
    assert result["accuracy_video_mean"] == pytest.approx((3 / 4 + 0) / 2)
    assert result["macro_f1_video_b_mean"] == pytest.approx(((2 / 3 + 4 / 5) / 2 + 0) / 2)
    assert result["per_video"]["short"]["f1"] == {0: 0.0}


def test_perfect_predictions_score_one_with_absent_phases(frames):
    _, truth, groups = frames
    result = compute(truth, truth, groups)
    assert result["accuracy_video_mean"] == result["macro_f1_video_b_mean"] == 1.0


def test_one_spurious_frame_of_an_absent_phase_costs_little():
    """The reason for strategy B: counting the absent phase as F1 = 0 would cost a third here."""
    truth = np.array([0] * 50 + [1] * 50)
    spurious = truth.copy()
    spurious[10] = 6
    assert compute(spurious, truth, ["a"] * 100)["macro_f1_video_b_mean"] > 0.99


def test_invariances(frames):
    predicted, truth, groups = frames
    reference = compute(*frames)
    order = np.random.default_rng(1).permutation(len(groups))
    assert compute(predicted[order], truth[order], groups[order]) == reference
    means = [name for name in reference if name.endswith("mean")]
    renumbered = np.array([3, 5, 0, 1, 4, 2])
    relabelled = compute(renumbered[predicted], renumbered[truth], groups)
    assert [relabelled[name] for name in means] == pytest.approx([reference[name] for name in means], abs=1e-12)
    batched = PhaseAccuracy(keep_in_memory=True)
    for start in range(0, len(groups), 30):
        part = slice(start, start + 30)
        batched.add_batch(predictions=predicted[part], references=truth[part], groups=groups[part])
    assert batched.compute() == reference


def test_loads_by_path(frames):
    loaded = evaluate.load(str(Path(metrics.__file__).parent / "phase_accuracy"))
    predicted, truth, groups = frames
    assert loaded.compute(predictions=predicted, references=truth, groups=groups) == compute(*frames)
