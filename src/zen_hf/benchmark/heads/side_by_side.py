# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""AdamW for several settings that are trained in one pass, as if each were alone.

Every parameter has the settings along its first dimension, and the loss is the sum of one loss per setting: then the
gradient of a setting's share depends on nothing else. The rate, the decay and the clipping are per setting too.
"""

from collections.abc import Iterable, Sequence

import torch

BETAS, EPSILON = (0.9, 0.999), 1e-8


class SideBySideAdamW:
    """AdamW (I. Loshchilov and F. Hutter, arXiv:1711.05101, algorithm 2) with one rate and one decay per setting.

    Args:
        parameters: [settings, ...] each.
        rates: learning rate of every setting.
        decays: weight decay of every setting, relative to its rate.
        clip: largest norm of the gradient of one setting; None clips nothing.
        undecayed: those of the parameters that do not decay, such as biases.
    """

    def __init__(
        self,
        parameters: Iterable[torch.Tensor],
        rates: Sequence[float],
        decays: Sequence[float],
        clip: float | None = None,
        undecayed: Iterable[torch.Tensor] = (),
    ):
        self.parameters, self.clip, self.steps = list(parameters), clip, 0
        self.rates, self.decays = (torch.tensor(values)[:, None] for values in (rates, decays))  # [settings, 1]
        undecayed = {id(parameter) for parameter in undecayed}
        self.decayed = torch.cat(
            [torch.full((p[0].numel(),), float(id(p) not in undecayed)) for p in self.parameters]
        )  # [values]
        # A step over a hundred small tensors costs more than training them: all live in one, [settings, values].
        self.values = torch.cat([parameter.detach().flatten(1) for parameter in self.parameters], dim=1)
        views = self.values.split([parameter[0].numel() for parameter in self.parameters], dim=1)
        for parameter, view in zip(self.parameters, views, strict=True):
            parameter.data = view.unflatten(1, parameter.shape[1:]) if parameter.ndim > 1 else view[:, 0]
        self.first, self.second = torch.zeros_like(self.values), torch.zeros_like(self.values)

    @torch.no_grad()
    def step(self, factor: float = 1.0) -> None:
        """Update every setting and drop the gradients.

        Args:
            factor: of all learning rates, in [0, 1]: the schedule.
        """
        self.steps += 1
        gradient = torch.cat([parameter.grad.flatten(1) for parameter in self.parameters], dim=1)
        if self.clip is not None:
            gradient *= (self.clip / (gradient.norm(dim=1, keepdim=True) + 1e-6)).clamp(max=1.0)
        corrections = [1 - beta**self.steps for beta in BETAS]
        self.first.lerp_(gradient, 1 - BETAS[0])
        self.second.lerp_(gradient.square_(), 1 - BETAS[1])
        if self.decays.any():
            self.values.mul_(1 - factor * self.rates * self.decays * self.decayed)
        update = (self.second / corrections[1]).sqrt_().add_(EPSILON).reciprocal_().mul_(self.first)
        self.values.sub_(update.mul_(factor * self.rates / corrections[0]))
        for parameter in self.parameters:
            parameter.grad = None
