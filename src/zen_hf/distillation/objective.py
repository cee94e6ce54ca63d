# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The loss of each teacher: an angle between summaries and squared errors of standardised tokens."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import torch

from zen_hf.distillation.calibration import Calibration, Targets, tubelet_weights
from zen_hf.distillation.losses.angle import angle_loss
from zen_hf.distillation.losses.arkd import arkd_loss
from zen_hf.distillation.losses.gram import gram_loss
from zen_hf.distillation.losses.hybrid import hybrid_loss
from zen_hf.distillation.losses.mse import mse_loss
from zen_hf.distillation.losses.shift_equivariant import overlap
from zen_hf.distillation.losses.temporal_difference import temporal_difference_loss
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
        summary_change: Change of standardised summaries from frame to frame of a clip; needs `views.clip_frames`.
        patch_change: Change of standardised patch tokens from frame to frame of a clip; needs `views.clip_frames`.
        max_shift: Largest offset in patches between the crops of student and teacher, drawn per batch and teacher, so
            that patch terms cannot teach what a teacher writes at fixed positions (C-RADIOv4); not a weight.
    """

    summary_angle: float = 1.0
    summary_mse: float = 1.0
    summary_hybrid: float = 0.0
    summary_arkd: float = 0.0
    patch_mse: float = 1.0
    patch_hybrid: float = 0.0
    patch_gram: float = 0.0
    summary_change: float = 0.0
    patch_change: float = 0.0
    max_shift: int = 0

    def __post_init__(self):
        weights = self.weights
        if min(weights.values()) < 0 or not any(weights.values()):
            raise ValueError(f"losses are {weights}; expected weights of at least 0, and one above")
        if self.max_shift < 0:
            raise ValueError(f"losses.max_shift is {self.max_shift}; expected 0 or a number of patches")

    @property
    def weights(self) -> dict[str, float]:
        """Term to weight."""
        return {name: value for name, value in asdict(self).items() if name != "max_shift"}


@dataclass
class FrameGeometry:
    """Where the tokens of a batch come from.

    Attributes:
        grid: Rows and columns (h, w) of the student's patches.
        token_weights: Share of picture per patch [B, N]; None counts all alike.
        offsets: Teacher to `(dy, dx)`, its crop minus the student's, in patches; none is (0, 0).
        clip_frames: Consecutive frames of the batch that are one clip.
    """

    grid: tuple[int, int]
    token_weights: torch.Tensor | None = None
    offsets: dict[str, tuple[int, int]] = field(default_factory=dict)
    clip_frames: int = 1


def teacher_losses(
    output: ZenDistillationOutput,
    targets: Targets,
    calibrations: dict[str, Calibration],
    spec: LossSpec,
    geometry: FrameGeometry,
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Every teacher's weighted sum of terms per frame.

    Args:
        output: Student's output; adaptors predict in the standardised space.
        targets: Raw outputs of the teachers that take part in this step.
        calibrations: Frozen statistics per teacher.
        spec: Weights of the terms.
        geometry: Grid, border, crops and clips of the batch.

    Returns:
        Teacher to loss per frame [B], and the unweighted terms under `"<teacher>/<term>"`, each a detached scalar.
    """
    losses, logged = {}, {}
    frames = len(output.pooler_output)
    for name, (summary, patches) in targets.items():
        terms = {}
        for term, value in teacher_terms(output, name, summary, patches, calibrations[name], spec, geometry):
            terms[term] = value.repeat_interleave(frames // len(value))  # a loss per clip is that of all its frames
        losses[name] = sum(spec.weights[term] * value for term, value in terms.items())
        logged |= {f"{name}/{term}": value.detach().mean() for term, value in terms.items()}
    return losses, logged


def teacher_terms(
    output: ZenDistillationOutput,
    name: str,
    summary: torch.Tensor,
    patches: torch.Tensor,
    calibration: Calibration,
    spec: LossSpec,
    geometry: FrameGeometry,
) -> Iterator[tuple[str, torch.Tensor]]:
    """Name and value, per frame [B] or clip [B / K], of every term of one teacher that has a weight.

    All compare what the adaptors predict with standardised targets, but for the angle, which is taken in the teacher's
    space, and the Gram matrix, which the trunk's own tokens must have. A video teacher speaks of clips, and has no
    Gram matrix and no change from frame to frame.

    Args:
        output: Student's output.
        name: The teacher.
        summary: Its raw summary [B, Cs].
        patches: Its raw patch tokens [B, N, C].
        calibration: Its frozen statistics.
        spec: Weights of the terms.
        geometry: Grid, border, crops and clips of the batch.
    """
    predicted, wanted = output.summaries[name], calibration.summary(summary)
    if spec.summary_angle:
        yield "summary_angle", angle_loss(calibration.summary.inverse(predicted), summary, calibration.dispersion)
    if spec.summary_mse:
        yield "summary_mse", mse_loss(predicted, wanted)
    if spec.summary_hybrid:
        yield "summary_hybrid", hybrid_loss(predicted, wanted)
    if spec.summary_arkd:
        yield "summary_arkd", arkd_loss(predicted, wanted)

    per_frame = len(summary) == len(output.pooler_output)
    tokens, weights = output.last_hidden_state[:, -geometry.grid[0] * geometry.grid[1] :], geometry.token_weights
    predicted_patches, wanted_patches = output.patches[name], calibration.patches(patches)
    if not per_frame:
        weights = tubelet_weights(weights, *predicted_patches.shape[:2])
    offset = geometry.offsets.get(name, (0, 0))
    if offset != (0, 0):
        predicted_patches, tokens = (
            overlap(part, geometry.grid, offset, of_teacher=False) for part in (predicted_patches, tokens)
        )
        wanted_patches = overlap(wanted_patches, geometry.grid, offset, of_teacher=True)
        weights = None if weights is None else overlap(weights, geometry.grid, offset, of_teacher=False)
    if spec.patch_mse:
        yield "patch_mse", mse_loss(predicted_patches, wanted_patches, weights)
    if spec.patch_hybrid:
        yield "patch_hybrid", hybrid_loss(predicted_patches, wanted_patches, weights=weights)
    if spec.patch_gram and per_frame:
        yield "patch_gram", gram_loss(tokens, wanted_patches, weights)

    def change(prediction: torch.Tensor, target: torch.Tensor, variance: float) -> torch.Tensor:
        clips = (part.unflatten(0, (-1, geometry.clip_frames)) for part in (prediction, target))
        return temporal_difference_loss(*clips, variance)

    if spec.summary_change and per_frame:
        yield "summary_change", change(predicted, wanted, calibration.summary_change)
    if spec.patch_change and per_frame:
        yield "patch_change", change(predicted_patches, wanted_patches, calibration.patch_change)
