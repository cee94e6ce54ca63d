# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""An attentive head: one learned query with several heads pools the patch tokens, then a linear classifier.

    a_hn = softmax_n(u_h x_n / sqrt(D)),   z_h = sum_n a_hn x_n,   logits = W [z_1 ... z_H] + b

x_n are the tokens of one frame, standardised per channel with training statistics. It follows the attentive probe of V-JEPA
(A. Bardes et al., arXiv:2404.08471) with one block and neither residual nor MLP. With a single query the key projection
folds into the vectors u_h, and value and output projections into W, as "efficient probing" does with the key projection
(B. Psomas et al., arXiv:2506.10178); each head here pools whole tokens, not a slice of their channels. That leaves so few
parameters that 20 settings (learning rate x weight decay) are trained in one pass over the tokens, then all seeds of the
chosen one in another.

AdamW, cosine schedule, a fixed number of steps. A seed draws the queries; the minibatches are the same for all. The setting
is chosen on validation videos; without any, on each half of the training videos by heads trained on the other half; with a
single training video it is the default.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch.nn import functional

from ..feature_cache import VideoFeatures
from ..scoring import selection_scores
from ..task import Target
from .head import LabelledVideo, TrainedHead
from .linear import channel_statistics
from .seen_classes import SeenClasses
from .selection import Choice, best, leave_out
from .side_by_side import SideBySideAdamW

RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
DECAYS = (10.0, 1.0, 0.1, 0.01)
GRID = tuple(product(RATES, DECAYS))  # the first wins a tie
DEFAULT = (1e-3, 0.1)
STEPS, BATCH, LEAST_BATCH = 300, 256, 32  # frames per step
HEADS = 4
STATISTICS_FRAMES = 2048  # of all training frames, evenly spread

Parameters = dict[str, torch.Tensor]  # [settings, ...] each


@dataclass(frozen=True)
class Setting:
    """One of the heads that are trained side by side."""

    rate: float
    decay: float
    seed: int


@dataclass(frozen=True)
class AttentiveHeads:
    """Trained heads of some settings; of one, it is what a protocol uses.

    Args:
        mean: of the training tokens, [channels] float32.
        scale: their standard deviation, [channels] float32.
        parameters: "queries" [settings, heads, channels], "weight" [settings, classes, heads x channels] and "bias"
            [settings, classes].
        classes: which classes the training frames tell apart.
    """

    mean: torch.Tensor
    scale: torch.Tensor
    parameters: Parameters
    classes: SeenClasses

    @torch.no_grad()
    def logits_of_each(self, features: VideoFeatures) -> list[np.ndarray]:
        """Per setting the scores of every frame of a video, [frames, classes] float32."""
        tokens = tokens_of(features)
        chunks = [np.arange(start, min(start + BATCH, len(tokens))) for start in range(0, len(tokens), BATCH)]
        logits = [forward(self.parameters, self.standardised(tokens[rows])) for rows in chunks]
        return [self.classes.complete(one.numpy().copy()) for one in torch.cat(logits, dim=1)]

    def logits(self, features: VideoFeatures) -> np.ndarray:
        """Scores of every frame by the first setting, [frames, classes] float32."""
        return self.logits_of_each(features)[0]

    def standardised(self, tokens: np.ndarray) -> torch.Tensor:
        """Float32 tokens as the queries see them, [frames, tokens, channels]."""
        return torch.from_numpy(np.asarray(tokens, dtype=np.float32)).sub_(self.mean).div_(self.scale)

    def only(self, index: int) -> "AttentiveHeads":
        """The head of one setting."""
        parameters = {name: values[index : index + 1].clone() for name, values in self.parameters.items()}
        return AttentiveHeads(self.mean, self.scale, parameters, self.classes)


def train(
    target: Target, train: list[LabelledVideo], val: list[LabelledVideo], seeds: Sequence[int]
) -> list[TrainedHead]:
    """Train the heads of all settings in one pass, choose one, and train it with all seeds in another.

    Args:
        target: what to predict.
        train: videos to train on; their features hold patch tokens.
        val: videos to choose the setting on; may be empty.
        seeds: of the initial queries. The setting is chosen with seed 0 whatever they are, so that no head depends on
            which others are asked for.

    Returns:
        One head per seed. Its `chosen` holds rate and decay, the score of every setting, and on what they were judged.

    Raises:
        ValueError: if features were extracted without tokens.
    """
    grid = [Setting(rate, decay, 0) for rate, decay in GRID]
    if val:
        choice = choose(target, [(fit(target, train, grid), val)], "validation videos")
    elif len(train) > 1:
        folds = ((fit(target, inside, grid), outside) for inside, outside in leave_out(train, 2))
        choice = choose(target, folds, "left-out training videos")
    else:
        choice = Choice(GRID.index(DEFAULT), [], "nothing")
    heads = fit(target, train, [Setting(*GRID[choice.setting], seed) for seed in seeds])
    return [TrainedHead(head, report(head, choice)) for head in map(heads.only, range(len(seeds)))]


def choose(target: Target, folds: Iterable[tuple[AttentiveHeads, list[LabelledVideo]]], judged_on: str) -> Choice:
    """The best setting of the grid, by videos that the heads beside them were not trained on."""
    logits, labels = [], []  # per video [settings][frames, classes], its truth
    for heads, outside in folds:
        logits += [heads.logits_of_each(video.features) for video in outside]
        labels += [video.labels for video in outside]
    return best(selection_scores(target, list(zip(*logits, strict=True)), labels), judged_on)


