# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A causal multi-stage temporal convolutional network on cached features, in the style of TeCNO.

Two stages of eight dilated residual layers (kernel 3, dilation 2^l, padded on the left only, 32 maps) refine the classes
over the whole past: 1 + 2 x 2 x (2^8 - 1) = 1021 frames. The second stage reads the probabilities of the first. Per stage

    loss = CE (class weights: median frequency / frequency, at most 10) + 0.15 mean min((log p_t - log p_{t-1})^2, 4^2)

with the gradient through p_t alone, and the binary loss of every class without weights where a frame has several labels.
After T. Czempiel et al., "TeCNO", arXiv:2003.10751, and Y. Abu Farha and J. Gall, "MS-TCN", arXiv:1903.01945, equations 5
to 8. Unlike TeCNO's public code, the cross-entropy takes logits, not probabilities.

All learning rates and seeds are trained in one pass, side by side along the first dimension of every parameter. A seed
draws the initial weights and the dropout; the order of the videos is the same for all. Each seed's rate and number of
epochs are chosen by the score on validation videos; without any, on each half of the training videos by a network trained
on the other half, and the network is then trained on all; with a single training video they are the defaults.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from ..feature_cache import VideoFeatures
from ..scoring import selection_scores
from ..task import Target
from .head import LabelledVideo, TrainedHead
from .linear import channel_statistics, join_features, summary_is_mean_patch
from .seen_classes import SeenClasses
from .selection import leave_out
from .side_by_side import SideBySideAdamW

RATES = (5e-4, 2e-3)
MOST_EPOCHS, EPOCHS_BETWEEN, PATIENCE = 40, 4, 3  # stops after so many judgements without a better one
DEFAULT_RATE = 2e-3
STAGES, LAYERS, MAPS, KERNEL = 2, 8, 32, 3
DROPOUT, CLIP = 0.5, 1.0
SMOOTHNESS, TRUNCATION = 0.15, 4.0
MOST_WEIGHT = 10.0

Parameters = dict[str, torch.Tensor]  # [settings, ...] each


@dataclass(frozen=True)
class Setting:
    """One of the networks that are trained side by side."""

    rate: float
    seed: int


@dataclass(frozen=True)
class Inputs:
    """How features become a network's input: joined or not, less their mean, over their scale, [features] each."""

    joined: bool
    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, videos: list[LabelledVideo], joined: bool) -> "Inputs":
        """By the statistics of training videos."""
        return cls(joined, *channel_statistics(join_features(video.features, joined) for video in videos))

    def __call__(self, features: VideoFeatures) -> torch.Tensor:
        """Standardised features of one video, [frames, features] float32."""
        standardised = (join_features(features, self.joined) - self.mean) / self.scale
        return torch.from_numpy(standardised.astype(np.float32))


@dataclass(frozen=True)
class MsTcnHead:
    """A trained network.

    Args:
        inputs: how it reads features.
        parameters: of one setting, [1, ...] each.
        classes: which classes the training frames tell apart.
    """

    inputs: Inputs
    parameters: Parameters
    classes: SeenClasses

    @torch.no_grad()
    def logits(self, features: VideoFeatures) -> np.ndarray:
        """Scores of the last stage, [frames, classes] float32; a frame's depend on no later frame."""
        last = stages_of(self.parameters, self.inputs(features), self.classes.target)[-1]
        return self.classes.complete(last[0].T.numpy().copy())


@dataclass
class Best:
    """What one seed does best so far.

    Args:
        rate: learning rate.
        epochs: number of epochs.
        score: of the videos it was judged on; None for the default, that was not judged.
        head: what was judged, where that was trained on all training videos.
        idle: judgements since.
    """

    rate: float = DEFAULT_RATE
    epochs: int = MOST_EPOCHS
    score: float | None = None
    head: MsTcnHead | None = None
    idle: int = 0


def train(
    target: Target, train: list[LabelledVideo], val: list[LabelledVideo], seeds: Sequence[int]
) -> list[TrainedHead]:
    """Train networks of all rates and seeds in one pass, and choose per seed.

    Args:
        target: what to predict.
        train: videos to train on.
        val: videos to choose the rate and the number of epochs on; may be empty.
        seeds: of the weights and the dropout.

    Returns:
        One head per seed. Its `chosen` holds rate and epochs, their score, and on what they were judged.
    """
    if val:
        judged_on, best = "validation videos", choose(target, [(train, val)], seeds)
    elif len(train) > 1:
        judged_on, best = "left-out training videos", choose(target, leave_out(train, 2), seeds)
    else:
        judged_on, best = "nothing", [Best() for _ in seeds]
    if not val:
        settings = [Setting(found.rate, seed) for found, seed in zip(best, seeds, strict=True)]
        for epochs, heads in fit(target, train, settings, max(found.epochs for found in best)):
            for found, head in zip(best, heads, strict=True):
                found.head = head if epochs == found.epochs else found.head
    return [
        TrainedHead(
            found.head,
            {
                "rate": found.rate,
                "epochs": found.epochs,
                "judged_on": judged_on,
                "score": found.score,
                "untrained": found.head.classes.untrained,
            },
        )
        for found in best
    ]


