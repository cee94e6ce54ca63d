# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A tiny image-text model, trained on captions of synthetic surgery: a teacher whose space texts can be read in."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from transformers import CLIPConfig, CLIPModel, PreTrainedTokenizerFast
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from zen_hf.atomic_files import atomic_folder
from zen_hf.data.synthetic_surgery import SceneFrame
from zen_hf.distillation.captions import Caption, caption, caption_tokenizer, facts_of, fits
from zen_hf.distillation.tiny_teachers import MEAN, STD

CAPTIONS_PER_FRAME = 4  # in a step: texts are short, and cost little beside the pictures
UNKNOWN_RATE = 0.05  # of the words in training, so that a prompt with words of its own is no surprise


def tiny_clip(tokenizer: PreTrainedTokenizerFast, image_size: int) -> CLIPModel:
    """An untrained two-tower network with 8 x 8 patches of a 64 px frame.

    Args:
        tokenizer: gives the number of words.
        image_size: side of the frames in pixels.
    """
    vision = {"hidden_size": 96, "intermediate_size": 256, "num_hidden_layers": 4, "num_attention_heads": 3}
    text = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2}
    tokens = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
    config = CLIPConfig(
        vision_config=vision | {"image_size": image_size, "patch_size": 8},
        text_config=text
        | tokens
        | {"vocab_size": len(tokenizer), "max_position_embeddings": tokenizer.model_max_length},
        projection_dim=64,
    )
    return CLIPModel(config)


def train_tiny_image_text(
    pixels: torch.Tensor,
    scenes: list[SceneFrame],
    steps: int,
    folder: Path,
    batch_size: int = 64,
    lr: float = 2e-3,
    seed: int = 0,
    advance: Callable[[float], None] = lambda loss: None,
) -> list[float]:
    """Trains the two towers and saves them with tokenizer and image processor.

    The loss is that of CLIP with all true pairs of a batch as positives (Yang et al., UniCL, 2022, arXiv 2204.03610):
    a caption states few facts, which several frames of a batch share.

    Args:
        pixels: RGB frames [F, 3, S, S], uint8.
        scenes: the same frames with their labels.
        steps: optimiser steps.
        folder: where `AutoModel` will find it; written as a whole or not at all.
        batch_size: frames per step.
        lr: peak learning rate of AdamW in a one-cycle schedule.
        seed: seed of weights, batches and words.
        advance: called after every step with the loss.

    Returns:
        The loss of every step.
    """
    torch.manual_seed(seed)
    words = random.Random(seed)
    tokenizer = caption_tokenizer()
    model = tiny_clip(tokenizer, pixels.shape[-1]).train()
    facts = torch.from_numpy(np.stack([facts_of(scene) for scene in scenes]))
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.15)
    losses, order = [], torch.empty(0, dtype=torch.long)
    for _ in range(steps):
        while len(order) < batch_size:
            order = torch.cat([order, torch.randperm(len(pixels))])
        batch, order = order[:batch_size], order[batch_size:]
        captions = [caption(facts[row].numpy(), words) for row in batch for _ in range(CAPTIONS_PER_FRAME)]
        images = model.get_image_features(pixel_values=normalised(augmented(pixels[batch]))).pooler_output
        texts = model.get_text_features(**some_unknown(tokenized(tokenizer, captions), tokenizer)).pooler_output
        loss = contrastive_loss(images, texts, model.logit_scale.exp(), fits(captions, facts[batch]))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            model.logit_scale.clamp_(max=float(np.log(100)))  # as CLIP does
        losses.append(loss.item())
        advance(losses[-1])
    save_image_text(model, tokenizer, pixels.shape[-1], folder)
    return losses


def save_image_text(model: CLIPModel, tokenizer: PreTrainedTokenizerFast, image_size: int, folder: Path) -> None:
    """Saves an image-text model, trained or not, as any pretrained one is saved; arguments as above."""
    model.eval()
    with atomic_folder(folder) as temporary:
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        ViTImageProcessorPil(
            size={"height": image_size, "width": image_size}, do_convert_rgb=True, image_mean=MEAN, image_std=STD
        ).save_pretrained(temporary)


def contrastive_loss(
    images: torch.Tensor, texts: torch.Tensor, scale: torch.Tensor, positives: torch.Tensor
) -> torch.Tensor:
    """Cross-entropy from images to texts and back, each towards all its positives alike.

    Args:
        images: embeddings [B, C].
        texts: embeddings of some captions of each [T, C].
        scale: what cosines are multiplied by.
        positives: [texts, images] of bool: which caption is true of which frame.
    """
    logits = scale * F.normalize(texts, dim=-1) @ F.normalize(images, dim=-1).T  # [texts, images]
    wanted = positives.float()
    to_images = F.cross_entropy(logits, wanted / wanted.sum(1, keepdim=True))
    to_texts = F.cross_entropy(logits.T, wanted.T / wanted.sum(0)[:, None])
    return (to_images + to_texts) / 2


def augmented(pixels: torch.Tensor) -> torch.Tensor:
    """Frames in [0, 1] with each its own brightness and colour balance; half of the batches mirrored."""
    gains = (0.85 + 0.3 * torch.rand(len(pixels), 1, 1, 1)) * (0.9 + 0.2 * torch.rand(len(pixels), 3, 1, 1))
    pixels = (pixels.float() / 255 * gains).clamp(0, 1)
    return pixels.flip(-1) if torch.rand(()) < 0.5 else pixels


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    """What the image processor makes of frames in [0, 1]."""
    mean, std = (torch.tensor(value).view(1, 3, 1, 1) for value in (MEAN, STD))
    return (pixels - mean) / std


def tokenized(tokenizer: PreTrainedTokenizerFast, captions: list[Caption]) -> dict[str, torch.Tensor]:
    """Captions as what the text tower takes."""
    inputs = tokenizer([one.text for one in captions], padding=True, return_tensors="pt")
    return {name: inputs[name] for name in ("input_ids", "attention_mask")}


def some_unknown(inputs: dict[str, torch.Tensor], tokenizer: PreTrainedTokenizerFast) -> dict[str, torch.Tensor]:
    """Replaces a few words by the token of unknown ones."""
    words = inputs["input_ids"]
    special = torch.isin(words, torch.tensor(tokenizer.all_special_ids))
    drawn = (torch.rand(words.shape) < UNKNOWN_RATE) & ~special
    return inputs | {"input_ids": words.masked_fill(drawn, tokenizer.unk_token_id)}
