# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Causal smoothing against a plain loop, and how its window is chosen."""

import numpy as np
import pytest

from zen_hf.benchmark.heads.smoothing import DEFAULT_WINDOW, WINDOWS, choose_window, smooth
from zen_hf.benchmark.metrics.multilabel_map.multilabel_map import MultilabelMap
from zen_hf.benchmark.metrics.phase_recognition.phase_recognition import PhaseRecognition
from zen_hf.benchmark.task import Target

TOOLS = Target("tool", "multi_label", tuple("abc"), MultilabelMap, score="map")
PHASES = Target("phase", "single_label", tuple("abc"), PhaseRecognition, score="accuracy")


def random_logits(frames, seed=0):
    return np.random.default_rng(seed).normal(0, 3, (frames, 3)).astype(np.float32)


@pytest.mark.parametrize("frames", [1, 4, 200])
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("target", [TOOLS, PHASES], ids=["multi_label", "single_label"])
def test_equals_a_plain_loop(target, window, frames):
    logits = random_logits(frames)
    odds = np.exp(logits.astype(float))
    probabilities = odds / (1 + odds) if target is TOOLS else odds / odds.sum(axis=1, keepdims=True)
    expected = [np.mean(probabilities[max(0, t - window + 1) : t + 1], axis=0) for t in range(frames)]
    found = smooth(target, logits, window)
    assert found.dtype == np.float64 and found.min() >= 0 and found.max() <= 1
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_later_frames_change_nothing():
    logits = random_logits(100)
    changed = logits.copy()
    changed[60:] = 50
    np.testing.assert_array_equal(smooth(PHASES, logits, 31)[:60], smooth(PHASES, changed, 31)[:60])
    np.testing.assert_array_equal(smooth(PHASES, logits, 31)[:60], smooth(PHASES, logits[:60], 31))


def test_window_of_one_keeps_every_prediction_and_input():
    logits = random_logits(50)
    before = logits.copy()
    np.testing.assert_array_equal(smooth(PHASES, logits, 1).argmax(axis=1), logits.argmax(axis=1))
    np.testing.assert_array_equal(logits, before)


def test_planted_window_is_found():
    """Phases of 150 frames under heavy noise want a long window; phases of 4 frames without noise want none."""
    slow = np.repeat(np.arange(12) % 3, 150)
    noisy = [4 * np.eye(3)[slow] + np.random.default_rng(seed).normal(0, 6, (len(slow), 3)) for seed in range(3)]
    assert choose_window(PHASES, noisy, [slow] * 3) in (31, 61)
    fast = np.repeat(np.arange(60) % 3, 4)
    assert choose_window(PHASES, [4 * np.eye(3)[fast]], [fast]) == 1


def test_tie_goes_to_the_shortest_window():
    labels = np.zeros(20, dtype=int)
    assert choose_window(PHASES, [np.tile([3.0, 0, 0], (20, 1))], [labels]) == 1


def test_bad_input():
    with pytest.raises(ValueError, match="window of 0 frames"):
        smooth(PHASES, random_logits(5), 0)
    with pytest.raises(ValueError, match=f"no video to choose .* use {DEFAULT_WINDOW} frames"):
        choose_window(PHASES, [], [])
