# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Linear CKA: how alike two encoders arrange the same frames (Kornblith et al. 2019, arXiv 1905.00414)."""

import torch

from zen_hf.distillation.monitors.checks import require_paired

ROWS_AT_ONCE = 4096  # bounds the float64 copies


def linear_cka(first: torch.Tensor, second: torch.Tensor) -> float:
    """Linear centred kernel alignment of two encoders' features of the same frames.

    `|Y^T X|_F^2 / (|X^T X|_F |Y^T Y|_F)` of the centred rows X and Y (Kornblith et al. 2019, arXiv 1905.00414,
    section 3), summed in float64 over blocks of rows: memory grows with the square of the channels, not of the rows.
    The same under rotation, scaling and shift of either side.

    With fewer rows than channels any two encoders look alike (unrelated features give about C / (rows + C) when
    C1 = C2 = C): take many more rows than channels.

    Args:
        first: Summaries [F, C1] or patch tokens [F, N, C1], whose patches are rows (spatial CKA).
        second: The other encoder's features of the same frames, [F, C2] or [F, N, C2].

    Returns:
        Between 0 (unrelated) and 1 (equal up to rotation, scale and shift).

    Raises:
        ValueError: If the features are not paired, not finite, or do not vary.
    """
    require_paired("first", first, "second", second)
    first, second = first.flatten(0, -2), second.flatten(0, -2)
    first_mean, second_mean = first.mean(0, dtype=torch.float64), second.mean(0, dtype=torch.float64)
    within_first = first_mean.new_zeros(first.shape[1], first.shape[1])
    within_second = second_mean.new_zeros(second.shape[1], second.shape[1])
    across = first_mean.new_zeros(first.shape[1], second.shape[1])
    for x, y in zip(first.split(ROWS_AT_ONCE), second.split(ROWS_AT_ONCE), strict=True):
        x, y = x.double() - first_mean, y.double() - second_mean
        within_first.addmm_(x.T, x)
        within_second.addmm_(y.T, y)
        across.addmm_(x.T, y)
    spread = float(torch.linalg.matrix_norm(within_first) * torch.linalg.matrix_norm(within_second))
    if not spread > 0:
        raise ValueError(
            f"one of the features {list(first.shape)} and {list(second.shape)} is the same in every row; expected "
            "rows that differ. Take several frames, and look at RankMe for a collapse."
        )
    return float(across.square().sum()) / spread
