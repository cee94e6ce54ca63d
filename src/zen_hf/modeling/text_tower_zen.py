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

"""The text half of an image-text model: its class, its weights, its tokenizer, and what a ZEN notes of it."""

import inspect
import os

import torch
import transformers
from torch import nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from .complete_checkpoint_zen import refuse_incomplete


def build_text_model(config: dict) -> PreTrainedModel:
    """A text tower without its weights.

    Args:
        config: Its configuration; `architectures` names its class in transformers, such as `["SiglipTextModel"]`.

    Raises:
        ValueError: If transformers has no such class.
    """
    settings = {key: value for key, value in config.items() if key != "architectures"}
    name = config["architectures"][0]
    model_class = getattr(transformers, name, None)
    if not (isinstance(model_class, type) and issubclass(model_class, PreTrainedModel)):
        raise ValueError(f"the text tower is a {name}, which transformers {transformers.__version__} does not have")
    return model_class._from_config(AutoConfig.for_model(**settings))


def load_tokenizer(
    name: str | os.PathLike, revision: str | None = None, trust_remote_code: bool = False
) -> PreTrainedTokenizerBase:
    """The tokenizer beside a text tower, or any other model of text.

    Where the files are missing, transformers (5.23) makes up a tokenizer without words, and every text would read alike.

    Args:
        name: Folder or Hub id.
        revision: Commit, tag or branch on the Hub.
        trust_remote_code: Whether code beside the weights may run.

    Raises:
        ValueError: If there is none, or one without words.
    """
    words, reason = [], "its vocabulary is empty"
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, revision=revision, trust_remote_code=trust_remote_code)
        special = set(tokenizer.all_special_ids)
        # SentencePiece's mark of a space is left where there are no words
        words = [token for token, place in tokenizer.get_vocab().items() if place not in special and token != "▁"]
    except Exception as error:  # tokenizers raises bare ones where files are missing
        reason = str(error).splitlines()[0]
    if not words:
        raise ValueError(
            f"{name} has no tokenizer ({reason}), without which its weights cannot read text; put the tokenizer files that "
            "it was trained with (tokenizer.json, tokenizer_config.json) into its folder"
        )
    return tokenizer


def require_text_tower(name: str, model: PreTrainedModel) -> None:
    """Refuses a model without a text tower of a form that can be taken over, or whose images are no frames of one size.

    Raises:
        ValueError: Naming what is missing, or the inputs that a frame does not have.
    """
    wanted = ("text_model", "get_text_features", "get_image_features", "logit_scale")
    missing = [part for part in wanted if not hasattr(model, part)]
    projection = getattr(model, "text_projection", None)
    if missing or not (
        isinstance(projection, (nn.Identity, type(None)))
        or (isinstance(projection, nn.Linear) and projection.bias is None)
    ):
        found = f"lacks {', '.join(missing)}" if missing else f"projects texts by {projection}"
        raise ValueError(
            f"{name} ({type(model).__name__}) {found}; expected an image-text model such as CLIP or SigLIP, with a "
            "text_model and, where it has one, a text_projection without bias"
        )
    inputs = inspect.signature(model.get_image_features).parameters
    patched = [argument for argument in ("pixel_attention_mask", "spatial_shapes") if argument in inputs]
    if patched:
        raise ValueError(
            f"{name} ({type(model).__name__}) takes images as lists of patches, with {' and '.join(patched)} (SigLIP 2 "
            "NaFlex); expected a model of frames of one size, such as a SigLIP 2 of fixed resolution"
        )


def describe_text_tower(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> dict:
    """What `ZenConfig.text_tower` says of a teacher's text tower, without the adaptor's name."""
    text_model = model.text_model
    settings = text_model.config.to_diff_dict() | {"architectures": [type(text_model).__name__]}
    pads = text_model.config.model_type.startswith("siglip")
    return {
        "config": {key: value for key, value in settings.items() if key not in ("_name_or_path", "dtype")},
        "projection": isinstance(getattr(model, "text_projection", None), nn.Linear),
        "logit_bias": getattr(model, "logit_bias", None) is not None,
        "padded_length": text_model.config.max_position_embeddings if pads else None,
        "pad_token_id": tokenizer.pad_token_id if pads else None,
    }


@torch.no_grad()
def joint_size(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    """Length of an embedding in a model's joint space, as its text tower gives it."""
    tokens = tokenizer(["a"], return_tensors="pt")["input_ids"]
    return model.get_text_features(input_ids=tokens).pooler_output.shape[-1]


def load_image_text_teacher(
    name: str | os.PathLike, revision: str | None = None, trust_remote_code: bool = False
) -> PreTrainedModel:
    """A whole image-text model in float32.

    Args:
        name: Folder or Hub id.
        revision: Commit, tag or branch on the Hub.
        trust_remote_code: Whether code beside the weights may run.

    Raises:
        ValueError: If its checkpoint is incomplete, or it has no text tower of a form that can be taken over.
    """
    model, report = AutoModel.from_pretrained(
        name,
        revision=revision,
        trust_remote_code=trust_remote_code,
        dtype=torch.float32,
        output_loading_info=True,
        ignore_mismatched_sizes=True,
    )
    refuse_incomplete(str(name), report)
    require_text_tower(str(name), model)
    return model


__all__ = [
    "build_text_model",
    "describe_text_tower",
    "joint_size",
    "load_image_text_teacher",
    "load_tokenizer",
    "require_text_tower",
]
