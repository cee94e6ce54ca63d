# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Ridge regression whose penalty a part of the training videos chooses; test videos take no part."""

from dataclasses import dataclass

import torch

from zen_hf.distillation.monitors.checks import Videos, require_paired, video_names
from zen_hf.distillation.ridge import Ridge

PENALTIES = tuple(10.0**exponent for exponent in range(-4, 4))  # on standardised features, per row


@dataclass(frozen=True)
class TunedRidge:
    """A ridge regression and the penalty that was chosen for it.

    Attributes:
        ridge: Fitted on all training videos.
        penalty: One of `PENALTIES`. The largest means that the features hardly help on other videos.
    """

    ridge: Ridge
    penalty: float

    def predict(self, features: torch.Tensor) -> torch.Tensor:
        """Predictions [..., outputs], float32, for features [..., C]."""
        return self.ridge.predict(features.float(), self.penalty)


def fit_tuned_ridge(features: torch.Tensor, targets: torch.Tensor, videos: Videos) -> TunedRidge:
    """Chooses the penalty on every third training video, then fits all of them.

    `min_W 1/M sum |target - W z|^2 + penalty |W|^2` over M rows with z the standardised features, in closed form.

    Args:
        features: Frozen features [F, C] or [F, N, C]; patches of all frames are rows.
        targets: What to predict, [F, outputs] or [F, N, outputs].
        videos: Video of each frame [F], at least two different ones.

    Raises:
        ValueError: If features and targets are not paired or not finite, or there is one video alone.
    """
    require_paired("features", features, "targets", targets)
    held_out = tuning_frames(video_names("videos", videos, len(features)))
    trial = Ridge(rows(features[~held_out]), rows(targets[~held_out]))
    inputs, wanted = rows(features[held_out]), rows(targets[held_out])
    penalty = min(PENALTIES, key=lambda penalty: squared_error(trial.predict(inputs, penalty), wanted))
    return TunedRidge(Ridge(rows(features), rows(targets)), penalty)


def tuning_frames(videos: list[str] | list[int]) -> torch.Tensor:
    """Which frames [F] are of the second, fifth, eighth ... video, in order of appearance."""
    distinct = list(dict.fromkeys(videos))
    if len(distinct) < 2:
        raise ValueError(
            f"all {len(videos)} training frames are of video {distinct[0]!r}; expected at least 2 videos, because one "
            "chooses the penalty. Take training frames from more videos."
        )
    # Spread over the list: neighbours in it are often of one hospital or procedure.
    chosen = set(distinct[1::3])
    return torch.tensor([video in chosen for video in videos])


def rows(features: torch.Tensor) -> torch.Tensor:
    """Frames and patches as rows: [F, C] or [F, N, C] -> [M, C], float32."""
    return features.flatten(0, -2).float()


def squared_error(predictions: torch.Tensor, targets: torch.Tensor) -> float:
    """Sum of squared differences, in float64."""
    return float((predictions - targets).square().sum(dtype=torch.float64))
