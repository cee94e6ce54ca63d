# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which maps a trunk gives, at which stride and with how many channels: found by one look at a small blank frame."""

import math
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from .modeling_zen_pyramid import trunk_arguments
from .pretrained_encoder import first_size


@dataclass(frozen=True)
class TrunkMap:
    """One map of a trunk.

    Attributes:
        layer: -1 for `last_hidden_state`, else the index into `hidden_states`.
        stride: Pixels per cell.
        channels: Number of channels.
    """

    layer: int
    stride: int
    channels: int


@dataclass(frozen=True)
class TrunkLayout:
    """The maps of a trunk.

    Attributes:
        side: Side in pixels of the blank frame that they were found with.
        last: The map of `last_hidden_state`.
        by_stride: The last map of each stride.
        even_tokens: Four evenly spaced layers of token sequences, of one stride and width; None where there are no such.
    """

    side: int
    last: TrunkMap
    by_stride: dict[int, TrunkMap]
    even_tokens: list[int] | None

    @property
    def hierarchical(self) -> bool:
        """Whether there are maps of several strides."""
        return len(self.by_stride) > 1

    def source_of(self, stride: int) -> TrunkMap:
        """The map of a stride; else of the next coarser one, else the coarsest."""
        coarser = [own for own in self.by_stride if own >= stride]
        return self.by_stride[min(coarser) if coarser else max(self.by_stride)]


@torch.no_grad()
def trunk_layout(trunk: PreTrainedModel) -> TrunkLayout:
    """Find the maps of a trunk.

    Layers that are laid out neither as tokens [B, prefix + N, C] nor as maps [B, C, h, w] are left out.

    Raises:
        ValueError: If the last layer is one of these.
    """
    config, parameter = trunk.config, next(trunk.parameters())
    staged = hasattr(config, "depths")  # ConvNeXt, Swin: their patch_size is only the first stage's
    patch = None if staged else getattr(config, "patch_size", None)
    patch = None if patch is None else first_size(patch)
    side = 64 if patch is None else 2 * patch
    blank = torch.zeros(1, 3, side, side, dtype=parameter.dtype, device=parameter.device)
    training = trunk.training
    outputs = trunk.eval()(blank, output_hidden_states=True, **trunk_arguments(trunk))
    trunk.train(training)

    def map_of(layer: int, states) -> TrunkMap | None:
        if not isinstance(states, torch.Tensor) or states.ndim not in (3, 4):
            return None
        if states.ndim == 4:
            height, width = states.shape[-2:]
            channels = states.shape[1]
        else:
            height = width = math.isqrt(states.shape[1]) if patch is None else side // patch
            channels = states.shape[2]
        if height != width or height == 0 or side % height:
            return None
        return TrunkMap(layer, side // height, channels)

    last = map_of(-1, outputs.last_hidden_state)
    if last is None:
        raise ValueError(
            f"{type(trunk).__name__} gives features {tuple(getattr(outputs.last_hidden_state, 'shape', ()))} of a blank "
            f"frame of {side}x{side} pixels; expected patch tokens [B, N, C] or a map [B, C, h, w] for a dense head"
        )
    states = list(getattr(outputs, "hidden_states", None) or [])
    hidden = [found for layer, own in enumerate(states) if (found := map_of(layer, own)) is not None]
    by_stride = {found.stride: found for found in [*hidden, last]}
    even_tokens = None
    plain = [own for own in states if own.ndim == 3 and own.shape == outputs.last_hidden_state.shape]
    if len(plain) == len(states) > 1:
        depth = len(states) - 1  # the first is the embeddings
        even_tokens = [max(1, round(depth * quarter / 4)) for quarter in (1, 2, 3)] + [-1]
    return TrunkLayout(side, last, by_stride, even_tokens)


__all__ = ["TrunkLayout", "TrunkMap", "trunk_layout"]
