# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The distillation loop, on Accelerate."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from datasets import Dataset
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from zen_hf.data.views import ViewSpec
from zen_hf.distillation.batches import EndlessBatches, view_loader
from zen_hf.distillation.calibration import (
    Calibration,
    StandardisationSpec,
    Targets,
    calibrate,
    load_calibrations,
    save_calibrations,
)
from zen_hf.distillation.checkpoints import load_latest_checkpoint, save_checkpoint
from zen_hf.distillation.objective import LossSpec, distillation_loss
from zen_hf.distillation.optimisation import OptimizerSpec, build_optimizers, schedule, set_learning_rates
from zen_hf.distillation.target_cache import TargetCache
from zen_hf.distillation.teachers import Teacher, resize
from zen_hf.distillation.whitening import whiten_patch_embedding
from zen_hf.modeling.modeling_zen_distillation import ZenForDistillation
from zen_hf.run_directory import RunDirectory

WHITENING_VIEWS = 512


@dataclass
class TrainingSpec:
    """Length, batches and bookkeeping of a run.

    Attributes:
        steps: Optimiser steps.
        batch_size: Views per process and step.
        precision: `"auto"` computes in bfloat16 where the device has instructions for it; `"bf16"` or `"no"` decide.
        workers: Processes that render views (unused with fixed views).
        log_every: Steps between lines of the log.
        checkpoint_every: Steps between checkpoints.
        keep_checkpoints: Checkpoints kept.
        cache: Folder of cached teacher outputs for fixed views; by default `target_cache` inside the run.
    """

    steps: int = 10_000
    batch_size: int = 64
    precision: str = "auto"
    workers: int = 2
    log_every: int = 20
    checkpoint_every: int = 1000
    keep_checkpoints: int = 2
    cache: str | None = None

    def __post_init__(self):
        if self.precision not in ("auto", "bf16", "no"):
            raise ValueError(f"training.precision is {self.precision!r}; expected 'auto', 'bf16' or 'no'")
        for name in ("steps", "batch_size", "log_every", "checkpoint_every", "keep_checkpoints"):
            if getattr(self, name) < 1:
                raise ValueError(f"training.{name} is {getattr(self, name)}; expected at least 1")


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


