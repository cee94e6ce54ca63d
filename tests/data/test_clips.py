# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A clip never leaves its video."""

import pytest

from zen_hf.data.clips import Clips

VIDEOS = ["a"] * 5 + ["b"] * 4


def test_rows_are_spread_evenly_over_the_places_where_a_clip_may_start():
    clips = Clips(VIDEOS, length=2, stride=2)
    assert [clips(row) for row in range(5)] == [[0, 2], [0, 2], [1, 3], [1, 3], [2, 4]]
    assert [clips(row) for row in range(5, 9)] == [[5, 7], [5, 7], [6, 8], [6, 8]]
    long = Clips(["a"] * 1000, length=8, stride=10)
    starts = [long(row)[0] for row in range(1000)]
    assert starts[0] == 0 and starts[-1] == 929 and max(starts.count(start) for start in range(930)) <= 2


def test_every_clip_lies_in_one_video_and_every_frame_in_some_clip():
    clips = Clips(VIDEOS, length=3, stride=1)
    seen = [clips(row) for row in range(9)]
    assert all(len({VIDEOS[row] for row in clip}) == 1 for clip in seen)
    assert {row for clip in seen for row in clip} == set(range(9))


def test_a_video_that_is_too_short_is_named():
    with pytest.raises(ValueError, match="video b has 4 frames in a row, but a clip of 3 with stride 2 needs 5"):
        Clips(VIDEOS, length=3, stride=2)
