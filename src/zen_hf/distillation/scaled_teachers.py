# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Gives a teacher's features another scale, in its weights, so that whatever loads it needs no special code.

Real teachers' features differ in scale by 191 (PHI-S, arXiv 2410.01680: from .0286 to 5.47). Tiny ones are given such
scales to see what a loss or a standardisation makes of them.
"""

import shutil
from pathlib import Path

import torch
from torch import nn
from transformers import PreTrainedModel, RegNetModel, ResNetModel, ViTModel

from zen_hf.atomic_files import atomic_folder
from zen_hf.distillation.standardisation import StreamingMoments
from zen_hf.modeling.frame_encoder import FrameEncoder


def scale_teacher(source: Path, folder: Path, factor: float) -> None:
    """Saves a copy of a teacher whose summary and patch tokens are multiplied by a factor.

    The factor goes into the affine layers that the last thing computed is linear in: the final LayerNorm of a ViT, and
    the two batch normalisations whose sum the last ReLU of a RegNet or ResNet takes (`relu(f x) = f relu(x)`).

    Args:
        source: Folder of a ViT without a pooler, or of a RegNet or ResNet whose last block has a shortcut with weights.
        folder: Where the copy goes; written as a whole or not at all.
        factor: More than 0.

    Raises:
        ValueError: If the factor is not positive, or the network ends in another way.
    """
    if not factor > 0:
        raise ValueError(f"factor is {factor}; expected more than 0, a ReLU commutes with no other")
    network = FrameEncoder.from_pretrained(str(source)).model
    with torch.no_grad():
        for layer in last_affine_layers(network):
            layer.weight.mul_(factor)
            layer.bias.mul_(factor)
    with atomic_folder(folder) as temporary:
        shutil.copytree(source, temporary, dirs_exist_ok=True)
        network.save_pretrained(temporary)


def last_affine_layers(network: PreTrainedModel) -> list[nn.Module]:
    """The layers with weight and bias whose outputs, together, the network's output is proportional to."""
    if isinstance(network, ViTModel) and network.pooler is None:
        return [network.layernorm]
    if isinstance(network, (RegNetModel, ResNetModel)):
        block = network.encoder.stages[-1].layers[-1]
        if isinstance(block.activation, nn.ReLU) and not isinstance(block.shortcut, nn.Identity):
            return [block.layer[-1].normalization, block.shortcut.normalization]
    raise ValueError(
        f"{type(network).__name__} cannot be scaled in its weights; expected a ViT without a pooler, or a RegNet or "
        "ResNet whose last block has a shortcut with weights and ends in a ReLU"
    )


@torch.no_grad()
def patch_deviation(source: Path, pixels: torch.Tensor, batch_size: int = 100) -> float:
    """Root of the mean variance of a teacher's patch channels, PHI-S' phi.

    Args:
        source: Folder of the teacher.
        pixels: RGB frames [F, 3, S, S], uint8, of the size that the teacher was made for.
        batch_size: Frames at once.
    """
    encoder = FrameEncoder.from_pretrained(str(source))
    patches = [encoder(batch.float() / 255).patches for batch in pixels.split(batch_size)]
    moments = StreamingMoments(encoder.hidden_size)
    for batch in patches:
        moments.update(batch)
    return float(moments.covariance.diagonal().mean().sqrt())
