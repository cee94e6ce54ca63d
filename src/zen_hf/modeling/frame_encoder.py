# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Reads a summary and patch tokens out of any pretrained vision model: the one way teachers and baselines are run."""

import inspect
import math
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from .pretrained_encoder import CLIPS, PretrainedEncoder, first_size, load_pretrained


@dataclass(frozen=True)
class FrameFeatures:
    """Features of a batch of frames.

    Attributes:
        summary: One vector per frame [B, Cs].
        patches: Patch tokens in row-major order [B, h * w, C].
        grid: Rows and columns of the patch grid (h, w).
    """

    summary: torch.Tensor
    patches: torch.Tensor
    grid: tuple[int, int]


class FrameEncoder(PretrainedEncoder):
    """A frozen pretrained encoder of frames.

    Understands vision transformers with any prefix tokens, attention-pooled ones without a CLS token, convolutional
    networks that return a map, the vision tower of image-text models and the image encoder of SAM.

    Args:
        model: A transformers vision model.
        image_mean: Mean per channel that the model expects, for pixels in [0, 1].
        image_std: Standard deviation per channel, likewise.
        image_size: Side in pixels of the square frames that the model was made for.
        pixel_scale: Highest value of a pixel before normalisation: 1 in most models, 255 in some.
        reverse_channels: True for models that expect BGR.
        name: How messages call this encoder.

    Raises:
        ValueError: If the model takes clips.
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
        model = getattr(model, "vision_model", getattr(model, "vision_encoder", model))
        if model.main_input_name == CLIPS:
            raise ValueError(f"{name} ({type(model).__name__}) takes clips, not frames; read it with ClipEncoder")
        super().__init__(model, image_mean, image_std, pixel_scale, reverse_channels, name)
        self.default_image_size = image_size or first_size(getattr(self.model.config, "image_size", 224))
        # a fixed-size table of positions must be interpolated on request in ViT, CLIP and SigLIP
        arguments = inspect.signature(self.model.forward).parameters
        self.arguments = {"interpolate_pos_encoding": True} if "interpolate_pos_encoding" in arguments else {}
        self.stride = self.measure_stride()

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str,
        revision: str | None = None,
        dtype: torch.dtype = torch.float32,
        trust_remote_code: bool = False,
        image_mean: list[float] | None = None,
        image_std: list[float] | None = None,
    ) -> "FrameEncoder":
        """Loads an encoder from the Hub or a local folder, refusing one whose weights are not all there.

        Args:
            pretrained_model_name_or_path: Hub id or folder of any `AutoModel` with pixel inputs.
            revision: Commit, tag or branch on the Hub.
            dtype: Type of the weights and of the computation.
            trust_remote_code: Whether code that lies beside the weights may run.
            image_mean: Overrides the mean of the folder's `preprocessor_config.json`.
            image_std: Overrides its standard deviation.

        Raises:
            FileNotFoundError: If the folder or repository holds no readable checkpoint.
            ValueError: If the checkpoint lacks weights, or no normalisation is known.
        """
        model, settings = load_pretrained(
            pretrained_model_name_or_path, revision, dtype, trust_remote_code, image_mean, image_std
        )
        return cls(model, **settings)

    @torch.no_grad()
    def measure_stride(self) -> int:
        """Pixels per patch: the configured patch size, else what a forward pass of a blank frame shows."""
        config, parameter = self.model.config, next(self.model.parameters())
        staged = hasattr(config, "depths")  # ConvNeXt, Swin: their patch_size is only the first stage's
        patch = None if staged else getattr(config, "patch_size", None)
        if patch is None:
            side = self.default_image_size
            blank = torch.zeros(1, 3, side, side, dtype=parameter.dtype, device=parameter.device)
            states = self.model(blank, **self.arguments).last_hidden_state
            is_map = states.ndim == 4  # [1, C, h, w], else tokens [1, prefix + h * w, C]
            self.hidden_size = states.shape[1 if is_map else 2]
            stride = -(-side // (states.shape[3] if is_map else math.isqrt(states.shape[1])))
        else:
            self.hidden_size = config.hidden_size
            stride = first_size(patch)
        self.stride = stride
        if hasattr(config, "output_channels"):  # SAM: a map of another width than its layers, from one size of input
            self.hidden_size = self.summary_size = config.output_channels
            return stride
        small = torch.zeros(1, 3, 2 * stride, 2 * stride, device=parameter.device)
        self.summary_size = self(small).summary.shape[-1]
        return stride

    @torch.no_grad()
    def __call__(self, images: torch.Tensor, canvas: int | None = None) -> FrameFeatures:
        """Encodes frames.

        Args:
            images: RGB frames [B, 3, H, W] in [0, 1]; H and W divisible by `stride`.
            canvas: Side in pixels of a square to which frames are filled up on the right and below, with what the
                model's mean colour becomes: zero. Features are those of the frame's own patches.

        Raises:
            ValueError: If the values leave [0, 1] (normalised twice?), the size does not fit the stride or the frames
                do not fit the canvas.
        """
        pixels = self.normalise(images)
        shown = (images.shape[-2] // self.stride, images.shape[-1] // self.stride)
        if canvas is None:
            return self.read(self.model(pixels, **self.arguments), shown)
        right, below = canvas - images.shape[-1], canvas - images.shape[-2]
        if canvas % self.stride or min(right, below) < 0:
            raise ValueError(
                f"{self.name}: frames of {images.shape[-2]}x{images.shape[-1]} pixels do not fit a canvas of {canvas}; "
                f"expected at least their size, divisible by {self.stride}"
            )
        pixels = torch.nn.functional.pad(pixels, (0, right, 0, below))
        grid = (canvas // self.stride, canvas // self.stride)
        return self.read(self.model(pixels, **self.arguments), grid, shown)

    def read(self, outputs, grid: tuple[int, int], shown: tuple[int, int] | None = None) -> FrameFeatures:
        """Splits a model's output into summary and patches.

        Args:
            outputs: What the model gave.
            grid: Rows and columns of its patch grid.
            shown: Rows and columns from the top left that are kept; by default all.
        """
        states = outputs.last_hidden_state
        pooled = getattr(outputs, "pooler_output", None)
        if states.ndim == 4:  # a map [B, C, h, w]
            patches = states.flatten(2).transpose(1, 2)
            grid, prefix = tuple(states.shape[-2:]), 0
        else:
            prefix = states.shape[1] - grid[0] * grid[1]
            if prefix < 0:
                raise ValueError(
                    f"{self.name} gives {states.shape[1]} tokens, fewer than its {grid[0]}x{grid[1]} patch grid"
                )
            patches = states[:, prefix:]
        if shown is not None:
            patches = patches.unflatten(1, grid)[:, : shown[0], : shown[1]].flatten(1, 2)
            grid = shown
        if pooled is not None:
            summary = pooled.flatten(1)
        else:
            summary = states[:, 0] if prefix else patches.mean(dim=1)
        return FrameFeatures(summary=summary, patches=patches, grid=grid)


__all__ = ["FrameEncoder", "FrameFeatures"]
