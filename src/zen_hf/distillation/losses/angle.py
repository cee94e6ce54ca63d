# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Squared angle between summaries, divided by the teacher's own spread (C-RADIOv4, arXiv 2601.17237)."""

import torch

EPSILON = 1e-12


def angle(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Angle between vectors in radians: [..., C] x [..., C] -> [...] in [0, pi].

    `2 atan2(|u - v|, |u + v|)` of the unit vectors: unlike the arccosine it is exact for small angles and its gradient
    is finite where the vectors are equal.
    """
    first = torch.nn.functional.normalize(first.float(), dim=-1)
    second = torch.nn.functional.normalize(second.float(), dim=-1)
    difference = ((first - second).square().sum(dim=-1) + EPSILON).sqrt()
    total = ((first + second).square().sum(dim=-1) + EPSILON).sqrt()
    return 2 * torch.atan2(difference, total)


def angle_loss(prediction: torch.Tensor, target: torch.Tensor, dispersion: float) -> torch.Tensor:
    """Squared angle over dispersion; 1 for a prediction as far from the target as the teacher's mean direction is.

    Args:
        prediction: Predicted summaries [B, C] in the teacher's space.
        target: Teacher's summaries [B, C].
        dispersion: `E[angle(s, mean direction)^2]` of the teacher, from [`measure_dispersion`].

    Returns:
        Loss per frame [B].
    """
    return angle(prediction, target).square() / max(dispersion, 1e-6)


def measure_dispersion(summaries: torch.Tensor) -> float:
    """`E[angle(s, m)^2]` of summaries [N, C] around their mean direction m, in squared radians."""
    unit = torch.nn.functional.normalize(summaries.double(), dim=-1)
    direction = unit.mean(dim=0, keepdim=True)
    return float(angle(unit, direction.expand_as(unit)).square().mean())
