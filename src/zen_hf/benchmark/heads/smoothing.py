# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Causal smoothing: the mean of the probabilities of the last w frames, fewer at the start of a video.

    s_t = 1 / min(t + 1, w)  sum_{u = max(0, t - w + 1)}^{t}  p_u

It is what any live system can do with a head of single frames, and much of what a temporal head gains. w is chosen on
videos that the head was not trained on. Where there are no such videos it is `DEFAULT_WINDOW`, 31 frames: the best fixed
window over several encoders on Cholec80 at 1 frame/s in "Temporal Aggregation Erases the Advantage" (Haeggstroem, draft,
2026).
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import expit, softmax

from ..scoring import selection_scores
from ..task import Target

WINDOWS = (1, 5, 11, 31, 61, 121)  # frames; the first, shortest, wins a tie
DEFAULT_WINDOW = 31


def smooth(target: Target, logits: np.ndarray, window: int) -> np.ndarray:
    """Mean probabilities of the last frames.

    Args:
        target: what the logits are of: sigmoid of a multi-label target, softmax of a single-label one.
        logits: of one whole video in the order of time, [frames, classes].
        window: number of frames, this one among them; 1 gives the probabilities themselves.

    Returns:
        Probabilities, [frames, classes] float64.

    Raises:
        ValueError: if the window is less than one frame.
    """
    if window < 1:
        raise ValueError(f"smoothing window of {window} frames; expected 1 or more.")
    logits = logits.astype(np.float64)
    probabilities = expit(logits) if target.kind == "multi_label" else softmax(logits, axis=1)
    if window == 1:
        return probabilities  # exactly: differences of sums would round
    sums = np.cumsum(probabilities, axis=0)
    sums[window:] -= sums[:-window].copy()
    means = sums / np.minimum(np.arange(1, len(sums) + 1), window)[:, None]
    return np.clip(means, 0.0, 1.0)


def choose_window(
    target: Target, logits: Sequence[np.ndarray], labels: Sequence[np.ndarray], windows: Sequence[int] = WINDOWS
) -> int:
    """The window with the best score on videos that the head was not trained on.

    Args:
        target: what is predicted.
        logits: of every such video, [frames, classes] each.
        labels: their truth.
        windows: the grid, in frames, from short to long.

    Raises:
        ValueError: if there is no video, or the score is undefined on all.
    """
    if not logits:
        raise ValueError(f"{target.name}: no video to choose the smoothing window on; use {DEFAULT_WINDOW} frames.")
    settings = [[smooth(target, video, window) for video in logits] for window in windows]
    return windows[int(np.argmax(selection_scores(target, settings, labels)))]
