# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""An encoder that sees nothing but coarse colours: what a task gives away without any vision model."""

import hashlib

import torch

from zen_hf.modeling.frame_encoder import FrameFeatures

SIDE, BLOCK = 16, 2  # pixels per side of the pooled frame, and of a token's block


class PixelEncoder:
    """Raw RGB pixels of a frame, average-pooled to 16x16; it is called as a `FrameEncoder` is.

    Args:
        default_image_size: side in pixels of the frames it is given where nobody says otherwise.
    """

    name = "raw pixels"
    stride = 1  # frames of any size are pooled
    summary_size, hidden_size = 3 * SIDE**2, 3 * BLOCK**2

    def __init__(self, default_image_size: int = 224):
        """Nothing is loaded."""
        self.default_image_size = default_image_size

    @property
    def fingerprint(self) -> str:
        """SHA-256 of its name and layout: all that its features depend on."""
        return hashlib.sha256(f"{self.name}, {SIDE}x{SIDE} in blocks of {BLOCK}".encode()).hexdigest()

    def __call__(self, images: torch.Tensor) -> FrameFeatures:
        """Pools frames.

        Args:
            images: RGB frames [B, 3, H, W] in [0, 1].

        Returns:
            The pooled frame channel by channel [B, 768] for a summary, and for patches the 8x8 grid of its blocks of
            2x2 pixels [B, 64, 12].
        """
        pooled = torch.nn.functional.adaptive_avg_pool2d(images.float(), SIDE)  # [B, 3, 16, 16]
        patches = torch.nn.functional.unfold(pooled, BLOCK, stride=BLOCK).transpose(1, 2)  # [B, 12, 64] -> [B, 64, 12]
        return FrameFeatures(summary=pooled.flatten(1), patches=patches, grid=(SIDE // BLOCK, SIDE // BLOCK))
