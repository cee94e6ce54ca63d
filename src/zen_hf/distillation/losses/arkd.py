# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Distances between the summaries of a batch, each corrected one way only (ARKD of AMoE, arXiv 2512.20157)."""

import torch
from torch.nn.functional import relu, smooth_l1_loss


def arkd_loss(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Asymmetric relational distillation: near pairs no wider than the teacher's, far pairs no narrower.

    With `D_S` and `D_T` the Euclidean distances between summaries of the student and of the teacher, both over the
    mean of the teacher's distances, and `m` the median of `D_T`, a pair costs

        smooth_l1(max(D_S - D_T, 0))    if D_T < m     it shrinks where it is too wide
        smooth_l1(max(D_T - D_S, 0))    otherwise      it expands where it is too narrow

    with beta 1. Mean and median run over the pairs of different frames in this batch (of this process); of an even
    number of pairs, the median is the lower middle one. Relational distillation (Park et al., arXiv 1904.05068)
    divides either side by its own mean; here the teacher's divides both, so that a student of smaller spread pays.

    A student whose summaries are all alike pays for the far half of the pairs, `D_T^2 / 2` up to `D_T` = 1 and
    `D_T - 1/2` above: about 1/4 where the teacher's distances differ little. It has no gradient there, a distance of 0
    having no direction; the loss is an addition to one that pulls every summary to its target.

    Args:
        prediction: Predicted summaries [B, C] in the teacher's space, B >= 2.
        target: Teacher's summaries [B, C'].

    Returns:
        Loss per frame [B], the mean over the pairs with every other frame; its mean is the mean over all pairs.

    Raises:
        ValueError: If the shapes are not of summaries of the same B >= 2 frames.
    """
    if prediction.ndim != 2 or target.ndim != 2 or len(prediction) != len(target):
        raise ValueError(
            f"predictions {list(prediction.shape)} and targets {list(target.shape)} must be summaries [B, C] of the "
            "same frames"
        )
    if len(prediction) < 2:
        raise ValueError(
            "a batch of 1 frame has no pair to compare; relational distillation needs a batch of 2 or more"
        )
    student, teacher = pair_distances(prediction), pair_distances(target)  # [B, B - 1]
    unit = teacher.mean().clamp_min(1e-6)
    student, teacher = student / unit, teacher / unit
    near = teacher < teacher.median()
    excess = relu(torch.where(near, student - teacher, teacher - student))
    return smooth_l1_loss(excess, torch.zeros_like(excess), reduction="none", beta=1.0).mean(dim=1)


def pair_distances(summaries: torch.Tensor) -> torch.Tensor:
    """Distance of every summary to every other one in float32: [B, C] -> [B, B - 1]."""
    summaries = summaries.float()
    # By differences, not by products: exact for near pairs, and the gradient of a distance 0 is 0.
    distances = torch.cdist(summaries, summaries, compute_mode="donot_use_mm_for_euclid_dist")
    # The matrix without its diagonal, by strides: a mask would make the host wait for the device.
    size = len(summaries)
    return distances.flatten()[1:].reshape(size - 1, size + 1)[:, :-1].reshape(size, size - 1)
