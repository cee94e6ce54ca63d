# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What a line of the log says: means of the terms, speed, where the time went, memory."""

import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

SHARES = ("data_wait", "teacher_time")  # the student has the rest


class LogWindow:
    """Means since the last line of the log: losses of groups and unreadable frames of all processes, else of this one.

    Args:
        views_per_step: Views that all processes together see in one step.
        groups: Names of the groups of frames whose losses are told apart.
        device: Where the work is done.
        total: Sums a tensor over all processes.
    """

    def __init__(
        self,
        views_per_step: int,
        groups: list[str],
        device: torch.device,
        total: Callable[[torch.Tensor], torch.Tensor] = lambda tensor: tensor,
    ):
        self.views_per_step, self.groups, self.device, self.total = views_per_step, groups, device, total
        self.restart()

    def restart(self) -> None:
        """Begins a new window."""
        self.start = time.perf_counter()
        self.spent: dict[str, float] = dict.fromkeys(SHARES, 0.0)
        self.events: list[tuple[str, torch.cuda.Event, torch.cuda.Event]] = []
        self.sums: dict[str, tuple[torch.Tensor, int]] = {}  # a teacher that was not drawn has no term in a step
        self.group_sums = torch.zeros(2, len(self.groups), device=self.device)  # loss, frames
        self.replaced = 0

    @contextmanager
    def timing(self, share: str) -> Iterator[None]:
        """Counts the time inside as `share`; on a GPU, the time that it takes there, without waiting for it."""
        if share == "teacher_time" and self.device.type == "cuda":
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            yield
            end.record()
            self.events.append((share, begin, end))
            return
        asked = time.perf_counter()
        yield
        self.spent[share] += time.perf_counter() - asked

    def add(self, terms: dict[str, torch.Tensor]) -> None:
        """Adds terms of a step; they stay on their device, so that nothing waits for it."""
        for name, term in terms.items():
            total, count = self.sums.get(name, (0.0, 0))
            self.sums[name] = total + term, count + 1

    def add_groups(self, groups: torch.Tensor, losses: torch.Tensor) -> None:
        """Adds the loss of every frame [B] to that of its group [B]; one that is not finite is left out."""
        finite = losses.isfinite()
        rows = torch.stack([losses.where(finite, 0.0), finite.float()])  # [2, B]
        self.group_sums.index_add_(1, groups.to(self.device), rows.to(self.device))

    def leave_out(self, seconds: float) -> None:
        """Takes time out of the window that was spent on something else than training."""
        self.start += seconds

    def read(self) -> dict[str, float]:
        """Means over the window, which then restarts; all processes read at the same time."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        for share, begin, end in self.events:
            self.spent[share] += begin.elapsed_time(end) / 1000
        elapsed = time.perf_counter() - self.start
        shares = {name: seconds / elapsed for name, seconds in self.spent.items()}
        steps = self.sums["gradient_norm"][1]
        values = {"images_per_second": steps * self.views_per_step / elapsed}
        values |= shares | {"student_time": 1 - sum(shares.values()), "memory_gb": peak_memory(self.device) / 1e9}
        values |= {name: float(total) / count for name, (total, count) in self.sums.items()}
        for name, total, count in zip(self.groups, *self.total(self.group_sums).tolist(), strict=True):
            if count:
                values[f"source/{name}"] = total / count
        replaced = int(self.total(torch.tensor(float(self.replaced), device=self.device)))
        if replaced:
            values["unreadable_frames"] = replaced
        self.restart()
        return values


def peak_memory(device: torch.device) -> int:
    """Most bytes that this process ever held: on the GPU, or else of main memory."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
