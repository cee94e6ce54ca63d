# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What dense heads are trained by. Cells of which nothing is known have no part in any of these."""

import torch
from torch.nn import functional

from .pictures import IGNORE


def segmentation_loss(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Cross-entropy, the mean over all cells that are scored.

    Args:
        logits: [B, K, h, w].
        classes: [B, h, w] class indices; `IGNORE` has no part.
    """
    losses = functional.cross_entropy(logits, classes, ignore_index=IGNORE, reduction="sum")
    return losses / (classes != IGNORE).sum().clamp(min=1)


def partial_loss(logits: torch.Tensor, present: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy of every channel on its own, the mean over what was annotated.

    There is no softmax, because a cell without an annotated organ is no background: another organ may be there.

    Args:
        logits: [B, K, h, w].
        present: whether a channel is there, of bool.
        known: whether it was annotated; elsewhere `present` means nothing.
    """
    losses = functional.binary_cross_entropy_with_logits(logits, present.to(logits.dtype), reduction="none")
    return torch.where(known, losses, 0).sum() / known.sum().clamp(min=1)


def depth_loss(log_depth: torch.Tensor, depth: torch.Tensor, up_to_scale: bool) -> torch.Tensor:
    """Squared error of log depth, of which the common offset of a frame counts half, or not at all.

        d_i = log y_i - log y*_i,   L = 1/n sum_i d_i^2 - lambda (1/n sum_i d_i)^2

    D. Eigen, C. Puhrsch and R. Fergus, "Depth Map Prediction from a Single Image using a Multi-Scale Deep Network",
    arXiv:1406.2283, equation 4: lambda is 1/2 where depth is metric, and 1 (their scale-invariant error, equation 1) where
    a dataset knows depth up to a scale of each frame.

    Args:
        log_depth: predicted, [B, h, w].
        depth: truth, 0 where nothing is known.
        up_to_scale: whether the truth has a scale of its own in every frame.

    Returns:
        The mean over frames with known depth.
    """
    known = depth > 0
    error = torch.where(known, log_depth - depth.clamp(min=torch.finfo(depth.dtype).tiny).log(), 0).flatten(1)
    count = known.flatten(1).sum(dim=1).clamp(min=1)
    offset = error.sum(dim=1) / count
    losses = error.square().sum(dim=1) / count - (1.0 if up_to_scale else 0.5) * offset.square()
    return losses.sum() / known.flatten(1).any(dim=1).sum().clamp(min=1)
