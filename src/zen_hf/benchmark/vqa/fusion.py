# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The fusion of a question and a picture: question tokens look at patch tokens, twice, and are averaged to an answer.

    p_n = LN(V (x_n - mean) / scale + e_n)                    patch tokens x_n, places e_n
    t_l = T LN(s_l)                                           states s_l of the text encoder
    t_l <- t_l + Attention(LN(t_l), p),  t_l <- t_l + MLP(LN(t_l))       two such layers
    logits = W LN(mean_l t_l) + b

Attention is that of A. Vaswani et al. (arXiv:1706.03762, equation 1) with queries from the question and keys and values
from the picture; norms come first (R. Xiong et al., arXiv:2002.04745). Without a picture, p_n = LN(e_n) is a learned
constant and all else stays: the question-only baseline.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from ..heads.seen_classes import NEVER
from .question_encoder import EncodedQuestions
from .questions import AskedVideo

WIDTH, HEADS, LAYERS = 64, 4, 2
FORMAT = "zen-hf fusion 1"
ROWS = 512  # questions that are answered together


class CrossAttention(nn.Module):
    """One layer: question tokens look at the patch tokens of their frame, then an MLP."""

    def __init__(self):
        """Draw the weights."""
        super().__init__()
        self.norm, self.query, self.output = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.key_value = nn.Linear(WIDTH, 2 * WIDTH)
        self.mlp = nn.Sequential(
            nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH)
        )

    def forward(self, question: torch.Tensor, patches: torch.Tensor, frame_of: torch.Tensor) -> torch.Tensor:
        """Question tokens [rows, length, width] after a look at patches [frames, N, width] of frames `frame_of` [rows]."""
        query = self.query(self.norm(question)).unflatten(2, (HEADS, -1)).transpose(1, 2)  # [rows, heads, length, d]
        keys, values = (
            self.key_value(patches).unflatten(2, (2, HEADS, -1)).permute(2, 0, 3, 1, 4)
        )  # [frames, heads, N, d]
        seen = functional.scaled_dot_product_attention(
            query, keys.index_select(0, frame_of), values.index_select(0, frame_of)
        )
        question = question + self.output(seen.transpose(1, 2).flatten(2))
        return question + self.mlp(question)


