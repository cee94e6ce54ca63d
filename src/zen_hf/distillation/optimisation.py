# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Optimiser, parameter groups and the learning rate of a step."""

import math
from dataclasses import dataclass, field

import torch


@dataclass
class OptimizerSpec:
    """AdamW with linear warm-up and cosine decay.

    Attributes:
        lr: Peak learning rate.
        trunk_lr_scale: Factor on the trunk's learning rate; below 1 for warm starts, whose trunk is already good.
        weight_decay: On matrices only: not on biases, norms, scales, tokens and positions.
        betas: Momentum terms of AdamW.
        warmup_share: Share of the steps with a rising learning rate.
        final_lr_share: Learning rate at the last step over the peak.
        clip_norm: Largest norm of the gradient.
    """

    lr: float = 1e-3
    trunk_lr_scale: float = 1.0
    weight_decay: float = 0.03
    betas: list[float] = field(default_factory=lambda: [0.9, 0.99])
    warmup_share: float = 0.1
    final_lr_share: float = 0.01
    clip_norm: float = 1.0


def build_optimizer(model: torch.nn.Module, spec: OptimizerSpec) -> torch.optim.AdamW:
    """AdamW over every trainable parameter, each in exactly one group.

    Args:
        model: `ZenForDistillation`; its trunk is `model.model`.
        spec: The recipe's optimiser.
    """
    groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            is_trunk = name.startswith("model.")
            is_matrix = parameter.ndim >= 2 and not name.endswith(("_token", "_tokens", "position_embeddings"))
            groups.setdefault((is_trunk, is_matrix), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "lr_scale": spec.trunk_lr_scale if is_trunk else 1.0,
                "weight_decay": spec.weight_decay if is_matrix else 0.0,
            }
            for (is_trunk, is_matrix), parameters in groups.items()
        ],
        lr=spec.lr,
        betas=tuple(spec.betas),
    )


def learning_rate(step: int, steps: int, spec: OptimizerSpec) -> float:
    """Learning rate of a step in [0, steps): linear warm-up, then half a cosine. No state, so no scheduler to resume."""
    warmup = max(1, round(steps * spec.warmup_share))
    if step < warmup:
        return spec.lr * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    floor = spec.lr * spec.final_lr_share
    return floor + (spec.lr - floor) * 0.5 * (1 + math.cos(math.pi * progress))


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Gives every group its share of the learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["lr_scale"]
