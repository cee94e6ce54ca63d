# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Mean over the tokens of a frame in which a black border does not count."""

import torch


def token_mean(values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Mean of a frame's token values, weighted by how much of every token is part of the picture.

    Args:
        values: One value per token [B, N].
        weights: Share of valid pixels per token [B, N] in [0, 1].

    Returns:
        `sum(w v) / sum(w)` per frame [B] in float32; 0, with zero gradients, for a frame whose weights are all 0.

    Raises:
        ValueError: If the weights are not one per token.
    """
    if values.ndim != 2 or weights.shape != values.shape:
        raise ValueError(
            f"token weights have shape {list(weights.shape)} for values of shape {list(values.shape)}; "
            "pass one weight per token [B, N] with tokens [B, N, C], and none with summaries"
        )
    weights = weights.float()
    # The smallest share above 0 is one pixel of a patch, so this floor acts on frames without a valid token alone.
    return (weights * values.float()).sum(dim=1) / weights.sum(dim=1).clamp_min(1e-6)