def choose(
    target: Target, folds: list[tuple[list[LabelledVideo], list[LabelledVideo]]], seeds: Sequence[int]
) -> list[Best]:
    """Train on one side of every fold, judge on the other every few epochs, and keep the best rate and epoch per seed.

    A seed's choice depends on no other seed. The heads returned are those of the first fold.
    """
    settings = [Setting(rate, seed) for seed in seeds for rate in RATES]
    best = {seed: Best() for seed in seeds}
    labels = [video.labels for _, outside in folds for video in outside]
    runs = [fit(target, inside, settings, MOST_EPOCHS) for inside, _ in folds]
    for judgement in zip(*runs, strict=True):
        logits = [[] for _ in settings]
        for (_, heads), (_, outside) in zip(judgement, folds, strict=True):
            for judged, head in zip(logits, heads, strict=True):
                judged.extend(head.logits(video.features) for video in outside)
        epochs, heads = judgement[0]
        going_on = {seed for seed in seeds if best[seed].idle < PATIENCE}
        for seed in going_on:
            best[seed].idle += 1
        for setting, head, score in zip(settings, heads, selection_scores(target, logits, labels), strict=True):
            so_far = best[setting.seed].score
            if setting.seed in going_on and (so_far is None or score > so_far):
                best[setting.seed] = Best(setting.rate, epochs, score, head)
        if all(found.idle >= PATIENCE for found in best.values()):
            break
    return [best[seed] for seed in seeds]


def fit(
    target: Target, videos: list[LabelledVideo], settings: list[Setting], most_epochs: int
) -> Iterator[tuple[int, list[MsTcnHead]]]:
    """Train all settings side by side, one video per step.

    Args:
        target: what to predict.
        videos: training videos; their order does not matter.
        settings: rates and seeds; several settings of one seed start alike and drop alike.
        most_epochs: number of passes over the videos.

    Yields:
        Every few epochs, and at the end: the number of epochs so far, and the head of every setting as it is then.
    """
    videos = sorted(videos, key=lambda video: video.video)
    inputs = Inputs.of(videos, not summary_is_mean_patch(video.features for video in videos))
    classes = SeenClasses.of(target, np.concatenate([video.labels for video in videos]))
    weights = class_weights(target, videos)
    generators = {setting.seed: torch.Generator().manual_seed(setting.seed) for setting in settings}
    initial = {
        seed: initial_parameters(len(inputs.mean), len(target.labels), draw) for seed, draw in generators.items()
    }
    parameters = {
        name: torch.stack([initial[setting.seed][name] for setting in settings]).requires_grad_()
        for name in initial[settings[0].seed]
    }
    optimizer = SideBySideAdamW(
        parameters.values(), [setting.rate for setting in settings], [0.0] * len(settings), CLIP
    )
    order = np.random.default_rng(0)
    for epoch in range(1, most_epochs + 1):
        for index in order.permutation(len(videos)):
            labels = torch.from_numpy(videos[index].labels.astype(np.int64))
            masks = {seed: dropout_masks(len(labels), draw) for seed, draw in generators.items()}
            kept = [torch.stack(layer) for layer in zip(*(masks[setting.seed] for setting in settings), strict=True)]
            stages = stages_of(parameters, inputs(videos[index].features), target, kept)
            sum(loss_of(logits, labels, target, weights) for logits in stages).backward()
            optimizer.step()
        if epoch % EPOCHS_BETWEEN == 0 or epoch == most_epochs:
            copies = [
                {name: values.detach()[index : index + 1].clone() for name, values in parameters.items()}
                for index in range(len(settings))
            ]
            yield epoch, [MsTcnHead(inputs, copy, classes) for copy in copies]


