# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Reads patch tokens out of pretrained video models of the V-JEPA 2 family."""

import torch
from transformers import PreTrainedModel

from .frame_encoder import FrameFeatures
from .pretrained_encoder import CLIPS, PretrainedEncoder, first_size


class ClipEncoder(PretrainedEncoder):
    """A frozen pretrained encoder of clips: V-JEPA 2 (Assran et al., 2025, arXiv 2506.09985) and its descendants.

    Args:
        model: A transformers video model with `pixel_values_videos` for its input, such as `VJEPA2Model`.
        image_mean: Mean per channel that the model expects, for pixels in [0, 1].
        image_std: Standard deviation per channel, likewise.
        image_size: Side in pixels of the square frames that the model was made for.
        pixel_scale: Highest value of a pixel before normalisation: 1 in most models, 255 in some.
        reverse_channels: True for models that expect BGR.
        name: How messages call this encoder.

    Raises:
        ValueError: If the model is of another family.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        image_mean: list[float],
        image_std: list[float],
        image_size: int | None = None,
        pixel_scale: float = 1.0,
        reverse_channels: bool = False,
        name: str = "encoder",
    ):
        config = model.config
        if model.main_input_name != CLIPS or not hasattr(config, "tubelet_size"):
            raise ValueError(
                f"{name} ({type(model).__name__}) is no model of the V-JEPA 2 family, which takes {CLIPS} and has a "
                "tubelet_size; read a model of frames with FrameEncoder"
            )
        model.predictor = None  # only pretraining runs it
        super().__init__(model, image_mean, image_std, pixel_scale, reverse_channels, name)
        self.default_image_size = image_size or config.crop_size
        self.stride, self.tubelet_size = first_size(config.patch_size), config.tubelet_size
        self.hidden_size = self.summary_size = config.hidden_size

    @torch.no_grad()
    def __call__(self, clips: torch.Tensor) -> FrameFeatures:
        """Encodes clips.

        Args:
            clips: RGB clips [B, K, 3, S, S] in [0, 1]; K divisible by `tubelet_size`, S by `stride`.

        Returns:
            Patches [B, K / tubelet_size * h * w, C], first by time, then by row and column, and their mean for a summary.

        Raises:
            ValueError: If the values leave [0, 1], the clips are not square or a side does not fit.
        """
        batch, length, _, height, width = clips.shape
        if length % self.tubelet_size:
            raise ValueError(
                f"{self.name}: clips have {length} frames, but it joins every {self.tubelet_size} of them; "
                f"expected a number of frames divisible by {self.tubelet_size}"
            )
        if height != width:
            raise ValueError(f"{self.name}: frames are {height}x{width} pixels; this family takes square ones")
        pixels = self.normalise(clips.flatten(0, 1)).unflatten(0, (batch, length))
        side = height // self.stride
        for module in self.model.modules():
            # transformers counts rows and columns on the grid of `crop_size` whatever the size of the input
            if hasattr(module, "grid_size"):
                module.grid_size = side
        patches = self.model(pixels, skip_predictor=True).last_hidden_state
        return FrameFeatures(summary=patches.mean(dim=1), patches=patches, grid=(side, side))


__all__ = ["ClipEncoder"]
