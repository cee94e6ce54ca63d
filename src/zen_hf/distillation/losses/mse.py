# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Mean squared error of standardised tokens (PHI-S, arXiv 2410.01680)."""

import torch

from zen_hf.distillation.losses.token_mean import token_mean


def mse_loss(prediction: torch.Tensor, target: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
    """Mean squared error per frame; 1 for predicting the mean of targets that are standardised.

    Args:
        prediction: Predicted tokens [B, N, C] or summaries [B, C] in the standardised space.
        target: Standardised targets of the same shape.
        weights: Share of valid pixels per token [B, N] in [0, 1]; None counts every token alike.

    Returns:
        Loss per frame [B]; with weights, 0 for a frame without a valid token.

    Raises:
        ValueError: If the weights are not one per token.
    """
    squared = (prediction.float() - target.float()).square()
    if weights is None:
        return squared.flatten(1).mean(dim=1)
    return token_mean(squared.mean(dim=-1), weights)