def class_weights(target: Target, videos: list[LabelledVideo]) -> torch.Tensor:
    """Median frequency over frequency, at most `MOST_WEIGHT`, [classes]; 0 without frames, 1 if multi-label."""
    if target.kind == "multi_label":
        return torch.ones(len(target.labels))
    counts = np.bincount(np.concatenate([video.labels for video in videos]), minlength=len(target.labels))
    weights = np.median(counts[counts > 0]) / np.maximum(counts, 1)
    return torch.from_numpy(np.where(counts > 0, np.minimum(weights, MOST_WEIGHT), 0.0)).float()


def initial_parameters(features: int, classes: int, draw: torch.Generator) -> Parameters:
    """Weights [out, in] and biases [out, 1] of one network, uniform within 1 / sqrt(in) as in torch's convolutions."""
    shapes = {}
    for stage in range(STAGES):
        shapes[f"{stage}.in"] = (MAPS, features if stage == 0 else classes)
        for layer in range(LAYERS):
            shapes[f"{stage}.{layer}.dilated"] = (MAPS, KERNEL * MAPS)
            shapes[f"{stage}.{layer}.mix"] = (MAPS, MAPS)
        shapes[f"{stage}.out"] = (classes, MAPS)
    parameters = {}
    for name, (out, into) in shapes.items():
        drawn = torch.rand(out, into + 1, generator=draw).mul(2).sub(1) * into**-0.5
        parameters[f"{name}.weight"], parameters[f"{name}.bias"] = drawn[:, :into], drawn[:, into:]
    return parameters


def dropout_masks(frames: int, draw: torch.Generator) -> list[torch.Tensor]:
    """What every layer of every stage keeps, scaled so that its mean is 1, [maps, frames] each."""
    shape = (MAPS, frames)
    return [(torch.rand(shape, generator=draw) >= DROPOUT) / (1 - DROPOUT) for _ in range(STAGES * LAYERS)]


def stages_of(
    parameters: Parameters, inputs: torch.Tensor, target: Target, kept: list[torch.Tensor] | None = None
) -> list[torch.Tensor]:
    """Logits of every stage, [settings, classes, frames] each.

    Args:
        parameters: of all settings.
        inputs: standardised features of one video, [frames, features].
        target: tells which probabilities the second stage reads.
        kept: masks of every layer, [settings, maps, frames] each; None drops nothing.
    """
    likely = (lambda logits: logits.softmax(dim=1)) if target.kind == "single_label" else torch.sigmoid

    def linear(name: str, x: torch.Tensor) -> torch.Tensor:
        return torch.baddbmm(parameters[f"{name}.bias"], parameters[f"{name}.weight"], x)

    first = parameters["0.in.weight"]  # [settings, maps, features]
    x = (first.flatten(0, 1) @ inputs.T).unflatten(0, first.shape[:2]) + parameters["0.in.bias"]
    stages = []
    for stage in range(STAGES):
        x = linear(f"{stage}.in", likely(stages[-1])) if stage else x  # [settings, maps, frames]
        for layer in range(LAYERS):
            past = [delayed(x, steps * 2**layer) for steps in reversed(range(KERNEL))]
            change = linear(f"{stage}.{layer}.mix", linear(f"{stage}.{layer}.dilated", torch.cat(past, dim=1)).relu())
            x = x + (change if kept is None else change * kept[stage * LAYERS + layer])
        stages.append(linear(f"{stage}.out", x))
    return stages


def delayed(x: torch.Tensor, frames: int) -> torch.Tensor:
    """The same, so many frames later, after zeros."""
    return functional.pad(x, (frames, 0))[..., : x.shape[-1]]


def loss_of(logits: torch.Tensor, labels: torch.Tensor, target: Target, weights: torch.Tensor) -> torch.Tensor:
    """Sum over settings of one stage's loss.

    Args:
        logits: [settings, classes, frames].
        labels: class indices [frames], or 0/1 [frames, classes].
        target: which of the two.
        weights: of the classes of a single-label target, [classes].
    """
    if target.kind == "single_label":
        logs, weight = logits.log_softmax(dim=1), weights[labels]
        of_truth = logs.gather(1, labels.expand(len(logs), 1, -1))[:, 0]  # [settings, frames]
        error = -(of_truth * weight).sum() / weight.sum()
    else:
        logs, truth = functional.logsigmoid(logits), labels.T.float().expand_as(logits)
        error = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none").mean(dim=(1, 2)).sum()
    if logs.shape[-1] == 1:
        return error  # one frame has no predecessor
    steps = (logs[..., 1:] - logs[..., :-1].detach()).square().clamp(max=TRUNCATION**2)
    return error + SMOOTHNESS * steps.mean(dim=(1, 2)).sum()
