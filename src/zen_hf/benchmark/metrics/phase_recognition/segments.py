# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Segmental scores: does the prediction hold the right segments, whatever the length of each?

Edit score: 1 minus the Levenshtein distance between the two sequences of segment labels over the longer one's length.
F1@k: a predicted segment is a hit if its intersection over union with some true segment of its class is at least k
per cent; a true segment is hit once, by the first. C. Lea et al., Temporal Convolutional Networks for Action Segmentation
and Detection, CVPR 2017, section 4. No class is a background that is left out.
"""

import numpy as np


def segments_of(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Runs of equal labels in time.

    Args:
        labels: [frames], in the order of time.

    Returns:
        Label, first frame and frame after the last of every run, [segments] each.
    """
    labels = np.asarray(labels)
    starts = np.flatnonzero(np.append(True, labels[1:] != labels[:-1]))
    return labels[starts], starts, np.append(starts[1:], len(labels))


def edit_score(truth: np.ndarray, predicted: np.ndarray) -> float:
    """1 for the same sequence of segments, 0 for nothing in common ([frames] each, in the order of time)."""
    true, found = segments_of(truth)[0], segments_of(predicted)[0]
    distance = np.arange(len(true) + 1)  # one row of the Levenshtein table at a time
    for row, label in enumerate(found, start=1):
        best = np.minimum(distance[1:] + 1, distance[:-1] + (true != label))
        best = np.append(row, best)
        # An insertion costs one more than its left neighbour: a running minimum along the row.
        steps = np.arange(len(true) + 1)
        distance = np.minimum.accumulate(best - steps) + steps
    return float(1 - distance[-1] / max(len(true), len(found)))


def segment_counts(truth: np.ndarray, predicted: np.ndarray, overlap: float) -> tuple[int, int, int]:
    """Hits, false and missed segments at one overlap.

    Args:
        truth: [frames], in the order of time.
        predicted: [frames], likewise.
        overlap: least intersection over union of a hit, in (0, 1].
    """
    true, starts, ends = segments_of(truth)
    found, found_starts, found_ends = (column[:, None] for column in segments_of(predicted))
    intersection = np.minimum(found_ends, ends) - np.maximum(found_starts, starts)  # [found, true]
    union = np.maximum(found_ends, ends) - np.minimum(found_starts, starts)  # the span: right for segments that touch
    overlaps = np.where(found == true, intersection / union, -1.0)
    best = overlaps.argmax(axis=1)
    matched = best[overlaps.max(axis=1) >= overlap]
    hits = len(np.unique(matched))  # a second match of the same segment stays a false one
    return hits, len(found) - hits, len(true) - hits


def segment_f1(counts: np.ndarray) -> np.ndarray:
    """F1 of hits, false and missed segments, [..., 3] -> [...]; NaN without a segment."""
    hits, false, missed = np.moveaxis(np.asarray(counts, dtype=float), -1, 0)
    with np.errstate(invalid="ignore"):
        return 2 * hits / (2 * hits + false + missed)
