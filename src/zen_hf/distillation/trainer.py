# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The distillation loop, on Accelerate."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object, set_seed
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from zen_hf.data.frame_sources import Frames
from zen_hf.data.mixture import MixtureSpec
from zen_hf.data.views import ViewSpec
from zen_hf.distillation.averaged_student import WholeParameters, averaged_student
from zen_hf.distillation.balancing import Balancer, BalancingSpec
from zen_hf.distillation.calibration import (
    Calibration,
    StandardisationSpec,
    calibrate,
    load_calibrations,
    save_calibrations,
)
from zen_hf.distillation.checkpoints import load_latest_checkpoint, save_checkpoint
from zen_hf.distillation.feed import Batch, Feed
from zen_hf.distillation.log_window import LogWindow
from zen_hf.distillation.masking import MaskingSpec, draw_masks
from zen_hf.distillation.objective import FrameGeometry, LossSpec, teacher_losses
from zen_hf.distillation.optimisation import OptimizerSpec, build_optimizers, set_learning_rates
from zen_hf.distillation.processes import whole_student, whole_tensor
from zen_hf.distillation.student import standardise_adaptors
from zen_hf.distillation.teachers import Teacher, VideoTeacher
from zen_hf.distillation.training_spec import TrainingSpec
from zen_hf.distillation.whitening import whiten_patch_embedding
from zen_hf.modeling.modeling_zen_distillation import ZenForDistillation
from zen_hf.run_directory import RunDirectory

WHITENING_VIEWS = 512


