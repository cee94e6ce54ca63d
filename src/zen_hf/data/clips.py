# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Clips: a few frames of one video, evenly spaced, from about a drawn frame on."""

import numpy as np


class Clips:
    """Finds the clip that a row belongs to.

    Rows of a video must follow each other in the order of time.

    Args:
        videos: Video of every row [N], by names that are unique over all sources.
        length: Frames K of a clip.
        stride: Rows from one frame of a clip to the next.

    Raises:
        ValueError: If a video is too short for a clip.
    """

    def __init__(self, videos: list[str], length: int, stride: int):
        names = np.asarray(videos)
        starts = np.flatnonzero(np.concatenate([[True], names[1:] != names[:-1]]))
        ends = np.concatenate([starts[1:], [len(names)]])
        self.offsets = np.arange(length) * stride
        span = int(self.offsets[-1]) + 1
        if (ends - starts).min() < span:
            short = int((ends - starts).argmin())
            raise ValueError(
                f"video {names[starts[short]]} has {ends[short] - starts[short]} frames in a row, but a clip of "
                f"{length} with stride {stride} needs {span}; lower views.clip_frames or views.clip_stride, or hold "
                "the video out"
            )
        lengths = ends - starts
        first, length = np.repeat(starts, lengths), np.repeat(lengths, lengths)
        # a video's rows are spread over the places where a clip may start, so that none is drawn more often than others
        self.start = first + (np.arange(len(names)) - first) * (length - span + 1) // length  # [N]

    def __call__(self, row: int) -> list[int]:
        """Rows of the clip of a drawn row: it starts there, or the earlier the nearer the video's end is."""
        return (int(self.start[row]) + self.offsets).tolist()
