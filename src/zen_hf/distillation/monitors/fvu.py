# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Fraction of variance unexplained: how far predictions are from a teacher's features, in units of their variance.

    FVU     = sum |prediction - target|^2 / sum |target - m|^2
    FVU_pos = sum |prediction - target|^2 / sum |target - m_u|^2

with m the mean of the training targets, and m_u their mean at patch position u. 0 is a perfect prediction and 1 is the
baseline itself. Being free of scale it compares over teachers; 1 / FVU (variance over error) is the fidelity of RADIO.
Endoscopic frames have a fixed layout (a dark border, tissue in the centre), whose mean a student may know without
knowing anything about the frame: FVU_pos gives no credit for it.
"""

import torch

from zen_hf.distillation.monitors.checks import require_features, require_paired

FRAMES_AT_ONCE = 32  # bounds the float64 copies


def feature_mean(features: torch.Tensor) -> torch.Tensor:
    """Mean of training features over frames and patches, the baseline of `fvu`.

    Args:
        features: Summaries [F, C] or patch tokens [F, N, C].

    Returns:
        The mean [C], float64.

    Raises:
        ValueError: If the features are empty or not finite.
    """
    require_features("features", features)
    return features.flatten(0, -2).mean(dim=0, dtype=torch.float64)


def position_means(patches: torch.Tensor) -> torch.Tensor:
    """Mean of training patch tokens at each position over frames, the baseline of `fvu_pos`.

    Args:
        patches: Patch tokens [F, N, C].

    Returns:
        The means [N, C], float64.

    Raises:
        ValueError: If these are no patch tokens, or they are not finite.
    """
    require_features("patches", patches)
    if patches.dim() != 3:
        raise ValueError(
            f"patches have shape {list(patches.shape)}; expected patch tokens [F, N, C]. A summary has no positions: "
            "use feature_mean."
        )
    return patches.mean(dim=0, dtype=torch.float64)


def fvu(predictions: torch.Tensor, targets: torch.Tensor, mean: torch.Tensor) -> float:
    """Fraction of variance unexplained, against the global mean.

    `sum |prediction - target|^2 / sum |target - mean|^2`, summed over frames, patches and channels in float64.

    Args:
        predictions: Predicted features [F, C] or [F, N, C], in the teacher's space.
        targets: The teacher's features, of the same shape, on held-out videos.
        mean: Mean [C] of the teacher's features on training videos, from `feature_mean`.

    Returns:
        0 for perfect predictions, 1 for the baseline, more for worse ones.

    Raises:
        ValueError: If shapes do not fit, a value is not finite, or the targets never differ from the mean.
    """
    if mean.shape != targets.shape[-1:]:
        raise ValueError(
            f"mean has shape {list(mean.shape)}, targets {list(targets.shape)}; expected a mean of shape "
            f"{list(targets.shape[-1:])}. Take it from the same teacher's training features with feature_mean."
        )
    return unexplained(predictions, targets, mean)


def fvu_pos(predictions: torch.Tensor, targets: torch.Tensor, means: torch.Tensor) -> float:
    """Fraction of variance unexplained, against the mean of each patch position.

    `sum |prediction_u - target_u|^2 / sum |target_u - means_u|^2`, summed over frames, positions u and channels in
    float64. Never less than `fvu` on the frames that the means were taken from.

    Args:
        predictions: Predicted patch tokens [F, N, C], in the teacher's space.
        targets: The teacher's patch tokens, of the same shape, on held-out videos.
        means: Means [N, C] of the teacher's patch tokens on training videos, from `position_means`, at the same
            resolution.

    Returns:
        0 for perfect predictions, 1 for what knows the position alone, more for worse ones.

    Raises:
        ValueError: If shapes do not fit, a value is not finite, or the targets never differ from the means.
    """
    if targets.dim() != 3 or means.shape != targets.shape[1:]:
        raise ValueError(
            f"means have shape {list(means.shape)}, targets {list(targets.shape)}; expected means [N, C] of targets "
            "[F, N, C]. Take them from the same teacher's training patches on the same grid with position_means."
        )
    return unexplained(predictions, targets, means)


def unexplained(predictions: torch.Tensor, targets: torch.Tensor, baseline: torch.Tensor) -> float:
    """Squared error of the predictions over that of a baseline, which broadcasts against the targets of a frame."""
    if predictions.shape != targets.shape:
        raise ValueError(
            f"predictions have shape {list(predictions.shape)}, targets {list(targets.shape)}; expected the same. "
            "Predict the same frames, in the teacher's width and on its patch grid."
        )
    require_paired("predictions", predictions, "targets", targets)
    error, variance = 0.0, 0.0
    for prediction, target in zip(predictions.split(FRAMES_AT_ONCE), targets.split(FRAMES_AT_ONCE), strict=True):
        target = target.double()
        error += float((prediction.double() - target).square().sum())
        variance += float((target - baseline.double()).square().sum())
    if not variance > 0:
        raise ValueError(
            f"the targets' squared distance to their baseline is {variance}; expected more than 0. A share of "
            "nothing is undefined: give several different frames, and a baseline of finite means."
        )
    return error / variance