class Fusion(nn.Module):
    """Logits of every answer, from token states of questions and patch tokens of frames.

    Args:
        answers: number of answers.
        text_size: channels of a token state.
        tokens: patch tokens of a frame.
        patch_size: their channels; 0 for a fusion that sees no picture.
    """

    def __init__(self, answers: int, text_size: int, tokens: int, patch_size: int):
        """Draw the weights; the last map says nothing until `start` sets how frequent answers are."""
        super().__init__()
        self.sizes = {"answers": answers, "text_size": text_size, "tokens": tokens, "patch_size": patch_size}
        self.text = nn.Sequential(nn.LayerNorm(text_size, elementwise_affine=False), nn.Linear(text_size, WIDTH))
        self.patch = nn.Linear(patch_size, WIDTH) if patch_size else None
        # As large as a patch projected by `nn.Linear`, or questions about places take many more steps to learn.
        self.places = nn.Parameter(0.5 * torch.randn(tokens, WIDTH))
        self.patch_norm, self.norm = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.layers = nn.ModuleList([CrossAttention() for _ in range(LAYERS)])
        self.classifier = nn.Linear(WIDTH, answers)
        self.register_buffer("mean", torch.zeros(patch_size))
        self.register_buffer("scale", torch.ones(patch_size))
        self.register_buffer("seen", torch.ones(answers, dtype=torch.bool))

    @torch.no_grad()
    def start(self, answers: np.ndarray) -> None:
        """Let the logits say how frequent every answer is; one that never occurs stays far below the others for good.

        Args:
            answers: indices of all training answers.
        """
        counts = np.bincount(answers, minlength=len(self.seen))
        self.seen.copy_(torch.from_numpy(counts > 0))
        self.classifier.weight.zero_()
        self.classifier.bias.copy_(torch.from_numpy(np.log(np.maximum(counts, 1) / len(answers))))

    def forward(
        self,
        tokens: torch.Tensor | None,
        frame_of: torch.Tensor,
        questions: EncodedQuestions,
        question_of: torch.Tensor,
    ) -> torch.Tensor:
        """Logits of some rows, [rows, answers].

        Args:
            tokens: patch tokens of the frames, [frames, N, channels]; None for a fusion that sees no picture.
            frame_of: frame of every row, [rows].
            questions: the questions that are asked.
            question_of: question of every row, [rows].
        """
        if self.patch is None:
            patches, frame_of = self.places[None], torch.zeros_like(frame_of)
        else:
            patches = self.patch((tokens - self.mean) / self.scale) + self.places
        patches = self.patch_norm(patches)  # [frames, N, width]
        states = self.text(questions.tokens).index_select(0, question_of)  # [rows, length, width]
        for layer in self.layers:
            states = layer(states, patches, frame_of)
        mask = questions.mask.index_select(0, question_of)[..., None].to(states.dtype)
        logits = self.classifier(self.norm((states * mask).sum(dim=1) / mask.sum(dim=1)))
        least = logits.masked_fill(~self.seen, -torch.inf).amax(dim=1, keepdim=True).detach() - NEVER
        return torch.where(self.seen, logits, least)

    def save(self, path: Path) -> None:
        """Write weights and sizes as one safetensors file."""
        metadata = {"format": FORMAT, "sizes": json.dumps(self.sizes)}
        save_file({name: value.contiguous() for name, value in self.state_dict().items()}, path, metadata=metadata)

    @classmethod
    def load(cls, path: Path) -> "Fusion":
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: if there is no file.
            ValueError: if it is damaged or of another kind.
        """
        if not Path(path).is_file():
            raise FileNotFoundError(f"{path}: no such file; expected the weights of a fusion.")
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        except SafetensorError as error:
            raise ValueError(f"{path}: damaged ({error}); train the answers anew.") from error
        if metadata.get("format") != FORMAT:
            raise ValueError(f"{path}: its format is {metadata.get('format')!r}; expected {FORMAT!r}.")
        fusion = cls(**json.loads(metadata["sizes"]))
        fusion.load_state_dict(tensors)
        return fusion.eval().requires_grad_(False)


@dataclass(frozen=True)
class FusionHead:
    """A trained fusion.

    Args:
        fusion: the network.
        questions: all questions of the exam.
    """

    fusion: Fusion
    questions: EncodedQuestions

    @torch.no_grad()
    def logits(self, video: AskedVideo) -> np.ndarray:
        """Scores of the answers to every question about a video, [rows, answers] float32."""
        starts = range(0, len(video.rows.frame), ROWS)
        parts = [self.rows(video, slice(start, start + ROWS)).numpy() for start in starts]
        return np.concatenate(parts)

    def rows(self, video: AskedVideo, rows: slice) -> torch.Tensor:
        """The same of some rows."""
        frames, frame_of = np.unique(video.rows.frame[rows], return_inverse=True)
        tokens = None if video.tokens is None else video.tokens[frames]
        return answer(self.fusion, tokens, frame_of, self.questions, video.rows.question[rows])


def answer(
    fusion: Fusion,
    tokens: np.ndarray | torch.Tensor | None,
    frame_of: np.ndarray,
    questions: EncodedQuestions,
    question_of: Sequence[int] | np.ndarray,
) -> torch.Tensor:
    """Run a fusion on rows, each question that occurs projected once; arguments as for `Fusion.forward`."""
    device = fusion.places.device
    if isinstance(tokens, np.ndarray):
        tokens = torch.from_numpy(np.asarray(tokens, dtype=np.float32)).to(device)
    present, question_of = np.unique(np.asarray(question_of), return_inverse=True)
    some = EncodedQuestions(questions.tokens[present].to(device), questions.mask[present].to(device))
    places = (torch.from_numpy(np.asarray(index)).to(device) for index in (frame_of, question_of))
    frame_of, question_of = places
    return fusion(None if fusion.patch is None else tokens, frame_of, some, question_of)
