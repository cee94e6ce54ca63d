# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Reads a summary and patch tokens out of any pretrained vision model: the one way teachers and baselines are run."""

import copy
import inspect
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from .pretrained_encoder import CLIPS, PretrainedEncoder, first_size, load_pretrained


@dataclass(frozen=True)
class FrameFeatures:
    """Features of a batch of frames.

    Attributes:
        summary: One vector per frame [B, Cs].
        patches: Patch tokens in row-major order [B, h * w, C].
        grid: Rows and columns of the patch grid (h, w).
        layers: Features of hidden layers that were asked for, by number.
    """

    summary: torch.Tensor
    patches: torch.Tensor
    grid: tuple[int, int]
    layers: dict[int, "FrameFeatures"] = field(default_factory=dict)


class FrameEncoder(PretrainedEncoder):
    """A frozen pretrained encoder of frames.

    Understands vision transformers with any prefix tokens, attention-pooled ones without a CLS token, convolutional
    networks that return a map, the vision tower of image-text models, the image encoder of SAM and models of timm (by
    transformers' `TimmWrapperModel`; the summary is what timm pools for its own classifier).

    Args:
        model: A transformers vision model.
        image_mean: Mean per channel that the model expects, for pixels in [0, 1].
        image_std: Standard deviation per channel, likewise.
        image_size: Side in pixels of the square frames that the model was made for.
        pixel_scale: Highest value of a pixel before normalisation: 1 in most models, 255 in some.
        reverse_channels: True for models that expect BGR.
        name: How messages call this encoder.

    Raises:
        ValueError: If the model takes clips, or gives neither patch tokens nor a map.
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
        wanted = ("interpolate_pos_encoding", "do_pooling")  # the second is timm's
        self.arguments = {argument: True for argument in wanted if argument in arguments}
        network = getattr(self.model, "timm_model", None)
        self.channels_last = getattr(network, "output_fmt", None) == "NHWC"  # Swin: maps [B, h, w, C]
        made_for_one_size = network is not None and (network.pretrained_cfg or {}).get("fixed_input_size")
        self.any_size = not made_for_one_size or getattr(network, "dynamic_img_size", False)
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
        """Loads an encoder from the Hub or a local folder; arguments and errors are those of `load_pretrained`."""
        model, settings = load_pretrained(
            pretrained_model_name_or_path, revision, dtype, trust_remote_code, image_mean, image_std
        )
        return cls(model, **settings)

    @classmethod
    def random_like(cls, encoder: "FrameEncoder", seed: int) -> "FrameEncoder":
        """An encoder of the same architecture and normalisation with fresh weights: what it sees without training.

        Args:
            encoder: The encoder to resemble; it is not changed.
            seed: Draws the weights; the global random state stays as it is.
        """
        original = encoder.model
        with torch.random.fork_rng(devices=[]):
            torch.random.default_generator.manual_seed(seed)
            model = type(original)._from_config(copy.deepcopy(original.config), dtype=original.dtype)
        if hasattr(original, "pooler") and original.pooler is None:  # the summary comes from the same place
            model.pooler = None
        return cls(
            model.to(original.device),
            encoder.mean.flatten().tolist(),
            encoder.std.flatten().tolist(),
            encoder.default_image_size,
            encoder.pixel_scale,
            encoder.reverse_channels,
            name=f"random {type(original).__name__} (seed {seed})",
        )

    @torch.no_grad()
    def measure_stride(self) -> int:
        """Pixels per patch: the configured patch size, else what a forward pass of a blank frame shows."""
        config, parameter = self.model.config, next(self.model.parameters())
        staged = hasattr(config, "depths")  # ConvNeXt, Swin: their patch_size is only the first stage's
        patch = None if staged else getattr(config, "patch_size", None)
        if patch is None:
            side = self.default_image_size
            blank = torch.zeros(1, 3, side, side, dtype=parameter.dtype, device=parameter.device)
            states = self.states_of(self.model(blank, **self.arguments))
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
        side = 2 * stride if self.any_size else self.default_image_size
        small = torch.zeros(1, 3, side, side, device=parameter.device)
        self.summary_size = self(small).summary.shape[-1]
        return stride

    @torch.no_grad()
    def __call__(self, images: torch.Tensor, canvas: int | None = None, layers: Sequence[int] = ()) -> FrameFeatures:
        """Encodes frames.

        Args:
            images: RGB frames [B, 3, H, W] in [0, 1]; H and W divisible by `stride`.
            canvas: Side in pixels of a square to which frames are filled up on the right and below, with what the
                model's mean colour becomes: zero. Features are those of the frame's own patches.
            layers: Hidden layers whose features are wanted as well: 0 is what enters the first block, n what leaves the
                n-th. Their summary is the first prefix token, or the mean of the patches where there is none.

        Raises:
            ValueError: If the values leave [0, 1] (normalised twice?), the size does not fit the stride, the frames
                do not fit the canvas or the model has no such layer.
        """
        if not self.any_size and {*images.shape[-2:], canvas} - {self.default_image_size, None}:
            raise ValueError(
                f"{self.name} takes frames of {self.default_image_size}x{self.default_image_size} pixels alone, not "
                f"{images.shape[-2]}x{images.shape[-1]}; set image_size to {self.default_image_size}"
            )
        pixels = self.normalise(images)
        shown = (images.shape[-2] // self.stride, images.shape[-1] // self.stride)
        if canvas is None:
            return self.run(pixels, shown, layers=layers)
        right, below = canvas - images.shape[-1], canvas - images.shape[-2]
        if canvas % self.stride or min(right, below) < 0:
            raise ValueError(
                f"{self.name}: frames of {images.shape[-2]}x{images.shape[-1]} pixels do not fit a canvas of {canvas}; "
                f"expected at least their size, divisible by {self.stride}"
            )
        pixels = torch.nn.functional.pad(pixels, (0, right, 0, below))
        grid = (canvas // self.stride, canvas // self.stride)
        return self.run(pixels, grid, shown, layers)

    def run(
        self,
        pixels: torch.Tensor,
        grid: tuple[int, int],
        shown: tuple[int, int] | None = None,
        layers: Sequence[int] = (),
    ) -> FrameFeatures:
        """One forward pass of normalised pixels; see `read` for the other arguments."""
        if not layers:
            return self.read(self.model(pixels, **self.arguments), grid, shown)
        outputs = self.model(pixels, **self.arguments, output_hidden_states=True)
        hidden = {layer: self.layer_of(outputs, layer) for layer in layers}
        found = {layer: self.read(states, grid, shown) for layer, states in hidden.items()}
        return replace(self.read(outputs, grid, shown), layers=found)

    def layer_of(self, outputs, layer: int) -> BaseModelOutput:
        """A hidden layer as if it were the last.

        Raises:
            ValueError: If the model keeps no such layer, or keeps it in an order of its own.
        """
        states = getattr(outputs, "hidden_states", None)
        if not states:
            raise ValueError(f"{self.name} ({type(self.model).__name__}) gives no hidden layers; ask for none")
        if not 0 <= layer < len(states):
            raise ValueError(f"{self.name} has the layers 0 to {len(states) - 1}, not {layer}")
        last, chosen = self.states_of(outputs), states[layer]
        if chosen.ndim != last.ndim or (chosen.ndim == 3 and chosen.shape[1] != last.shape[1]):
            raise ValueError(
                f"{self.name}: layer {layer} is {list(chosen.shape)} and the last state {list(last.shape)}; expected a map "
                "for a map, or as many tokens"
            )
        return BaseModelOutput(last_hidden_state=chosen)

    def states_of(self, outputs) -> torch.Tensor:
        """Tokens [B, prefix + h * w, C] or a map [B, C, h, w] of a model's output."""
        states = outputs.last_hidden_state
        if not isinstance(states, torch.Tensor) or states.ndim not in (3, 4):
            raise ValueError(
                f"{self.name} ({type(self.model).__name__}) gives features of several scales or without places; "
                "expected patch tokens [B, N, C] or a map [B, C, h, w]"
            )
        return states.movedim(-1, 1) if self.channels_last and states.ndim == 4 else states

    def read(self, outputs, grid: tuple[int, int], shown: tuple[int, int] | None = None) -> FrameFeatures:
        """Splits a model's output into summary and patches.

        Args:
            outputs: What the model gave.
            grid: Rows and columns of its patch grid.
            shown: Rows and columns from the top left that are kept; by default all.
        """
        states = self.states_of(outputs)
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
