# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""F1, Jaccard, precision and recall of every class from confusion matrices, under the strategies A, B and C.

The strategies differ in what a class scores that a video's truth does not hold (I. Funke et al., Metrics Matter in
Surgical Phase Recognition, arXiv:2305.13961):

    the class is                    A                      B            C
    absent, but predicted           F1, J, P 0; R none     none         F1, J, P 0; R none
    absent and not predicted        none                   none         F1, J, P 1; R none
    present, but not predicted      P none; others 0       as A         as A
"""

import numpy as np

MEASURES = ("f1", "jaccard", "precision", "recall")
STRATEGIES = ("a", "b", "c")


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Frames by true class (row) and predicted class (column), [classes, classes].

    Args:
        truth: [frames], class indices below `classes`.
        predicted: [frames], likewise.
        classes: number of classes.
    """
    return np.bincount(truth * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def class_scores(confusion: np.ndarray, measure: str, strategy: str) -> np.ndarray:
    """One measure of every class; NaN where it is undefined.

    Args:
        confusion: [..., C, C], frames by true class (row) and predicted class (column).
        measure: one of `MEASURES`.
        strategy: one of `STRATEGIES`.

    Returns:
        [..., C].
    """
    confusion = np.asarray(confusion, dtype=float)
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    true, predicted = confusion.sum(axis=-1), confusion.sum(axis=-2)
    numerator, denominator = {
        "f1": (2 * hits, true + predicted),
        "jaccard": (hits, true + predicted - hits),
        "precision": (hits, predicted),
        "recall": (hits, true),
    }[measure]
    with np.errstate(invalid="ignore"):
        scores = numerator / denominator  # 0 / 0 is NaN: undefined; this is strategy A
    if strategy == "b":
        return np.where(true == 0, np.nan, scores)
    if strategy == "c" and measure != "recall":
        return np.where((true == 0) & (predicted == 0), 1.0, scores)
    return scores


def accuracy(confusion: np.ndarray) -> np.ndarray:
    """Share of right frames of [..., C, C]; NaN without a frame."""
    confusion = np.asarray(confusion, dtype=float)
    with np.errstate(invalid="ignore"):
        return np.trace(confusion, axis1=-2, axis2=-1) / confusion.sum(axis=(-2, -1))
