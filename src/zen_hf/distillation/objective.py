# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The loss of each teacher: an angle between summaries and squared errors of standardised tokens."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import torch

from zen_hf.distillation.calibration import Calibration, Targets
from zen_hf.distillation.losses.angle import angle_loss
from zen_hf.distillation.losses.arkd import arkd_loss
from zen_hf.distillation.losses.gram import gram_loss
from zen_hf.distillation.losses.hybrid import hybrid_loss
from zen_hf.distillation.losses.mse import mse_loss
from zen_hf.modeling.modeling_zen_distillation import ZenDistillationOutput


@dataclass
class LossSpec:
    """Weights of the terms; a term of weight 0 is not computed.

    The angle and the squared errors are 1 for a student that knows nothing but the teacher's mean, the hybrid terms
    about 0.94.

    Attributes:
        summary_angle: Squared angle between summaries in the teacher's space, over the teacher's dispersion.
        summary_mse: Squared error of standardised summaries; gives the adaptor the length that an angle leaves open.
        summary_hybrid: 0.9 cosine + 0.1 smooth-L1 of standardised summaries (AM-RADIO).
        summary_arkd: Distances between the summaries of a batch (asymmetric relational distillation).
        patch_mse: Squared error of standardised patch tokens.
        patch_hybrid: 0.9 cosine + 0.1 smooth-L1 of standardised patch tokens.
        patch_gram: Cosines between the trunk's patch tokens of a frame, against the teacher's (DINOv3).
    """

    summary_angle: float = 1.0
    summary_mse: float = 1.0
    summary_hybrid: float = 0.0
    summary_arkd: float = 0.0
    patch_mse: float = 1.0
    patch_hybrid: float = 0.0
    patch_gram: float = 0.0

    def __post_init__(self):
        weights = {field.name: getattr(self, field.name) for field in fields(self)}
        if min(weights.values()) < 0 or not any(weights.values()):
            raise ValueError(f"losses are {weights}; expected weights of at least 0, and one above")


def teacher_losses(
    output: ZenDistillationOutput,
    targets: Targets,
    calibrations: dict[str, Calibration],
    spec: LossSpec,
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Every teacher's weighted sum of terms per frame.

    Args:
        output: Student's output; adaptors predict in the standardised space.
        targets: Raw outputs of the teachers that take part in this step.
        calibrations: Frozen statistics per teacher.
        spec: Weights of the terms.

    Returns:
        Teacher to loss per frame [B], and the unweighted terms under `"<teacher>/<term>"`, each a detached scalar.
    """
    losses, logged = {}, {}
    for name, (summary, patches) in targets.items():
        terms = dict(teacher_terms(output, name, summary, patches, calibrations[name], spec))
        losses[name] = sum(getattr(spec, term) * value for term, value in terms.items())
        logged |= {f"{name}/{term}": value.detach().mean() for term, value in terms.items()}
    return losses, logged


def teacher_terms(
    output: ZenDistillationOutput,
    name: str,
    summary: torch.Tensor,
    patches: torch.Tensor,
    calibration: Calibration,
    spec: LossSpec,
) -> Iterator[tuple[str, torch.Tensor]]:
    """Name and value per frame [B] of every term of one teacher that has a weight.

    All compare what the adaptors predict with standardised targets, but for the angle, which is taken in the teacher's
    space, and the Gram matrix, which the trunk's own tokens must have.

    Args:
        output: Student's output.
        name: The teacher.
        summary: Its raw summary [B, Cs].
        patches: Its raw patch tokens [B, N, C].
        calibration: Its frozen statistics.
        spec: Weights of the terms.
    """
    predicted, wanted = output.summaries[name], calibration.summary(summary)
    predicted_patches, wanted_patches = output.patches[name], calibration.patches(patches)
    if spec.summary_angle:
        yield "summary_angle", angle_loss(calibration.summary.inverse(predicted), summary, calibration.dispersion)
    if spec.summary_mse:
        yield "summary_mse", mse_loss(predicted, wanted)
    if spec.summary_hybrid:
        yield "summary_hybrid", hybrid_loss(predicted, wanted)
    if spec.summary_arkd:
        yield "summary_arkd", arkd_loss(predicted, wanted)
    if spec.patch_mse:
        yield "patch_mse", mse_loss(predicted_patches, wanted_patches)
    if spec.patch_hybrid:
        yield "patch_hybrid", hybrid_loss(predicted_patches, wanted_patches)
    if spec.patch_gram:
        tokens = output.last_hidden_state[:, -patches.shape[1] :]  # [B, N, D]
        yield "patch_gram", gram_loss(tokens, wanted_patches)
