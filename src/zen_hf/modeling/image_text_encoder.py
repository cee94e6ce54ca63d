# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Images and texts in one space, read out of any image-text model: CLIP, SigLIP, a ZEN with a text tower, ..."""

import copy
import hashlib
import inspect
import json
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, PreTrainedModel, PreTrainedTokenizerBase
from transformers.models.auto.modeling_auto import MODEL_MAPPING

from .configuration_zen import ZenConfig
from .frame_encoder import FrameEncoder
from .modeling_zen_zero_shot import ZenForZeroShotImageClassification
from .pretrained_encoder import load_pretrained
from .text_tower_zen import load_tokenizer, require_text_tower

TEXTS_AT_ONCE = 64
TEXT_TOWER = ("text_model", "text_projection")
NO_IMAGE = (*TEXT_TOWER, "logit_scale", "logit_bias")  # what no picture goes through


class ImageTower(nn.Module):
    """The image half of an image-text model, whose pooled output is the image in the joint space.

    It shares its weights with the model and holds none of the text half: what is hashed and moved is what frames go through.

    Args:
        model: The whole model, which stays as it is.
    """

    main_input_name = "pixel_values"

    def __init__(self, model: PreTrainedModel):
        super().__init__()
        self.whole = without_text(model)
        self.config = getattr(model.config, "vision_config", model.config)
        arguments = inspect.signature(getattr(model, "vision_model", model).forward).parameters
        # a fixed-size table of positions must be interpolated on request
        self.arguments = {"interpolate_pos_encoding": True} if "interpolate_pos_encoding" in arguments else {}

    def forward(self, pixel_values: torch.Tensor):
        """Tokens and joint embedding of frames [B, 3, H, W]."""
        return self.whole.get_image_features(pixel_values=pixel_values, **self.arguments)


class JointFrameEncoder(FrameEncoder):
    """A frozen encoder of frames whose summary is the final embedding in an image-text model's joint space.

    In CLIP that is the pooled output after the visual projection, in SigLIP the pooled output itself. Patches are those of
    the image tower. Arguments and errors are those of `FrameEncoder`.
    """

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str,
        revision: str | None = None,
        dtype: torch.dtype = torch.float32,
        trust_remote_code: bool = False,
        image_mean: list[float] | None = None,
        image_std: list[float] | None = None,
    ) -> "JointFrameEncoder":
        """Loads the image half alone; arguments are those of `load_pretrained`.

        Raises:
            FileNotFoundError: If the folder or repository holds no readable checkpoint.
            ValueError: If the model has no joint space, its checkpoint lacks weights, or no normalisation is known.
        """
        name = str(pretrained_model_name_or_path)
        model, settings = load_image_text_model(name, revision, dtype, trust_remote_code, image_mean, image_std)
        return cls(ImageTower(model), **settings)


class TextEncoder:
    """The frozen text half of an image-text model.

    Args:
        model: The whole model.
        tokenizer: Its tokenizer.
        name: How messages call it.

    Attributes:
        scale: What the model multiplies cosines by.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str):
        self.model, self.tokenizer, self.name = model.eval().requires_grad_(False), tokenizer, name
        self.scale = float(model.logit_scale.exp())
        text_config = model.text_model.config
        self.longest = getattr(text_config, "max_position_embeddings", tokenizer.model_max_length)
        # SigLIP was trained on texts of one length and reads the last token, padding or not
        self.fixed_length = text_config.model_type.startswith("siglip")

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the text tower's weights and of how it splits text: equal fingerprints give equal embeddings."""
        weights = self.model.state_dict()
        mine = {key: tensor for key, tensor in weights.items() if key.split(".")[0] in TEXT_TOWER}
        return text_fingerprint(self.tokenizer, mine, self.fixed_length)

    @torch.no_grad()
    def __call__(self, texts: list[str]) -> torch.Tensor:
        """Embeddings of texts.

        Args:
            texts: As they are; no template is put around them.

        Returns:
            [texts, joint size] float32 on the CPU, of length 1.

        Raises:
            ValueError: If a text is longer than the tower reads.
        """
        for text in texts:
            if (length := len(self.tokenizer(text)["input_ids"])) > self.longest:
                raise ValueError(f"{self.name} reads {self.longest} tokens; {text!r} has {length}; shorten it")
        padding = {"padding": "max_length", "max_length": self.longest} if self.fixed_length else {"padding": True}
        accepted = inspect.signature(self.model.get_text_features).parameters
        device, found = next(self.model.text_model.parameters()).device, []
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            inputs = self.tokenizer(texts[start : start + TEXTS_AT_ONCE], return_tensors="pt", **padding)
            inputs = {key: value.to(device) for key, value in inputs.items() if key in accepted}
            if self.fixed_length:
                inputs.pop("attention_mask", None)
            found.append(self.model.get_text_features(**inputs).pooler_output.float().cpu())
        return nn.functional.normalize(torch.cat(found), dim=-1)


