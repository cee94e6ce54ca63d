# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The distillation loss: per teacher an angle between summaries and squared errors of standardised tokens."""

from dataclasses import dataclass

import torch

from zen_hf.distillation.calibration import Calibration, Targets
from zen_hf.distillation.losses.angle import angle_loss
from zen_hf.distillation.losses.mse import mse_loss
from zen_hf.distillation.teachers import TeacherSpec
from zen_hf.modeling.modeling_zen_distillation import ZenDistillationOutput


@dataclass
class LossSpec:
    """Weights of the terms; each is about 1 for a student that knows nothing but the teacher's mean.

    Attributes:
        summary_angle: Squared angle between summaries in the teacher's space, over the teacher's dispersion.
        summary_mse: Squared error of standardised summaries; gives the adaptor the length that an angle leaves open.
        patch_mse: Squared error of standardised patch tokens.
    """

    summary_angle: float = 1.0
    summary_mse: float = 1.0
    patch_mse: float = 1.0


def distillation_loss(
    output: ZenDistillationOutput,
    targets: Targets,
    calibrations: dict[str, Calibration],
    teachers: list[TeacherSpec],
    spec: LossSpec,
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Weighted mean over teachers of the weighted terms, averaged over the batch.

    Args:
        output: Student's output; adaptors predict in the standardised space.
        targets: Raw teacher outputs.
        calibrations: Frozen statistics per teacher.
        teachers: Names and weights.
        spec: Weights of the terms.

    Returns:
        The loss (a scalar) and the unweighted terms under `"<teacher>/<term>"`, each a detached scalar.
    """
    total, terms = 0.0, {}
    for teacher in teachers:
        summary, patches = targets[teacher.name]
        calibration = calibrations[teacher.name]
        predicted = output.summaries[teacher.name]
        losses = {
            "summary_angle": angle_loss(calibration.summary.inverse(predicted), summary, calibration.dispersion),
            "summary_mse": mse_loss(predicted, calibration.summary(summary)),
            "patch_mse": mse_loss(output.patches[teacher.name], calibration.patches(patches)),
        }
        means = {name: loss.mean() for name, loss in losses.items()}
        total = total + teacher.weight * sum(getattr(spec, name) * mean for name, mean in means.items())
        terms |= {f"{teacher.name}/{name}": mean.detach() for name, mean in means.items()}
    return total / sum(teacher.weight for teacher in teachers), terms
