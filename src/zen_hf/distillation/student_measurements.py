# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What a finished student knows, on videos that nothing was trained on: by its trunk alone, and by its heads."""

from dataclasses import dataclass

import torch

from zen_hf.distillation.monitors.fvu import feature_mean, fvu, fvu_pos, position_means
from zen_hf.distillation.monitors.ridge_fvu import ridge_fvu
from zen_hf.distillation.skill_probes import Encode, encode_all, read_features
from zen_hf.distillation.skills import LabelledFrames
from zen_hf.distillation.teachers import resize
from zen_hf.modeling.frame_encoder import FrameFeatures
from zen_hf.modeling.modeling_zen_distillation import ZenForDistillation

BATCH = 100  # frames at once


@dataclass(frozen=True)
class ProbeFrames:
    """Labelled frames of videos that neither teachers nor students saw.

    Attributes:
        known: Frames that probes are fitted on, video after video.
        unseen: Frames of other videos, that everything is measured on.
        frames_per_video: Frames of a video in both.
    """

    known: LabelledFrames
    unseen: LabelledFrames
    frames_per_video: int

    @property
    def videos(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The video of each known and of each unseen frame."""
        numbers = torch.arange(len(self.known) + len(self.unseen)) // self.frames_per_video
        return numbers[: len(self.known)], numbers[len(self.known) :]


Pair = tuple[FrameFeatures, FrameFeatures]  # of the known and of the unseen frames


def trunk_measurements(features: Pair, answers: dict[str, Pair], frames: ProbeFrames) -> dict:
    """What linear maps read from frozen features.

    Args:
        features: Any encoder's features.
        answers: Teacher to its features, on the same grid.
        frames: Frames and labels.

    Returns:
        `scores`: skill to score; `ridge_fvu`: teacher to FVU of its patch tokens.
    """
    known, unseen = features
    videos, test_videos = frames.videos
    return {
        "scores": read_features(known, unseen, frames.known, frames.unseen).scores,
        "ridge_fvu": {
            name: ridge_fvu(
                known.patches, answer.patches, videos, unseen.patches, test_answer.patches, test_videos
            ).fvu
            for name, (answer, test_answer) in answers.items()
        },
    }


def head_measurements(student: ZenForDistillation, answers: dict[str, Pair], frames: ProbeFrames, size: int) -> dict:
    """How well the heads of an exported student predict their teachers' patch tokens on unseen frames.

    Args:
        student: Its heads speak in their teachers' spaces.
        answers: Teacher to its features at this size.
        frames: Frames.
        size: Side of the student's input in pixels.

    Returns:
        `head_fvu` and `head_fvu_pos`: teacher to FVU against the mean of its patch tokens, and per position.
    """
    predictions = predicted_patches(student, frames.unseen.pixels, size)
    measured = {"head_fvu": {}, "head_fvu_pos": {}}
    for name, predicted in predictions.items():
        known, unseen = (answer.patches for answer in answers[name])
        measured["head_fvu"][name] = fvu(predicted, unseen, feature_mean(known))
        measured["head_fvu_pos"][name] = fvu_pos(predicted, unseen, position_means(known))
    return measured


@torch.no_grad()
def predicted_patches(student: ZenForDistillation, pixels: torch.Tensor, size: int) -> dict[str, torch.Tensor]:
    """Teacher to the patch tokens [F, N, C] that a student predicts for frames [F, 3, S, S], uint8."""
    config = student.config
    mean, std = (torch.tensor(value).view(1, -1, 1, 1) for value in (config.image_mean, config.image_deviation))
    outputs = [
        student((resize(batch.float() / 255, (size, size)) - mean) / std).patches for batch in pixels.split(BATCH)
    ]
    return {name: torch.cat([output[name] for output in outputs]) for name in outputs[0]}


def encode_both(encode: Encode, frames: ProbeFrames) -> Pair:
    """Features of the known and of the unseen frames."""
    return encode_all(encode, frames.known), encode_all(encode, frames.unseen)
