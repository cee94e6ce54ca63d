# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Masked-latent distillation: the student sees a frame with holes and still answers for every patch."""

import math
from dataclasses import dataclass, field

import numpy as np
import torch

ASPECTS = (0.3, 1 / 0.3)  # height / width of a block, as in Bao et al. (2022), arXiv 2106.08254


@dataclass
class MaskingSpec:
    """Which frames lose patches, and how many.

    The teachers see whole frames, and the loss is taken on all tokens, seen and masked alike: supervising masked tokens
    alone is worse (TIPSv2, arXiv 2604.12012).

    Attributes:
        share: Share of the frames that are masked; 0 masks none.
        ratio: Smallest and largest share of a masked frame's patches that the mask token replaces.
    """

    share: float = 0.0
    ratio: list[float] = field(default_factory=lambda: [0.1, 0.5])

    def __post_init__(self):
        if not 0 <= self.share <= 1:
            raise ValueError(f"masking.share is {self.share}; expected a value in [0, 1]")
        if not (len(self.ratio) == 2 and 0 < self.ratio[0] <= self.ratio[1] < 1):
            raise ValueError(f"masking.ratio is {self.ratio}; expected two shares with 0 < smallest <= largest < 1")


def draw_masks(spec: MaskingSpec, frames: int, grid: tuple[int, int], random: np.random.Generator) -> torch.Tensor:
    """Masks made of rectangular blocks.

    Args:
        spec: Which frames and how many patches.
        frames: Number of frames F.
        grid: Rows and columns (h, w) of patches.
        random: Draws them.

    Returns:
        True where a patch is masked, [F, h * w].
    """
    masks = np.zeros((frames, *grid), dtype=bool)
    for index in np.flatnonzero(random.random(frames) < spec.share):
        fill_with_blocks(masks[index], round(random.uniform(*spec.ratio) * masks[index].size), random)
    return torch.from_numpy(masks.reshape(frames, -1))


def fill_with_blocks(mask: np.ndarray, wanted: int, random: np.random.Generator) -> None:
    """Sets blocks of a mask [h, w] until exactly `wanted` patches are masked."""
    height, width = mask.shape
    while (missing := wanted - int(mask.sum())) > 0:
        area = random.uniform(1, missing)
        aspect = math.exp(random.uniform(*np.log(ASPECTS)))
        rows = min(height, max(1, round(math.sqrt(area * aspect))))
        columns = min(width, max(1, round(math.sqrt(area / aspect))))
        top, left = random.integers(height - rows + 1), random.integers(width - columns + 1)
        block = mask[top : top + rows, left : left + columns]
        free = np.argwhere(~block)[:missing]  # never more than wanted
        block[free[:, 0], free[:, 1]] = True
