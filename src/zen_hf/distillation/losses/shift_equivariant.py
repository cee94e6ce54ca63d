# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Squared error where two shifted crops overlap (shift-equivariant patch loss of C-RADIOv4, arXiv 2601.17237)."""

import torch

from zen_hf.distillation.losses.mse import mse_loss


def shift_equivariant_loss(prediction: torch.Tensor, target: torch.Tensor, offset: tuple[int, int]) -> torch.Tensor:
    """Mean squared error of the tokens that student and teacher both see, each in its own crop of the frame.

    What a teacher writes at fixed positions of its grid, whatever the frame shows, falls on other tokens of the
    student at every offset, and so cannot be learnt. 1 for predicting the mean of targets that are standardised.

    Args:
        prediction: Predicted map of the student's crop [B, h, w, C] in the standardised space.
        target: Standardised map of the teacher's crop [B, h, w, C], on a grid of the same pitch.
        offset: `(dy, dx)`, the teacher's crop minus the student's in whole tokens, positive down and to the right: the
            student's token (y, x) shows what the teacher's token (y - dy, x - dx) does.

    Returns:
        Loss per frame [B], the mean over the (h - |dy|)(w - |dx|) tokens of the overlap.

    Raises:
        ValueError: If the shapes differ, or the crops do not overlap.
    """
    if prediction.ndim != 4 or prediction.shape != target.shape:
        raise ValueError(
            f"predictions {list(prediction.shape)} and targets {list(target.shape)} must be maps [B, h, w, C] "
            "of one shape"
        )
    (height, width), (dy, dx) = prediction.shape[1:3], offset
    if abs(dy) >= height or abs(dx) >= width:
        raise ValueError(
            f"offset ({dy}, {dx}) leaves no overlap on a grid of {height} x {width} tokens; "
            f"draw |dy| < {height} and |dx| < {width}"
        )
    seen = prediction[:, max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)]
    taught = target[:, max(-dy, 0) : height + min(-dy, 0), max(-dx, 0) : width + min(-dx, 0)]
    return mse_loss(seen, taught)
