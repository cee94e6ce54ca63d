# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Weighted k nearest neighbours among the training frames: a look at the features with nothing trained.

    share_c = sum_{i in k nearest, c in y_i} w_i / sum_{i in k nearest} w_i,   w_i = exp(cos(x, x_i) / T)

on the summary, with k = 20 and T = 0.07 as in DINO (M. Caron et al., arXiv:2104.14294, section 4.1 after Z. Wu et al.,
arXiv:1805.01978). There is nothing to choose, so validation videos are not used. Its order of encoders often differs from
that of trained heads: it is a diagnostic.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from ..feature_cache import VideoFeatures
from ..task import Target
from .head import LabelledVideo, TrainedHead
from .seen_classes import SeenClasses

NEIGHBOURS, TEMPERATURE = 20, 0.07
LEAST_SHARE = 1e-6
SIMILARITIES = 2**24  # in memory at once: 64 MiB


@dataclass(frozen=True)
class KnnHead:
    """The training frames and their labels.

    Args:
        summary: of unit length, [training frames, channels] float32.
        labels: 0/1, [training frames, classes] float32.
        several: whether a frame can have several labels.
    """

    summary: torch.Tensor
    labels: torch.Tensor
    several: bool

    def logits(self, features: VideoFeatures) -> np.ndarray:
        """Log of each class's share of the neighbours' weight, or its log-odds where a frame has several labels.

        Shares are cut at 1 in a million. [frames, classes] float32.
        """
        queries = functional.normalize(torch.from_numpy(features.summary).float(), dim=1)
        shares = [self.shares(chunk) for chunk in queries.split(max(1, SIMILARITIES // len(self.summary)))]
        shares = torch.cat(shares)
        return (shares.logit(eps=LEAST_SHARE) if self.several else shares.clamp(min=LEAST_SHARE).log()).numpy()

    def shares(self, queries: torch.Tensor) -> torch.Tensor:
        """The same of some frames, [frames, channels] of unit length."""
        nearest = (queries @ self.summary.T).topk(min(NEIGHBOURS, len(self.summary)), dim=1)  # [frames, k]
        weights = (nearest.values / TEMPERATURE).softmax(dim=1)
        return torch.einsum("fk,fkc->fc", weights, self.labels[nearest.indices]).clamp(0, 1)


def train(
    target: Target, train: list[LabelledVideo], val: list[LabelledVideo], seeds: Sequence[int]
) -> list[TrainedHead]:
    """Keep the training frames; one head whatever the seeds.

    Args:
        target: what to predict.
        train: videos whose frames are the neighbours.
        val: not used.
        seeds: not used.
    """
    ordered = sorted(train, key=lambda video: video.video)  # which of two equally near frames counts
    labels = np.concatenate([video.labels for video in ordered])
    hot = labels if target.kind == "multi_label" else np.eye(len(target.labels))[labels]
    summary = torch.from_numpy(np.concatenate([video.features.summary for video in ordered])).float()
    chosen = {
        "neighbours": min(NEIGHBOURS, len(labels)),
        "temperature": TEMPERATURE,
        "untrained": SeenClasses.of(target, labels).untrained,
    }
    several = target.kind == "multi_label"
    head = KnnHead(functional.normalize(summary, dim=1), torch.from_numpy(hot).float(), several)
    return [TrainedHead(head, chosen)]
