# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The frames of a film that differ most from each other: only they tell what is drawn over a scene from the scene."""

from dataclasses import dataclass, field

import numpy as np
from PIL import Image

DIFFERENT = 4.0  # levels, on average over thumbnails; the camera's noise gives 0.3, a scene that moves 10 and more
THUMBNAIL = (32, 18)


@dataclass
class DifferentFrames:
    """Keeps some of the frames it sees, so that the two that are most alike differ as much as they can.

    A film that pauses for most of its time still gives frames of the rest. Greedy: of a frame too many, that is left
    out whose nearest frame is nearest, and of two alike the later.

    Args:
        most: Number of frames that are kept.
        least: Levels by which frames differ at least; 0 keeps copies too while there is room.
    """

    most: int
    least: float = DIFFERENT
    frames: list[np.ndarray] = field(default_factory=list)
    thumbnails: list[np.ndarray] = field(default_factory=list)

    def see(self, rgb: np.ndarray) -> None:
        """Looks at a frame, uint8 [H, W, 3]."""
        thumbnail = np.asarray(Image.fromarray(rgb).resize(THUMBNAIL, Image.Resampling.BOX), np.float32)
        if self.frames and self.distances(thumbnail).min() < self.least:
            return
        self.frames.append(rgb)
        self.thumbnails.append(thumbnail)
        if len(self.frames) > self.most:
            among = np.stack([self.distances(other) for other in self.thumbnails])
            np.fill_diagonal(among, np.inf)
            one, other = np.unravel_index(np.argmin(among), among.shape)
            for kept in (self.frames, self.thumbnails):
                del kept[max(one, other)]

    def distances(self, thumbnail: np.ndarray) -> np.ndarray:
        """Mean difference of a thumbnail from those of the kept frames, in levels."""
        return np.abs(np.stack(self.thumbnails) - thumbnail).mean(axis=(1, 2, 3))


def different_frames(frames: list[np.ndarray]) -> list[np.ndarray]:
    """The frames of one size that differ from all before them."""
    seen = DifferentFrames(len(frames))
    for frame in frames:
        seen.see(frame)
    return seen.frames
