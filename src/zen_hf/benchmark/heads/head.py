# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What every head is trained on, and what it gives.

A head's module has one function

    train(target, train: list[LabelledVideo], val: list[LabelledVideo], seeds: Sequence[int]) -> list[TrainedHead]

that returns one trained head per seed (a single one where nothing is drawn at random). Settings are chosen on `val`; without
validation videos, inside `train` by leaving videos out. No test label ever comes here: `LabelledVideo` is made by
`exam.FoldLabels`, which holds none.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..feature_cache import VideoFeatures


@dataclass(frozen=True)
class LabelledVideo:
    """Features of one video and their truth.

    Args:
        video: its id.
        features: a row per frame, in the order of time.
        labels: 0/1 [frames, classes] of a multi-label target, class indices [frames] of a single-label one.
    """

    video: str
    features: VideoFeatures
    labels: np.ndarray


class Head(Protocol):
    """A trained head."""

    def logits(self, features: VideoFeatures) -> np.ndarray:
        """Scores of the frames of one whole video, [frames, classes] float32; higher means more likely."""


@dataclass(frozen=True)
class TrainedHead:
    """A head and how it came about.

    Args:
        head: ready to predict.
        chosen: settings that were chosen, and the scores they were chosen by; ready for JSON.
    """

    head: Head
    chosen: dict
