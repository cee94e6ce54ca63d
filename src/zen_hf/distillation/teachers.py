# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Teachers: any pretrained encoder, given the same view as the student on a patch grid that matches the student's."""

import re
from dataclasses import dataclass, field

import torch
from omegaconf import MISSING

from zen_hf.modeling.frame_encoder import FrameEncoder, FrameFeatures


@dataclass
class TeacherSpec:
    """One teacher of a recipe.

    Attributes:
        name: How logs, adaptors and errors call it; letters, digits, `_` and `-`.
        source: Hub id or local folder.
        revision: Commit, tag or branch on the Hub.
        licence: Licence of the weights, carried into the model card.
        weight: Weight of this teacher's losses.
        image_size: Side of the square input in pixels, for teachers that are poor at other sizes than their own; its
            features are then averaged over the student's grid. By default the input has the size at which the
            teacher's grid equals the student's.
        image_sizes: Student sizes at which this teacher is heard; by default all.
        image_mean: Overrides the mean of the teacher's `preprocessor_config.json` (for pixels in [0, 1]).
        image_std: Overrides the standard deviation.
        trust_remote_code: Whether code beside the weights may run.
    """

    name: str = MISSING
    source: str = MISSING
    revision: str | None = None
    licence: str = "unknown"
    weight: float = 1.0
    image_size: int | None = None
    image_sizes: list[int] = field(default_factory=list)
    image_mean: list[float] | None = None
    image_std: list[float] | None = None
    trust_remote_code: bool = False

    def __post_init__(self):
        if not re.fullmatch(r"[\w-]+", self.name):
            raise ValueError(f"teacher name {self.name!r} must consist of letters, digits, '_' and '-'")


class Teacher:
    """A frozen encoder that answers on the student's patch grid.

    Args:
        spec: The teacher's part of the recipe.
        encoder: The encoder itself; by default it is loaded from `spec.source`.

    Raises:
        FileNotFoundError: If `spec.source` holds no checkpoint.
        ValueError: If the checkpoint is incomplete or its normalisation unknown.
    """

    def __init__(self, spec: TeacherSpec, encoder: FrameEncoder | None = None, dtype: torch.dtype = torch.float32):
        self.spec, self.name = spec, spec.name
        self.encoder = encoder or FrameEncoder.from_pretrained(
            spec.source,
            revision=spec.revision,
            dtype=dtype,
            trust_remote_code=spec.trust_remote_code,
            image_mean=spec.image_mean,
            image_std=spec.image_std,
        )

    @property
    def adaptor(self) -> dict[str, int | str]:
        """Sizes of this teacher's adaptor for `ZenConfig.adaptors`, without its hidden size."""
        return {"name": self.name, "summary_size": self.encoder.summary_size, "patch_size": self.encoder.hidden_size}

    @torch.no_grad()
    def __call__(self, images: torch.Tensor, grid: tuple[int, int]) -> FrameFeatures:
        """Features of a batch of views on the student's grid.

        Args:
            images: RGB views [B, 3, H, W] in [0, 1].
            grid: Rows and columns (h, w) of the student's patch grid.

        Returns:
            Summary [B, Cs] and patches [B, h * w, C].
        """
        if self.spec.image_size is None:
            size = (grid[0] * self.encoder.stride, grid[1] * self.encoder.stride)
        else:
            size = (self.spec.image_size, self.spec.image_size)
        features = self.encoder(resize(images, size))
        if features.grid == tuple(grid):
            return features
        if features.grid[0] < grid[0] or features.grid[1] < grid[1]:
            raise ValueError(
                f"teacher {self.name}: image_size {self.spec.image_size} gives a {features.grid[0]}x{features.grid[1]} "
                f"grid, coarser than the student's {grid[0]}x{grid[1]}; use a larger image_size, or none to match it"
            )
        maps = features.patches.transpose(1, 2).unflatten(2, features.grid)  # [B, C, h_t, w_t]
        maps = torch.nn.functional.adaptive_avg_pool2d(maps, grid)
        return FrameFeatures(summary=features.summary, patches=maps.flatten(2).transpose(1, 2), grid=tuple(grid))


def resize(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Bicubic, antialiased where it shrinks, kept within [0, 1]."""
    if images.shape[-2:] == size:
        return images
    return torch.nn.functional.interpolate(
        images, size=size, mode="bicubic", align_corners=False, antialias=True
    ).clamp(0, 1)
