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
from transformers import initialization as init
from transformers.processing_utils import Unpack
from transformers.utils import ModelOutput, TransformersKwargs, auto_docstring
from transformers.utils.generic import can_return_tuple
from transformers.utils.output_capturing import resolve_hidden_states_indices, selected_hidden_states

from .configuration_zen import ZenConfig
from .modeling_zen import ZenLayer, ZenModel, ZenPreTrainedModel, ZenResidual

ADAPTOR_LAYERSCALE = 1e-4  # of blocks in adaptors, as in DUNE
TEMPORAL_BLOCKS = 2


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
        Teacher name to predicted summary `(batch_size, summary_size)`; of a teacher of clips `(clips, summary_size)`.
    patches (`dict[str, torch.FloatTensor]`):
        Teacher name to predicted patch tokens `(batch_size, patches, patch_size)`; of a teacher of clips
        `(clips, clip_frames / tubelet_size * patches, patch_size)`, first by time, then by row and column.
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
    """Maps the trunk's summary and patch tokens to one teacher's, each by itself."""

    def __init__(self, config: ZenConfig, adaptor: dict):
        super().__init__()
        self.prefix = config.num_prefix_tokens
        self.summary = ZenAdaptorMLP(config, adaptor["hidden_size"], adaptor["summary_size"])
        self.patches = ZenAdaptorMLP(config, adaptor["hidden_size"], adaptor["patch_size"])

    @property
    def last_layers(self) -> tuple[list[nn.Linear], list[nn.Linear]]:
        """The linear layers whose outputs add up to the summary and to the patches."""
        return [self.summary.down_proj], [self.patches.down_proj]

    def forward(
        self, states: list[torch.Tensor], position_embeddings: tuple[torch.Tensor, ...] | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Normed outputs [B, 1+R+N, D] of the trunk's layers to summary [B, Cs] and patches [B, N, C]."""
        return self.summary(states[-1][:, 0]), self.patches(states[-1][:, self.prefix :])


class ZenAdaptorResidual(ZenResidual):
    """A residual branch that begins with a LayerScale of its own."""


class ZenAdaptorBlock(ZenLayer):
    """A block of the trunk, without stochastic depth, that begins as little more than the identity."""

    def __init__(self, config: ZenConfig):
        super().__init__(config, layer_index=0)
        self.residual1 = ZenAdaptorResidual(config, layer_index=0)
        self.residual2 = ZenAdaptorResidual(config, layer_index=0)


class ZenTransformerAdaptor(nn.Module):
    """One block over summary and patches, then a linear map: Sariyildiz et al. (DUNE, 2025), arXiv 2503.14405.

    Where the trunk has rotary positions, so has the block: such a trunk adds no positions to its tokens, without which
    the block could not tell a neighbour from a distant patch. Learned positions are in the tokens already.
    """

    def __init__(self, config: ZenConfig, adaptor: dict):
        super().__init__()
        self.registers = config.num_register_tokens
        self.block = ZenAdaptorBlock(config)
        self.summary = nn.Linear(config.hidden_size, adaptor["summary_size"])
        self.patches = nn.Linear(config.hidden_size, adaptor["patch_size"])

    @property
    def last_layers(self) -> tuple[list[nn.Linear], list[nn.Linear]]:
        return [self.summary], [self.patches]

    def forward(
        self, states: list[torch.Tensor], position_embeddings: tuple[torch.Tensor, ...] | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        tokens = torch.cat([states[-1][:, :1], states[-1][:, 1 + self.registers :]], dim=1)  # [B, 1+N, D]
        if position_embeddings is not None:  # the registers' rows go, one row without rotation stays
            position_embeddings = tuple(table[self.registers :] for table in position_embeddings)
        tokens = self.block(tokens, position_embeddings=position_embeddings)
        return self.summary(tokens[:, 0]), self.patches(tokens[:, 1:])


class ZenLadder(nn.Module):
    """Sum over the trunk's layers of `W2 GELU(W1 z)`; the last layer's hidden size is 4 times the others'."""

    def __init__(self, config: ZenConfig, inner_size: int, output_size: int):
        super().__init__()
        sizes = [inner_size] * (config.num_hidden_layers - 1) + [4 * inner_size]
        self.up_proj = nn.ModuleList(nn.Linear(config.hidden_size, size) for size in sizes)
        self.act_fn = nn.GELU()
        # one bias: the sum of several would be one bias too
        last = len(sizes) - 1
        self.down_proj = nn.ModuleList(
            nn.Linear(size, output_size, bias=level == last) for level, size in enumerate(sizes)
        )

    def forward(self, states: list[torch.Tensor]) -> torch.Tensor:
        steps = zip(states, self.up_proj, self.down_proj, strict=True)
        return sum(down_proj(self.act_fn(up_proj(tokens))) for tokens, up_proj, down_proj in steps)


class ZenLadderAdaptor(nn.Module):
    """Reads every layer of the trunk: the ladder of projectors of Sariyildiz et al. (UNIC, 2024), arXiv 2408.05088."""

    def __init__(self, config: ZenConfig, adaptor: dict):
        super().__init__()
        self.prefix = config.num_prefix_tokens
        self.summary = ZenLadder(config, adaptor["hidden_size"], adaptor["summary_size"])
        self.patches = ZenLadder(config, adaptor["hidden_size"], adaptor["patch_size"])

    @property
    def last_layers(self) -> tuple[list[nn.Linear], list[nn.Linear]]:
        return list(self.summary.down_proj), list(self.patches.down_proj)

    def forward(
        self, states: list[torch.Tensor], position_embeddings: tuple[torch.Tensor, ...] | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        summary = self.summary([tokens[:, 0] for tokens in states])
        return summary, self.patches([tokens[:, self.prefix :] for tokens in states])


class ZenTemporalAdaptor(nn.Module):
    """Patch tokens of the frames of a clip to the tubelets of a teacher of clips: attention over time at each patch.

    The teacher's tubelets are what it must predict, so that the trunk, which sees single frames, puts into a frame what
    says how it moves. It serves in training alone.
    """

    def __init__(self, config: ZenConfig, adaptor: dict):
        super().__init__()
        self.prefix, self.tubelet_size = config.num_prefix_tokens, adaptor["tubelet_size"]
        self.blocks = nn.ModuleList([ZenAdaptorBlock(config) for _ in range(TEMPORAL_BLOCKS)])
        self.summary = nn.Linear(self.tubelet_size * config.hidden_size, adaptor["summary_size"])
        self.patches = nn.Linear(self.tubelet_size * config.hidden_size, adaptor["patch_size"])

    def forward(self, tokens: torch.Tensor, clip_frames: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Normed trunk tokens [B*K, 1+R+N, D] to summary [B, Cs] and patches [B, K / tubelet_size * N, C]."""
        if clip_frames % self.tubelet_size or len(tokens) % clip_frames:
            raise ValueError(
                f"{len(tokens)} frames in clips of clip_frames={clip_frames} for a teacher that joins every "
                f"{self.tubelet_size} frames; expected clip_frames divisible by {self.tubelet_size} and whole clips"
            )
        tokens = tokens[:, self.prefix :].unflatten(0, (-1, clip_frames))  # [B, K, N, D]
        batch, _, patches, _ = tokens.shape
        tokens = tokens.transpose(1, 2).flatten(0, 1)  # [B*N, K, D]
        tokens = tokens + self.time_positions(clip_frames, tokens)
        for block in self.blocks:
            tokens = block(tokens)
        tubelets = tokens.unflatten(1, (-1, self.tubelet_size)).flatten(2)  # [B*N, K / t, t * D]
        tubelets = tubelets.unflatten(0, (batch, patches)).transpose(1, 2).flatten(1, 2)  # [B, K / t * N, t * D]
        return self.summary(tubelets.mean(dim=1)), self.patches(tubelets)

    @staticmethod
    def time_positions(clip_frames: int, like: torch.Tensor) -> torch.Tensor:
        """Sines and cosines of the frame number (Vaswani et al., 2017), for clips of any length: [K, D]."""
        size = like.shape[-1]
        frequencies = 1 / 10_000 ** (torch.arange(0, size, 2, device=like.device) / size)
        angles = torch.arange(clip_frames, device=like.device)[:, None] * frequencies  # [K, ceil(D / 2)]
        return torch.cat([angles.sin(), angles.cos()], dim=-1)[:, :size].to(like.dtype)


ADAPTORS = {
    "mlp": ZenAdaptor,
    "transformer": ZenTransformerAdaptor,
    "ladder": ZenLadderAdaptor,
    "temporal": ZenTemporalAdaptor,
}


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
                "ZenForDistillation needs config.adaptors, one dict with name, kind, summary_size, patch_size and what "
                "the kind needs per teacher; load a folder without adaptors with ZenModel"
            )
        self.model = ZenModel(config)
        self.adaptors = nn.ModuleDict(
            {adaptor["name"]: ADAPTORS[adaptor.get("kind", "mlp")](config, adaptor) for adaptor in config.adaptors}
        )
        self.post_init()

    def post_init(self):
        super().post_init()
        # The trunk passes over all adaptors, and its parents inherit that: here, one that was not built is reported.
        self._keys_to_ignore_on_load_unexpected -= set(ZenModel._keys_to_ignore_on_load_unexpected)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, ZenAdaptorResidual):
            init.constant_(module.scale, ADAPTOR_LAYERSCALE)

    def chosen_states(
        self, hidden_states: tuple[torch.Tensor, ...], asked: bool | int | list[int] | None
    ) -> tuple[torch.Tensor | None, ...] | None:
        """What `output_hidden_states` asks for, of all hidden states."""
        if not asked:
            return None
        selected = selected_hidden_states(asked)
        if selected is None:
            return hidden_states
        kept = resolve_hidden_states_indices(self, selected, num_hidden_states=len(hidden_states))
        return tuple(tokens if index in kept else None for index, tokens in enumerate(hidden_states))

    @can_return_tuple
    @auto_docstring
    def forward(
        self,
        pixel_values: torch.Tensor,
        bool_masked_pos: torch.Tensor | None = None,
        clip_frames: int = 1,
        **kwargs: Unpack[TransformersKwargs],
    ) -> ZenDistillationOutput:
        r"""
        bool_masked_pos (`torch.BoolTensor` of shape `(batch_size, num_patches)`, *optional*):
        True where a patch is replaced by the mask token.
        clip_frames (`int`, *optional*, defaults to 1):
        Frames per clip: `pixel_values` are clips, one after the other, each with its frames in order. Without clips,
        temporal adaptors have no output, which is an error in training.
        """
        asked = kwargs.get("output_hidden_states", self.config.output_hidden_states)
        kinds = {type(adaptor) for adaptor in self.adaptors.values()}
        # CODEPATH: ladders read every layer, the other kinds the last alone.
        if ZenLadderAdaptor in kinds:
            kwargs["output_hidden_states"] = True
        outputs = self.model(pixel_values, bool_masked_pos=bool_masked_pos, **kwargs)
        states = [outputs.last_hidden_state]
        if ZenLadderAdaptor in kinds:
            states = [self.model.norm(tokens) for tokens in outputs.hidden_states[1:-1]] + states
            outputs.hidden_states = self.chosen_states(outputs.hidden_states, asked)
        has_positions = ZenTransformerAdaptor in kinds and self.model.rotary is not None
        position_embeddings = self.model.rotary(pixel_values) if has_positions else None

        summaries, patches = {}, {}
        for name, adaptor in self.adaptors.items():
            if not isinstance(adaptor, ZenTemporalAdaptor):
                summaries[name], patches[name] = adaptor(states, position_embeddings)
            elif clip_frames > 1:
                summaries[name], patches[name] = adaptor(states[-1], clip_frames)
            elif self.training:
                raise ValueError(
                    f"the temporal adaptor {name!r} learns from clips; pass clip_frames, the frames of one"
                )
        return ZenDistillationOutput(
            last_hidden_state=outputs.last_hidden_state,
            pooler_output=outputs.pooler_output,
            summaries=summaries,
            patches=patches,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )


__all__ = ["ZenForDistillation", "ZenDistillationOutput"]
