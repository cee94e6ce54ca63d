# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

# ruff: noqa: D101, D102, D205, D212, D403, D412
# The docstrings have the form that transformers' `auto_docstring` completes.
"""A backbone around any trunk: maps of its layers, and from them a simple feature pyramid for dense heads."""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn
from transformers import AutoModel
from transformers.activations import ACT2FN
from transformers.backbone_utils import BackboneMixin
from transformers.modeling_outputs import BackboneOutput
from transformers.modeling_utils import PreTrainedModel
from transformers.utils import auto_docstring
from transformers.utils.generic import can_return_tuple

from .configuration_zen import ZenConfig
from .configuration_zen_pyramid import ZenPyramidConfig
from .modeling_zen import ZenModel


class ZenPyramidNorm(nn.LayerNorm):
    """Layer norm over the channels of a map [B, C, h, w]."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return super().forward(maps.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ZenPyramidLevel(nn.Module):
    """One level of the simple feature pyramid of ViTDet (Li et al., 2022, arXiv 2203.16527).

    Transposed convolutions that double the sides, or pooling that halves them, then a 1x1 and a 3x3 convolution, each
    with a layer norm. Pooling keeps a last odd row or column, so that no grid is too small.
    """

    def __init__(self, config: ZenPyramidConfig, channels: int, scale: float):
        super().__init__()
        layers: list[nn.Module] = []
        reach = scale
        while reach > 1:
            if layers:
                layers += [ZenPyramidNorm(channels, eps=config.layer_norm_eps), ACT2FN["gelu"]]
            narrower = max(channels // 2, 1)
            layers.append(nn.ConvTranspose2d(channels, narrower, kernel_size=2, stride=2))
            channels, reach = narrower, reach / 2
        while reach < 1:
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2, ceil_mode=True))
            reach *= 2
        width = config.hidden_size
        layers += [
            nn.Conv2d(channels, width, kernel_size=1, bias=False),
            ZenPyramidNorm(width, eps=config.layer_norm_eps),
            nn.Conv2d(width, width, kernel_size=3, padding=1, bias=False),
            ZenPyramidNorm(width, eps=config.layer_norm_eps),
        ]
        self.layers = nn.ModuleList(layers)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            maps = layer(maps)
        return maps


class ZenPyramid(nn.Module):
    """All levels: from one map of the trunk, or each level from its own."""

    def __init__(self, config: ZenPyramidConfig):
        super().__init__()
        # CODEPATH: one map for all levels of a plain vision transformer, one for each of a convolutional network.
        channels = config.channels if len(config.channels) > 1 else config.channels * len(config.scales)
        self.levels = nn.ModuleList(
            [ZenPyramidLevel(config, own, scale) for own, scale in zip(channels, config.scales, strict=True)]
        )

    def forward(self, maps: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        sources = maps if len(maps) > 1 else list(maps) * len(self.levels)
        return tuple(level(source) for level, source in zip(self.levels, sources, strict=True))


def trunk_arguments(trunk: PreTrainedModel) -> dict[str, bool]:
    """What a trunk has to be called with, beside pixels."""
    # a fixed-size table of positions must be interpolated on request in ViT, CLIP and SigLIP; the second is timm's
    wanted, known = ("interpolate_pos_encoding", "do_pooling"), inspect.signature(trunk.forward).parameters
    return {name: True for name in wanted if name in known}


@auto_docstring
class ZenPyramidPreTrainedModel(PreTrainedModel):
    config: ZenPyramidConfig
    base_model_prefix = "backbone"
    main_input_name = "pixel_values"
    input_modalities = ("image",)
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True

    def get_input_embeddings(self) -> nn.Module:
        return self.trunk.get_input_embeddings()


@auto_docstring(
    custom_intro="""
    Any trunk as a backbone of dense heads (DPT, UperNet, Mask2Former): its maps, or a simple feature pyramid of them.
    """
)
class ZenPyramidBackbone(BackboneMixin, ZenPyramidPreTrainedModel):
    has_attentions = False

    def __init__(self, config: ZenPyramidConfig):
        super().__init__(config)
        # CODEPATH: as below, for the pyramid.
        self.num_features = config.channels if config.scales is None else [config.hidden_size] * len(config.scales)
        # CODEPATH: ZEN by its own class, so that it also works as remote code, where AutoModel does not know it.
        is_zen = config.trunk_config.model_type == ZenConfig.model_type
        trunk = ZenModel(config.trunk_config) if is_zen else AutoModel.from_config(config.trunk_config)
        self.trunk = getattr(trunk, "vision_model", getattr(trunk, "vision_encoder", trunk))
        pooler = getattr(self.trunk, "pooler", None)
        if pooler is not None and any(True for _ in pooler.parameters()):
            self.trunk.pooler = None  # its weights would be trained by nothing
        self.trunk_arguments = trunk_arguments(self.trunk)
        # CODEPATH: a pyramid for UperNet and Mask2Former; DPT and a linear head read the trunk's own maps.
        self.pyramid = ZenPyramid(config) if config.scales is not None else None
        self.replayed: Sequence[torch.Tensor] | None = None
        self.post_init()

    def trunk_maps(self, pixel_values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The maps of the trunk that the levels are made from; they can be kept while the trunk is frozen.

        Args:
            pixel_values: Normalised frames [B, 3, H, W], both sides divisible by `config.patch_size`.

        Returns:
            One map [B, C, H / stride, W / stride] per layer of the configuration.

        Raises:
            ValueError: If the size does not fit, or the trunk gives fewer tokens than its grid has places.
        """
        config, (height, width) = self.config, pixel_values.shape[-2:]
        if height % config.patch_size or width % config.patch_size:
            raise ValueError(
                f"pixel_values are {height}x{width} pixels (height x width); expected both divisible by "
                f"{config.patch_size}, the stride of {type(self.trunk).__name__}; pad them"
            )
        arguments = dict(self.trunk_arguments)
        # CODEPATH: DPT reads several layers, a linear head and the pyramid of a plain vision transformer the last.
        if any(layer != -1 for layer in config.layers):
            arguments["output_hidden_states"] = True
        outputs = self.trunk(pixel_values, **arguments)
        maps = []
        for layer, stride in zip(config.layers, config.strides, strict=True):
            states = outputs.last_hidden_state if layer == -1 else outputs.hidden_states[layer]
            if states.ndim == 3:  # tokens [B, prefix + N, C]
                grid = (height // stride, width // stride)
                prefix = states.shape[1] - grid[0] * grid[1]
                if prefix < 0:
                    raise ValueError(
                        f"{type(self.trunk).__name__} gives {states.shape[1]} tokens in layer {layer}, fewer than the "
                        f"{grid[0]}x{grid[1]} patches of stride {stride}"
                    )
                states = states[:, prefix:]
                if layer != -1:  # not normed by the trunk
                    states = nn.functional.layer_norm(states, states.shape[-1:], eps=config.layer_norm_eps)
                states = states.transpose(1, 2).unflatten(2, grid)  # [B, C, h, w]
            maps.append(states)
        return tuple(maps)

    def blank_pixels(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        """Stands for the frames [B, 3, H, W] that maps were made from, where a model asks for their size; all zeros."""
        (batch, _, height, width), stride = maps[0].shape, self.config.strides[0]
        return maps[0].new_zeros(1).expand(batch, 3, height * stride, width * stride)

    @contextmanager
    def replay(self, maps: Sequence[torch.Tensor]) -> Iterator[torch.Tensor]:
        """Within it, the trunk is not run: what `trunk_maps` gave before takes its place, in any model around this.

        Args:
            maps: One map [B, C, h, w] per layer of the configuration.

        Yields:
            Pixels of the right size to call the model with; their values are not read.

        Raises:
            ValueError: If the number of maps or their channels differ from the configuration.
        """
        found = [kept.shape[1] for kept in maps]
        if found != self.config.channels:
            raise ValueError(f"maps have {found} channels; expected {self.config.channels}, as trunk_maps gives them")
        self.replayed = tuple(maps)
        try:
            yield self.blank_pixels(maps)
        finally:
            self.replayed = None

    @can_return_tuple
    @auto_docstring
    def forward(self, pixel_values: torch.Tensor, **kwargs) -> BackboneOutput:
        maps = self.trunk_maps(pixel_values) if self.replayed is None else self.replayed
        # CODEPATH: as in __init__.
        if self.pyramid is not None:
            maps = self.pyramid(maps)
        # CODEPATH: DPT asks for token sequences with one token before the patches, a linear head for a map.
        elif not self.config.reshape_hidden_states:
            tokens = [states.flatten(2).transpose(1, 2) for states in maps]
            maps = tuple(torch.cat([states.mean(dim=1, keepdim=True), states], dim=1) for states in tokens)
        chosen = tuple(maps[index] for index in self.out_indices)
        return BackboneOutput(feature_maps=chosen)


__all__ = ["ZenPyramid", "ZenPyramidBackbone", "ZenPyramidPreTrainedModel", "trunk_arguments"]
