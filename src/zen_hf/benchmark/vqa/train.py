# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Trains the fusion on cached tokens: one policy for every task, encoder and baseline.

AdamW, warm-up and cosine, a fixed number of steps. A step takes frames with all their questions, so that a picture is
projected once for all of them. A seed draws the weights; the minibatches are the same for all. Learning rate and step are
chosen on validation videos with seed 0, so that no head depends on which others are asked for; without validation videos
they are the default.
"""

import copy
import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import nn

from ..feature_cache import TOKEN_GRID
from ..heads.attentive import gather, token_statistics
from ..heads.head import TrainedHead
from ..heads.seen_classes import SeenClasses
from ..scoring import selection_scores
from ..task import Target
from .fusion import Fusion, FusionHead, answer
from .question_encoder import EncodedQuestions
from .questions import AskedVideo, QuestionRows, joined_rows

RATES = (3e-4, 1e-3, 3e-3)  # of equal scores the lower rate wins, and the later step: there the rate has come to rest
DEFAULT_RATE = 1e-3
STEPS, WARM_UP, BATCH = 500, 0.1, 128  # questions per step
CHECKPOINTS = 4  # evenly spread over the steps
DECAY, CLIP = 0.05, 1.0
VALIDATION_ROWS = 8192  # that a choice is made on, at most


def policy() -> list:
    """The numbers of the policy, for the key of what was trained by it."""
    return [RATES, DEFAULT_RATE, STEPS, WARM_UP, BATCH, CHECKPOINTS, DECAY, CLIP, VALIDATION_ROWS]


def train(
    target: Target,
    questions: EncodedQuestions,
    train: list[AskedVideo],
    val: list[AskedVideo],
    seeds: Sequence[int],
) -> list[TrainedHead]:
    """Choose rate and step on validation videos, then train one fusion per seed.

    Args:
        target: what to predict.
        questions: all questions that the rows refer to.
        train: videos to train on; without tokens, the fusion sees no picture.
        val: videos to choose on; may be empty.
        seeds: of the weights.

    Returns:
        One head per seed. Its `chosen` holds rate and step, the score of every setting, and on what they were judged.

    Raises:
        ValueError: if there is nothing to train on, or the score is undefined on all validation videos.
    """
    train, scores = sorted(train, key=lambda video: video.video), {}
    if val:
        some = thinned(val)
        truth = [video.labels for video in some]
        for rate in RATES:
            for step, head in fit(target, questions, train, rate, 0):
                logits = [head.logits(video) for video in some]
                scores[rate, step] = selection_scores(target, [logits], truth)[0]
    order = sorted(scores, key=lambda setting: (-scores[setting], setting[0], -setting[1]))
    rate, last = order[0] if order else (DEFAULT_RATE, STEPS)
    chosen = {
        "rate": rate,
        "steps": last,
        "judged_on": "validation videos" if scores else "nothing",
        "scores": {f"rate {rate:g}, step {step}": score for (rate, step), score in scores.items()},
        "untrained": SeenClasses.of(target, joined_rows(train)[2]).untrained,
    }
    heads = [dict(fit(target, questions, train, rate, seed, last))[last] for seed in seeds]
    return [TrainedHead(head, chosen) for head in heads]


def fit(
    target: Target,
    questions: EncodedQuestions,
    videos: list[AskedVideo],
    rate: float,
    seed: int,
    last: int | None = None,
) -> Iterator[tuple[int, FusionHead]]:
    """Train one fusion, and give it as it is after every part of the steps.

    Args:
        target: what to predict.
        questions: all questions.
        videos: training videos, sorted.
        rate: highest learning rate.
        seed: of the weights.
        last: step to stop after; by default all are done.

    Yields:
        The number of steps done, and the head as it is then.
    """
    frame_of, question_of, labels = joined_rows(videos)
    tokens = None if videos[0].tokens is None else [video.tokens for video in videos]
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        fusion = new_fusion(target, questions, tokens, labels)
    optimizer = torch.optim.AdamW(decay_groups(fusion), rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate_factor)
    truth, marks = torch.from_numpy(labels).long(), checkpoint_steps()
    for step, (frames, rows) in enumerate(batches(frame_of), 1):
        places = np.searchsorted(frames, frame_of[rows])
        seen = None if tokens is None else gather(tokens, frames)
        logits = answer(fusion, seen, places, questions, question_of[rows])
        optimizer.zero_grad()
        nn.functional.cross_entropy(logits, truth[rows]).backward()
        nn.utils.clip_grad_norm_(fusion.parameters(), CLIP)
        optimizer.step()
        schedule.step()
        if step in marks:
            yield step, FusionHead(copy.deepcopy(fusion).eval().requires_grad_(False), questions)
        if step == (last or STEPS):
            return


def new_fusion(
    target: Target, questions: EncodedQuestions, tokens: list[np.ndarray] | None, labels: np.ndarray
) -> Fusion:
    """A fusion before its first step, with the statistics of the training tokens and answers.

    Args:
        target: what to predict.
        questions: all questions.
        tokens: patch tokens of the training frames by video; None for a fusion that sees no picture.
        labels: all training answers.
    """
    count, size = (TOKEN_GRID**2, 0) if tokens is None else tokens[0].shape[1:]
    fusion = Fusion(len(target.labels), questions.tokens.shape[2], count, size)
    fusion.start(labels)
    if tokens is not None:
        fusion.mean, fusion.scale = token_statistics(tokens)
    return fusion


def decay_groups(fusion: Fusion) -> list[dict]:
    """Parameters of a fusion for AdamW: matrices decay; biases, norms and places do not."""
    matrices = [value for name, value in fusion.named_parameters() if value.ndim > 1 and name != "places"]
    others = [value for name, value in fusion.named_parameters() if value.ndim < 2 or name == "places"]
    return [{"params": matrices, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}]


def rate_factor(step: int) -> float:
    """Of the learning rate: up a line, then down a cosine to zero."""
    rising = WARM_UP * STEPS
    if step < rising:
        return (step + 1) / (rising + 1)
    return 0.5 + 0.5 * math.cos(math.pi * (step - rising) / (STEPS - rising))


def checkpoint_steps() -> list[int]:
    """Steps after which a fusion is judged."""
    return [STEPS * part // CHECKPOINTS for part in range(1, CHECKPOINTS + 1)]


def batches(frame_of: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Frames of every step in ascending order, and the rows that ask about them; every row once before any comes again.

    Args:
        frame_of: frame of every row.
    """
    counts, order = np.bincount(frame_of), np.argsort(frame_of, kind="stable")
    starts, present = np.cumsum(counts) - counts, np.flatnonzero(counts)
    draw = np.random.default_rng(0)
    while True:
        frames = draw.permutation(present)
        batch = (np.cumsum(counts[frames]) - 1) // BATCH
        for part in np.split(frames, np.flatnonzero(np.diff(batch)) + 1):
            part = np.sort(part)
            yield part, np.concatenate([order[starts[frame] : starts[frame] + counts[frame]] for frame in part])


def thinned(videos: list[AskedVideo]) -> list[AskedVideo]:
    """The same videos with so many rows, drawn evenly, that all of them have `VALIDATION_ROWS` at most."""
    total, draw = sum(len(video.labels) for video in videos), np.random.default_rng(0)
    if total <= VALIDATION_ROWS:
        return videos
    found = []
    for video in sorted(videos, key=lambda video: video.video):
        size = max(1, len(video.labels) * VALIDATION_ROWS // total)
        kept = np.sort(draw.choice(len(video.labels), size, replace=False))
        rows = QuestionRows(video.rows.frame[kept], video.rows.question[kept])
        found.append(AskedVideo(video.video, rows, video.tokens, video.labels[kept]))
    return found
