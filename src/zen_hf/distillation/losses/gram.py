# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Similarities between the patches of an image, student against teacher (DINOv3's Gram loss, arXiv 2508.10104)."""

import torch
from torch.nn.functional import normalize

from zen_hf.distillation.losses.token_mean import token_mean

# Below this length a token has no direction. It bounds the gradient at zero, where an adaptor may well start.
SHORTEST = 1e-6


def gram_loss(prediction: torch.Tensor, target: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
    """Mean squared difference of the two matrices of cosines between all patches of a frame.

    `|X X^T - Y Y^T|^2 / N^2` with rows of length 1. It compares relations alone, so it needs no adaptor: the student's
    tokens may have another width than the teacher's, and no rotation of the channels changes it. Negative cosines
    count. It lies in [0, 4] and has no unit of its own: tokens all alike score the teacher's mean `(1 - cosine)^2`.

    Args:
        prediction: Student's patch tokens [B, N, C].
        target: Teacher's patch tokens [B, N, C'], on the same grid.
        weights: Share of valid pixels per token [B, N] in [0, 1]; a pair counts by the product of its two.

    Returns:
        Loss per frame [B]; with weights, 0 for a frame without a valid token.

    Raises:
        ValueError: If the frames or the number of patches differ.
    """
    if prediction.ndim != 3 or target.ndim != 3 or prediction.shape[:2] != target.shape[:2]:
        raise ValueError(
            f"student's tokens {list(prediction.shape)} and teacher's {list(target.shape)} must be [B, N, C] with the "
            "same B and N; bring both to one grid first"
        )
    squared = (cosines(prediction) - cosines(target)).square()  # [B, N, N]
    if weights is None:
        return squared.mean(dim=(1, 2))
    pairs = weights.float()[:, :, None] * weights.float()[:, None]
    return token_mean(squared.flatten(1), pairs.flatten(1))


def cosines(tokens: torch.Tensor) -> torch.Tensor:
    """Cosine between every two tokens of a frame in float32: [B, N, C] -> [B, N, N]."""
    with torch.autocast(tokens.device.type, enabled=False):  # which would compute the product in half precision
        unit = normalize(tokens.float(), dim=-1, eps=SHORTEST)
        return unit @ unit.mT