class Distillation:
    """One distillation run: student, teachers, frames and where the results go.

    Args:
        student: Trunk and adaptors, one adaptor per teacher.
        teachers: The teachers.
        frames: Frames with columns `image`, `video_id`, `source` and `procedure`.
        image_sizes: Sides of the student's input in pixels, of which every batch draws one.
        views: How frames are augmented.
        mixture: How often the frames of each source are seen.
        standardisation: How targets are standardised.
        losses: Weights of the loss terms.
        balancing: How the teachers' losses are combined.
        masking: Which frames lose patches before the student sees them.
        optimizer: Optimiser and learning rate.
        training: Length and bookkeeping.
        run: The run directory.
        accelerator: Device, precision and processes.
        whiten_patches: Whether the patch embedding starts by whitening the views.
        replaceable: Sources whose unreadable frames give way to their successors.
        exported_adaptors: Teachers whose adaptors were exported, and speak in the teacher's own space.
        monitor_every: Steps between readings of `monitor`; 0 for none.
        seed: Seed of views and batches.

    Attributes:
        monitor: Gives readings of the student (the average where there is one) on held-out frames; to be set in the
            main process where `monitor_every` is above 0.

    Raises:
        ValueError: If settings do not fit each other.
    """

    def __init__(
        self,
        student: ZenForDistillation,
        teachers: list[Teacher | VideoTeacher],
        frames: Frames,
        image_sizes: list[int],
        views: ViewSpec,
        mixture: MixtureSpec,
        standardisation: StandardisationSpec,
        losses: LossSpec,
        balancing: BalancingSpec,
        masking: MaskingSpec,
        optimizer: OptimizerSpec,
        training: TrainingSpec,
        run: RunDirectory,
        accelerator: Accelerator,
        whiten_patches: bool = False,
        replaceable: frozenset[str] = frozenset(),
        exported_adaptors: Sequence[str] = (),
        monitor_every: int = 0,
        seed: int = 0,
    ):
        check_settings(student.config.patch_size, teachers, image_sizes, views, losses, training)
        self.teachers, self.views, self.losses = teachers, views, losses
        self.standardisation, self.optimizer_spec, self.training = standardisation, optimizer, training
        self.run, self.accelerator, self.seed, self.whiten_patches = run, accelerator, seed, whiten_patches
        self.monitor: Callable[[ZenForDistillation, dict[str, Calibration]], dict[str, Any]] | None = None
        self.monitor_every = monitor_every
        self.exported_adaptors = list(exported_adaptors)
        self.masking = masking
        student.model.embeddings.mask_token.requires_grad_(masking.share > 0)
        if training.checkpoint_activations:
            student.activation_checkpointing_enable()
        set_seed(seed, device_specific=True)
        self.average = None
        if training.ema_decay:  # before it is prepared: what lies in shards cannot be copied
            self.average = averaged_student(student, training.ema_decay).to(accelerator.device)
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
        if self.average is not None:
            accelerator.register_for_checkpointing(self.average)
        device = accelerator.device
        # what the student's image processor will do at inference; teachers normalise for themselves
        statistics = (student.config.image_mean, student.config.image_deviation)
        for teacher in teachers:
            teacher.encoder.to(device)
        self.feed = Feed(
            frames,
            views,
            mixture,
            teachers,
            grids={size: (size // student.config.patch_size,) * 2 for size in image_sizes},
            normalisation=tuple(torch.tensor(value, device=device).view(1, -1, 1, 1) for value in statistics),
            accelerator=accelerator,
            batch_size=training.batch_size,
            workers=training.workers,
            teacher_chunk=training.teacher_chunk,
            max_shift=losses.max_shift,
            replaceable=replaceable,
            seed=seed,
        )

    def train(self, progress: Progress | None = None) -> dict[str, Calibration]:
        """Calibrates, trains to the last step and returns the teachers' frozen statistics.

        A run that was interrupted goes on from its newest checkpoint.
        """
        own = progress or distillation_progress(self.accelerator)
        with own:
            if self.views.fixed:
                folder = Path(self.training.cache) if self.training.cache else self.run.path / "target_cache"
                for size, computed in self.feed.fill_caches(folder, own).items():
                    self.run.log(event="target_cache", folder=str(folder), size=size, views_computed=computed)
            calibrations = self.calibrated()
            for student in filter(None, (self.accelerator.unwrap_model(self.student), self.average and self.trained)):
                standardise_adaptors(student, self.exported_adaptors, calibrations)
            if self.whiten_patches:
                self.whiten()
            first = load_latest_checkpoint(self.accelerator, self.run.path, self.feed.fingerprint)
            task = own.add_task("Distilling", total=self.training.steps, completed=first, status="")
            self.student.train()
            self.loop(first, calibrations, own, task)
        return calibrations

    def loop(self, first: int, calibrations: dict, progress: Progress, task) -> None:
        """Steps `first` to the last, with a log line, a checkpoint and readings every so many."""
        views = self.training.batch_size * self.training.accumulate * self.accelerator.num_processes
        window = LogWindow(
            views, self.feed.group_names, self.accelerator.device, lambda part: self.accelerator.reduce(part, "sum")
        )
        batches = self.feed.batches(first * self.training.accumulate, self.balancer.drawn, window)
        for step in range(first, self.training.steps):
            rates = set_learning_rates(self.optimizers, step, self.training.steps, self.optimizer_spec)
            self.step(step, batches, calibrations, window)
            done, last = step + 1, step + 1 == self.training.steps
            progress.update(task, completed=done)
            if last or done % self.training.log_every == 0:
                means = rates | window.read()
                self.run.log(step=done, **means)
                self.accelerator.log(means, step=done)
                shown = " ".join(f"{t.name} {self.teacher_loss(means, t.name):.3f}" for t in self.teachers)
                progress.update(task, status=f"{shown}  {means['images_per_second']:.0f} img/s")
            if self.monitor_every and (last or done % self.monitor_every == 0):
                began = time.perf_counter()
                self.read_monitor(done, calibrations)
                window.leave_out(time.perf_counter() - began)
            if last or done % self.training.checkpoint_every == 0:
                save_checkpoint(
                    self.accelerator, self.run.path, done, self.training.keep_checkpoints, self.feed.fingerprint
                )

    def read_monitor(self, done: int, calibrations: dict) -> None:
        """Logs what the main process reads from the student on held-out frames."""
        trained = self.trained  # of all processes together
        if self.accelerator.is_main_process:
            readings = self.monitor(trained, calibrations)
            self.run.log(event="monitor", step=done, **readings)
            numbers = {name: value for name, value in readings.items() if isinstance(value, (int, float))}
            self.accelerator.log({f"monitor/{name}": value for name, value in numbers.items()}, step=done)
        self.accelerator.wait_for_everyone()

    def step(self, step: int, batches: Iterator[Batch], calibrations: dict, window: LogWindow) -> None:
        """One optimiser step over `accumulate` batches."""
        parts = self.training.accumulate
        for micro in range(step * parts, (step + 1) * parts):
            batch = next(batches)
            last = micro + 1 == (step + 1) * parts
            # only the last batch's backward has to wait for the other processes
            with nullcontext() if last else self.accelerator.no_sync(self.student):
                loss, terms = self.loss(micro, batch, calibrations, window)
                self.accelerator.backward(loss / parts)
            window.add({"loss": loss.detach(), **terms})
        norm = whole_tensor(self.accelerator.clip_grad_norm_(self.student.parameters(), self.optimizer_spec.clip_norm))
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
            self.average.update_parameters(WholeParameters(self.accelerator.unwrap_model(self.student)))

    def loss(
        self, micro: int, batch: Batch, calibrations: dict, window: LogWindow
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The balanced loss of a batch, and its terms, each a detached scalar."""
        grid = self.feed.grids[batch.pixels.shape[-1]]
        geometry = FrameGeometry(grid, batch.token_weights, batch.offsets, self.views.clip_frames)
        with self.accelerator.autocast():
            masks = self.masks(micro, batch.pixels)
            output = self.student(batch.pixels, bool_masked_pos=masks, clip_frames=self.views.clip_frames)
        losses, terms = teacher_losses(output, batch.targets, calibrations, self.losses, geometry)
        heard = [teacher.name for teacher in self.feed.heard(batch.pixels.shape[-1])]
        loss = self.balancer.combine(losses, micro, heard)
        window.add_groups(batch.groups, torch.stack([part.detach() for part in losses.values()]).mean(dim=0))
        window.replaced += batch.replaced
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
        grid = self.feed.grids[pixels.shape[-1]]
        drawn = draw_masks(self.masking, batch * self.accelerator.num_processes, grid, random)
        return drawn[rank * batch : (rank + 1) * batch].to(pixels.device)

    @property
    def trained(self) -> ZenForDistillation | None:
        """What is exported: the averaged student where there is one.

        All processes have to ask for it; of a student in shards, the main process alone gets it.
        """
        return self.average.module if self.average is not None else whole_student(self.accelerator, self.student)

    def teacher_loss(self, means: dict[str, float], name: str) -> float:
        """What one teacher adds to the loss, before its weight."""
        terms = {key.split("/")[1]: value for key, value in means.items() if key.startswith(name + "/")}
        return sum(self.losses.weights[term] * value for term, value in terms.items())

    def whiten(self) -> None:
        """Whitens the patch embedding on the first views of all processes; a checkpoint overrides it."""
        views, seen = [], 0
        for batch in self.feed.batches(0, lambda number, heard: []):
            views.append(self.accelerator.gather(batch.pixels))
            seen += len(views[-1])
            if seen >= WHITENING_VIEWS:
                break
        student = self.accelerator.unwrap_model(self.student)
        whiten_patch_embedding(student.model.embeddings.patch_embeddings, views)

    def calibrated(self) -> dict[str, Calibration]:
        """Statistics of the teachers: those of this run if it has any, else measured now by all processes together.

        The main process computes the maps and the others read its file: eigenvectors differ between machines.
        """
        path = self.run.path / "calibration.safetensors"
        missing = not path.exists()
        self.accelerator.wait_for_everyone()  # all look before one of them writes
        if missing:
            names = [teacher.name for teacher in self.teachers]
            batches = self.feed.batches(0, lambda number, heard: heard, aligned=True)
            calibrations = calibrate(
                ((batch.targets, batch.token_weights, len(batch.pixels)) for batch in batches),
                self.standardisation,
                names,
                self.accelerator.num_processes,
                lambda value: gather_object([value]),
                self.views.clip_frames,
            )
            if self.accelerator.is_main_process:
                temporary = path.with_name(".tmp-" + path.name)
                save_calibrations(calibrations, temporary)
                temporary.rename(path)
        self.accelerator.wait_for_everyone()
        return load_calibrations(path)


def check_settings(
    patch_size: int,
    teachers: list[Teacher | VideoTeacher],
    image_sizes: list[int],
    views: ViewSpec,
    losses: LossSpec,
    training: TrainingSpec,
) -> None:
    """Refuses settings of different parts of a recipe that do not fit each other."""
    if training.batch_size % views.clip_frames:
        raise ValueError(
            f"training.batch_size {training.batch_size} is not divisible by views.clip_frames {views.clip_frames}"
        )
    if views.clip_frames == 1 and (losses.summary_change or losses.patch_change):
        raise ValueError(
            "losses.summary_change and patch_change compare frames of a clip; set views.clip_frames to 2 or more"
        )
    if losses.max_shift and views.fixed:
        raise ValueError(
            f"losses.max_shift is {losses.max_shift} and views.fixed {views.fixed}: cached teachers have seen one crop; "
            "set one of the two to 0"
        )
    for teacher in teachers:
        strange = sorted(set(teacher.spec.image_sizes) - set(image_sizes))
        if strange:
            raise ValueError(
                f"teacher {teacher.name}: image_sizes names {strange}, but the student's sizes are {image_sizes}"
            )
        if teacher.is_video and (views.clip_frames == 1 or losses.max_shift):
            raise ValueError(
                f"teacher {teacher.name} sees video: set views.clip_frames to the frames of its clips, and "
                "losses.max_shift to 0"
            )
        if teacher.is_video and views.clip_frames % teacher.encoder.tubelet_size:
            raise ValueError(
                f"teacher {teacher.name} joins every {teacher.encoder.tubelet_size} frames, but views.clip_frames is "
                f"{views.clip_frames}; expected a multiple"
            )
    for size in image_sizes:
        wanted = size + losses.max_shift * patch_size
        if losses.max_shift >= size // patch_size:
            raise ValueError(
                f"losses.max_shift is {losses.max_shift}, but at {size} pixels there are {size // patch_size} patches in "
                "a row: crops would not overlap; lower it"
            )
        if wanted > views.image_size and losses.max_shift:
            raise ValueError(
                f"losses.max_shift {losses.max_shift} needs views of {wanted} pixels for the student's {size}, but "
                f"views.image_size is {views.image_size}; raise it and name the student's sizes in student.image_sizes"
            )
        if all(teacher.spec.image_sizes and size not in teacher.spec.image_sizes for teacher in teachers):
            raise ValueError(f"no teacher is heard at the student's size {size}; name it in a teacher's image_sizes")


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
