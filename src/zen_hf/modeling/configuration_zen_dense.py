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
"""Configuration of the dense models that transformers has no class for: a linear head, and DPT over any trunk."""

from typing import Literal

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec
from transformers.utils import auto_docstring

from .configuration_zen_pyramid import ZenPyramidConfig


@auto_docstring(checkpoint="zen-small")
@strict
class ZenDenseConfig(PreTrainedConfig):
    r"""
    backbone_config (`dict` or `ZenPyramidConfig`, *optional*):
        Configuration of the backbone. A linear head reads its last map; `"dpt"` reads four token sequences of one
        stride, or four levels of a pyramid.
    head (`str`, *optional*, defaults to `"linear"`):
        `"linear"` is a batch norm without weights and a 1x1 convolution; `"dpt"` is the neck and head of
        transformers' DPT (Ranftl et al., 2021, arXiv 2103.13413).
    width (`int`, *optional*, defaults to 256):
        Channels of DPT's fusion.
    depth_scale (`float`, *optional*, defaults to 1.0):
        Depth that the head's output 1 stands for, in the unit of the data: about the median depth makes training easy.
    semantic_classifier_dropout (`float`, *optional*, defaults to 0.1):
        Dropout before the last convolution of DPT's segmentation head.
    """

    model_type = "zen_dense"
    sub_configs_defaults = {"backbone_config": SubConfigSpec(config_class=ZenPyramidConfig)}

    backbone_config: dict | PreTrainedConfig | None = None
    head: Literal["linear", "dpt"] = "linear"
    width: int = 256
    depth_scale: float | int = 1.0
    initializer_range: float = 0.02
    semantic_classifier_dropout: float | int = 0.1
    semantic_loss_ignore_index: int = 255

    def __post_init__(self, **kwargs):
        if self.backbone_config is None or isinstance(self.backbone_config, dict):
            self.backbone_config = ZenPyramidConfig(**(self.backbone_config or {}))
        super().__post_init__(**kwargs)

    def validate_head(self):
        """Part of `@strict`."""
        levels = len(self.backbone_config.out_indices)
        if self.head == "dpt" and levels != 4:
            raise ValueError(f"head 'dpt' over a backbone of {levels} maps; expected four: set its layers or scales")


def neck_sizes(width: int) -> list[int]:
    """Channels of the four reassembled maps: the finer, the fewer, as in the paper."""
    return [max(width // 4, 1), max(width // 2, 1), width, width]


__all__ = ["ZenDenseConfig", "neck_sizes"]
