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
"""The ZEN frame encoder: a plain vision transformer with registers, and its heads for backbones and classification."""

import math
from collections.abc import Callable

import torch
from torch import nn
from transformers import initialization as init
from transformers.activations import ACT2FN
from transformers.backbone_utils import BackboneMixin, filter_output_hidden_states
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import BackboneOutput, BaseModelOutputWithPooling, ImageClassifierOutput
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS, PreTrainedModel
from transformers.processing_utils import Unpack
from transformers.utils import TransformersKwargs, auto_docstring
from transformers.utils.generic import can_return_tuple, merge_with_config_defaults
from transformers.utils.output_capturing import capture_outputs

from .configuration_zen import ZenConfig


class ZenPatchEmbeddings(nn.Conv2d):
    """Linear map of each patch: a convolution whose stride is its kernel, computed as the one matrix product it is."""

    def __init__(self, config: ZenConfig):
        super().__init__(config.num_channels, config.hidden_size, config.patch_size, stride=config.patch_size)

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        side = self.kernel_size[0]
        patches = pixel_values.unflatten(3, (-1, side)).unflatten(2, (-1, side))  # [B, C, h, side, w, side]
        patches = patches.permute(0, 2, 4, 1, 3, 5).flatten(3)  # [B, h, w, C * side^2]
        patches = nn.functional.linear(patches, self.weight.flatten(1), self.bias)
        return patches.permute(0, 3, 1, 2)  # [B, D, h, w], as a convolution gives them


