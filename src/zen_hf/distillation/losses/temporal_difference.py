# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Changes from frame to frame of a clip, student against teacher: no paper, a term of this project for video."""

import torch

from zen_hf.distillation.losses.mse import mse_loss


def temporal_difference_loss(prediction: torch.Tensor, target: torch.Tensor, variance: float) -> torch.Tensor:
    """Squared error of the differences between consecutive frames, over the variance of the teacher's.

    `mean ((p_k+1 - p_k) - (y_k+1 - y_k))^2 / variance`, 1 for a student that never changes. It gives weight to the
    little that moves, instruments, beside the much that does not. Unlike a penalty on change it is 0 where the student
    equals the teacher, so it never fights it.

    Args:
        prediction: Predictions for K >= 2 consecutive frames of a clip [B, K, ..., C] (summaries, tokens or maps).
        target: Targets of the same shape.
        variance: `E[(y_k+1 - y_k)^2]` of the teacher, from [`measure_difference_variance`], in the targets' space.

    Returns:
        Loss per clip [B].

    Raises:
        ValueError: If the shapes differ, a clip has one frame, or the variance is not above 0.
    """
    if prediction.shape != target.shape:
        raise ValueError(f"predictions {list(prediction.shape)} and targets {list(target.shape)} must have one shape")
    if not 0 < variance < float("inf"):
        raise ValueError(
            f"variance of the teacher's differences = {variance}; expected a number above 0: "
            "calibrate it on clips in which something moves"
        )
    return mse_loss(frame_differences(prediction), frame_differences(target)) / variance


def measure_difference_variance(targets: torch.Tensor) -> float:
    """`E[(y_k+1 - y_k)^2]` over clips [B, K, ..., C] and channels, about 0: what a student that never changes scores.

    Args:
        targets: Targets for K >= 2 consecutive frames of many clips.

    Returns:
        The mean square, computed in float64, in the targets' unit squared.

    Raises:
        ValueError: If a clip has one frame.
    """
    return float(frame_differences(targets.double()).square().mean())


def frame_differences(clips: torch.Tensor) -> torch.Tensor:
    """Difference of every frame to the one before it, at least in float32: [B, K, ..., C] -> [B, K - 1, ..., C]."""
    if clips.ndim < 3 or clips.shape[1] < 2:
        raise ValueError(f"clips have shape {list(clips.shape)}; expected [B, K, ..., C] with K of 2 or more frames")
    return clips.to(torch.promote_types(clips.dtype, torch.float32)).diff(dim=1)
