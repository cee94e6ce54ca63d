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
"""Converts DINOv2 (with or without registers) and DINOv3 ViT checkpoints into ZEN's layout."""

import re

import torch
from transformers import AutoConfig, AutoModel, PreTrainedConfig
from transformers.image_processing_base import ImageProcessingMixin

from .complete_checkpoint_zen import refuse_incomplete
from .configuration_zen import ZenConfig

FAMILIES = ("dinov2", "dinov2_with_registers", "dinov3_vit")

# generalist key -> ZEN key; applied in order, first match wins per piece
RENAMES = [
    (r"^(encoder\.layer|model\.layer)\.", "layers."),
    (r"^layernorm\.", "norm."),
    (r"\.patch_embeddings\.projection\.", ".patch_embeddings."),
    (r"\.layer_scale([12])\.lambda1$", r".residual\1.scale"),
    (r"\.mlp\.fc1\.", ".mlp.up_proj."),
    (r"\.mlp\.fc2\.", ".mlp.down_proj."),
]


def load_generalist(
    pretrained_model_name_or_path: str, dtype: torch.dtype = torch.float32, **kwargs
) -> tuple[ZenConfig, dict[str, torch.Tensor]]:
    """Loads a generalist with transformers and returns ZEN's configuration and state dict for it.

    Args:
        pretrained_model_name_or_path: Hub id or local folder of a DINOv2 or DINOv3 ViT.
        dtype: Type of the weights.
        kwargs: Passed to `AutoModel.from_pretrained` (`revision`, `token`, ...).

    Raises:
        OSError: If there is no configuration, or no weights.
        ValueError: If the family is unknown or weights are missing or of another size.
    """
    generalist = AutoConfig.from_pretrained(pretrained_model_name_or_path, **kwargs)
    if generalist.model_type not in FAMILIES:
        raise ValueError(
            f"{pretrained_model_name_or_path} is a {generalist.model_type!r} model; "
            f"ZenModel.from_generalist converts {', '.join(FAMILIES)}"
        )
    config = convert_config(generalist)
    try:
        processing, _ = ImageProcessingMixin.get_image_processor_dict(pretrained_model_name_or_path, **kwargs)
    except OSError:
        processing = {}  # both families were trained with ImageNet's mean and deviation, ZEN's own
    config.image_mean = processing.get("image_mean", config.image_mean)
    config.image_deviation = processing.get("image_std", config.image_deviation)
    model, report = AutoModel.from_pretrained(
        pretrained_model_name_or_path, dtype=dtype, output_loading_info=True, ignore_mismatched_sizes=True, **kwargs
    )
    refuse_incomplete(str(pretrained_model_name_or_path), report)
    return config, convert_state(model.state_dict(), config)


def convert_config(generalist: PreTrainedConfig) -> ZenConfig:
    """ZEN's configuration of the same architecture."""
    is_dinov3 = generalist.model_type == "dinov3_vit"
    shared = {
        name: getattr(generalist, name)
        for name in ("hidden_size", "num_hidden_layers", "num_attention_heads", "layer_norm_eps", "num_channels")
    }
    shared["image_size"], shared["patch_size"] = square(generalist, "image_size"), square(generalist, "patch_size")
    shared |= {name: getattr(generalist, name) for name in ("layerscale_value", "drop_path_rate", "initializer_range")}
    if is_dinov3:
        return ZenConfig(
            **shared,
            intermediate_size=generalist.intermediate_size,
            hidden_act=generalist.hidden_act,
            use_gated_mlp=generalist.use_gated_mlp,
            attention_dropout=generalist.attention_dropout,
            num_register_tokens=generalist.num_register_tokens,
            rope_theta=generalist.rope_theta,
            rope_shift=generalist.pos_embed_shift,
            rope_jitter=generalist.pos_embed_jitter,
            rope_rescale=generalist.pos_embed_rescale,
        )
    intermediate_size = int(generalist.hidden_size * generalist.mlp_ratio)
    if generalist.use_swiglu_ffn:  # keeps two thirds of the width, rounded up to a multiple of 8
        intermediate_size = (int(intermediate_size * 2 / 3) + 7) // 8 * 8
    return ZenConfig(
        **shared,
        intermediate_size=intermediate_size,
        hidden_act="silu" if generalist.use_swiglu_ffn else generalist.hidden_act,
        use_gated_mlp=generalist.use_swiglu_ffn,
        attention_dropout=generalist.attention_probs_dropout_prob,
        num_register_tokens=getattr(generalist, "num_register_tokens", 0),
        position_embedding="learned",
        antialias_positions=generalist.model_type == "dinov2_with_registers",
    )


def square(config: PreTrainedConfig, name: str) -> int:
    """A size that the generalist may hold as a number or as a pair of equal numbers."""
    sides = getattr(config, name)
    sides = {sides} if isinstance(sides, int) else set(sides)
    if len(sides) != 1:
        raise ValueError(f"{name} is {getattr(config, name)}; ZEN's patches and position tables are square")
    return sides.pop()


def convert_state(state: dict[str, torch.Tensor], config: ZenConfig) -> dict[str, torch.Tensor]:
    """Renames keys, joins queries, keys and values, and fills what the generalist leaves out."""
    converted = {}
    for key, tensor in state.items():
        for pattern, replacement in RENAMES:
            key = re.sub(pattern, replacement, key)
        converted[key] = tensor
    zeros = torch.zeros_like(converted["embeddings.cls_token"])  # [1, 1, D]
    mask_token = converted.get("embeddings.mask_token", zeros)
    converted["embeddings.mask_token"] = mask_token.reshape(zeros.shape)
    converted.setdefault("embeddings.register_tokens", zeros[:, :0])
    for weight in [key for key in converted if key.endswith("_proj.weight")]:  # a bias it does not use is zero
        converted.setdefault(weight.removesuffix("weight") + "bias", zeros.new_zeros(len(converted[weight])))
    for layer in range(config.num_hidden_layers):
        attention = f"layers.{layer}.attention"
        for kind in ("weight", "bias"):
            parts = [converted.pop(f"{attention}.{name}_proj.{kind}") for name in ("q", "k", "v")]
            converted[f"{attention}.qkv_proj.{kind}"] = torch.cat(parts)
    # the rotary frequencies follow from the configuration and are not stored
    return {key: tensor for key, tensor in converted.items() if not key.endswith("inv_freq")}
