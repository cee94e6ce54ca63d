# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Optimisers, parameter groups and the learning rate of a step."""

import math
from dataclasses import dataclass, field

import torch

from zen_hf.distillation.muon import Muon


@dataclass
class OptimizerSpec:
    """AdamW or Muon with linear warm-up and cosine decay.

    Attributes:
        name: `"adamw"`, or `"muon"`: Muon for the matrices of the trunk's layers and AdamW for everything else, with
            which a random trunk needs far fewer steps.
        lr: Peak learning rate of AdamW.
        muon_lr: Peak learning rate of Muon; unused by `"adamw"`.
        trunk_lr_scale: Factor on the trunk's learning rates; below 1 for warm starts, whose trunk is already good.
        layer_decay: Factor on the trunk's learning rates per layer below the last; below 1 keeps early layers nearer
            to where they started (Clark et al., 2020; Bao et al., 2022).
        head_warmup_share: Share of the steps in which the adaptors learn alone, on a trunk that rests.
        weight_decay: On matrices only: not on biases, norms, scales, tokens and positions.
        betas: Momentum terms of AdamW.
        warmup_share: Share of the steps with a rising learning rate.
        final_lr_share: Learning rate at the last step over the peak.
        clip_norm: Largest norm of the gradient.
    """

    name: str = "adamw"
    lr: float = 1e-3
    muon_lr: float = 1e-2
    trunk_lr_scale: float = 1.0
    layer_decay: float = 1.0
    head_warmup_share: float = 0.0
    weight_decay: float = 0.03
    betas: list[float] = field(default_factory=lambda: [0.9, 0.99])
    warmup_share: float = 0.1
    final_lr_share: float = 0.01
    clip_norm: float = 1.0

    def __post_init__(self):
        if self.name not in ("adamw", "muon"):
            raise ValueError(f"optimizer.name is {self.name!r}; expected 'adamw' or 'muon'")
        if not 0 < self.layer_decay <= 1 or not 0 <= self.head_warmup_share < 1:
            raise ValueError(
                f"optimizer.layer_decay is {self.layer_decay}, expected a value in (0, 1]; head_warmup_share is "
                f"{self.head_warmup_share}, expected a value in [0, 1)"
            )


def build_optimizers(model: torch.nn.Module, spec: OptimizerSpec) -> list[torch.optim.Optimizer]:
    """AdamW, and Muon where it is asked for, over every trainable parameter, each in exactly one group.

    A group's `peak_lr` is its learning rate at the peak of the schedule.

    Args:
        model: `ZenForDistillation`; its trunk is `model.model`.
        spec: The recipe's optimiser.
    """
    adamw: dict[tuple[bool, float, float], list[torch.nn.Parameter]] = {}
    muon: dict[tuple[float, int], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        is_trunk = name.startswith("model.")
        scale = (
            spec.trunk_lr_scale * spec.layer_decay ** layers_above(name, len(model.model.layers)) if is_trunk else 1.0
        )
        if spec.name == "muon" and name.startswith("model.layers.") and parameter.ndim == 2:
            blocks = 3 if name.endswith("qkv_proj.weight") else 1
            muon.setdefault((scale, blocks), []).append(parameter)
        else:
            is_matrix = parameter.ndim >= 2 and not name.endswith(("_token", "_tokens", "position_embeddings"))
            decay = spec.weight_decay if is_matrix else 0.0
            adamw.setdefault((is_trunk, scale, decay), []).append(parameter)
    groups = [
        {"params": parameters, "peak_lr": spec.lr * scale, "weight_decay": decay, "trunk": is_trunk}
        for (is_trunk, scale, decay), parameters in adamw.items()
    ]
    optimizers: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, lr=spec.lr, betas=tuple(spec.betas))]
    if muon:
        groups = [
            {"params": parameters, "peak_lr": spec.muon_lr * scale, "blocks": blocks, "trunk": True}
            for (scale, blocks), parameters in muon.items()
        ]
        optimizers.append(Muon(groups, lr=spec.muon_lr, weight_decay=spec.weight_decay))
    return optimizers


def layers_above(name: str, num_layers: int) -> int:
    """Layers between a parameter of the trunk and its output: 0 for the last layer and the final norm."""
    parts = name.split(".")  # model.layers.3.mlp..., model.embeddings..., model.norm...
    if parts[1] == "layers":
        return num_layers - 1 - int(parts[2])
    return num_layers if parts[1] == "embeddings" else 0


def schedule(step: int, steps: int, spec: OptimizerSpec) -> float:
    """Share of the peak learning rates at a step in [0, steps): linear warm-up, then half a cosine.

    A function without state, so there is no scheduler to resume.
    """
    warmup = max(1, round(steps * spec.warmup_share))
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return spec.final_lr_share + (1 - spec.final_lr_share) * 0.5 * (1 + math.cos(math.pi * progress))


def set_learning_rates(
    optimizers: list[torch.optim.Optimizer], step: int, steps: int, spec: OptimizerSpec
) -> dict[str, float]:
    """Gives every group its learning rate for a step.

    The trunk rests during the head warm-up and then has a warm-up of its own.

    Returns:
        `lr`, the rate of the adaptors.
    """
    share = schedule(step, steps, spec)
    resting = round(steps * spec.head_warmup_share)
    trunk_share = 0.0 if step < resting else schedule(step - resting, steps - resting, spec)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak_lr"] * (trunk_share if group["trunk"] else share)
    return {"lr": share * spec.lr}
