# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Muon: momentum whose every singular value is made 1 before it is applied (Jordan et al., 2024).

`torch.optim.Muon` orthogonalises in bfloat16 on every device, which is emulated, and hundreds of times slower, on CPUs
without bfloat16 instructions, and takes a fused projection of queries, keys and values for one matrix.
"""

from collections.abc import Callable, Iterable

import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # steepest at 0 among quintics that keep [0, 1] within about [0.7, 1.2]
ITERATIONS = 5
RMS_OF_ADAMW = 0.2  # of an update; Liu et al. (2025), arXiv 2502.16982, section 2.2


class Muon(torch.optim.Optimizer):
    """Orthogonalised Nesterov momentum, for the hidden matrices of a network.

    The update of a block [R, C] is scaled by `0.2 sqrt(max(R, C))`, so that its root mean square, and with it the range
    of good learning rates and weight decays, is that of AdamW.

    Args:
        params: Matrices [R, C], or groups of them. A group's `blocks` says how many matrices of equal shape each of
            its parameters holds, one below the other: 3 where one parameter projects to queries, keys and values.
        lr: Learning rate.
        weight_decay: Decoupled from the gradient, times the learning rate.
        momentum: Decay of the averaged gradient.
    """

    def __init__(self, params: Iterable, lr: float = 0.01, weight_decay: float = 0.0, momentum: float = 0.95):
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "blocks": 1})

    @torch.no_grad()
    def step(self, closure: Callable[[], torch.Tensor] | None = None) -> torch.Tensor | None:
        """One update of every parameter that has a gradient; returns what `closure` returns."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            directions: dict[tuple[torch.Size, torch.device], list] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    alike = directions.setdefault((parameter.shape, parameter.device), [])
                    alike.append((parameter, self.nesterov(parameter, group["momentum"])))
            for alike in directions.values():  # matrices of one shape are orthogonalised together
                stacked = torch.stack([direction for _, direction in alike])
                blocks = stacked.unflatten(1, (group["blocks"], -1))  # [M, blocks, R, C]
                updates = orthogonalise(blocks) * (RMS_OF_ADAMW * max(blocks.shape[-2:]) ** 0.5)
                for (parameter, _), update in zip(alike, updates.flatten(1, 2), strict=True):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.add_(update.to(parameter.dtype), alpha=-group["lr"])
        return loss

    def nesterov(self, parameter: torch.Tensor, momentum: float) -> torch.Tensor:
        """Averages the gradient into the state and looks one step ahead."""
        state = self.state[parameter]
        if not state:
            state["average"] = torch.zeros_like(parameter)
        state["average"].lerp_(parameter.grad, 1 - momentum)
        return parameter.grad.lerp(state["average"], momentum)


def orthogonalise(matrices: torch.Tensor) -> torch.Tensor:
    """Replaces the singular values of matrices [..., R, C] by values near 1, by Newton-Schulz iterations.

    In bfloat16 on CUDA and in float32 elsewhere. A matrix of zeros stays one.
    """
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-12)  # all singular values in [0, 1]
    x = x.bfloat16() if x.is_cuda else x.float()
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).to(matrices.dtype)
