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
    weight_decay: float = 0.03
    betas: list[float] = field(default_factory=lambda: [0.9, 0.99])
    warmup_share: float = 0.1
    final_lr_share: float = 0.01
    clip_norm: float = 1.0

    def __post_init__(self):
        if self.name not in ("adamw", "muon"):
            raise ValueError(f"optimizer.name is {self.name!r}; expected 'adamw' or 'muon'")


def build_optimizers(model: torch.nn.Module, spec: OptimizerSpec) -> list[torch.optim.Optimizer]:
    """AdamW, and Muon where it is asked for, over every trainable parameter, each in exactly one group.

    A group's `peak_lr` is its learning rate at the peak of the schedule.

    Args:
        model: `ZenForDistillation`; its trunk is `model.model`.
        spec: The recipe's optimiser.
    """
    adamw: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    muon: dict[int, list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        if spec.name == "muon" and name.startswith("model.layers.") and parameter.ndim == 2:
            muon.setdefault(3 if name.endswith("qkv_proj.weight") else 1, []).append(parameter)
            continue
        is_matrix = parameter.ndim >= 2 and not name.endswith(("_token", "_tokens", "position_embeddings"))
        lr = spec.lr * (spec.trunk_lr_scale if name.startswith("model.") else 1.0)
        adamw.setdefault((lr, spec.weight_decay if is_matrix else 0.0), []).append(parameter)
    groups = [{"params": p, "peak_lr": lr, "weight_decay": decay} for (lr, decay), p in adamw.items()]
    optimizers: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, lr=spec.lr, betas=tuple(spec.betas))]
    if muon:
        lr = spec.muon_lr * spec.trunk_lr_scale
        groups = [{"params": p, "peak_lr": lr, "blocks": blocks} for blocks, p in muon.items()]
        optimizers.append(Muon(groups, lr=lr, weight_decay=spec.weight_decay))
    return optimizers


def schedule(step: int, steps: int, spec: OptimizerSpec) -> float:
    """Share of the peak learning rates at a step in [0, steps): linear warm-up, then half a cosine.

    A function without state, so there is no scheduler to resume.
    """
    warmup = max(1, round(steps * spec.warmup_share))
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return spec.final_lr_share + (1 - spec.final_lr_share) * 0.5 * (1 + math.cos(math.pi * progress))


def set_learning_rates(optimizers: list[torch.optim.Optimizer], share: float) -> None:
    """Gives every group this share of its peak learning rate."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = share * group["peak_lr"]
