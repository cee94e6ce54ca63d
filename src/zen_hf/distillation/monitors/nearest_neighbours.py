# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Nearest neighbours: what frames of other videos that look alike to the encoder say about a frame.

The weighted vote of instance discrimination (Wu et al. 2018, arXiv 1805.01978; DINO's k = 20, T = 0.07, arXiv
2104.14294). Neighbouring frames of one video are near duplicates, so a neighbour is always of another video.
"""

import torch
from torch.nn import functional as F

from zen_hf.distillation.monitors.checks import Videos, require_features, video_names

QUERIES_AT_ONCE = 512  # bounds the similarities held at once


def nearest_neighbour_votes(
    bank: torch.Tensor,
    bank_targets: torch.Tensor,
    bank_videos: Videos,
    queries: torch.Tensor,
    query_videos: Videos,
    neighbours: int = 20,
    temperature: float = 0.07,
) -> torch.Tensor:
    """Weighted vote of the most similar frames of other videos.

    `sum_i w_i t_i / sum_i w_i` over the k nearest frames i, `w_i = exp(cos(q, z_i) / T)` and t_i their targets (Wu et
    al. 2018, arXiv 1805.01978, section 3.4). Bank and queries may be the same frames.

    Args:
        bank: Summaries with known answers [F, C].
        bank_targets: Answers [F, L]: one-hot classes, several labels of 0 and 1, or numbers.
        bank_videos: Video of each bank frame [F].
        queries: Summaries to answer for [Q, C].
        query_videos: Video of each query [Q].
        neighbours: How many frames vote, k.
        temperature: T; the lower, the more the nearest counts.

    Returns:
        Votes [Q, L], float32; a share per class for one-hot answers.

    Raises:
        ValueError: If shapes do not fit, a value is not finite, a setting is not positive, or a query has fewer than
            k frames of other videos.
    """
    check_bank(bank, bank_targets, queries)
    if neighbours < 1 or temperature <= 0:
        raise ValueError(
            f"neighbours is {neighbours}, temperature {temperature}; expected at least 1 and more than 0. "
            "The usual values are 20 and 0.07."
        )
    bank_videos = video_names("bank_videos", bank_videos, len(bank))
    query_videos = video_names("query_videos", query_videos, len(queries))
    numbers = {video: number for number, video in enumerate(dict.fromkeys([*bank_videos, *query_videos]))}
    bank_numbers = torch.tensor([numbers[video] for video in bank_videos], device=bank.device)  # [F]
    query_numbers = torch.tensor([numbers[video] for video in query_videos], device=bank.device)  # [Q]
    require_enough_other_frames(bank_videos, query_videos, neighbours)

    bank, bank_targets = F.normalize(bank.float(), dim=-1), bank_targets.float()
    votes = []
    for block, own in zip(queries.split(QUERIES_AT_ONCE), query_numbers.split(QUERIES_AT_ONCE), strict=True):
        similarity = F.normalize(block.float(), dim=-1) @ bank.T  # [q, F]
        similarity.masked_fill_(own[:, None] == bank_numbers, -torch.inf)
        nearest = similarity.topk(neighbours, dim=1)
        weights = (nearest.values / temperature).softmax(dim=1)  # [q, k]; the normalised exponentials
        votes.append((weights[:, :, None] * bank_targets[nearest.indices]).sum(dim=1))
    return torch.cat(votes)


def nearest_neighbour_accuracy(
    bank: torch.Tensor,
    bank_labels: torch.Tensor,
    bank_videos: Videos,
    queries: torch.Tensor,
    query_labels: torch.Tensor,
    query_videos: Videos,
    neighbours: int = 20,
    temperature: float = 0.07,
) -> float:
    """Share of queries whose class wins the weighted vote, per video, then averaged over videos.

    Args:
        bank: Summaries with known classes [F, C].
        bank_labels: Class indices [F], int64.
        bank_videos: Video of each bank frame [F].
        queries: Summaries to classify [Q, C].
        query_labels: Their true class indices [Q], int64.
        query_videos: Video of each query [Q].
        neighbours: How many frames vote, k.
        temperature: T; the lower, the more the nearest counts.

    Returns:
        Accuracy in [0, 1]; a long video weighs no more than a short one.

    Raises:
        ValueError: As `nearest_neighbour_votes`, or if a label is missing or negative.
    """
    for name, labels, frames in (("bank_labels", bank_labels, bank), ("query_labels", query_labels, queries)):
        if labels.shape != frames.shape[:1] or labels.dtype != torch.int64 or int(labels.min()) < 0:
            raise ValueError(
                f"{name} have shape {list(labels.shape)} and type {labels.dtype}, or a negative value; expected "
                f"{len(frames)} class indices (int64, from 0). Leave out frames without a class."
            )
    answers = F.one_hot(bank_labels)
    votes = nearest_neighbour_votes(bank, answers, bank_videos, queries, query_videos, neighbours, temperature)
    right = (votes.argmax(dim=1) == query_labels).tolist()
    of_video: dict[str | int, list[bool]] = {}
    for video, hit in zip(video_names("query_videos", query_videos, len(queries)), right, strict=True):
        of_video.setdefault(video, []).append(hit)
    return sum(sum(hits) / len(hits) for hits in of_video.values()) / len(of_video)


def check_bank(bank: torch.Tensor, bank_targets: torch.Tensor, queries: torch.Tensor) -> None:
    """Refuses a bank and queries that are not summaries of one encoder with an answer per bank frame."""
    require_features("bank", bank)
    require_features("queries", queries)
    if bank.dim() != 2 or queries.dim() != 2 or bank.shape[1] != queries.shape[1]:
        raise ValueError(
            f"bank has shape {list(bank.shape)}, queries {list(queries.shape)}; expected summaries [F, C] and [Q, C] "
            "of one encoder. Average patch tokens over a frame first."
        )
    if bank_targets.dim() != 2 or len(bank_targets) != len(bank):
        raise ValueError(
            f"bank_targets have shape {list(bank_targets.shape)}; expected [{len(bank)}, L], an answer for each bank "
            "frame. Turn class indices into one-hot rows."
        )


def require_enough_other_frames(bank_videos: list, query_videos: list, neighbours: int) -> None:
    """Refuses queries for which fewer than `neighbours` bank frames are of another video."""
    for video in dict.fromkeys(query_videos):
        others = len(bank_videos) - bank_videos.count(video)
        if others < neighbours:
            raise ValueError(
                f"a query of video {video!r} has {others} bank frames of other videos; expected at least neighbours="
                f"{neighbours}. Give a bank of more videos, or ask fewer neighbours."
            )