@dataclass(frozen=True)
class ImageTextEncoder:
    """Both halves of one image-text model.

    Attributes:
        frames: Its image half.
        texts: Its text half.
    """

    frames: JointFrameEncoder
    texts: TextEncoder

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str, revision: str | None = None, trust_remote_code: bool = False
    ) -> "ImageTextEncoder":
        """Loads a CLIP-like model, or a ZEN with a text tower, and its tokenizer.

        Raises:
            FileNotFoundError: If the folder or repository holds no readable checkpoint.
            ValueError: If there is no text tower or no tokenizer, the checkpoint lacks weights, or no normalisation is
                known.
        """
        name = str(pretrained_model_name_or_path)
        model, settings = load_image_text_model(name, revision, trust_remote_code=trust_remote_code)
        tokenizer = load_tokenizer(name, revision, trust_remote_code)
        return cls(JointFrameEncoder(ImageTower(model), **settings), TextEncoder(model, tokenizer, name))


def without_text(model: PreTrainedModel) -> PreTrainedModel:
    """A view of an image-text model without its text half, with the same weights otherwise."""
    view = copy.copy(model)
    view._modules, view._parameters = (
        {name: None if name in NO_IMAGE else part for name, part in parts.items()}
        for parts in (model._modules, model._parameters)
    )
    return view


def text_fingerprint(tokenizer: PreTrainedTokenizerBase, weights: dict[str, torch.Tensor], *settings: object) -> str:
    """SHA-256 of a model of text: its vocabulary, its settings and its weights."""
    digest = hashlib.sha256(json.dumps(tokenizer.get_vocab(), sort_keys=True).encode())
    digest.update("".join(str(setting) for setting in settings).encode())
    for key, tensor in sorted(weights.items()):
        digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def load_image_text_model(
    name: str,
    revision: str | None = None,
    dtype: torch.dtype = torch.float32,
    trust_remote_code: bool = False,
    image_mean: list[float] | None = None,
    image_std: list[float] | None = None,
) -> tuple[PreTrainedModel, dict]:
    """`load_pretrained` for models with a text tower; refuses those without.

    Raises:
        FileNotFoundError: If the folder or repository holds no readable checkpoint.
        ValueError: If there is no text tower, or for the reasons of `load_pretrained`.
    """
    is_zen = isinstance(read_config(name, revision), ZenConfig)
    model_class = ZenForZeroShotImageClassification if is_zen else AutoModel
    model, settings = load_pretrained(
        name, revision, dtype, trust_remote_code, image_mean, image_std, model_class=model_class
    )
    require_text_tower(name, model)
    return model, settings


def has_text_tower(name: str | None, revision: str | None = None) -> bool:
    """Whether a folder or Hub id holds an image-text model, as its configuration says; nothing else is loaded.

    Args:
        name: Folder or Hub id; None, which no model has, gives False.
        revision: Commit, tag or branch on the Hub.
    """
    config = read_config(name, revision) if name is not None else None
    if config is None or isinstance(config, ZenConfig):
        return config is not None and config.text_tower is not None
    model_class = MODEL_MAPPING.get(type(config), None)
    return hasattr(model_class, "get_text_features") and hasattr(model_class, "get_image_features")


def read_config(name: str, revision: str | None):
    """The configuration of a checkpoint; None where there is none that transformers knows."""
    try:
        return AutoConfig.from_pretrained(name, revision=revision, trust_remote_code=False)
    except (OSError, ValueError):
        return None


__all__ = ["ImageTextEncoder", "JointFrameEncoder", "TextEncoder", "has_text_tower", "text_fingerprint"]
