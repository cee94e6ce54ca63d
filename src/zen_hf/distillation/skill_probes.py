# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Reads skills out of frozen features with ridge regression, and scores them on videos that nothing was trained on."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from zen_hf.distillation.ridge import Ridge
from zen_hf.distillation.skills import SKILLS, LabelledFrames, Skill
from zen_hf.modeling.frame_encoder import FrameFeatures

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # on standardised features, per row
TUNING_SHARE = 1 / 3  # the last videos of the probe's training set choose the penalty

Encode = Callable[[torch.Tensor], FrameFeatures]  # RGB frames [B, 3, S, S] in [0, 1] to summary and patches


@dataclass(frozen=True)
class SkillReading:
    """What probes read from one encoder.

    Attributes:
        scores: Skill name to its score on the test frames.
        predictions: Skill name to predictions for the test frames, [F, outputs] or [F, h * w, outputs].
        patches: Patch tokens of the test frames [F, h * w, C].
    """

    scores: dict[str, float]
    predictions: dict[str, torch.Tensor]
    patches: torch.Tensor


def read_skills(
    encode: Encode,
    train: LabelledFrames,
    test: LabelledFrames,
    skills: tuple[Skill, ...] = SKILLS,
    advance: Callable[[int], None] = lambda frames: None,
) -> SkillReading:
    """Fits one linear probe per skill on the features of `train` and scores it on `test`.

    Args:
        encode: Frozen encoder.
        train: Labelled frames, video after video; the penalty is chosen on the last third of them.
        test: Labelled frames of other videos, read once.
        skills: What is probed.
        advance: Called with the number of frames that were encoded.
    """
    return read_features(encode_all(encode, train, advance), encode_all(encode, test, advance), train, test, skills)


def read_features(
    known: FrameFeatures,
    unseen: FrameFeatures,
    train: LabelledFrames,
    test: LabelledFrames,
    skills: tuple[Skill, ...] = SKILLS,
) -> SkillReading:
    """What [`read_skills`] does, from features of `train` and of `test` that are there already."""
    scores, predictions = {}, {}
    for skill in skills:
        rows = (known.patches, unseen.patches) if skill.per_patch else (known.summary, unseen.summary)
        wanted = test.targets[skill.name]
        predicted = fit_and_predict(skill, rows[0], train.targets[skill.name], rows[1])
        scores[skill.name] = skill.score(*known_rows(predicted, wanted))
        predictions[skill.name] = predicted
    return SkillReading(scores, predictions, unseen.patches)


@torch.no_grad()
def encode_all(
    encode: Encode,
    frames: LabelledFrames,
    advance: Callable[[int], None] = lambda frames: None,
    batch_size: int = 100,
) -> FrameFeatures:
    """Features of all frames as one `FrameFeatures`."""
    outputs = []
    for pixels in frames.pixels.split(batch_size):
        outputs.append(encode(pixels.float() / 255))
        advance(len(pixels))
    return FrameFeatures(
        summary=torch.cat([output.summary for output in outputs]).float(),
        patches=torch.cat([output.patches for output in outputs]).float(),
        grid=outputs[0].grid,
    )


def fit_and_predict(skill: Skill, features: torch.Tensor, targets: torch.Tensor, unseen: torch.Tensor) -> torch.Tensor:
    """Predictions for `unseen`, in its shape, of a probe whose penalty a part of the training videos chooses."""
    kept = round(len(features) * (1 - TUNING_SHARE))
    tuning = Ridge(*known_rows(features[:kept], targets[:kept]))
    held_out, wanted = known_rows(features[kept:], targets[kept:])
    best = max(PENALTIES, key=lambda penalty: skill.score(tuning.predict(held_out, penalty), wanted))
    return Ridge(*known_rows(features, targets)).predict(unseen, best)


def known_rows(features: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Flattens frames and patches to rows [M, .] and drops those whose target is unknown."""
    features, targets = features.flatten(0, -2), targets.flatten(0, -2)
    known = ~targets.isnan().any(1)
    return features[known], targets[known]


def retention(student: float, teacher: float, random: float) -> float:
    """Share of a teacher's margin over a random trunk that the student keeps."""
    return (student - random) / (teacher - random)


def pixel_features(images: torch.Tensor, patch: int) -> FrameFeatures:
    """A control without a network: the frame at a quarter of its size as summary, and the pixels of each patch."""
    grid = (images.shape[-2] // patch, images.shape[-1] // patch)
    patches = F.pixel_unshuffle(images, patch).flatten(2).transpose(1, 2)  # [B, N, 3 * patch^2]
    return FrameFeatures(summary=F.avg_pool2d(images, 4).flatten(1), patches=patches, grid=grid)
