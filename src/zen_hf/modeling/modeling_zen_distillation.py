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
"""The trunk together with one adaptor per teacher: what distillation trains and saves."""

from dataclasses import dataclass

import torch
from torch import nn
from transformers.processing_utils import Unpack
from transformers.utils import ModelOutput, TransformersKwargs, auto_docstring
from transformers.utils.generic import can_return_tuple

from .configuration_zen import ZenConfig
from .modeling_zen import ZenModel, ZenPreTrainedModel


@auto_docstring(
    custom_intro="""
    Trunk outputs and, per teacher, what its adaptor predicts.
    """
)
@dataclass
class ZenDistillationOutput(ModelOutput):
    r"""
    pooler_output (`torch.FloatTensor` of shape `(batch_size, hidden_size)`):
        Summary of the trunk.
    summaries (`dict[str, torch.FloatTensor]`):
        Teacher name to predicted summary `(batch_size, summary_size)`.
    patches (`dict[str, torch.FloatTensor]`):
        Teacher name to predicted patch tokens `(batch_size, patches, patch_size)`.
    """

    last_hidden_state: torch.FloatTensor | None = None
    pooler_output: torch.FloatTensor | None = None
    summaries: dict[str, torch.FloatTensor] | None = None
    patches: dict[str, torch.FloatTensor] | None = None
    hidden_states: tuple[torch.FloatTensor, ...] | None = None
    attentions: tuple[torch.FloatTensor, ...] | None = None


class ZenAdaptorMLP(nn.Module):
    """Two-layer head of Ranzinger et al. (AM-RADIO, 2024): Linear, LayerNorm, GELU, Linear."""

    def __init__(self, config: ZenConfig, inner_size: int, output_size: int):
        super().__init__()
        self.up_proj = nn.Linear(config.hidden_size, inner_size)
        self.norm = nn.LayerNorm(inner_size, eps=config.layer_norm_eps)
        self.act_fn = nn.GELU()
        self.down_proj = nn.Linear(inner_size, output_size)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.down_proj(self.act_fn(self.norm(self.up_proj(tokens))))


class ZenAdaptor(nn.Module):
    """Maps the trunk's summary and patch tokens to one teacher's."""

    def __init__(self, config: ZenConfig, adaptor: dict):
        super().__init__()
        self.summary = ZenAdaptorMLP(config, adaptor["hidden_size"], adaptor["summary_size"])
        self.patches = ZenAdaptorMLP(config, adaptor["hidden_size"], adaptor["patch_size"])


@auto_docstring(
    custom_intro="""
    ZEN with one adaptor per teacher (`config.adaptors`). [`ZenModel.from_pretrained`] of the same folder loads the
    trunk alone. The adaptors of an exported folder speak in their teacher's own, unstandardised space.
    """
)
class ZenForDistillation(ZenPreTrainedModel):
    def __init__(self, config: ZenConfig):
        super().__init__(config)
        if not config.adaptors:
            raise ValueError(
                "ZenForDistillation needs config.adaptors, one dict with name, hidden_size, summary_size and "
                "patch_size per teacher; load a folder without adaptors with ZenModel"
            )
        self.model = ZenModel(config)
        self.adaptors = nn.ModuleDict({adaptor["name"]: ZenAdaptor(config, adaptor) for adaptor in config.adaptors})
        self.post_init()

    @can_return_tuple
    @auto_docstring
    def forward(
        self,
        pixel_values: torch.Tensor,
        bool_masked_pos: torch.Tensor | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> ZenDistillationOutput:
        r"""
        bool_masked_pos (`torch.BoolTensor` of shape `(batch_size, num_patches)`, *optional*):
        True where a patch is replaced by the mask token.
        """
        outputs = self.model(pixel_values, bool_masked_pos=bool_masked_pos, **kwargs)
        summary = outputs.pooler_output
        patches = outputs.last_hidden_state[:, self.config.num_prefix_tokens :]
        return ZenDistillationOutput(
            last_hidden_state=outputs.last_hidden_state,
            pooler_output=summary,
            summaries={name: adaptor.summary(summary) for name, adaptor in self.adaptors.items()},
            patches={name: adaptor.patches(patches) for name, adaptor in self.adaptors.items()},
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )


__all__ = ["ZenForDistillation", "ZenDistillationOutput"]
