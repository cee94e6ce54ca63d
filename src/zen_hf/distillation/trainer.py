# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The distillation loop, on Accelerate."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object, set_seed
from datasets import Dataset
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from zen_hf.data.views import ViewSpec
from zen_hf.distillation.averaged_student import averaged_student
from zen_hf.distillation.balancing import Balancer, BalancingSpec
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
from zen_hf.distillation.masking import MaskingSpec, draw_masks
from zen_hf.distillation.objective import LossSpec, teacher_losses
from zen_hf.distillation.optimisation import OptimizerSpec, build_optimizers, set_learning_rates
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
        batch_size: Views that a process computes at once.
        accumulate: Batches per process whose gradients make one optimiser step.
        ema_decay: Share of the averaged weights that stays in a step, such as 0.9996; 0 keeps no average. What is
            exported is then the average.
        precision: `"auto"` computes in bfloat16 where the device has instructions for it; `"bf16"` or `"no"` decide.
        workers: Processes that render views (unused with fixed views).
        log_every: Steps between lines of the log.
        checkpoint_every: Steps between checkpoints.
        keep_checkpoints: Checkpoints kept.
        cache: Folder of cached teacher outputs for fixed views; by default `target_cache` inside the run.
    """

    steps: int = 10_000
    batch_size: int = 64
    accumulate: int = 1
    ema_decay: float = 0.0
    precision: str = "auto"
    workers: int = 2
    log_every: int = 20
    checkpoint_every: int = 1000
    keep_checkpoints: int = 2
    cache: str | None = None

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


class Distillation:
    """One distillation run: student, teachers, frames and where the results go.

    Args:
        student: Trunk and adaptors, one adaptor per teacher.
        teachers: The teachers.
        frames: Frames with columns `image`, `video_id` and `source`.
        image_sizes: Sides of the student's input in pixels, of which every batch draws one.
        views: How frames are augmented.
        standardisation: How targets are standardised.
        losses: Weights of the loss terms.
        balancing: How the teachers' losses are combined.
        masking: Which frames lose patches before the student sees them.
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
        image_sizes: list[int],
        views: ViewSpec,
        standardisation: StandardisationSpec,
        losses: LossSpec,
        balancing: BalancingSpec,
        masking: MaskingSpec,
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
        self.grids = {size: (size // student.config.patch_size,) * 2 for size in image_sizes}
        self.masking = masking
        student.model.embeddings.mask_token.requires_grad_(masking.share > 0)
        set_seed(seed, device_specific=True)
        self.student, *self.optimizers = accelerator.prepare(student, *build_optimizers(student, optimizer))
        self.balancer = Balancer(
            balancing,
            [teacher.name for teacher in teachers],
            [teacher.spec.weight for teacher in teachers],
            seed,
            rank=accelerator.process_index,
            world_size=accelerator.num_processes,
            total=lambda tensor: accelerator.reduce(tensor, reduction="sum"),
        )
        accelerator.register_for_checkpointing(self.balancer)
        self.average = None
        if training.ema_decay:
            self.average = averaged_student(accelerator.unwrap_model(self.student), training.ema_decay)
            accelerator.register_for_checkpointing(self.average)
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
            caches = self.fill_caches(own) if self.views.fixed else {}
            calibrations = self.calibrated(caches)
            if self.whiten_patches:
                self.whiten(caches)
            first = load_latest_checkpoint(self.accelerator, self.run.path / "checkpoints")
            batches = self.batches(caches, first * self.training.accumulate)
            task = own.add_task("Distilling", total=self.training.steps, completed=first, status="")
            self.student.train()
            self.loop(first, batches, calibrations, own, task)
        return calibrations

    def loop(self, first: int, batches: Iterator, calibrations: dict, progress: Progress, task) -> None:
        """Steps `first` to the last, with a log line and a checkpoint every so many."""
        window = LogWindow(self.training.batch_size * self.training.accumulate * self.accelerator.num_processes)
        for step in range(first, self.training.steps):
            rates = set_learning_rates(self.optimizers, step, self.training.steps, self.optimizer_spec)
            self.step(step, batches, calibrations, window)
            done, last = step + 1, step + 1 == self.training.steps
            progress.update(task, completed=done)
            if last or done % self.training.log_every == 0:
                means = window.read()
                self.run.log(step=done, **rates, **means)
                shown = " ".join(f"{t.name} {self.teacher_loss(means, t.name):.3f}" for t in self.teachers)
                progress.update(task, status=f"{shown}  {means['images_per_second']:.0f} img/s")
            if last or done % self.training.checkpoint_every == 0:
                save_checkpoint(self.accelerator, self.run.path / "checkpoints", done, self.training.keep_checkpoints)

    def step(self, step: int, batches: Iterator, calibrations: dict, window: "LogWindow") -> None:
        """One optimiser step over `accumulate` batches."""
        parts = self.training.accumulate
        for micro in range(step * parts, (step + 1) * parts):
            with window.waiting():
                pixels, targets = next(batches)
            last = micro + 1 == (step + 1) * parts
            # only the last batch's backward has to wait for the other processes
            with nullcontext() if last else self.accelerator.no_sync(self.student):
                loss, terms = self.loss(micro, pixels, targets, calibrations)
                self.accelerator.backward(loss / parts)
            window.add({"loss": loss.detach(), **terms})
        norm = self.accelerator.clip_grad_norm_(self.student.parameters(), self.optimizer_spec.clip_norm)
        window.add({"gradient_norm": norm})
        if not torch.isfinite(loss) or not torch.isfinite(norm):
            values = ", ".join(f"{name} {float(term):.3g}" for name, term in terms.items())
            raise ValueError(
                f"step {step}: the loss or its gradient is not finite ({values}); lower optimizer.lr, or check "
                "the teacher whose term is not finite"
            )
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update_parameters(self.accelerator.unwrap_model(self.student))

    def loss(
        self, micro: int, pixels: torch.Tensor, targets: Targets, calibrations: dict
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The balanced loss of a batch, and its terms, each a detached scalar."""
        with self.accelerator.autocast():
            output = self.student(pixels, bool_masked_pos=self.masks(micro, pixels))
        losses, terms = teacher_losses(output, targets, calibrations, self.losses)
        loss = self.balancer.combine(losses, micro)
        # an adaptor whose teacher does not count in this step still needs a gradient: DDP waits for one
        for name, summary in output.summaries.items():
            loss = loss + 0.0 * (summary.sum() + output.patches[name].sum())
        return loss, terms

    def masks(self, micro: int, pixels: torch.Tensor) -> torch.Tensor | None:
        """Patches that the student does not see, [B, h * w]; drawn for the frames of all processes at once."""
        if not self.masking.share:
            return None
        random = np.random.default_rng([self.seed, 4, micro])
        batch, rank = len(pixels), self.accelerator.process_index
        drawn = draw_masks(self.masking, batch * self.accelerator.num_processes, self.grids[pixels.shape[-1]], random)
        return drawn[rank * batch : (rank + 1) * batch].to(pixels.device)

    @property
    def trained(self) -> ZenForDistillation:
        """What is exported: the averaged student where there is one."""
        return self.average.module if self.average is not None else self.accelerator.unwrap_model(self.student)

    def teacher_loss(self, means: dict[str, float], name: str) -> float:
        """What one teacher adds to the loss, before its weight."""
        return sum(
            getattr(self.losses, key.split("/")[1]) * value
            for key, value in means.items()
            if key.startswith(name + "/")
        )

    def whiten(self, caches: dict[int, TargetCache]) -> None:
        """Whitens the patch embedding on the first views of all processes; a checkpoint overrides it."""
        views, seen = [], 0
        for pixels, _ in self.batches(caches, 0, calibrating=True):
            views.append(self.accelerator.gather(pixels))
            seen += len(views[-1])
            if seen >= WHITENING_VIEWS:
                break
        student = self.accelerator.unwrap_model(self.student)
        whiten_patch_embedding(student.model.embeddings.patch_embeddings, views)

    def fill_caches(self, progress: Progress) -> dict[int, TargetCache]:
        """Every teacher's outputs for every fixed view at every size, computed by the main process where missing."""
        folder = Path(self.training.cache) if self.training.cache else self.run.path / "target_cache"
        caches = {}
        for size, grid in self.grids.items():
            caches[size] = TargetCache(folder, self.frames, self.views, self.teachers, grid, self.seed)
            if self.accelerator.is_main_process:
                computed = caches[size].fill(progress)
                self.run.log(event="target_cache", folder=str(folder), grid=list(grid), views_computed=computed)
        self.accelerator.wait_for_everyone()
        return caches

    def size(self, number: int) -> int:
        """Side of the student's input in a batch, the same in every process."""
        sizes = list(self.grids)
        return sizes[np.random.default_rng([self.seed, 5, number]).integers(len(sizes))]

    def calibrated(self, caches: dict[int, TargetCache]) -> dict[str, Calibration]:
        """Statistics of the teachers: those of this run if it has any, else measured now by all processes together.

        The main process computes the maps and the others read its file: eigenvectors differ between machines.
        """
        path = self.run.path / "calibration.safetensors"
        missing = not path.exists()
        self.accelerator.wait_for_everyone()  # all look before one of them writes
        if missing:
            targets = (targets for _, targets in self.batches(caches, 0, calibrating=True))
            world_size = self.accelerator.num_processes
            calibrations = calibrate(targets, self.standardisation, world_size, lambda value: gather_object([value]))
            if self.accelerator.is_main_process:
                temporary = path.with_name(".tmp-" + path.name)
                save_calibrations(calibrations, temporary)
                temporary.rename(path)
        self.accelerator.wait_for_everyone()
        return load_calibrations(path)

    def batches(
        self, caches: dict[int, TargetCache], first: int, calibrating: bool = False
    ) -> Iterator[tuple[torch.Tensor, Targets]]:
        """Endless batches on the device: the student's normalised input [B, 3, s, s] and the teachers' outputs for it.

        Args:
            caches: Outputs for fixed views per size of the input; empty if views are fresh.
            first: Batch to begin with.
            calibrating: Whether all teachers take part in every batch, as if nothing were balanced.
        """
        indices = EndlessBatches(
            len(self.frames),
            self.training.batch_size,
            self.views.fixed,
            self.seed,
            first,
            rank=self.accelerator.process_index,
            world_size=self.accelerator.num_processes,
        )
        if caches:
            # a size and its cache belong together
            source = (caches[self.size(number)].read(batch) for number, batch in enumerate(indices, start=first))
        else:
            loader = view_loader(self.frames, self.views, indices, self.seed, self.training.workers)
            source = ((pixels, None) for pixels in loader)
        device = self.accelerator.device
        for number, (pixels, targets) in enumerate(source, start=first):
            names = {teacher.name for teacher in self.teachers} if calibrating else set(self.balancer.drawn(number))
            images = pixels.to(device, non_blocking=True).float() / 255
            size = self.size(number)
            if targets is None:
                targets = self.answers([teacher for teacher in self.teachers if teacher.name in names], images, size)
            chosen = {name: (s.to(device), p.to(device)) for name, (s, p) in targets.items() if name in names}
            yield (resize(images, (size, size)) - self.mean) / self.std, chosen

    def answers(self, teachers: list[Teacher], images: torch.Tensor, size: int) -> Targets:
        """What teachers say of views [B, 3, S, S] in [0, 1] on the student's grid at a size."""
        with self.accelerator.autocast():
            outputs = {teacher.name: teacher(images, self.grids[size]) for teacher in teachers}
        return {name: (output.summary, output.patches) for name, output in outputs.items()}


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
        self.start, self.waited = time.perf_counter(), 0.0
        self.sums: dict[str, tuple[torch.Tensor, int]] = {}  # a teacher that was not drawn has no term in a step

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Counts the time inside as waiting for data and teachers."""
        asked = time.perf_counter()
        yield
        self.waited += time.perf_counter() - asked

    def add(self, terms: dict[str, torch.Tensor]) -> None:
        """Adds terms of a step; they stay on their device, so that nothing waits for it."""
        for name, term in terms.items():
            total, count = self.sums.get(name, (0.0, 0))
            self.sums[name] = total + term, count + 1

    def read(self) -> dict[str, float]:
        """Means over the window, which then restarts."""
        elapsed = time.perf_counter() - self.start
        speed = {
            "images_per_second": self.sums["gradient_norm"][1] * self.views_per_step / elapsed,
            "data_wait": self.waited / elapsed,
        }
        means = {name: float(total) / count for name, (total, count) in self.sums.items()}
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
