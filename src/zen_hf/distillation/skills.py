# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Three skills that synthetic surgery can test: what is there, where it is, how near it is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from sklearn.metrics import average_precision_score
from torch.nn import functional as F

from zen_hf.data.synthetic_surgery import INSTRUMENTS, SEMANTIC_CLASSES, SceneFrame, SyntheticSurgery

MILLIMETRES = 10.0  # unit of the regressed nearness, so that its loss is about as large as the others


@dataclass(frozen=True)
class Skill:
    """One thing that a teacher knows and that a linear probe can read from features.

    Attributes:
        name: Short name, also of the teacher.
        question: What is asked, for the report.
        metric: Name of the score.
        per_patch: Whether the answer is one per patch token, else one per frame from the summary.
        outputs: Length of an answer.
        target: Answer of a scene on a patch grid of h rows and columns: [outputs] or [h * h, outputs]; NaN is unknown.
        loss: Loss of predictions [M, outputs] against known targets [M, outputs].
        score: Score of predictions against targets, both [M, outputs]; 1 is perfect.
    """

    name: str
    question: str
    metric: str
    per_patch: bool
    outputs: int
    target: Callable[[SceneFrame, int], np.ndarray]
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    score: Callable[[torch.Tensor, torch.Tensor], float]


@dataclass(frozen=True)
class LabelledFrames:
    """Frames with the answers to every skill.

    Attributes:
        pixels: RGB frames [F, 3, S, S], uint8.
        targets: Skill name to answers [F, outputs] or [F, h * w, outputs].
        scenes: The scenes themselves, for pictures.
    """

    pixels: torch.Tensor
    targets: dict[str, torch.Tensor]
    scenes: list[SceneFrame]

    def __len__(self) -> int:
        return len(self.pixels)


def render_labelled(
    first_video: int,
    num_videos: int,
    frames_per_video: int,
    size: int,
    rows: int,
    seed: int,
    advance: Callable[[int], None] = lambda frames: None,
) -> LabelledFrames:
    """Renders videos with the answers to every skill, video after video.

    Args:
        first_video: Number of the first video; disjoint ranges share nothing.
        num_videos: Number of videos.
        frames_per_video: Frames of each.
        size: Side of the frames in pixels.
        rows: Rows and columns of the patch grid.
        seed: Chooses the set of videos.
        advance: Called with the number of frames that were added.
    """
    surgery = SyntheticSurgery(seed=seed, size=size, frames_per_video=frames_per_video)
    scenes = []
    for index in range(first_video, first_video + num_videos):
        video = surgery.video(index)
        scenes += [video[number] for number in range(len(video))]
        advance(len(video))
    pixels = torch.from_numpy(np.stack([scene.image for scene in scenes])).permute(0, 3, 1, 2)
    targets = {
        skill.name: torch.from_numpy(np.stack([skill.target(scene, rows) for scene in scenes])).float()
        for skill in SKILLS
    }
    return LabelledFrames(pixels, targets, scenes)


def save_labelled(frames: LabelledFrames, path: Path) -> None:
    """Stores frames and answers, without the scenes, in a safetensors file."""
    save_file({"pixels": frames.pixels.contiguous()} | frames.targets, path)


def load_labelled(path: Path) -> LabelledFrames:
    """Reads what [`save_labelled`] stored."""
    tensors = load_file(path)
    return LabelledFrames(tensors.pop("pixels"), tensors, scenes=[])


def instruments_present(scene: SceneFrame, rows: int) -> np.ndarray:
    """1 for every instrument class that is visible, [classes]."""
    present = np.zeros(len(INSTRUMENTS), np.float32)
    present[scene.instruments] = 1
    return present


def class_shares(scene: SceneFrame, rows: int) -> np.ndarray:
    """Share of each semantic class in each patch, [rows * rows, classes]."""
    patches = cut(scene.semantic_mask, rows)
    return np.stack([(patches == index).mean(-1) for index in range(len(SEMANTIC_CLASSES))], -1).astype(np.float32)


def nearness(scene: SceneFrame, rows: int) -> np.ndarray:
    """How much nearer than the frame's median each patch is, [rows * rows, 1] in centimetres; NaN outside the field.

    The distance of the whole scene is left out: it changes from video to video, and only the texture's scale tells it.
    """
    patches = cut(scene.depth_mm, rows)
    inside = patches > 0
    depth = patches.sum(-1) / np.maximum(inside.sum(-1), 1)
    near = (np.median(scene.depth_mm[scene.depth_mm > 0]) - depth) / MILLIMETRES
    return np.where(inside.mean(-1) > 0.5, near, np.nan).astype(np.float32)[:, None]


def cut(labels: np.ndarray, rows: int) -> np.ndarray:
    """Cuts a map [S, S] into rows * rows patches of pixels, [rows * rows, (S / rows)^2]."""
    side = labels.shape[0] // rows
    return labels.reshape(rows, side, rows, side).swapaxes(1, 2).reshape(rows * rows, side * side)


def mean_average_precision(predicted: torch.Tensor, target: torch.Tensor) -> float:
    """Mean over the classes that occur of the average precision."""
    occurring = [index for index in range(target.shape[1]) if 0 < target[:, index].sum() < len(target)]
    precisions = [
        average_precision_score(target[:, index].numpy(), predicted[:, index].numpy()) for index in occurring
    ]
    return float(np.mean(precisions))


def mean_intersection_over_union(predicted: torch.Tensor, target: torch.Tensor) -> float:
    """Mean over the classes that fill at least one patch in a thousand, each patch counted for its largest class."""
    guess, truth = predicted.argmax(1), target.argmax(1)
    ratios = []
    for index in range(target.shape[1]):
        here = truth == index
        if here.sum() * 1000 >= len(truth):
            guessed = guess == index
            ratios.append(float((here & guessed).sum() / (here | guessed).sum()))
    return float(np.mean(ratios))


def coefficient_of_determination(predicted: torch.Tensor, target: torch.Tensor) -> float:
    """R^2: the share of the variance that is explained."""
    return float(1 - (predicted - target).square().sum() / (target - target.mean()).square().sum())


SKILLS = (
    Skill(
        name="what",
        question="which instruments are there?",
        metric="mAP",
        per_patch=False,
        outputs=len(INSTRUMENTS),
        target=instruments_present,
        loss=F.binary_cross_entropy_with_logits,
        score=mean_average_precision,
    ),
    Skill(
        name="where",
        question="where is which tissue and tool?",
        metric="mIoU",
        per_patch=True,
        outputs=len(SEMANTIC_CLASSES),
        target=class_shares,
        loss=F.cross_entropy,
        score=mean_intersection_over_union,
    ),
    Skill(
        name="far",
        question="how near is each patch?",
        metric="R²",
        per_patch=True,
        outputs=1,
        target=nearness,
        loss=F.smooth_l1_loss,
        score=coefficient_of_determination,
    ),
)
