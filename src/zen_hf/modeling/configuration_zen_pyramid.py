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
"""Configuration of a backbone that any trunk gets for dense heads: maps of its layers, brought to several scales."""

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig
from transformers.backbone_utils import BackboneConfigMixin
from transformers.configuration_utils import SubConfigSpec
from transformers.models.auto.configuration_auto import AutoConfig
from transformers.utils import auto_docstring

from .configuration_zen import ZenConfig


@auto_docstring(checkpoint="zen-small")
@strict
class ZenPyramidConfig(BackboneConfigMixin, PreTrainedConfig):
    r"""
    trunk_config (`dict` or `PreTrainedConfig`, *optional*, defaults to a `ZenConfig`):
        Configuration of the trunk: any model of `AutoModel` that gives patch tokens or a map.
    layers (`list[int]`, *optional*, defaults to `[-1]`):
        Which maps of the trunk are read: `-1` is its `last_hidden_state`, any other an index into its
        `hidden_states`. Tokens of such a layer are normed to mean 0 and variance 1, without weights.
    strides (`list[int]`, *optional*, defaults to the trunk's `patch_size` for every layer):
        Pixels per cell of each of these maps.
    channels (`list[int]`, *optional*, defaults to the trunk's `hidden_size` for every layer):
        Channels of each of these maps.
    scales (`list[float]`, *optional*):
        One per level of the simple feature pyramid (ViTDet, arXiv 2203.16527), powers of two: 4 is a map four times as
        high and wide as the trunk's. All levels are made from the one layer, or each from its own. Without scales the
        trunk's maps are given as they are.
    hidden_size (`int`, *optional*, defaults to 256):
        Channels of every level of the pyramid; without scales it is set to those of the last layer.
    reshape_hidden_states (`bool`, *optional*, defaults to `True`):
        Whether maps `(batch, channels, height, width)` are given; else, without scales alone, token sequences as DPT
        reads them, whose first token is the mean of the others.

    Example:

    ```python
    >>> from zen_hf import ZenConfig, ZenPyramidConfig

    >>> config = ZenPyramidConfig(trunk_config=ZenConfig.from_variant("small"), scales=[4, 2, 1, 0.5])
    ```
    """

    model_type = "zen_pyramid"
    # a type that transformers knows, which "zen" is not to remote code; __post_init__ fills in the trunk itself
    sub_configs_defaults = {"trunk_config": SubConfigSpec(config_class=AutoConfig, model_type="vit")}

    trunk_config: dict | PreTrainedConfig | None = None
    layers: list[int] | tuple[int, ...] = (-1,)
    strides: list[int] | tuple[int, ...] | None = None
    channels: list[int] | tuple[int, ...] | None = None
    scales: list[int | float] | tuple[int | float, ...] | None = None
    hidden_size: int = 256
    layer_norm_eps: float = 1e-6
    initializer_range: float = 0.02
    reshape_hidden_states: bool = True
    _out_features: list[str] | None = None
    _out_indices: list[int] | None = None

    def __post_init__(self, **kwargs):
        if self.trunk_config is None or isinstance(self.trunk_config, dict):
            given = self.trunk_config or {}
            if given.get("model_type", "zen") == "zen":
                self.trunk_config = ZenConfig(**given)
            else:
                self.trunk_config = AutoConfig.for_model(**given)
        self.layers = list(self.layers)
        self.strides = list(self.strides or [self.trunk_config.patch_size] * len(self.layers))
        self.channels = list(self.channels or [self.trunk_config.hidden_size] * len(self.layers))
        if self.scales is None:
            self.hidden_size = self.channels[-1]
        levels = len(self.layers if self.scales is None else self.scales)
        self.stage_names = [f"level{level}" for level in range(1, levels + 1)]
        out_features, out_indices = kwargs.pop("out_features", None), kwargs.pop("out_indices", None)
        if out_features is None and out_indices is None:
            out_indices = list(range(levels))
        self.set_output_features_output_indices(out_features=out_features, out_indices=out_indices)
        super().__post_init__(**kwargs)

    @property
    def patch_size(self) -> int:
        """Pixels that both sides of an image must be divisible by; `DPTForDepthEstimation` asks for it."""
        return max(self.strides)

    def validate_levels(self):
        """Part of `@strict`."""
        if not len(self.layers) == len(self.strides) == len(self.channels) > 0:
            raise ValueError(
                f"layers {self.layers}, strides {self.strides} and channels {self.channels} differ in number; expected "
                "one stride and one number of channels per layer"
            )
        if self.scales is None:
            return
        if len(self.layers) not in (1, len(self.scales)):
            raise ValueError(
                f"{len(self.layers)} layers for {len(self.scales)} scales; expected one layer for all, or one for each"
            )
        wrong = [scale for scale in self.scales if scale not in {2.0**power for power in range(-5, 6)}]
        if wrong:
            raise ValueError(f"scales {self.scales} hold {wrong}; expected powers of two from 1/32 to 32")
        if not self.reshape_hidden_states:
            raise ValueError("reshape_hidden_states=False gives tokens of one scale; expected scales=None with it")


__all__ = ["ZenPyramidConfig"]
