# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Scores as functions of weights: cases worked by hand, and what is undefined."""

import numpy as np
import pytest

from zen_hf.benchmark import video_weights

WEIGHTS = np.array([[1.0, 1, 1], [2, 0, 1], [0, 3, 0]])


def test_means():
    assert video_weights.mean_over_videos([1, 2, 6])(WEIGHTS).tolist() == [3, 8 / 3, 2]
    assert video_weights.mean_over_videos([1, None, 6])(WEIGHTS)[:2].tolist() == [3.5, 8 / 3]
    assert np.isnan(video_weights.mean_over_videos([1, None, 6])(WEIGHTS)[2])
    table = [[1, None], [2, None], [6, 0]]
    by_class = video_weights.mean_over_videos_by_class(table)(WEIGHTS)
    np.testing.assert_array_equal(by_class, [[3, 0], [8 / 3, 0], [2, np.nan]])
    assert video_weights.mean_over_videos_then_classes(table)(WEIGHTS).tolist() == [1.5, 4 / 3, 2]


def test_functions_of_sums():
    counts = [[[1, 2]], [[3, 4]], [[5, 6]]]
    score = video_weights.function_of_sums(counts, lambda sums: sums[:, 0, 0] / sums[:, 0, 1])
    assert score(WEIGHTS).tolist() == [9 / 12, 7 / 10, 9 / 12]


def test_value_and_spread():
    assert video_weights.value_of(video_weights.mean_over_videos([1, 3]), 2) == 2
    assert video_weights.value_of(video_weights.mean_over_videos([None]), 1) is None
    assert video_weights.spread([1, None, 3]) == pytest.approx(np.sqrt(2))
    assert video_weights.spread([1, None]) is None


def test_joined_goes_by_id():
    assert video_weights.joined({"b": 2, "a": 1}, {"a": 3, "b": 4}) == [1, 2, 3, 4]
    with pytest.raises(ValueError, match="2 videos are in one result and not in the other .first: b."):
        video_weights.joined({"a": 1, "b": 2}, {"a": 1, "c": 2})