class ZenEmbeddings(nn.Module):
    """Turns pixels into the sequence [summary, registers, patches], with learned positions where configured."""

    def __init__(self, config: ZenConfig):
        super().__init__()
        self.config = config
        self.patch_embeddings = ZenPatchEmbeddings(config)
        self.cls_token = nn.Parameter(torch.empty(1, 1, config.hidden_size))
        self.mask_token = nn.Parameter(torch.empty(1, 1, config.hidden_size))
        self.register_tokens = nn.Parameter(torch.empty(1, config.num_register_tokens, config.hidden_size))
        # CODEPATH: learned positions for a warm start from DINOv2; rope for one from DINOv3 and for every variant.
        if config.position_embedding == "learned":
            positions = (config.image_size // config.patch_size) ** 2 + 1
            self.position_embeddings = nn.Parameter(torch.empty(1, positions, config.hidden_size))
        else:
            self.position_embeddings = None

    def check_size(self, height: int, width: int) -> None:
        patch = self.config.patch_size
        if height % patch == 0 and width % patch == 0:
            return
        below = [max(side // patch, 1) * patch for side in (height, width)]
        above = [-(-side // patch) * patch for side in (height, width)]
        raise ValueError(
            f"pixel_values are {height}x{width} pixels (height x width), which patch size {patch} does not divide; "
            f"the nearest valid sizes are {below[0]}x{below[1]} and {above[0]}x{above[1]}"
        )

    def positions(self, grid_height: int, grid_width: int) -> torch.Tensor:
        """Learned positions resampled to a grid: [1, 1 + grid_height * grid_width, D]."""
        side = self.config.image_size // self.config.patch_size
        if (grid_height, grid_width) == (side, side):
            return self.position_embeddings
        summary, table = self.position_embeddings[:, :1], self.position_embeddings[:, 1:]
        table = table.unflatten(1, (side, side)).permute(0, 3, 1, 2)  # [1, D, side, side]
        table = nn.functional.interpolate(
            table.float(),  # bicubic resampling in half precision shifts the embeddings
            size=(grid_height, grid_width),
            mode="bicubic",
            align_corners=False,
            antialias=self.config.antialias_positions,
        ).to(summary.dtype)
        return torch.cat([summary, table.flatten(2).transpose(1, 2)], dim=1)

    def forward(self, pixel_values: torch.Tensor, bool_masked_pos: torch.Tensor | None = None) -> torch.Tensor:
        height, width = pixel_values.shape[-2:]
        self.check_size(height, width)
        patches = self.patch_embeddings(pixel_values.to(self.patch_embeddings.weight.dtype))  # [B, D, h, w]
        grid_height, grid_width = patches.shape[-2:]
        patches = patches.flatten(2).transpose(1, 2)  # [B, N, D]
        if bool_masked_pos is not None:
            masked = bool_masked_pos.flatten(1).unsqueeze(-1).to(torch.bool)
            patches = torch.where(masked, self.mask_token, patches)

        batch, summary = patches.shape[0], self.cls_token
        if self.position_embeddings is not None:
            positions = self.positions(grid_height, grid_width)
            summary, patches = summary + positions[:, :1], patches + positions[:, 1:]
        prefix = (tokens.expand(batch, -1, -1) for tokens in (summary, self.register_tokens))
        return torch.cat([*prefix, patches], dim=1)  # [B, 1+R+N, D]


class ZenRotaryEmbedding(nn.Module):
    """Axial rotary positions of DINOv3 (Simeoni et al., 2025): patch centres in [-1, 1], half of a head per axis."""

    def __init__(self, config: ZenConfig):
        super().__init__()
        head_dim = config.hidden_size // config.num_attention_heads
        if head_dim % 4:
            raise ValueError(
                f"rope needs a head size divisible by 4, but hidden_size {config.hidden_size} over "
                f"{config.num_attention_heads} heads gives {head_dim}; change them or take position_embedding='learned'"
            )
        self.config = config
        self.inv_freq = nn.Buffer(self.inverse_frequencies(config), persistent=False)

    @staticmethod
    def inverse_frequencies(config: ZenConfig) -> torch.Tensor:
        head_dim = config.hidden_size // config.num_attention_heads
        return 1 / config.rope_theta ** torch.arange(0, 1, 4 / head_dim, dtype=torch.float32)  # [head_dim / 4]

    def augment(self, centres: torch.Tensor) -> torch.Tensor:
        """Random shift, per-axis jitter and common rescale of the coordinates; training only."""
        shift, jitter, rescale = self.config.rope_shift, self.config.rope_jitter, self.config.rope_rescale
        if shift is not None:
            centres = centres + torch.empty_like(centres[:1]).uniform_(-shift, shift)
        if jitter is not None:
            centres = centres * torch.empty_like(centres[:1]).uniform_(-math.log(jitter), math.log(jitter)).exp()
        if rescale is not None:
            scale = torch.empty_like(centres[:1, :1]).uniform_(-math.log(rescale), math.log(rescale)).exp()
            centres = centres * scale
        return centres

    def forward(self, pixel_values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Tables that [`apply_rotary`] takes; the prefix tokens get the identity rotation."""
        axes = []
        for side in pixel_values.shape[-2:]:
            cells = side // self.config.patch_size
            axes.append((torch.arange(cells, dtype=torch.float32, device=pixel_values.device) + 0.5) / cells)
        centres = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).flatten(0, 1) * 2 - 1  # [N, 2]
        if self.training:
            centres = self.augment(centres)
        angles = (2 * math.pi * centres[:, :, None] * self.inv_freq).flatten(1)  # [N, head_dim / 2]
        prefix = (0, 0, self.config.num_prefix_tokens, 0)
        cosine = nn.functional.pad(angles.cos(), prefix, value=1.0)[:, None, None]  # [1+R+N, 1, 1, head_dim / 2]
        sine = nn.functional.pad(angles.sin(), prefix)[:, None, None]
        return torch.cat([cosine, cosine], dim=-1), sine, -sine


def apply_rotary(
    states: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor, minus_sine: torch.Tensor
) -> torch.Tensor:
    """Rotates queries and keys [B, 1+R+N, 2, H, head_dim] by the tables of [`ZenRotaryEmbedding`].

    Element i and i + head_dim / 2 are a pair. The products are added in place: a temporary of this size costs as much
    as the arithmetic.
    """
    half = states.shape[-1] // 2
    if torch.compiler.is_compiling():  # fused as it stands; what is written in place would be copied
        first, second = states[..., :half], states[..., half:]
        cosine, sine = cosine[..., :half].to(states.dtype), sine.to(states.dtype)
        return torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1)
    rotated = states * cosine.to(states.dtype)
    rotated[..., :half].addcmul_(states[..., half:], minus_sine.to(states.dtype))
    rotated[..., half:].addcmul_(states[..., :half], sine.to(states.dtype))
    return rotated


def eager_attention_forward(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: Unpack[TransformersKwargs],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Reference attention that keeps its weights: [B, H, N, d] -> [B, N, H, d] and [B, H, N, N]."""
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    weights = torch.matmul(query, key.transpose(2, 3)) * scaling
    if attention_mask is not None:
        weights = weights + attention_mask
    weights = nn.functional.softmax(weights, dim=-1)
    weights = nn.functional.dropout(weights, p=dropout, training=module.training)
    return torch.matmul(weights, value).transpose(1, 2).contiguous(), weights


class ZenAttention(nn.Module):
    """Multi-head self-attention through transformers' attention interface (sdpa, eager, flash, flex)."""

    def __init__(self, config: ZenConfig):
        super().__init__()
        if config.hidden_size % config.num_attention_heads:
            raise ValueError(
                f"hidden_size {config.hidden_size} is not divisible by num_attention_heads {config.num_attention_heads}"
            )
        self.config = config
        self.num_heads = config.num_attention_heads
        self.head_dim = config.hidden_size // config.num_attention_heads
        self.scaling = self.head_dim**-0.5
        self.is_causal = False
        self.qkv_proj = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.o_proj = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(
        self,
        hidden_states: torch.Tensor,
        position_embeddings: tuple[torch.Tensor, ...] | None = None,
        attention_mask: torch.Tensor | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        batch, tokens, width = hidden_states.shape
        qkv = self.qkv_proj(hidden_states).view(batch, tokens, 3, self.num_heads, self.head_dim)
        query_key, value = qkv[:, :, :2], qkv[:, :, 2]
        if position_embeddings is not None:
            query_key = apply_rotary(query_key, *position_embeddings)
        query, key = query_key.unbind(2)
        query, key, value = (states.transpose(1, 2) for states in (query, key, value))  # [B, H, 1+R+N, head_dim]

        attention_interface: Callable = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        attended, weights = attention_interface(
            self,
            query,
            key,
            value,
            attention_mask,
            dropout=self.config.attention_dropout if self.training else 0.0,
            scaling=self.scaling,
            **kwargs,
        )
        return self.o_proj(attended.reshape(batch, tokens, width)), weights


class ZenMLP(nn.Module):
    """Two-layer perceptron, gated when the configuration says so."""

    def __init__(self, config: ZenConfig):
        super().__init__()
        # CODEPATH: gated in the giants, DINOv2-g and DINOv3-H+ and -7B; plain in the others and in every variant.
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size) if config.use_gated_mlp else None
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size)
        self.act_fn = ACT2FN[config.hidden_act]

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        if self.gate_proj is None:
            return self.down_proj(self.act_fn(self.up_proj(hidden_states)))
        return self.down_proj(self.act_fn(self.gate_proj(hidden_states)) * self.up_proj(hidden_states))


class ZenResidual(nn.Module):
    """`residual + drop_path(scale * branch)`: LayerScale (Touvron et al., 2021) and stochastic depth (Huang et al., 2016)."""

    def __init__(self, config: ZenConfig, layer_index: int):
        super().__init__()
        # the rate rises linearly with depth, as in Huang et al.
        self.drop_rate = config.drop_path_rate * layer_index / max(config.num_hidden_layers - 1, 1)
        self.scale = nn.Parameter(torch.empty(config.hidden_size))

    def forward(self, residual: torch.Tensor, branch: torch.Tensor) -> torch.Tensor:
        if self.drop_rate == 0.0 or not self.training:
            return torch.addcmul(residual, branch, self.scale)
        keep = 1 - self.drop_rate
        mask = torch.empty(branch.shape[0], 1, 1, dtype=branch.dtype, device=branch.device).bernoulli_(keep) / keep
        return torch.addcmul(residual, branch * mask, self.scale)


class ZenLayer(GradientCheckpointingLayer):
    """Pre-norm transformer block."""

    def __init__(self, config: ZenConfig, layer_index: int):
        super().__init__()
        self.norm1 = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.attention = ZenAttention(config)
        self.residual1 = ZenResidual(config, layer_index)
        self.norm2 = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.mlp = ZenMLP(config)
        self.residual2 = ZenResidual(config, layer_index)

    def forward(
        self,
        hidden_states: torch.Tensor,
        position_embeddings: tuple[torch.Tensor, ...] | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> torch.Tensor:
        # no name for what the attention gives: it would stay in memory through the MLP
        hidden_states = self.residual1(
            hidden_states,
            self.attention(self.norm1(hidden_states), position_embeddings=position_embeddings, **kwargs)[0],
        )
        return self.residual2(hidden_states, self.mlp(self.norm2(hidden_states)))


@auto_docstring
class ZenPreTrainedModel(PreTrainedModel):
    config: ZenConfig
    base_model_prefix = "model"
    main_input_name = "pixel_values"
    input_modalities = ("image",)
    supports_gradient_checkpointing = True
    _no_split_modules = ["ZenEmbeddings", "ZenLayer"]
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True
    _can_compile_fullgraph = True
    _can_record_outputs = {"hidden_states": ZenLayer, "attentions": ZenAttention}
    _input_embed_layer = "patch_embeddings"

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        std = self.config.initializer_range
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            init.trunc_normal_(module.weight, mean=0.0, std=std)
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, ZenEmbeddings):
            init.trunc_normal_(module.cls_token, mean=0.0, std=std)
            init.zeros_(module.mask_token)
            if module.config.num_register_tokens > 0:
                init.trunc_normal_(module.register_tokens, mean=0.0, std=std)
            if module.position_embeddings is not None:
                init.trunc_normal_(module.position_embeddings, mean=0.0, std=std)
        elif isinstance(module, ZenResidual):
            init.constant_(module.scale, self.config.layerscale_value)
        elif isinstance(module, ZenRotaryEmbedding):
            init.copy_(module.inv_freq, module.inverse_frequencies(module.config))

    def save_pretrained(self, save_directory, **kwargs):
        """Saves weights, configuration and the code itself, so that `trust_remote_code=True` works without zen-hf.

        The configuration of every class maps all Auto classes: a classification folder loads in `AutoModel` too.
        """
        self.config.auto_map = {
            "AutoConfig": "configuration_zen.ZenConfig",
            "AutoModel": "modeling_zen.ZenModel",
            "AutoBackbone": "modeling_zen.ZenBackbone",
            "AutoModelForImageClassification": "modeling_zen.ZenForImageClassification",
        }
        super().save_pretrained(save_directory, **kwargs)


@auto_docstring(
    custom_intro="""
    The ZEN frame encoder: one surgical frame in, a summary vector and patch tokens out.
    """
)
class ZenModel(ZenPreTrainedModel):
    _keys_to_ignore_on_load_unexpected = [r"^adaptors\."]  # a student's folder holds them for ZenForDistillation

    def __init__(self, config: ZenConfig):
        super().__init__(config)
        self.embeddings = ZenEmbeddings(config)
        # CODEPATH: as in ZenEmbeddings.
        self.rotary = ZenRotaryEmbedding(config) if config.position_embedding == "rope" else None
        self.layers = nn.ModuleList([ZenLayer(config, index) for index in range(config.num_hidden_layers)])
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.post_init()

    @classmethod
    def from_generalist(
        cls, pretrained_model_name_or_path: str, dtype: torch.dtype = torch.float32, **kwargs
    ) -> "ZenModel":
        """Converts a DINOv2 (with or without registers) or DINOv3 ViT checkpoint; the outputs stay the same.

        Args:
            pretrained_model_name_or_path: Hub id or local folder of the generalist.
            dtype: Type of the weights.
            kwargs: Passed to `AutoModel.from_pretrained` (`revision`, `token`, ...).

        Returns:
            A `ZenModel` in evaluation mode.

        Raises:
            OSError: If there is no configuration, or no weights.
            ValueError: If the checkpoint is of another family, or some of its weights are missing.
        """
        from .conversion_zen import load_generalist

        config, state = load_generalist(pretrained_model_name_or_path, dtype=dtype, **kwargs)
        model = cls(config).to(dtype)
        model.load_state_dict(state)
        return model.eval()

    @merge_with_config_defaults
    @capture_outputs(tie_last_hidden_states=False)
    @auto_docstring
    def forward(
        self,
        pixel_values: torch.Tensor,
        bool_masked_pos: torch.Tensor | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> BaseModelOutputWithPooling:
        r"""
        bool_masked_pos (`torch.BoolTensor` of shape `(batch_size, num_patches)`, *optional*):
            True where a patch is replaced by the mask token.

        Returns:
            `last_hidden_state` `(batch_size, 1 + registers + patches, hidden_size)`, normed, and `pooler_output`
            `(batch_size, hidden_size)`, its first token: the summary.
        """
        hidden_states = self.embeddings(pixel_values, bool_masked_pos=bool_masked_pos)
        position_embeddings = self.rotary(pixel_values) if self.rotary is not None else None
        for layer in self.layers:
            hidden_states = layer(hidden_states, position_embeddings=position_embeddings, **kwargs)
        hidden_states = self.norm(hidden_states)
        return BaseModelOutputWithPooling(last_hidden_state=hidden_states, pooler_output=hidden_states[:, 0])


@auto_docstring(
    custom_intro="""
    ZEN as a backbone of dense heads (DPT, UperNet, Mask2Former): feature maps of chosen stages.
    """
)
class ZenBackbone(BackboneMixin, ZenPreTrainedModel):
    def __init__(self, config: ZenConfig):
        super().__init__(config)
        self.num_features = [config.hidden_size] * (config.num_hidden_layers + 1)
        self.model = ZenModel(config)
        self.model.embeddings.mask_token.requires_grad_(False)  # nothing is masked here: DDP would miss its gradient
        self.post_init()

    @can_return_tuple
    @filter_output_hidden_states
    @auto_docstring
    def forward(self, pixel_values: torch.Tensor, **kwargs: Unpack[TransformersKwargs]) -> BackboneOutput:
        kwargs["output_hidden_states"] = True  # every stage is a candidate feature map
        outputs = self.model(pixel_values, **kwargs)
        grid = [side // self.config.patch_size for side in pixel_values.shape[-2:]]
        feature_maps = []
        for stage, states in zip(self.stage_names, outputs.hidden_states, strict=True):
            if stage not in self.out_features:
                continue
            # CODEPATH: set by the dense head that asks for the maps, not by a checkpoint.
            if self.config.apply_layernorm:
                states = self.model.norm(states)
            patches = states[:, self.config.num_prefix_tokens :]
            # CODEPATH: UperNet and Mask2Former ask for maps, DPT for sequences with one token before the patches.
            if self.config.reshape_hidden_states:
                feature_maps.append(patches.transpose(1, 2).unflatten(2, grid).contiguous())  # [B, D, h, w]
            else:
                feature_maps.append(torch.cat([states[:, :1], patches], dim=1))  # [B, 1 + N, D]
        return BackboneOutput(
            feature_maps=tuple(feature_maps), hidden_states=outputs.hidden_states, attentions=outputs.attentions
        )


@auto_docstring(
    custom_intro="""
    ZEN with a linear classifier on the summary and the mean patch token, for one label or several per frame.
    """
)
class ZenForImageClassification(ZenPreTrainedModel):
    def __init__(self, config: ZenConfig):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.model = ZenModel(config)
        self.model.embeddings.mask_token.requires_grad_(False)  # nothing is masked here: DDP would miss its gradient
        self.classifier = nn.Linear(2 * config.hidden_size, config.num_labels)
        self.post_init()

    @can_return_tuple
    @auto_docstring
    def forward(
        self,
        pixel_values: torch.Tensor,
        labels: torch.Tensor | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> ImageClassifierOutput:
        r"""
        labels (`torch.Tensor`, *optional*):
        Class index `(batch_size,)` (cross-entropy) or multi-hot floats `(batch_size, num_labels)` (binary
        cross-entropy); `config.problem_type` decides where it is set.
        """
        outputs = self.model(pixel_values, **kwargs)
        patches = outputs.last_hidden_state[:, self.config.num_prefix_tokens :]
        logits = self.classifier(torch.cat([outputs.pooler_output, patches.mean(dim=1)], dim=-1))
        loss = self.loss_function(labels, logits, self.config, **kwargs) if labels is not None else None
        return ImageClassifierOutput(
            loss=loss, logits=logits, hidden_states=outputs.hidden_states, attentions=outputs.attentions
        )


__all__ = ["ZenModel", "ZenBackbone", "ZenForImageClassification", "ZenPreTrainedModel"]
