# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Label probes: what nearest neighbours and a linear map read from frozen features about labels of frames.

Nearest neighbours reward features that lie together, a linear map those that can be separated, and they may name
different winners: read both. One class per frame is scored by accuracy, several by mean average precision; 1 is perfect.
"""

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.metrics import average_precision_score

from zen_hf.distillation.monitors.checks import Videos, require_unseen_videos
from zen_hf.distillation.monitors.nearest_neighbours import nearest_neighbour_votes
from zen_hf.distillation.monitors.tuned_ridge import fit_tuned_ridge


def nearest_neighbour_score(
    features: torch.Tensor,
    labels: torch.Tensor,
    videos: Videos,
    test_features: torch.Tensor,
    test_labels: torch.Tensor,
    test_videos: Videos,
    single: bool,
    neighbours: int = 20,
) -> float:
    """Score of the weighted vote of the k nearest training frames (`nearest_neighbours.py`).

    Args:
        features: Summaries of training videos [F, C].
        labels: Their labels, 0 or 1 per class [F, L].
        videos: Video of each training frame [F].
        test_features: Summaries of other videos [G, C].
        test_labels: Their labels [G, L].
        test_videos: Video of each test frame [G].
        single: Whether a frame has exactly one class.
        neighbours: How many frames vote, k.

    Raises:
        ValueError: If shapes do not fit, a value is not finite, a video is in both sets, or k exceeds the frames.
    """
    require_unseen_videos(videos, test_videos)
    votes = nearest_neighbour_votes(features, labels, videos, test_features, test_videos, neighbours)
    return label_score(votes, test_labels, test_videos, single)


def linear_probe_score(
    features: torch.Tensor,
    labels: torch.Tensor,
    videos: Videos,
    test_features: torch.Tensor,
    test_labels: torch.Tensor,
    test_videos: Videos,
    single: bool,
) -> float:
    """Score of a least-squares map from features to labels, its penalty chosen on every third training video.

    A closed form (`tuned_ridge.py`) rather than logistic regression: no step size to tune, the same bits in every call.

    Args:
        features: One vector per frame of training videos [F, C].
        labels: Their labels, 0 or 1 per class [F, L].
        videos: Video of each training frame [F], at least two different ones.
        test_features: Vectors of other videos [G, C].
        test_labels: Their labels [G, L].
        test_videos: Video of each test frame [G].
        single: Whether a frame has exactly one class.

    Raises:
        ValueError: If shapes do not fit, a value is not finite, or a video is in both sets.
    """
    require_unseen_videos(videos, test_videos)
    predictions = fit_tuned_ridge(features, labels, videos).predict(test_features)
    return label_score(predictions, test_labels, test_videos, single)


def label_score(predictions: torch.Tensor, labels: torch.Tensor, videos: Sequence, single: bool) -> float:
    """Accuracy per video, averaged over videos; or average precision per class, averaged over the classes shown.

    Args:
        predictions: A value per class, higher for likelier [G, L].
        labels: 0 or 1 per class [G, L].
        videos: Video of each frame [G].
        single: Whether a frame has exactly one class.

    Raises:
        ValueError: If no frame shows any of several classes.
    """
    if single:
        right = (predictions.argmax(dim=1) == labels.argmax(dim=1)).float().numpy()
        names = np.asarray(videos)
        return float(np.mean([right[names == name].mean() for name in np.unique(names)]))
    shown = labels.sum(dim=0) > 0
    if not shown.any():
        raise ValueError(
            f"none of {len(labels)} test frames shows any of {labels.shape[1]} classes; expected one, or there is no "
            "average precision. Hold out a video that shows some, or leave the labels out."
        )
    return float(average_precision_score(labels[:, shown].numpy(), predictions[:, shown].numpy(), average="macro"))
