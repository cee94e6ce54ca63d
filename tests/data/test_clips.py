# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A clip never leaves its video."""

import pytest

from zen_hf.data.clips import Clips

VIDEOS = ["a"] * 5 + ["b"] * 4


def test_clips_start_at_the_row_or_as_late_as_the_video_allows():
    clips = Clips(VIDEOS, length=2, stride=2)
    assert clips(0) == [0, 2] and clips(2) == [2, 4]
    assert clips(3) == [2, 4] and clips(4) == [2, 4]  # a ends
    assert clips(5) == [5, 7] and clips(8) == [6, 8]


def test_every_clip_lies_in_one_video_and_every_frame_in_some_clip():
    clips = Clips(VIDEOS, length=3, stride=1)
    seen = [clips(row) for row in range(9)]
    assert all(len({VIDEOS[row] for row in clip}) == 1 for clip in seen)
    assert {row for clip in seen for row in clip} == set(range(9))


def test_a_video_that_is_too_short_is_named():
    with pytest.raises(ValueError, match="video b has 4 frames in a row, but a clip of 3 with stride 2 needs 5"):
        Clips(VIDEOS, length=3, stride=2)
