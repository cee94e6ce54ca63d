# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""How much each teacher counts: equally, by its loss, by chance, and not at all where its loss is not finite."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

METHODS = ("equal", "dropping", "sampling", "adaloss", "uncertainty")


@dataclass
class BalancingSpec:
    """How the teachers' losses are combined, beside each teacher's own `weight`.

    Attributes:
        method: `"equal"`; `"dropping"`: per frame the teacher with the largest loss always counts and every other one
            with a probability (UNIC, arXiv 2408.05088); `"sampling"`: a few teachers per step, the others do not run;
            `"adaloss"`: weight 1 / (running mean of the loss) (AM-RADIO, arXiv 2312.06709); `"uncertainty"`: weights
            `exp(-s)` with learnt s (Kendall et al., 2018).
        drop_probability: Of a teacher that has not the largest loss; `"dropping"` alone.
        sampled_teachers: Teachers per step; `"sampling"` alone.
        momentum: Of the running mean of losses; `"adaloss"` alone.
        uncertainty_lr: Step of the gradient descent on s; `"uncertainty"` alone.
        max_nonfinite_steps: Batches in which a teacher's loss may be infinite or not a number, over the whole run. The
            teacher does not count in such a batch; one more stops the run.
    """

    method: str = "equal"
    drop_probability: float = 0.5
    sampled_teachers: int = 1
    momentum: float = 0.99
    uncertainty_lr: float = 0.01
    max_nonfinite_steps: int = 50

    def __post_init__(self):
        if self.method not in METHODS:
            raise ValueError(f"balancing.method is {self.method!r}; expected one of {', '.join(METHODS)}")
        if not 0 <= self.drop_probability < 1 or not 0 <= self.momentum < 1:
            raise ValueError(
                f"balancing: drop_probability {self.drop_probability} and momentum {self.momentum} must lie in [0, 1)"
            )
        if self.sampled_teachers < 1:
            raise ValueError(f"balancing.sampled_teachers is {self.sampled_teachers}; expected at least 1")


