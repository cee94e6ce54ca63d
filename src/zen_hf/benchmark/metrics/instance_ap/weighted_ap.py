# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Average precision of one class's detections, as a function of how often each video counts.

Nothing is sorted or matched anew for a resample. Precision falls from one hit to the next false detection, so only hits are
corners of the precision-recall curve: with H[v, k] the hits and N[v, k] the detections of video v down to the k-th hit, a
resample's counts are the products w H and w N. Every value is exact: that of all detections, each repeated w times in its
place. (Of equal scores the order counts, as in COCO: by video id, then by frame.)
"""

from collections.abc import Sequence

import numpy as np

from zen_hf.benchmark.metrics.instance_ap.matching import HIT, UNCOUNTED
from zen_hf.benchmark.video_weights import Score

RECALLS = np.linspace(0, 1, 101)
RESAMPLES_AT_ONCE = 256  # keeps [resamples, hits] in the cache


def weighted_ap(
    scores: Sequence[np.ndarray], matches: Sequence[np.ndarray], instances: Sequence[int], at_recalls: bool
) -> Score:
    """AP of one class, mean over several overlaps; NaN where no true instance was drawn.

    Args:
        scores: [n] of each video's detections.
        matches: [n, overlaps] of each, `HIT`, `FALSE` or `UNCOUNTED`.
        instances: number of true instances in each video.
        at_recalls: whether precision is averaged at the 101 recalls of COCO; else it is integrated over recall (PASCAL VOC
            since 2010). In both, the precision at a recall is the greatest at that recall or above.
    """
    order = np.argsort(-np.concatenate(scores), kind="stable")
    video = np.repeat(np.arange(len(scores)), [len(each) for each in scores])[order]
    curves = [counts_to_each_hit(video, column, len(scores)) for column in np.concatenate(matches)[order].T]
    instances = np.asarray(instances, dtype=float)

    def score(weights: np.ndarray) -> np.ndarray:
        parts = [weights[start : start + RESAMPLES_AT_ONCE] for start in range(0, len(weights), RESAMPLES_AT_ONCE)]
        return np.concatenate(
            [
                np.mean(
                    [_area(part @ hits, part @ above, part @ instances, at_recalls) for hits, above in curves], axis=0
                )
                for part in parts
            ]
        )

    return score


def counts_to_each_hit(video: np.ndarray, matches: np.ndarray, videos: int) -> tuple[np.ndarray, np.ndarray]:
    """Hits and detections of every video from the highest score down to each hit of any video, [videos, hits] both.

    Args:
        video: [n], index of each detection's video, from the highest score down.
        matches: [n], likewise.
        videos: their number.
    """
    counted = matches != UNCOUNTED
    video, hit = video[counted], matches[counted] == HIT
    corner = np.cumsum(hit) - hit  # the first hit that stands no higher
    side = int(hit.sum()) + 1
    counts = [
        np.bincount(video[chosen] * side + corner[chosen], minlength=videos * side).reshape(videos, side)
        for chosen in (hit, slice(None))
    ]
    return tuple(np.cumsum(count[:, :-1], axis=1).astype(float) for count in counts)


def _area(hits: np.ndarray, detections: np.ndarray, instances: np.ndarray, at_recalls: bool) -> np.ndarray:
    """AP of every resample from its counts at each corner, [R, K] and [R]."""
    precision = hits / np.maximum(detections, 1e-300)
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    with np.errstate(invalid="ignore", divide="ignore"):  # no instance was drawn
        reached = hits / instances[:, None]
        if at_recalls:
            reached = np.searchsorted(RECALLS, reached.ravel(), side="right").reshape(reached.shape) / len(RECALLS)
        gained = np.diff(reached, axis=1, prepend=0.0)
        return np.where(instances > 0, np.einsum("rk,rk->r", gained, precision), np.nan)
