# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Position probe: how well the place of a patch in the frame can be read from its token.

Positions are learnt by tokens of any transformer, and raw pixels give them away too, so a high value is no evidence of
knowledge about the frame. What tells is its course, and its difference from the teachers': a jump means that a fixed
pattern of positions (an artefact, or a teacher's position embedding) fills the tokens.
"""

from dataclasses import dataclass

import torch

from zen_hf.distillation.monitors.checks import Videos, require_features, require_unseen_videos, video_names
from zen_hf.distillation.monitors.tuned_ridge import fit_tuned_ridge


@dataclass(frozen=True)
class PositionReading:
    """Coefficients of determination of a patch's place on test videos.

    Attributes:
        x: R^2 of the column; 1 is exact, 0 is the frame's centre for every patch.
        y: R^2 of the row.
    """

    x: float
    y: float

    @property
    def mean(self) -> float:
        """Mean of both."""
        return (self.x + self.y) / 2


def position_probe(
    patches: torch.Tensor,
    videos: Videos,
    test_patches: torch.Tensor,
    test_videos: Videos,
    grid: tuple[int, int],
) -> PositionReading:
    """R^2 on test videos of a ridge regression from patch tokens to their place.

    `R^2 = 1 - sum (x' - x)^2 / sum (x - 1/2)^2`, per coordinate, with x and y the centre of the patch in [0, 1] (cf.
    Islam et al. 2020, arXiv 2001.08248) and the penalty chosen on every third training video.

    Args:
        patches: Patch tokens of training videos [F, h * w, C], row by row.
        videos: Video of each training frame [F], at least two different ones.
        test_patches: Patch tokens of other videos [G, h * w, C].
        test_videos: Video of each test frame [G].
        grid: Rows h and columns w, at least 2 each.

    Returns:
        R^2 of x and of y.

    Raises:
        ValueError: If shapes do not fit the grid, a value is not finite, or a video is in both sets.
    """
    rows, columns = grid
    if rows < 2 or columns < 2:
        raise ValueError(f"grid is {rows} x {columns}; expected at least 2 x 2, or there is no place to tell apart.")
    for name, tokens in (("patches", patches), ("test_patches", test_patches)):
        require_features(name, tokens)
        if tokens.dim() != 3 or tokens.shape[1] != rows * columns or tokens.shape[2] != patches.shape[-1]:
            raise ValueError(
                f"{name} have shape {list(tokens.shape)}; expected [frames, {rows * columns}, {patches.shape[-1]}] "
                f"for a grid of {rows} x {columns}. Leave out prefix tokens, and pass the grid as (rows, columns)."
            )
    video_names("test_videos", test_videos, len(test_patches))
    require_unseen_videos(videos, test_videos)

    places = patch_places(rows, columns).to(patches.device)  # [N, 2]
    tuned = fit_tuned_ridge(patches, places.expand(len(patches), -1, -1), videos)
    error = (tuned.predict(test_patches).double() - places).square().sum(dim=(0, 1))  # [2]
    spread = len(test_patches) * (places.double() - 0.5).square().sum(dim=0)  # [2]
    x, y = (1 - error / spread).tolist()
    return PositionReading(x, y)


def patch_places(rows: int, columns: int) -> torch.Tensor:
    """Centres (x, y) of the patches in [0, 1], row by row: [rows * columns, 2]."""
    y, x = torch.meshgrid((torch.arange(rows) + 0.5) / rows, (torch.arange(columns) + 0.5) / columns, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], dim=1)