def report(head: AttentiveHeads, choice: Choice) -> dict:
    """What was chosen, ready for JSON."""
    rate, decay = GRID[choice.setting]
    names = [f"rate {rate:g}, decay {decay:g}" for rate, decay in GRID]
    return {
        "rate": rate,
        "decay": decay,
        "judged_on": choice.judged_on,
        "scores": dict(zip(names, choice.scores, strict=False)),
        "untrained": head.classes.untrained,
    }


def fit(target: Target, videos: list[LabelledVideo], settings: Sequence[Setting]) -> AttentiveHeads:
    """Train all settings side by side.

    Args:
        target: what to predict.
        videos: training videos; their order does not matter.
        settings: those that share a seed start alike.
    """
    videos = sorted(videos, key=lambda video: video.video)
    truth = np.concatenate([video.labels for video in videos])
    classes, tokens = SeenClasses.of(target, truth), [tokens_of(video.features) for video in videos]
    channels = tokens[0].shape[-1]
    parameters = {
        "queries": torch.stack([initial_queries(setting.seed, channels) for setting in settings]),
        "weight": torch.zeros(len(settings), len(target.labels), HEADS * channels),
        "bias": torch.from_numpy(classes.constant).float().repeat(len(settings), 1),
    }
    heads = AttentiveHeads(*token_statistics(tokens), parameters, classes)
    optimizer = SideBySideAdamW(
        [values.requires_grad_() for values in parameters.values()],
        [setting.rate for setting in settings],
        [setting.decay for setting in settings],
        undecayed=[parameters["bias"]],
    )
    for step, rows in enumerate(batches(len(truth))):
        logits = forward(parameters, heads.standardised(gather(tokens, rows)))
        loss_of(logits, torch.from_numpy(truth[rows]), target).backward()
        optimizer.step(0.5 + 0.5 * math.cos(math.pi * step / STEPS))
    for values in parameters.values():
        values.requires_grad_(False)
    return heads


def tokens_of(features: VideoFeatures) -> np.ndarray:
    """The patch tokens, [frames, tokens, channels] float16.

    Raises:
        ValueError: if there are none.
    """
    if features.tokens is None:
        raise ValueError("the attentive head needs patch tokens; extract the features with tokens=True.")
    return features.tokens


def initial_queries(seed: int, channels: int) -> torch.Tensor:
    """Queries so small that every head starts close to the mean over tokens, [heads, channels]."""
    return 0.1 * torch.randn(HEADS, channels, generator=torch.Generator().manual_seed(seed))


def token_statistics(tokens: list[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of every channel over evenly spread frames, [channels] float32."""
    frames = sum(map(len, tokens))
    rows = np.unique(np.linspace(0, frames - 1, min(frames, STATISTICS_FRAMES)).round().astype(int))
    sample = gather(tokens, rows)
    return tuple(
        torch.from_numpy(values).float() for values in channel_statistics([sample.reshape(-1, sample.shape[-1])])
    )


def gather(tokens: list[np.ndarray], rows: np.ndarray) -> np.ndarray:
    """Tokens of some frames, counted over all videos in ascending order; reads no others."""
    ends = np.cumsum([len(video) for video in tokens])
    parts = np.split(rows, np.searchsorted(rows, ends[:-1]))
    starts = np.append(0, ends[:-1])
    return np.concatenate(
        [video[part - start] for video, part, start in zip(tokens, parts, starts, strict=True) if len(part)]
    )


def batches(frames: int) -> Iterator[np.ndarray]:
    """Ascending rows of every step; every frame once before any comes again."""
    draw, waiting = np.random.default_rng(0), np.empty(0, dtype=int)
    size = min(BATCH, frames, max(LEAST_BATCH, frames // 10))  # few frames: fewer passes over them
    for _ in range(STEPS):
        if len(waiting) < size:
            waiting = np.append(waiting, draw.permutation(frames))
        rows, waiting = waiting[:size], waiting[size:]
        yield np.sort(rows)


def forward(parameters: Parameters, tokens: torch.Tensor) -> torch.Tensor:
    """Logits of all settings, [settings, frames, classes], from standardised tokens [frames, tokens, channels]."""
    queries, channels = parameters["queries"], tokens.shape[-1]
    attention = (tokens @ queries.flatten(0, 1).T * channels**-0.5).softmax(
        dim=1
    )  # [frames, tokens, settings x heads]
    pooled = attention.transpose(1, 2) @ tokens  # [frames, settings x heads, channels]
    pooled = pooled.unflatten(1, queries.shape[:2]).flatten(2).transpose(0, 1)  # [settings, frames, heads x channels]
    return torch.baddbmm(parameters["bias"][:, None], pooled, parameters["weight"].transpose(1, 2))


def loss_of(logits: torch.Tensor, labels: torch.Tensor, target: Target) -> torch.Tensor:
    """Sum over settings of the mean cross-entropy; of every class by itself where a frame has several labels."""
    if target.kind == "single_label":
        logs = logits.log_softmax(dim=2)
        return -logs.gather(2, labels.long().expand(len(logs), -1)[..., None]).mean(dim=(1, 2)).sum()
    truth = labels.float().expand_as(logits)
    return functional.binary_cross_entropy_with_logits(logits, truth, reduction="none").mean(dim=(1, 2)).sum()
