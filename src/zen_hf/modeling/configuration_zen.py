# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Configuration of the ZEN frame encoder."""

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig
from transformers.backbone_utils import BackboneConfigMixin
from transformers.utils import auto_docstring


# hidden size, attention heads, layers of the four sizes of Dosovitskiy et al. (2020) and Touvron et al. (2021)
VARIANTS = {
    "tiny": (192, 3, 12),
    "small": (384, 6, 12),
    "base": (768, 12, 12),
    "large": (1024, 16, 24),
}


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
    adaptors (`list`, *optional*):
        One dict per teacher head of [`ZenForDistillation`]: `name`, `summary_size`, `patch_size`, `hidden_size`.
    apply_layernorm (`bool`, *optional*, defaults to `True`):
        Whether [`ZenBackbone`] applies the final norm to its feature maps.
    reshape_hidden_states (`bool`, *optional*, defaults to `True`):
        Whether [`ZenBackbone`] returns maps `(batch, hidden, height, width)`; else token sequences with the prefix.

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
    apply_layernorm: bool = True
    reshape_hidden_states: bool = True
    _out_features: list[str] | None = None
    _out_indices: list[int] | None = None

    def __post_init__(self, **kwargs):
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

    def validate_architecture(self):
        """Part of `@strict`: runs at construction and refuses sizes that cannot be built."""
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is not divisible by num_attention_heads {self.num_attention_heads}"
            )
        if self.position_embedding not in ("rope", "learned"):
            raise ValueError(f"position_embedding is {self.position_embedding!r}; expected 'rope' or 'learned'")
        head_dim = self.hidden_size // self.num_attention_heads
        if self.position_embedding == "rope" and head_dim % 4:
            raise ValueError(
                f"rope needs a head size divisible by 4, but hidden_size {self.hidden_size} over "
                f"{self.num_attention_heads} heads gives {head_dim}"
            )


__all__ = ["ZenConfig"]