class Distillation:
    """One distillation run: student, teachers, frames and where the results go.

    Args:
        student: Trunk and adaptors, one adaptor per teacher.
        teachers: The teachers.
        frames: Frames with columns `image`, `video_id` and `source`.
        image_size: Side of the student's input in pixels.
        views: How frames are augmented.
        standardisation: How targets are standardised.
        losses: Weights of the loss terms.
        optimizer: Optimiser and learning rate.
        training: Length and bookkeeping.
        run: The run directory.
        accelerator: Device, precision and processes.
        whiten_patches: Whether the patch embedding starts by whitening the views.
        seed: Seed of views and batches.
    """

    def __init__(
        self,
        student: ZenForDistillation,
        teachers: list[Teacher],
        frames: Dataset,
        image_size: int,
        views: ViewSpec,
        standardisation: StandardisationSpec,
        losses: LossSpec,
        optimizer: OptimizerSpec,
        training: TrainingSpec,
        run: RunDirectory,
        accelerator: Accelerator,
        whiten_patches: bool = False,
        seed: int = 0,
    ):
        self.teachers, self.frames, self.views, self.losses = teachers, frames, views, losses
        self.standardisation, self.optimizer_spec, self.training = standardisation, optimizer, training
        self.run, self.accelerator, self.seed, self.whiten_patches = run, accelerator, seed, whiten_patches
        self.image_size = (image_size, image_size)
        self.grid = (image_size // student.config.patch_size,) * 2
        set_seed(seed, device_specific=True)
        self.student, *self.optimizers = accelerator.prepare(student, *build_optimizers(student, optimizer))
        device = accelerator.device
        # what the student's image processor will do at inference; teachers normalise for themselves
        statistics = (student.config.image_mean, student.config.image_deviation)
        self.mean, self.std = (torch.tensor(value, device=device).view(1, -1, 1, 1) for value in statistics)
        for teacher in teachers:
            teacher.encoder.to(device)

    def train(self, progress: Progress | None = None) -> dict[str, Calibration]:
        """Calibrates, trains to the last step and returns the teachers' frozen statistics.

        A run that was interrupted goes on from its newest checkpoint.
        """
        own = progress or distillation_progress(self.accelerator)
        with own:
            cache = self.fill_cache(own) if self.views.fixed else None
            calibrations = self.calibrated(cache)
            if self.whiten_patches:
                self.whiten(cache)
            first = load_latest_checkpoint(self.accelerator, self.run.path / "checkpoints")
            batches = self.batches(cache, first)
            task = own.add_task("Distilling", total=self.training.steps, completed=first, status="")
            self.student.train()
            self.loop(first, batches, calibrations, own, task)
        return calibrations

    def loop(self, first: int, batches: Iterator, calibrations: dict, progress: Progress, task) -> None:
        """Steps `first` to the last, with a log line and a checkpoint every so many."""
        window = LogWindow(self.training.batch_size * self.accelerator.num_processes)
        for step in range(first, self.training.steps):
            with window.waiting():
                pixels, targets = next(batches)
            share = schedule(step, self.training.steps, self.optimizer_spec)
            window.add(self.step(step, share, pixels, targets, calibrations))
            done, last = step + 1, step + 1 == self.training.steps
            progress.update(task, completed=done)
            if last or done % self.training.log_every == 0:
                means = window.read()
                self.run.log(step=done, lr=share * self.optimizer_spec.lr, **means)
                shown = " ".join(f"{t.name} {self.teacher_loss(means, t.name):.3f}" for t in self.teachers)
                progress.update(task, status=f"{shown}  {means['images_per_second']:.0f} img/s")
            if last or done % self.training.checkpoint_every == 0:
                save_checkpoint(self.accelerator, self.run.path / "checkpoints", done, self.training.keep_checkpoints)

    def step(self, step: int, share: float, pixels: torch.Tensor, targets: Targets, calibrations: dict) -> dict:
        """One optimiser step; returns the loss, its terms and the norm of the gradient, each a detached scalar."""
        set_learning_rates(self.optimizers, share)
        with self.accelerator.autocast():
            output = self.student((resize(pixels, self.image_size) - self.mean) / self.std)
        specs = [teacher.spec for teacher in self.teachers]
        loss, terms = distillation_loss(output, targets, calibrations, specs, self.losses)
        self.accelerator.backward(loss)
        norm = self.accelerator.clip_grad_norm_(self.student.parameters(), self.optimizer_spec.clip_norm)
        if not torch.isfinite(loss) or not torch.isfinite(norm):
            values = ", ".join(f"{name} {float(term):.3g}" for name, term in terms.items())
            raise ValueError(
                f"step {step}: the loss or its gradient is not finite ({values}); lower optimizer.lr, or check "
                "the teacher whose term is not finite"
            )
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return {"loss": loss.detach(), "gradient_norm": norm, **terms}

    def teacher_loss(self, means: dict[str, float], name: str) -> float:
        """What one teacher adds to the loss, before its weight."""
        return sum(
            getattr(self.losses, key.split("/")[1]) * value
            for key, value in means.items()
            if key.startswith(name + "/")
        )

    def whiten(self, cache: TargetCache | None) -> None:
        """Whitens the patch embedding on the first views, the same in every process; a checkpoint overrides it."""
        views, count = [], 0
        for pixels, _ in self.batches(cache, 0, calibrating=True):
            views.append((resize(pixels, self.image_size) - self.mean) / self.std)
            count += len(pixels)
            if count >= WHITENING_VIEWS:
                break
        student = self.accelerator.unwrap_model(self.student)
        whiten_patch_embedding(student.model.embeddings.patch_embeddings, torch.cat(views))

    def fill_cache(self, progress: Progress) -> TargetCache:
        """Every teacher's outputs for every fixed view, computed by the main process where they are missing."""
        folder = Path(self.training.cache) if self.training.cache else self.run.path / "target_cache"
        cache = TargetCache(folder, self.frames, self.views, self.teachers, self.grid, self.seed)
        if self.accelerator.is_main_process:
            computed = cache.fill(progress)
            self.run.log(event="target_cache", folder=str(folder), views_computed=computed)
        self.accelerator.wait_for_everyone()
        return cache

    def calibrated(self, cache: TargetCache | None) -> dict[str, Calibration]:
        """Statistics of the teachers: those of this run if it has any, else measured now by the main process."""
        path = self.run.path / "calibration.safetensors"
        if self.accelerator.is_main_process and not path.exists():
            targets = (targets for _, targets in self.batches(cache, 0, calibrating=True))
            temporary = path.with_name(".tmp-" + path.name)
            save_calibrations(calibrate(targets, self.standardisation), temporary)
            temporary.rename(path)
        self.accelerator.wait_for_everyone()
        return load_calibrations(path)

    def batches(
        self, cache: TargetCache | None, first_step: int, calibrating: bool = False
    ) -> Iterator[tuple[torch.Tensor, Targets]]:
        """Endless batches on the device: views [B, 3, S, S] in [0, 1] and the teachers' outputs for them."""
        indices = EndlessBatches(
            len(self.frames),
            self.training.batch_size,
            self.views.fixed,
            self.seed,
            first_step,
            rank=0 if calibrating else self.accelerator.process_index,
            world_size=1 if calibrating else self.accelerator.num_processes,
        )
        device = self.accelerator.device
        if cache is not None:
            for batch in indices:
                pixels, targets = cache.read(batch)
                moved = {name: (s.to(device), p.to(device)) for name, (s, p) in targets.items()}
                yield pixels.to(device).float() / 255, moved
        for pixels in view_loader(self.frames, self.views, indices, self.seed, self.training.workers):
            views = pixels.to(device, non_blocking=True).float() / 255
            with self.accelerator.autocast():
                outputs = {teacher.name: teacher(views, self.grid) for teacher in self.teachers}
            yield views, {name: (output.summary, output.patches) for name, output in outputs.items()}


class LogWindow:
    """Means of the terms and of the speed since the last line of the log.

    Args:
        views_per_step: Views that all processes together see in one step.
    """

    def __init__(self, views_per_step: int):
        self.views_per_step = views_per_step
        self.restart()

    def restart(self) -> None:
        """Begins a new window."""
        self.start, self.steps, self.waited = time.perf_counter(), 0, 0.0
        self.sums: dict[str, torch.Tensor] = {}

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Counts the time inside as waiting for data and teachers."""
        asked = time.perf_counter()
        yield
        self.waited += time.perf_counter() - asked

    def add(self, terms: dict[str, torch.Tensor]) -> None:
        """Adds the terms of one step; they stay on their device, so that nothing waits for it."""
        self.steps += 1
        for name, term in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + term

    def read(self) -> dict[str, float]:
        """Means over the window, which then restarts."""
        elapsed = time.perf_counter() - self.start
        speed = {
            "images_per_second": self.steps * self.views_per_step / elapsed,
            "data_wait": self.waited / elapsed,
        }
        means = {name: float(total) / self.steps for name, total in self.sums.items()}
        self.restart()
        return speed | means


def distillation_progress(accelerator: Accelerator) -> Progress:
    """A progress bar with losses per teacher and images per second, on the main process."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[status]}"),
        disable=not accelerator.is_main_process,
    )
