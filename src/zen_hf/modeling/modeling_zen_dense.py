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
"""Semantic segmentation and depth by a linear head, or by transformers' DPT neck and heads, over any trunk."""

import torch
from torch import nn
from transformers.modeling_outputs import DepthEstimatorOutput, SemanticSegmenterOutput
from transformers.modeling_utils import PreTrainedModel
from transformers.models.dpt.configuration_dpt import DPTConfig
from transformers.models.dpt.modeling_dpt import DPTDepthEstimationHead, DPTNeck, DPTSemanticSegmentationHead
from transformers.utils import auto_docstring
from transformers.utils.generic import can_return_tuple

from .configuration_zen_dense import ZenDenseConfig, neck_sizes
from .modeling_zen_pyramid import ZenPyramidBackbone


class ZenLinearHead(nn.Module):
    """Batch norm without weights, then a 1x1 convolution: the linear probe of DINOv2 (Oquab et al., 2023)."""

    def __init__(self, channels: int, outputs: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.classifier = nn.Conv2d(channels, outputs, kernel_size=1)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.norm(maps))


@auto_docstring
class ZenDensePreTrainedModel(PreTrainedModel):
    config: ZenDenseConfig
    base_model_prefix = "backbone"
    main_input_name = "pixel_values"
    input_modalities = ("image",)
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True

    def get_input_embeddings(self) -> nn.Module:
        return self.backbone.get_input_embeddings()

    def read_maps(self, pixel_values: torch.Tensor) -> tuple[torch.Tensor, ...] | list[torch.Tensor]:
        """What the head reads: the maps of the backbone, fused by DPT's neck where there is one."""
        maps = self.backbone(pixel_values).feature_maps
        # CODEPATH: a linear head has no neck.
        if self.neck is None:
            return maps
        grid = [side // self.config.backbone_config.patch_size for side in pixel_values.shape[-2:]]
        return self.neck(maps, *grid)

    def save_pretrained(self, save_directory, **kwargs):
        """Saves weights, configuration and the code itself, so that `trust_remote_code=True` works without zen-hf."""
        self.config.auto_map = {
            "AutoConfig": "configuration_zen_dense.ZenDenseConfig",
            "AutoModelForSemanticSegmentation": "modeling_zen_dense.ZenForSemanticSegmentation",
            "AutoModelForDepthEstimation": "modeling_zen_dense.ZenForDepthEstimation",
        }
        super().save_pretrained(save_directory, **kwargs)


def dpt_config(config: ZenDenseConfig) -> DPTConfig:
    """What transformers' neck and head of DPT are built from."""
    # CODEPATH: token sequences are reassembled by DPT itself; a pyramid has the scales and the width already.
    tokens = not config.backbone_config.reshape_hidden_states
    return DPTConfig(
        hidden_size=config.backbone_config.hidden_size,
        neck_hidden_sizes=neck_sizes(config.width) if tokens else [config.backbone_config.hidden_size] * 4,
        fusion_hidden_size=config.width,
        readout_type="ignore",
        initializer_range=config.initializer_range,
        semantic_classifier_dropout=config.semantic_classifier_dropout,
        num_labels=config.num_labels,
    )


def build_neck(config: ZenDenseConfig) -> DPTNeck | None:
    """DPT's neck; none for a linear head."""
    # CODEPATH: the configuration's head.
    if config.head == "linear":
        return None
    neck = DPTNeck(dpt_config(config))
    # CODEPATH: the levels of a pyramid come reassembled, as those of a hierarchical backbone in transformers.
    if config.backbone_config.reshape_hidden_states:
        neck.reassemble_stage = None
    # the first fusion has nothing to add, so DDP would miss the gradient of what is for that
    neck.fusion_stage.layers[0].residual_layer1.requires_grad_(False)
    return neck


@auto_docstring(
    custom_intro="""
    Semantic segmentation over any trunk, by a linear head or transformers' DPT: one class per pixel, or several.
    """
)
class ZenForSemanticSegmentation(ZenDensePreTrainedModel):
    def __init__(self, config: ZenDenseConfig):
        super().__init__(config)
        self.backbone = ZenPyramidBackbone(config.backbone_config)
        self.neck = build_neck(config)
        # CODEPATH: the configuration's head.
        if self.neck is None:
            self.head = ZenLinearHead(self.backbone.channels[-1], config.num_labels)
        else:
            self.head = DPTSemanticSegmentationHead(dpt_config(config))
        self.post_init()

    @can_return_tuple
    @auto_docstring
    def forward(
        self, pixel_values: torch.Tensor, labels: torch.Tensor | None = None, **kwargs
    ) -> SemanticSegmenterOutput:
        r"""
        labels (`torch.Tensor`, *optional*):
        Class index `(batch_size, height, width)` (cross-entropy), or, where `config.problem_type` is
        `"multi_label_classification"`, 0 or 1 `(batch_size, num_labels, height, width)` (binary cross-entropy).
        Values of `config.semantic_loss_ignore_index` do not count.
        """
        maps = self.read_maps(pixel_values)
        # CODEPATH: DPT's heads pick the finest map themselves.
        logits = self.head(maps[-1] if self.neck is None else maps)
        loss = self.masked_loss(logits, labels) if labels is not None else None
        return SemanticSegmenterOutput(loss=loss, logits=logits)

    def masked_loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Mean loss over the pixels that count, on logits resized to the labels."""
        logits = nn.functional.interpolate(logits, size=labels.shape[-2:], mode="bilinear", align_corners=False)
        ignored = self.config.semantic_loss_ignore_index
        # CODEPATH: classes that exclude each other, or any number of them per pixel.
        if self.config.problem_type != "multi_label_classification":
            return nn.functional.cross_entropy(logits, labels, ignore_index=ignored)
        counts = labels != ignored
        losses = nn.functional.binary_cross_entropy_with_logits(
            logits, torch.where(counts, labels, 0).to(logits.dtype), reduction="none"
        )
        return (losses * counts).sum() / counts.sum().clamp(min=1)


@auto_docstring(
    custom_intro="""
    Depth over any trunk, by a linear head (the logarithm of depth) or transformers' DPT.
    """
)
class ZenForDepthEstimation(ZenDensePreTrainedModel):
    def __init__(self, config: ZenDenseConfig):
        super().__init__(config)
        self.backbone = ZenPyramidBackbone(config.backbone_config)
        self.neck = build_neck(config)
        # CODEPATH: the configuration's head.
        self.head = (
            ZenLinearHead(self.backbone.channels[-1], 1)
            if self.neck is None
            else DPTDepthEstimationHead(dpt_config(config))
        )
        self.post_init()

    @can_return_tuple
    @auto_docstring
    def forward(self, pixel_values: torch.Tensor, **kwargs) -> DepthEstimatorOutput:
        maps = self.read_maps(pixel_values)
        # CODEPATH: a linear head gives the logarithm, DPT's own head ends in a ReLU.
        depth = self.head(maps[-1])[:, 0].exp() if self.neck is None else self.head(maps)
        return DepthEstimatorOutput(predicted_depth=depth * self.config.depth_scale)


__all__ = ["ZenDensePreTrainedModel", "ZenForDepthEstimation", "ZenForSemanticSegmentation"]
