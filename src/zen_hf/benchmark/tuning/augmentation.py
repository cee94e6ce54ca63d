# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Changes of a training frame that leave all its labels true.

Nothing is cut away, because a tool in view is often a tip at the border: the whole frame is shrunk and put somewhere in the
square, on black, as an endoscope's picture lies on its screen. Nothing is mirrored, because left and right mean something
in an operation (which hand, which side of the gallbladder). Brightness changes for all channels together, because the hue
tells tissues apart.
"""

import torch


def augment(pixels: torch.Tensor, generator: torch.Generator, shrink: float, brightness: float) -> torch.Tensor:
    """Shrink, place and brighten each frame of a batch at random.

    Args:
        pixels: RGB frames [B, 3, S, S] in [0, 1].
        generator: where chance comes from, on the CPU.
        shrink: a frame keeps at least `1 - shrink` of its sides.
        brightness: values are multiplied by `1 - brightness` to `1 + brightness`.

    Returns:
        Frames of the same shape and range.
    """
    draws = torch.rand(len(pixels), 4, generator=generator)
    scale = 1 - shrink * draws[:, 0]
    place = (2 * draws[:, 1:3] - 1) * (1 - scale)[:, None]  # the whole frame stays inside
    gain = 1 + brightness * (2 * draws[:, 3] - 1)
    if shrink > 0:
        to_source = torch.zeros(len(pixels), 2, 3)
        to_source[:, 0, 0] = to_source[:, 1, 1] = 1 / scale
        to_source[:, :, 2] = -place / scale[:, None]
        grid = torch.nn.functional.affine_grid(to_source.to(pixels), list(pixels.shape), align_corners=False)
        pixels = torch.nn.functional.grid_sample(pixels, grid, padding_mode="zeros", align_corners=False)
    return (pixels * gain.to(pixels).view(-1, 1, 1, 1)).clamp(0, 1)
