# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The exponential moving average of the student's weights."""

from collections.abc import Iterator

import torch
from torch.optim.swa_utils import AveragedModel

from zen_hf.distillation.processes import whole_tensor
from zen_hf.modeling.modeling_zen_distillation import ZenForDistillation


def averaged_student(student: ZenForDistillation, decay: float) -> AveragedModel:
    """A copy of trunk and adaptors whose `update_parameters(student)` moves it by `1 - d`.

    `d = min(decay, (1 + n) / (10 + n))` after n updates, so that the start is forgotten quickly.

    Args:
        student: The student, before it is prepared for several processes.
        decay: Share of the average that stays, in (0, 1).
    """

    def average(averaged: torch.Tensor, current: torch.Tensor, updates: torch.Tensor) -> torch.Tensor:
        kept = torch.clamp((1 + updates) / (10 + updates), max=decay).to(averaged.device, averaged.dtype)
        return torch.lerp(current, averaged, kept)

    return AveragedModel(student, avg_fn=average).eval()


class WholeParameters:
    """A student as the average reads it: parameters that lie in shards are gathered, and every process takes part.

    The average itself is whole in every process: it is read, saved and exported as it stands.
    """

    def __init__(self, student: torch.nn.Module):
        self.student = student

    def parameters(self) -> Iterator[torch.Tensor]:
        """The parameters, in the student's order."""
        return (whole_tensor(parameter.detach()) for parameter in self.student.parameters())

    def buffers(self) -> Iterator[torch.Tensor]:
        """The buffers, which are never in shards."""
        return self.student.buffers()
