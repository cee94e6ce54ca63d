# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""RankMe: the effective rank of features, an alarm for collapse (Garrido et al. 2023, arXiv 2210.02885)."""

import torch

from zen_hf.distillation.monitors.checks import require_features


def rank_me(features: torch.Tensor) -> float:
    """Effective rank of features by the entropy of their singular values.

    `exp(-sum_k p_k log p_k)` with `p_k = s_k / sum s` and s the singular values of the uncentred rows (Garrido et al.
    2023, arXiv 2210.02885; the effective rank of Roy and Vetterli 2007). The paper adds 1e-7 to every p_k
    against log 0; here 0 log 0 is 0, so that features of exact rank k with equal singular values give k.

    Args:
        features: Summaries [F, C] or patch tokens [F, N, C], whose patches are rows. Its value is at most the number
            of rows: compare readings of the same frames, and take more rows than channels.

    Returns:
        Effective rank between 1 and min(rows, C).

    Raises:
        ValueError: If the features are empty, not finite, or all zero.
    """
    require_features("features", features)
    singular_values = torch.linalg.svdvals(features.flatten(0, -2).double())
    total = singular_values.sum()
    if total == 0:
        raise ValueError(
            f"all features of shape {list(features.shape)} are 0; expected at least one that is not. They have "
            "no rank: check that the encoder's weights were loaded."
        )
    return float(torch.special.entr(singular_values / total).sum().exp())
