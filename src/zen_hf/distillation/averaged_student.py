# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The exponential moving average of the student's weights."""

import torch
from torch.optim.swa_utils import AveragedModel

from zen_hf.modeling.modeling_zen_distillation import ZenForDistillation


def averaged_student(student: ZenForDistillation, decay: float) -> AveragedModel:
    """A copy of trunk and adaptors whose `update_parameters(student)` moves it by `1 - d`.

    `d = min(decay, (1 + n) / (10 + n))` after n updates, so that the start is forgotten quickly.

    Args:
        student: The student, not wrapped for several processes.
        decay: Share of the average that stays, in (0, 1).
    """

    def average(averaged: torch.Tensor, current: torch.Tensor, updates: torch.Tensor) -> torch.Tensor:
        kept = torch.clamp((1 + updates) / (10 + updates), max=decay).to(averaged.device, averaged.dtype)
        return torch.lerp(current, averaged, kept)

    return AveragedModel(student, avg_fn=average).eval()
