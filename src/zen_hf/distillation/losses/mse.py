# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Mean squared error of standardised tokens (PHI-S, arXiv 2410.01680)."""

import torch


def mse_loss(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean squared error per frame; 1 for predicting the mean of targets that are standardised.

    Args:
        prediction: Predicted tokens [B, N, C] or summaries [B, C] in the standardised space.
        target: Standardised targets of the same shape.

    Returns:
        Loss per frame [B].
    """
    return (prediction.float() - target.float()).square().flatten(1).mean(dim=1)
