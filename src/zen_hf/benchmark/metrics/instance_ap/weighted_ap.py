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
CELLS_AT_ONCE = 2**15  # of [resamples, overlaps, corners]: keeps them in the cache


def weighted_ap(
    scores: Sequence[np.ndarray], matches: Sequence[np.ndarray], instances: np.ndarray, at_recalls: bool
) -> Score:
    """AP of one class at several overlaps: weights [R, V] -> [R, overlaps]; NaN where no true instance was drawn.

    Args:
        scores: [n] of each video's detections.
        matches: [n, overlaps] of each, `HIT`, `FALSE` or `UNCOUNTED`; a detection counts at all overlaps or at none.
        instances: [V], number of true instances in each video.
        at_recalls: whether precision is averaged at the 101 recalls of COCO; else it is integrated over recall (PASCAL VOC
            since 2010). In both, the precision at a recall is the greatest at that recall or above.
    """
    order = np.argsort(-np.concatenate(scores), kind="stable")
    video = np.repeat(np.arange(len(scores)), [len(each) for each in scores])[order]
    matches = np.concatenate(matches)[order]
    counted = matches[:, 0] != UNCOUNTED
    hits, above = counts_to_each_hit(video[counted], matches[counted] == HIT, len(scores))
    at_once = max(CELLS_AT_ONCE // max(hits[0].size, 1), 1)

    def score(weights: np.ndarray) -> np.ndarray:
        parts = [weights[start : start + at_once] for start in range(0, len(weights), at_once)]
        return np.concatenate(
            [_area(np.tensordot(part, hits, axes=1), part @ above, part @ instances, at_recalls) for part in parts]
        )

    return score


def counts_to_each_hit(video: np.ndarray, hit: np.ndarray, videos: int) -> tuple[np.ndarray, np.ndarray]:
    """Hits [videos, overlaps, K] and detections [videos, K] of every video from the highest score down to a corner.

    A corner is a hit of any video at any overlap; they come from the lowest score up.

    Args:
        video: [n], index of each detection's video, from the highest score down.
        hit: [n, overlaps], likewise.
        videos: their number.
    """
    corner = hit.any(axis=1)
    number = np.cumsum(corner) - corner  # the first corner that stands no higher
    corners = int(corner.sum())
    above = np.bincount(video * (corners + 1) + number, minlength=videos * (corners + 1))
    above = above.reshape(videos, corners + 1)[:, :-1].astype(float)
    hits = np.zeros((videos, hit.shape[1], corners))
    hits[video[corner], :, np.arange(corners)] = hit[corner]
    return tuple(np.ascontiguousarray(np.cumsum(each, axis=-1)[..., ::-1]) for each in (hits, above))


def _area(hits: np.ndarray, detections: np.ndarray, instances: np.ndarray, at_recalls: bool) -> np.ndarray:
    """AP of every resample and overlap from its counts at each corner: [R, overlaps, K], [R, K] and [R]."""
    precision = hits / np.maximum(detections, 1e-300)[:, None]
    precision = np.maximum.accumulate(precision, axis=-1)  # from the lowest score up
    drawn = instances[:, None] > 0
    reached, whole = hits / np.where(drawn, instances[:, None], 1.0)[..., None], 1
    if at_recalls:  # how many of the recalls: of all but the nearest it is certain
        nearest = np.rint(100 * reached)
        reached, whole = nearest + (RECALLS.take(nearest.astype(int)) <= reached), len(RECALLS)
    reached[..., :-1] -= reached[..., 1:]  # what each corner gains
    return np.where(drawn, np.einsum("rok,rok->ro", reached, precision) / whole, np.nan)
