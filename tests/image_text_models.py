# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Tiny image-text models of three families, untrained, each with a tokenizer of a few words and an image processor."""

import torch
from tokenizers import Tokenizer, pre_tokenizers, processors
from tokenizers.models import WordLevel
from transformers import (
    BertConfig,
    CLIPConfig,
    CLIPModel,
    PreTrainedTokenizerFast,
    SiglipConfig,
    SiglipModel,
    VisionTextDualEncoderConfig,
    VisionTextDualEncoderModel,
    ViTConfig,
    ViTImageProcessorPil,
)

from zen_hf import ZenConfig, ZenForDistillation

FAMILIES = ("clip", "siglip", "dual")
WORDS = "a the hook grasper scissors is in view of bare tissue at work phase".split()
SPECIAL = ["[PAD]", "[UNK]", "[BOS]", "[EOS]"]
SIZES = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2}
TEXT = SIZES | {"vocab_size": 32, "bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
VISION = SIZES | {"hidden_size": 40, "image_size": 32, "patch_size": 8}
MEAN, STD = [0.5, 0.4, 0.3], [0.2, 0.2, 0.3]
JOINT = {"clip": 24, "siglip": 40, "dual": 20}  # lengths of the embeddings in the joint space


def word_tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(SPECIAL + WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[BOS] $A [EOS]", special_tokens=[("[BOS]", 2), ("[EOS]", 3)]
    )
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "bos_token": "[BOS]", "eos_token": "[EOS]"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=16, **names)


def image_text_model(family: str):
    positions = {"max_position_embeddings": 16}
    if family == "clip":
        model = CLIPModel(CLIPConfig(text_config=TEXT | positions, vision_config=VISION, projection_dim=JOINT["clip"]))
    elif family == "siglip":
        text = TEXT | positions | {"projection_size": JOINT["siglip"]}
        model = SiglipModel(SiglipConfig(text_config=text, vision_config=VISION))
    else:
        bert = BertConfig(**SIZES, vocab_size=32, max_position_embeddings=16).to_dict()
        config = VisionTextDualEncoderConfig(
            vision_config=ViTConfig(**VISION).to_dict(), text_config=bert, projection_dim=JOINT["dual"]
        )
        model = VisionTextDualEncoderModel(config)
    torch.manual_seed(0)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.1)
    with torch.no_grad():
        model.logit_scale.fill_(2.0)
        if hasattr(model, "logit_bias"):
            model.logit_bias.fill_(-3.0)
    return model.eval()


def save_image_text(family: str, folder, tokenizer: bool = True):
    """Saves a model and what lies beside it, and gives the model."""
    model = image_text_model(family)
    model.save_pretrained(folder)
    size = {"height": 32, "width": 32}
    ViTImageProcessorPil(size=size, image_mean=MEAN, image_std=STD).save_pretrained(folder)
    if tokenizer:
        word_tokenizer().save_pretrained(folder)
    return model


def save_student(folder, summary_size: int, name: str = "text", kind: str = "mlp"):
    """A student with an adaptor into a joint space, and one into another teacher's."""
    sizes = {"patch_size": 40, "hidden_size": 16}
    config = ZenConfig(
        **(SIZES | {"num_hidden_layers": 2}),
        image_size=32,
        patch_size=8,
        num_register_tokens=2,
        adaptors=[
            {"name": "other", "kind": "mlp", "summary_size": 7} | sizes,
            {"name": name, "kind": kind, "summary_size": summary_size} | sizes,
        ],
    )
    torch.manual_seed(1)
    student = ZenForDistillation(config).eval()
    student.save_pretrained(folder)
    return student
