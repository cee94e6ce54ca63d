# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Of a film that pauses, each scene is kept once, and those that differ most stay."""

import numpy as np

from zen_hf.curation.judging.different_frames import DifferentFrames, different_frames


def grey(level):
    return np.full((36, 64, 3), level, np.uint8)


def test_a_pause_gives_one_frame():
    noise = np.random.default_rng(0)
    pause = [np.clip(grey(90) + noise.normal(0, 3, (36, 64, 3)), 0, 255).astype(np.uint8) for _ in range(9)]
    assert [frame[0, 0, 0] for frame in different_frames([grey(10), *pause, grey(200)])] == [
        10,
        pause[0][0, 0, 0],
        200,
    ]


def test_the_frames_that_differ_most_stay():
    seen = DifferentFrames(most=3)
    for level in (0, 100, 110, 200, 105):
        seen.see(grey(level))
    assert [frame[0, 0, 0] for frame in seen.frames] == [0, 100, 200]
