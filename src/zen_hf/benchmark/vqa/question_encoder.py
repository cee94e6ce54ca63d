# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Questions as token states of a frozen text encoder: any `AutoModel` of text, or the text tower of an image-text model."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from transformers import AutoModel, PreTrainedModel, PreTrainedTokenizerBase

from zen_hf.modeling.complete_checkpoint_zen import refuse_incomplete
from zen_hf.modeling.image_text_encoder import text_fingerprint
from zen_hf.modeling.text_tower_zen import load_tokenizer


@dataclass(frozen=True)
class EncodedQuestions:
    """Token states of some questions.

    Args:
        tokens: [questions, length, channels] float32; zero beyond a question's own length.
        mask: whether a token belongs to the question, [questions, length].
    """

    tokens: torch.Tensor
    mask: torch.Tensor


@dataclass(frozen=True)
class QuestionEncoder:
    """A frozen text encoder with its tokenizer.

    Every question is encoded by itself, once per encoder: what it becomes depends on no other question.

    Args:
        name: Hub id or folder that it was loaded from.
        model: the network that reads token ids.
        tokenizer: makes them.
        revision: commit, tag or branch on the Hub.
        known: states of the questions that were encoded already.
    """

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    revision: str | None = None
    known: dict[str, torch.Tensor] = field(default_factory=dict, repr=False)

    @classmethod
    def from_pretrained(cls, name: str, revision: str | None = None) -> "QuestionEncoder":
        """Load an encoder with the tokenizer beside it.

        Args:
            name: Hub id or folder of an encoder such as BERT, or of an image-text model, whose text tower is used.
            revision: commit, tag or branch on the Hub.

        Raises:
            FileNotFoundError: if there is no readable checkpoint.
            ValueError: if it lacks weights, takes no text, or has no tokenizer or another model's.
        """
        name = str(name)
        try:
            model, report = AutoModel.from_pretrained(
                name,
                revision=revision,
                dtype=torch.float32,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            )
        except OSError as error:
            raise FileNotFoundError(
                f"{name}: no text encoder could be loaded ({error}); expected a Hub id or a folder with config.json, "
                "model.safetensors and a tokenizer, as written by save_pretrained."
            ) from error
        # Token states are read, never the pooled state, which checkpoints of language models lack.
        missing = {key for key in report["missing_keys"] if key.startswith("pooler.")}
        if missing:
            model.pooler = None
            report["missing_keys"] -= missing
        refuse_incomplete(name, report)
        return cls(name, text_part(name, model).eval().requires_grad_(False), load_tokenizer(name, revision), revision)

    def __post_init__(self):
        """Refuse a tokenizer that belongs to another model.

        Raises:
            ValueError: if it has more tokens than the model has embeddings.
        """
        known = self.model.get_input_embeddings().num_embeddings
        if len(self.tokenizer) > known:
            raise ValueError(
                f"{self.name}: its tokenizer has {len(self.tokenizer)} tokens and its model {known}; put the tokenizer "
                "that the model was trained with beside it."
            )

    @property
    def hidden_size(self) -> int:
        """Channels of a token state."""
        return self.model.config.hidden_size

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the weights and of how it splits text: equal fingerprints give equal states."""
        return text_fingerprint(self.tokenizer, self.model.state_dict(), self.padding)

    @property
    def padding(self) -> str | bool:
        """SigLIP was trained on text that is filled up to its full length, without a mask; no other is filled up."""
        return "max_length" if self.model.config.model_type.startswith("siglip") else False

    @property
    def longest(self) -> int:
        """Tokens that a question may have."""
        positions = getattr(self.model.config, "max_position_embeddings", self.tokenizer.model_max_length)
        return min(self.tokenizer.model_max_length, positions)

    def encode(self, questions: Sequence[str]) -> EncodedQuestions:
        """Token states of questions, in their order.

        Args:
            questions: at least one, none of them empty.

        Raises:
            ValueError: if there is none, or one is empty or longer than the encoder reads.
        """
        if not questions:
            raise ValueError("no question to encode; expected at least one.")
        for question in questions:
            if question not in self.known:
                self.known[question] = self.states_of(question)
        states = [self.known[question] for question in questions]
        tokens = torch.nn.utils.rnn.pad_sequence(states, batch_first=True)
        lengths = torch.tensor([len(state) for state in states])
        return EncodedQuestions(tokens, torch.arange(tokens.shape[1]) < lengths[:, None])

    @torch.no_grad()
    def states_of(self, question: str) -> torch.Tensor:
        """States of one question's tokens, [length, channels] float32."""
        ids = self.tokenizer(
            question,
            padding=self.padding,
            max_length=self.longest if self.padding else None,
            return_tensors="pt",
        )["input_ids"]
        if not question.strip() or not 0 < ids.shape[1] <= self.longest:
            raise ValueError(
                f"{self.name}: question {question!r} has {ids.shape[1]} tokens; expected text of 1 to {self.longest}."
            )
        return self.model(input_ids=ids.long().to(self.model.device)).last_hidden_state[0].float().cpu()


def text_part(name: str, model: PreTrainedModel) -> PreTrainedModel:
    """The part of a model that reads text: a text tower, the encoder of an encoder-decoder, or the model itself.

    Raises:
        ValueError: if it reads no text.
    """
    part = getattr(model, "text_model", model)
    part = part.get_encoder() if part.config.is_encoder_decoder else part
    if part.main_input_name != "input_ids":
        raise ValueError(
            f"{name} ({type(part).__name__}) takes {part.main_input_name}, not text; expected a text encoder such as "
            "BERT, or an image-text model with a text_model such as CLIP or SigLIP."
        )
    return part
