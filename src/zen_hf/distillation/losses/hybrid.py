# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Cosine distance and smooth L1 in one (AM-RADIO, arXiv 2312.06709; halves of each: UNIC, arXiv 2408.05088)."""

import torch
from torch.nn.functional import normalize, smooth_l1_loss

from zen_hf.distillation.losses.token_mean import token_mean

# Below this length a vector has no direction. It bounds the gradient at zero, where an adaptor may well start.
SHORTEST = 1e-6


def hybrid_loss(
    prediction: torch.Tensor, target: torch.Tensor, alpha: float = 0.9, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """`alpha (1 - cosine) + (1 - alpha) smooth L1` per token, averaged over the tokens of a frame.

    The cosine sets the direction whatever the teacher's scale; smooth L1 (beta 1, mean over channels) adds the length,
    without which an adaptor's output is not in its teacher's space. A prediction of zeros, the mean of standardised
    targets, scores `alpha + 0.42 (1 - alpha)` for normally distributed ones: 0.94 at 0.9.

    Args:
        prediction: Predicted tokens [B, N, C] or summaries [B, C].
        target: Targets of the same shape.
        alpha: Share of the cosine, in [0, 1]: 0.9 in AM-RADIO, 0.5 in UNIC.
        weights: Share of valid pixels per token [B, N] in [0, 1]; None counts every token alike.

    Returns:
        Loss per frame [B]; with weights, 0 for a frame without a valid token.

    Raises:
        ValueError: If the shapes differ, alpha lies outside [0, 1] or the weights are not one per token.
    """
    if prediction.shape != target.shape:
        raise ValueError(f"predictions {list(prediction.shape)} and targets {list(target.shape)} must have one shape")
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha = {alpha}; expected a share in [0, 1], such as 0.9")
    prediction, target = prediction.float(), target.float()
    cosine = (normalize(prediction, dim=-1, eps=SHORTEST) * normalize(target, dim=-1, eps=SHORTEST)).sum(dim=-1)
    error = smooth_l1_loss(prediction, target, reduction="none", beta=1.0).mean(dim=-1)
    loss = alpha * (1 - cosine) + (1 - alpha) * error  # [B, N], or [B] for summaries
    if weights is None:
        return loss.reshape(len(loss), -1).mean(dim=1)
    return token_mean(loss, weights)
