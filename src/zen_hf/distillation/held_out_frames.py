# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Frames that monitors measure on: some of training videos to fit on, some of held-out videos to test on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from zen_hf.data.frame_sources import Frames
from zen_hf.data.views import ViewSpec, make_view
from zen_hf.distillation.frame_labels import FrameLabels, read_labels


def choose_frames(frames: Frames, hold_out: Sequence[str], count: int) -> tuple[Frames, Frames]:
    """Frames to fit on and frames of other videos to test on, each spread evenly over its part.

    Args:
        frames: Frames of all videos, with a column `video_id`.
        hold_out: Videos to test on.
        count: Frames per part, at most.

    Raises:
        ValueError: If no frame is of a held-out video, or fewer than two videos are left to fit on.
    """
    videos, held_out = frames["video_id"][:], set(hold_out)
    fitting, testing = ([row for row, video in enumerate(videos) if (video in held_out) == part] for part in (0, 1))
    known = len({videos[row] for row in fitting})
    if known < 2 or not testing:
        raise ValueError(
            f"the frames have {len(set(videos))} videos, {len(held_out)} of them to test on; measurements need one to "
            "test on and two others to fit on. Give frames of more videos, each in its own subfolder, or set `video` "
            "in the recipe's frames"
        )
    return frames.select(spread(fitting, count)), frames.select(spread(testing, count))


def spread(rows: list[int], count: int) -> list[int]:
    """At most `count` of some rows, evenly spaced."""
    places = np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int)
    return [rows[place] for place in places]


@dataclass(frozen=True)
class Part:
    """Frames of one part.

    Attributes:
        pixels: Whole frames [F, 3, S, S], uint8.
        picture: Where they are picture and not black border [F, 1, S, S], in [0, 1].
        videos: Video of each frame [F].
        labels: Their labels, if they have any.
    """

    pixels: torch.Tensor
    picture: torch.Tensor
    videos: list[str]
    labels: FrameLabels | None

    def only(self, kept: torch.Tensor) -> "Part":
        """The frames that `kept` [F] marks."""
        labels = self.labels and replace(self.labels, values=self.labels.values[kept])
        videos = [video for video, keep in zip(self.videos, kept.tolist(), strict=True) if keep]
        return Part(self.pixels[kept], self.picture[kept], videos, labels)


def read_parts(label_column: str | None, fitting: Frames, testing: Frames, size: int) -> tuple[Part, Part]:
    """Pixels, videos and labels of both parts."""
    labels = [None, None]
    if label_column:
        for frames in (fitting, testing):
            if label_column not in frames.column_names:
                raise ValueError(
                    f"monitor.label_column is {label_column!r}, but the frames have the columns "
                    f"{', '.join(frames.column_names)}; name one of them, or leave it out to measure without labels"
                )
        labels = read_labels(label_column, fitting[label_column][:], testing[label_column][:])
    fit, test = (
        Part(*whole_frames(frames, size), frames["video_id"][:], label)
        for frames, label in zip((fitting, testing), labels, strict=True)
    )
    return fit, test


def whole_frames(frames: Frames, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Whole frames, uncropped and with their own colours, and where they are picture and not black border.

    Returns:
        Pixels [F, 3, size, size], uint8, and the share of picture in each [F, 1, size, size], in [0, 1].
    """
    spec = ViewSpec(image_size=size, scale=[1.0, 1.0], ratio=[1.0, 1.0], colour_jitter=0.0, mask_border=True)
    views = np.stack([make_view(row["image"], spec, seed=0, view=0) for row in frames])
    planes = torch.from_numpy(views).permute(0, 3, 1, 2).contiguous()
    return planes[:, :3], planes[:, 3:].float() / 255
