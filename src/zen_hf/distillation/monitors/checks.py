# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What every monitor asks of its inputs, so that a bad one is named instead of becoming a number."""

from collections.abc import Sequence

import torch

Videos = Sequence[str] | Sequence[int] | torch.Tensor  # the video of each frame


def require_features(name: str, features: torch.Tensor) -> None:
    """Refuses features that are not [F, C] or [F, N, C], are empty, or hold a value that is not finite.

    Args:
        name: What to call them in the error.
        features: Summaries [F, C] or patch tokens [F, N, C].

    Raises:
        ValueError: If they cannot be measured.
    """
    if features.dim() not in (2, 3) or features.numel() == 0:
        raise ValueError(
            f"{name} have shape {list(features.shape)}; expected summaries [F, C] or patch tokens [F, N, C], "
            "not empty. Stack the frames along the first axis."
        )
    broken = features.numel() - int(features.isfinite().sum())
    if broken:
        raise ValueError(
            f"{name} hold {broken} of {features.numel()} values that are not finite; expected none. "
            "Look for the step at which the model diverged, or leave out the frames that it cannot encode."
        )


def require_paired(first_name: str, first: torch.Tensor, second_name: str, second: torch.Tensor) -> None:
    """Refuses two sets of features that are not of the same frames and patches.

    Args:
        first_name: What to call the first set in the error.
        first: Features [F, C1] or [F, N, C1].
        second_name: What to call the second set in the error.
        second: Features [F, C2] or [F, N, C2].

    Raises:
        ValueError: If frames or patches differ in number, or one of the sets cannot be measured.
    """
    require_features(first_name, first)
    require_features(second_name, second)
    if first.shape[:-1] != second.shape[:-1]:
        raise ValueError(
            f"{first_name} {list(first.shape)} and {second_name} {list(second.shape)} are not paired; expected the "
            "same frames and patches. Encode the same frames, on the same patch grid (a teacher is grid-matched)."
        )


def video_names(name: str, videos: Videos, frames: int) -> list[str] | list[int]:
    """The video of each frame as a list.

    Args:
        name: What to call the list in the error.
        videos: Name or number of the video of each frame [F].
        frames: How many frames there are.

    Raises:
        ValueError: If there is not one video per frame.
    """
    # Elements of a tensor are never equal as keys of a dictionary: frames of one video would look unrelated.
    names = videos.tolist() if isinstance(videos, torch.Tensor) else list(videos)
    if len(names) != frames:
        raise ValueError(f"{name} name the video of {len(names)} frames; expected {frames}, one for each frame.")
    return names


def require_unseen_videos(videos: Videos, test_videos: Videos) -> None:
    """Refuses test videos that are training videos too.

    Args:
        videos: Video of each training frame.
        test_videos: Video of each test frame.

    Raises:
        ValueError: If a video is in both.
    """
    shared = set(video_names("videos", videos, len(videos))) & set(
        video_names("videos", test_videos, len(test_videos))
    )
    if shared:
        example = min(map(str, shared))
        raise ValueError(
            f"{len(shared)} videos are in training and test (such as {example!r}); expected none, because frames of "
            "one video resemble each other. Split by video."
        )
