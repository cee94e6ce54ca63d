# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Trains tiny teachers, one per skill and each of another architecture, and saves them as any pretrained model is saved."""

import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from transformers import PreTrainedModel, RegNetConfig, RegNetModel, ResNetConfig, ResNetModel, ViTConfig, ViTModel
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from zen_hf.atomic_files import atomic_folder
from zen_hf.distillation.skill_probes import known_rows
from zen_hf.distillation.skills import LabelledFrames, Skill
from zen_hf.distillation.teachers import resize
from zen_hf.modeling.frame_encoder import FrameEncoder, FrameFeatures

MEAN, STD = [0.5, 0.4, 0.4], [0.25, 0.25, 0.25]


def tiny_network(skill: str) -> PreTrainedModel:
    """An untrained network for one skill.

    All three see 8 x 8 patches of a 64 px frame: the convolutional networks with a stride of 8 px, the transformer with
    patches of 16 px on frames that are enlarged to twice their size.

    Args:
        skill: `"what"` (RegNet), `"where"` (ResNet) or `"far"` (ViT).

    Raises:
        ValueError: If there is no such skill.
    """
    if skill == "what":
        sizes = {"embedding_size": 24, "hidden_sizes": [48, 96], "depths": [1, 1], "groups_width": 24}
        return RegNetModel(RegNetConfig(**sizes, layer_type="x"))
    if skill == "where":
        sizes = {"embedding_size": 24, "hidden_sizes": [48, 96], "depths": [1, 1]}
        return ResNetModel(ResNetConfig(**sizes, layer_type="basic"))
    if skill == "far":
        sizes = {"hidden_size": 96, "intermediate_size": 192, "num_hidden_layers": 4, "num_attention_heads": 3}
        return ViTModel(ViTConfig(**sizes, patch_size=16, image_size=128), add_pooling_layer=False)
    raise ValueError(f"no tiny teacher has the skill {skill!r}; expected 'what', 'where' or 'far'")


def train_tiny_teacher(
    skill: Skill,
    frames: LabelledFrames,
    steps: int,
    folder: Path,
    batch_size: int = 64,
    lr: float = 3e-3,
    seed: int = 0,
    advance: Callable[[float], None] = lambda loss: None,
) -> list[float]:
    """Trains a teacher on one skill with labels and saves it without its head.

    Args:
        skill: What it learns.
        frames: Labelled frames.
        steps: Optimiser steps.
        folder: Where `AutoModel` will find it; written as a whole or not at all.
        batch_size: Frames per step.
        lr: Peak learning rate of AdamW in a one-cycle schedule.
        seed: Seed of weights and batches.
        advance: Called after every step with the loss.

    Returns:
        The loss of every step.
    """
    torch.manual_seed(seed)
    side = frames.pixels.shape[-1]
    network = tiny_network(skill.name)
    encoder = FrameEncoder(network, MEAN, STD, image_size=getattr(network.config, "image_size", side), name=skill.name)
    head = nn.Linear(encoder.hidden_size if skill.per_patch else encoder.summary_size, skill.outputs)
    network.requires_grad_(True).train()
    parameters = [*network.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=lr, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.2)
    rows = math.isqrt(frames.targets["where"].shape[1])
    losses, order = [], torch.empty(0, dtype=torch.long)
    for _ in range(steps):
        while len(order) < batch_size:
            order = torch.cat([order, torch.randperm(len(frames))])
        batch, order = order[:batch_size], order[batch_size:]
        pixels, targets = augment(frames.pixels[batch].float() / 255, frames.targets[skill.name][batch], skill, rows)
        features = trainable_features(encoder, pixels, rows)
        predicted = head(features.patches if skill.per_patch else features.summary)
        loss = skill.loss(*known_rows(predicted, targets))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        advance(losses[-1])
    save_tiny_teacher(network, encoder.default_image_size, folder)
    return losses


def save_tiny_teacher(network: PreTrainedModel, image_size: int, folder: Path) -> None:
    """Saves a tiny teacher, trained or not, as any pretrained model is saved.

    Args:
        network: From [`tiny_network`].
        image_size: Side of the square frames that it was made for, in pixels.
        folder: Where `AutoModel` will find it; written as a whole or not at all.
    """
    network.eval()
    with atomic_folder(folder) as temporary:
        network.save_pretrained(temporary)
        ViTImageProcessorPil(
            size={"height": image_size, "width": image_size}, do_convert_rgb=True, image_mean=MEAN, image_std=STD
        ).save_pretrained(temporary)


def augment(pixels: torch.Tensor, targets: torch.Tensor, skill: Skill, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Changes the brightness of every frame and mirrors half of the batches, with their answers."""
    pixels = (pixels * (0.9 + 0.2 * torch.rand(len(pixels), 1, 1, 1))).clamp(0, 1)
    if torch.rand(()) < 0.5:
        pixels = pixels.flip(-1)
        if skill.per_patch:
            targets = targets.unflatten(1, (rows, rows)).flip(2).flatten(1, 2)
    return pixels, targets


def trainable_features(encoder: FrameEncoder, pixels: torch.Tensor, rows: int) -> FrameFeatures:
    """What `FrameEncoder` reads, with gradients, on a grid of rows x rows patches."""
    pixels = resize(pixels, (rows * encoder.stride, rows * encoder.stride))
    return encoder.read(encoder.model((pixels - encoder.mean) / encoder.std), (rows, rows))
