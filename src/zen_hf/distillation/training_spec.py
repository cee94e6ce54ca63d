# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Length, batches and bookkeeping of a run, and the precision that its device is good at."""

from dataclasses import dataclass, field

import torch


@dataclass
class TrainingSpec:
    """Length, batches and bookkeeping of a run.

    Attributes:
        steps: Optimiser steps.
        batch_size: Views that a process computes at once.
        accumulate: Batches per process whose gradients make one optimiser step.
        ema_decay: Share of the averaged weights that stays in a step, such as 0.9996; 0 keeps no average. What is
            exported is then the average.
        precision: `"auto"` computes in bfloat16 where the device has instructions for it; `"bf16"` or `"no"` decide.
        checkpoint_activations: Whether the trunk's layers are computed twice, in the forward and in the backward pass,
            so that their activations need not be kept: slower, and needs less memory.
        teacher_chunk: Views that a teacher sees at once, so that its activations need less memory; 0 for all.
        workers: Processes that render views (unused with fixed views).
        log_every: Steps between lines of the log.
        checkpoint_every: Steps between checkpoints.
        keep_checkpoints: Checkpoints kept.
        cache: Folder of cached teacher outputs for fixed views; by default `target_cache` inside the run.
        trackers: Where the log goes beside `log.jsonl`: `"tensorboard"`, `"trackio"` or another tracker of Accelerate,
            whose package must be installed.
    """

    steps: int = 10_000
    batch_size: int = 64
    accumulate: int = 1
    ema_decay: float = 0.0
    precision: str = "auto"
    checkpoint_activations: bool = False
    teacher_chunk: int = 0
    workers: int = 2
    log_every: int = 20
    checkpoint_every: int = 1000
    keep_checkpoints: int = 2
    cache: str | None = None
    trackers: list[str] = field(default_factory=list)

    def __post_init__(self):
        if self.precision not in ("auto", "bf16", "no"):
            raise ValueError(f"training.precision is {self.precision!r}; expected 'auto', 'bf16' or 'no'")
        for name in ("steps", "batch_size", "accumulate", "log_every", "checkpoint_every", "keep_checkpoints"):
            if getattr(self, name) < 1:
                raise ValueError(f"training.{name} is {getattr(self, name)}; expected at least 1")
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"training.ema_decay is {self.ema_decay}; expected a value in [0, 1)")


def mixed_precision(precision: str) -> str:
    """`"bf16"` or `"no"`, from what the device can do: emulated bfloat16 is 300 times slower than float32."""
    if precision != "auto":
        return precision
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "no"
    capabilities = torch.cpu.get_capabilities()
    return (
        "bf16" if capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16") else "no"
    )
