# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""How a head's setting is chosen: on the validation videos, else on training videos that are left out in turn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..scoring import selection_scores
from ..task import Target
from .head import LabelledVideo

# (training videos, others) -> per setting the logits of every one of the others, [frames, classes]
Fit = Callable[[list[LabelledVideo], list[LabelledVideo]], Sequence[Sequence[np.ndarray]]]


@dataclass(frozen=True)
class Choice:
    """The setting that was chosen.

    Args:
        setting: its index.
        scores: of every setting, the mean over the videos it was judged on.
        judged_on: "validation videos", "left-out training videos", or "nothing" where a default was taken.
    """

    setting: int
    scores: list[float]
    judged_on: str


def choose_inside_training(target: Target, train: list[LabelledVideo], fit: Fit) -> Choice:
    """Choose a setting by leaving training videos out.

    Every video is judged by heads that were not trained on it, and all judgements are averaged over videos.

    Args:
        target: what is predicted.
        train: at least two training videos.
        fit: trains one head per setting and predicts other videos.

    Raises:
        ValueError: if there is one training video, or the score is undefined on all.
    """
    settings, truths = None, []
    for inside, outside in leave_out(train, 5):
        logits = fit(inside, outside)
        settings = [[] for _ in logits] if settings is None else settings
        for judged, new in zip(settings, logits, strict=True):
            judged.extend(new)
        truths.extend(video.labels for video in outside)
    return best(selection_scores(target, settings, truths), "left-out training videos")


def leave_out(train: list[LabelledVideo], most: int) -> list[tuple[list[LabelledVideo], list[LabelledVideo]]]:
    """Pairs (the other videos, those left out); every video is left out once.

    Args:
        train: at least two videos; their order does not matter.
        most: number of pairs at most: up to so many videos are left out one at a time, more of them in groups.

    Raises:
        ValueError: if there is one training video.
    """
    if len(train) < 2:
        names = [video.video for video in train]
        raise ValueError(f"choosing inside the training videos needs at least 2 of them, found {names}.")
    ordered = sorted(train, key=lambda video: video.video)
    groups = [ordered[first::most] for first in range(min(len(ordered), most))]
    return [([video for video in ordered if not any(video is one for one in group)], group) for group in groups]


def best(scores: Sequence[float], judged_on: str) -> Choice:
    """The setting with the highest score; the first of equal ones, so order settings from safe to daring."""
    return Choice(int(np.argmax(scores)), [float(score) for score in scores], judged_on)
