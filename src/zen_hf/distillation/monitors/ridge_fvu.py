# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Ridge-FVU: how much of a teacher's features a linear map reads from the frozen trunk.

The student's own heads take no part, so the number compares objectives, balancing schemes and checkpoints whose heads
differ in form or in training, and it sees a trunk that lost a teacher whose head still looks well.
"""

from dataclasses import dataclass

import torch

from zen_hf.distillation.monitors.checks import Videos, require_paired, require_unseen_videos, video_names
from zen_hf.distillation.monitors.fvu import feature_mean, fvu, fvu_pos, position_means
from zen_hf.distillation.monitors.tuned_ridge import fit_tuned_ridge


@dataclass(frozen=True)
class RidgeFvu:
    """What a linear map from the trunk leaves unexplained of a teacher, on test videos.

    Attributes:
        fvu: Against the mean of the teacher's training features.
        fvu_pos: Against their mean at each patch position; None for summaries.
        penalty: Ridge penalty that the training videos chose.
    """

    fvu: float
    fvu_pos: float | None
    penalty: float


def ridge_fvu(
    features: torch.Tensor,
    targets: torch.Tensor,
    videos: Videos,
    test_features: torch.Tensor,
    test_targets: torch.Tensor,
    test_videos: Videos,
) -> RidgeFvu:
    """FVU on test videos of a closed-form ridge from frozen trunk features to a teacher's features.

    `min_W 1/M sum |y - W z|^2 + penalty |W|^2` over M training rows, z the standardised trunk features (Hoerl and
    Kennard 1970), the penalty chosen on every third training video; then FVU (`fvu.py`) of `W z` on the test videos,
    with baselines of the training targets. The fit holds the training rows in float64.

    Args:
        features: Trunk's summaries [F, C] or patch tokens [F, N, C] of training videos.
        targets: Teacher's features of the same frames, [F, T] or [F, N, T].
        videos: Video of each training frame [F], at least two different ones.
        test_features: Trunk's features of other videos, [G, C] or [G, N, C].
        test_targets: Teacher's features of the same frames, [G, T] or [G, N, T].
        test_videos: Video of each test frame [G].

    Returns:
        The fractions of variance unexplained, and the penalty.

    Raises:
        ValueError: If shapes do not fit, a value is not finite, a video is in both sets, or one video is all there is.
    """
    require_paired("test_features", test_features, "test_targets", test_targets)
    video_names("test_videos", test_videos, len(test_features))
    require_unseen_videos(videos, test_videos)
    if features.shape[1:] != test_features.shape[1:] or targets.shape[1:] != test_targets.shape[1:]:
        raise ValueError(
            f"training {list(features.shape)} -> {list(targets.shape)} and test {list(test_features.shape)} -> "
            f"{list(test_targets.shape)} differ beyond the number of frames; expected the same widths and patch grid. "
            "Encode both with the same models at one resolution."
        )
    tuned = fit_tuned_ridge(features, targets, videos)
    predictions = tuned.predict(test_features)
    return RidgeFvu(
        fvu=fvu(predictions, test_targets, feature_mean(targets)),
        fvu_pos=fvu_pos(predictions, test_targets, position_means(targets)) if targets.dim() == 3 else None,
        penalty=tuned.penalty,
    )
