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
"""Configuration of the ZEN frame encoder."""

import os

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig
from transformers.backbone_utils import BackboneConfigMixin
from transformers.utils import IMAGE_PROCESSOR_NAME, auto_docstring

# hidden size, attention heads, layers of the four sizes of Dosovitskiy et al. (2020) and Touvron et al. (2021)
VARIANTS = {
    "tiny": (192, 3, 12),
    "small": (384, 6, 12),
    "base": (768, 12, 12),
    "large": (1024, 16, 24),
}


# what each kind of adaptor has beside its name and the sizes of its teacher's features
ADAPTOR_KINDS = {
    "mlp": {"hidden_size"},
    "transformer": set(),
    "ladder": {"hidden_size"},
    "temporal": {"tubelet_size"},
}
TEXT_TOWER_KEYS = {"adaptor", "config", "projection", "logit_bias", "padded_length", "pad_token_id"}


@auto_docstring(checkpoint="zen-small")
@strict
class ZenConfig(BackboneConfigMixin, PreTrainedConfig):
    r"""
    num_register_tokens (`int`, *optional*, defaults to 4):
        Number of register tokens between the summary (CLS) token and the patch tokens.
    position_embedding (`str`, *optional*, defaults to `"rope"`):
        `"rope"` rotates queries and keys by the axial position of their patch, any grid without interpolation;
        `"learned"` adds a table of `(image_size / patch_size)^2 + 1` vectors, resampled to other grids.
    antialias_positions (`bool`, *optional*, defaults to `False`):
        Whether learned positions are resampled with antialiasing (as DINOv2 with registers does).
    rope_theta (`float`, *optional*, defaults to 100.0):
        Base period of the rotary embedding.
    rope_shift (`float`, *optional*):
        In training, shifts patch coordinates by a uniform value in [-shift, shift]. Off if `None`.
    rope_jitter (`float`, *optional*):
        In training, scales each axis of the patch coordinates by a log-uniform value in [1/jitter, jitter].
    rope_rescale (`float`, *optional*):
        In training, scales both axes together by a log-uniform value in [1/rescale, rescale].
    layerscale_value (`float`, *optional*, defaults to 1.0):
        Initial value of LayerScale.
    use_gated_mlp (`bool`, *optional*, defaults to `False`):
        Whether the MLP is gated (SwiGLU when `hidden_act` is `"silu"`).
    image_mean (`list[float]`, *optional*, defaults to ImageNet's):
        Mean per channel that is subtracted from pixels in [0, 1]; what the saved image processor does.
    image_deviation (`list[float]`, *optional*, defaults to ImageNet's):
        Standard deviation per channel that they are then divided by.
    adaptors (`list`, *optional*):
        One dict per teacher head of [`ZenForDistillation`]: `name`, `summary_size`, `patch_size` and `kind`, which is
        `"mlp"` (the default) or `"ladder"`, both with a `hidden_size`, `"transformer"`, or `"temporal"` with a
        `tubelet_size`.
    text_tower (`dict`, *optional*):
        The text half of [`ZenForZeroShotImageClassification`]: `adaptor`, the name of the adaptor into its space;
        `config`, the configuration of the text model with its class in `architectures`; `projection` and `logit_bias`,
        whether it has them; `padded_length` and `pad_token_id`, to which length every text is filled up, else `None`.
    apply_layernorm (`bool`, *optional*, defaults to `True`):
        Whether [`ZenBackbone`] applies the final norm to its feature maps.
    reshape_hidden_states (`bool`, *optional*, defaults to `True`):
        Whether [`ZenBackbone`] returns maps `(batch, hidden, height, width)`; else sequences of the summary and the
        patch tokens, as DPT reads them: one token before the patches, no registers.

    Example:

    ```python
    >>> from zen_hf import ZenConfig, ZenModel

    >>> model = ZenModel(ZenConfig.from_variant("small"))
    ```
    """

    model_type = "zen"

    hidden_size: int = 384
    intermediate_size: int = 1536
    num_hidden_layers: int = 12
    num_attention_heads: int = 6
    hidden_act: str = "gelu"
    use_gated_mlp: bool = False
    attention_dropout: float | int = 0.0
    drop_path_rate: float | int = 0.0
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-6
    layerscale_value: float = 1.0
    image_size: int = 224
    image_mean: list[float] | tuple[float, ...] = (0.485, 0.456, 0.406)
    # not `image_std`: transformers' common tests set every field that holds `_std` to a number
    image_deviation: list[float] | tuple[float, ...] = (0.229, 0.224, 0.225)
    patch_size: int = 16
    num_channels: int = 3
    num_register_tokens: int = 4
    position_embedding: str = "rope"
    antialias_positions: bool = False
    rope_theta: float = 100.0
    rope_shift: float | None = None
    rope_jitter: float | None = None
    rope_rescale: float | None = None
    adaptors: list | None = None
    text_tower: dict | None = None
    apply_layernorm: bool = True
    reshape_hidden_states: bool = True
    _out_features: list[str] | None = None
    _out_indices: list[int] | None = None

    def __post_init__(self, **kwargs):
        self.image_mean, self.image_deviation = list(self.image_mean), list(self.image_deviation)
        self.stage_names = ["stem"] + [f"stage{i}" for i in range(1, self.num_hidden_layers + 1)]
        self.set_output_features_output_indices(
            out_indices=kwargs.pop("out_indices", None), out_features=kwargs.pop("out_features", None)
        )
        super().__post_init__(**kwargs)

    @classmethod
    def from_variant(cls, variant: str, **kwargs) -> "ZenConfig":
        """Configuration of a named size.

        Args:
            variant: `"tiny"`, `"small"`, `"base"` or `"large"`.
            kwargs: Any field of the configuration, overriding the variant's.

        Raises:
            ValueError: If the variant is not one of the four.
        """
        if variant not in VARIANTS:
            raise ValueError(f"unknown ZEN variant {variant!r}; expected one of {', '.join(VARIANTS)}")
        hidden_size, heads, layers = VARIANTS[variant]
        sizes = {"hidden_size": hidden_size, "intermediate_size": 4 * hidden_size}
        sizes |= {"num_attention_heads": heads, "num_hidden_layers": layers}
        return cls(**(sizes | kwargs))

    @property
    def num_prefix_tokens(self) -> int:
        """Tokens before the patch tokens: the summary and the registers."""
        return 1 + self.num_register_tokens

    def validate_position_embedding(self):
        """Part of `@strict`, which runs every `validate_` method at construction."""
        if self.position_embedding not in ("rope", "learned"):
            raise ValueError(f"position_embedding is {self.position_embedding!r}; expected 'rope' or 'learned'")

    def validate_adaptors(self):
        """Part of `@strict`."""
        for adaptor in self.adaptors or []:
            kind = adaptor.get("kind", "mlp")
            if kind not in ADAPTOR_KINDS:
                raise ValueError(
                    f"adaptor {adaptor} has the kind {kind!r}; expected one of {', '.join(ADAPTOR_KINDS)}"
                )
            fields = {"name", "summary_size", "patch_size"} | ADAPTOR_KINDS[kind]
            if set(adaptor) - {"kind"} != fields:
                raise ValueError(
                    f"adaptor {adaptor} of the kind {kind!r} has the keys {sorted(adaptor)}; expected {sorted(fields)}"
                )
            if "." in adaptor["name"]:
                raise ValueError(f"adaptor name {adaptor['name']!r} holds a dot, which separates modules; drop it")

    def validate_text_tower(self):
        """Part of `@strict`."""
        if self.text_tower is None:
            return
        if set(self.text_tower) != TEXT_TOWER_KEYS:
            raise ValueError(f"text_tower has the keys {sorted(self.text_tower)}; expected {sorted(TEXT_TOWER_KEYS)}")
        names = [adaptor["name"] for adaptor in self.adaptors or [] if adaptor.get("kind") != "temporal"]
        if self.text_tower["adaptor"] not in names:
            raise ValueError(
                f"text_tower speaks to the adaptor {self.text_tower['adaptor']!r}; the adaptors of frames are {names}"
            )

    def save_pretrained(self, save_directory, push_to_hub: bool = False, **kwargs):
        """Saves the configuration and, where the folder has none yet, the image processor that pipelines look for."""
        from .image_processor_zen import zen_image_processor

        if not os.path.isfile(os.path.join(save_directory, IMAGE_PROCESSOR_NAME)):
            zen_image_processor(self).save_pretrained(save_directory)
        super().save_pretrained(save_directory, push_to_hub=push_to_hub, **kwargs)


__all__ = ["ZenConfig"]