class Balancer:
    """Combines the losses of teachers; its state belongs into checkpoints.

    Everything random is a function of seed and step, drawn for the batches of all processes at once, so that processes
    agree and a resumed run repeats it.

    Args:
        spec: The recipe's balancing.
        names: The teachers.
        weights: Their weights.
        seed: Seed of the run.
        rank: Number of this process.
        world_size: Number of processes.
        total: Sums a tensor over all processes.

    Raises:
        ValueError: If more teachers are to be sampled than there are.
    """

    def __init__(
        self,
        spec: BalancingSpec,
        names: list[str],
        weights: list[float],
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        total: Callable[[torch.Tensor], torch.Tensor] = lambda tensor: tensor,
    ):
        if spec.method == "sampling" and spec.sampled_teachers > len(names):
            raise ValueError(
                f"balancing.sampled_teachers is {spec.sampled_teachers}, but the recipe has {len(names)} teachers"
            )
        self.spec, self.names, self.seed = spec, names, seed
        self.rank, self.world_size, self.total = rank, world_size, total
        self.weights = torch.tensor(weights)
        self.nonfinite = torch.zeros(len(names), dtype=torch.long)  # steps, per teacher
        self.mean_losses = torch.zeros(len(names))  # adaloss; 0 is unknown
        self.log_variances = torch.zeros(len(names))  # uncertainty: s

    def drawn(self, step: int, heard: list[str] | None = None) -> list[str]:
        """The teachers that take part in a batch; the same in every process.

        Args:
            step: Number of the batch.
            heard: Teachers that are heard at its size; by default all.
        """
        heard = self.names if heard is None else heard
        if self.spec.method != "sampling":
            return heard
        chosen = np.random.default_rng([self.seed, 2, step]).permutation(len(heard))[: self.spec.sampled_teachers]
        return [heard[index] for index in sorted(chosen)]

    def combine(self, losses: dict[str, torch.Tensor], step: int, heard: list[str] | None = None) -> torch.Tensor:
        """The loss of a batch.

        Args:
            losses: Teacher, of those that take part in this batch, to its loss per frame [B].
            step: Number of the batch.
            heard: Teachers that are heard at its size, of which these were drawn; by default all.

        Returns:
            `sum_bt w_t rho_bt l_bt / sum_bt w_t rho_bt` for dropping, else `mean_b sum_t w_t rho_t l_bt / sum_t w_t`;
            all sums over the frames of all processes, scaled so that the mean over processes is the whole.

        Raises:
            ValueError: If a teacher's loss was not finite once too often.
        """
        columns = [self.names.index(name) for name in losses]
        flags = torch.stack([(~loss.detach().isfinite()).any() for loss in losses.values()]).float()
        broken = self.total(flags).cpu() > 0  # in one process is in all
        self.nonfinite[columns] += broken.long()
        self.check_nonfinite(step)
        kept = [(column, loss) for column, loss, bad in zip(columns, losses.values(), broken, strict=True) if not bad]
        if not kept:  # nothing to learn from in this batch
            return next(iter(losses.values())).new_zeros(())
        columns, table = [column for column, _ in kept], torch.stack([loss for _, loss in kept], dim=1)  # [B, T']
        weights = self.weights[columns].to(table.device)
        rho = self.coefficients(table.detach(), columns, step) * weights  # [B, T'] or [T']
        if self.spec.method == "dropping":
            share = self.total(rho.sum()) / self.world_size
        else:
            share = len(table) * weights.sum()
            if self.spec.method == "sampling":  # inverse-probability weights: 1 / (K / T), over the weights of all T
                everyone = [self.names.index(name) for name in (self.names if heard is None else heard)]
                probability = min(1.0, self.spec.sampled_teachers / len(everyone))
                share = len(table) * self.weights[everyone].sum().to(table.device) * probability
        return (rho * table).sum() / share

    def coefficients(self, losses: torch.Tensor, columns: list[int], step: int) -> torch.Tensor:
        """Weights rho for losses [B, T'] of the teachers in `columns`, and the update of what the method keeps in mind."""
        if self.spec.method == "dropping":
            return self.kept_by_chance(losses, columns, step)
        if self.spec.method == "adaloss":
            means = self.total(losses.mean(dim=0)).cpu() / self.world_size
            known = self.mean_losses[columns]
            moved = self.spec.momentum * known + (1 - self.spec.momentum) * means
            self.mean_losses[columns] = torch.where(known > 0, moved, means)
            inverse = 1 / self.mean_losses[columns].clamp(min=1e-6)
            return (inverse * len(columns) / inverse.sum()).to(losses.device)  # mean 1: a change of lr else
        if self.spec.method == "uncertainty":
            means = self.total(losses.mean(dim=0)).cpu() / self.world_size
            precisions = torch.exp(-self.log_variances[columns])
            # gradient of exp(-s) l + s
            self.log_variances[columns] -= self.spec.uncertainty_lr * (1 - precisions * means)
            return precisions.to(losses.device)
        return torch.ones(len(columns), device=losses.device)

    def kept_by_chance(self, losses: torch.Tensor, columns: list[int], step: int) -> torch.Tensor:
        """1 for the largest loss of each frame and, with probability `1 - drop_probability`, for every other one."""
        batch = len(losses)
        draws = np.random.default_rng([self.seed, 3, step]).random((self.world_size * batch, len(self.names)))
        own = torch.from_numpy(draws[self.rank * batch : (self.rank + 1) * batch, columns])
        kept = (own >= self.spec.drop_probability).to(losses.device, torch.float32)
        weighted = losses * self.weights[columns].to(losses.device)
        return kept.scatter(1, weighted.argmax(dim=1, keepdim=True), 1.0)

    def check_nonfinite(self, step: int) -> None:
        """Stops a run whose teacher fails too often."""
        worst = int(self.nonfinite.argmax())
        count = int(self.nonfinite[worst])
        if count > self.spec.max_nonfinite_steps:
            raise ValueError(
                f"batch {step}: the loss of teacher {self.names[worst]} was infinite or not a number in {count} batches; "
                "check its weights and precision, or raise balancing.max_nonfinite_steps"
            )

    def state_dict(self) -> dict[str, torch.Tensor]:
        """What a resumed run needs."""
        return {
            "nonfinite": self.nonfinite,
            "mean_losses": self.mean_losses,
            "log_variances": self.log_variances,
        }

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Takes over what [`state_dict`] gave."""
        for name, tensor in state.items():
            getattr(self, name).copy_(tensor)
