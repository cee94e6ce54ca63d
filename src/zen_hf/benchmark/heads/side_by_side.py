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
        self.rates, self.decays = torch.tensor(rates), torch.tensor(decays)
        self.undecayed = {id(parameter) for parameter in undecayed}
        self.moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in self.parameters]

    @torch.no_grad()
    def step(self, factor: float = 1.0) -> None:
        """Update every setting and drop the gradients.

        Args:
            factor: of all learning rates, in [0, 1]: the schedule.
        """
        self.steps += 1
        corrections = [1 - beta**self.steps for beta in BETAS]
        shares = self._shares_kept()
        for parameter, (first, second) in zip(self.parameters, self.moments, strict=True):

            def per_setting(values: torch.Tensor, dimensions: int = parameter.ndim) -> torch.Tensor:
                return values.view(-1, *[1] * (dimensions - 1))

            gradient = parameter.grad if shares is None else parameter.grad * per_setting(shares)
            first.lerp_(gradient, 1 - BETAS[0])
            second.lerp_(gradient.square(), 1 - BETAS[1])
            if id(parameter) not in self.undecayed:
                parameter.mul_(per_setting(1 - factor * self.rates * self.decays))
            update = first / corrections[0] / ((second / corrections[1]).sqrt_().add_(EPSILON))
            parameter.sub_(update.mul_(per_setting(factor * self.rates)))
            parameter.grad = None

    def _shares_kept(self) -> torch.Tensor | None:
        """Factor of every setting's gradient, [settings]; None without clipping."""
        if self.clip is None:
            return None
        squares = sum(parameter.grad.flatten(1).square().sum(dim=1) for parameter in self.parameters)
        return (self.clip / (squares.sqrt() + 1e-6)).clamp(max=1.0)
