# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What a step of distillation costs: operations and memory, counted while its code runs on shapes without values."""

import warnings
import weakref
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry, sdpa_backward_flop_count, sdpa_flop_count
from torch.utils.weak import WeakIdKeyDictionary

from zen_hf.data.views import ViewSpec
from zen_hf.distillation.calibration import Calibration, StandardisationSpec
from zen_hf.distillation.feed import token_crop
from zen_hf.distillation.objective import FrameGeometry, LossSpec, teacher_losses
from zen_hf.distillation.optimisation import OptimizerSpec, build_optimizers
from zen_hf.distillation.standardisation import Standardisation
from zen_hf.distillation.teachers import Teacher, VideoTeacher
from zen_hf.distillation.training_spec import TrainingSpec
from zen_hf.modeling.modeling_zen_distillation import ZenForDistillation


@dataclass(frozen=True)
class BatchCost:
    """What one batch costs at one size of the student's input.

    Attributes:
        teacher_operations: Operations (two per multiplication and addition) per view of every teacher that is heard at
            this size.
        forward_operations: Of the student's forward and of the losses, per view.
        backward_operations: Of the backward, per view.
        teacher_peak: Bytes at the peak of the teachers' part above all weights: views, features and intermediates.
        kept: Bytes that the student's forward and the losses keep for the backward.
        peak: Bytes at the peak of the whole batch above weights and optimiser states: views, targets, what is kept,
            gradients and intermediates.
    """

    teacher_operations: dict[str, float]
    forward_operations: float
    backward_operations: float
    teacher_peak: int
    kept: int
    peak: int


@dataclass(frozen=True)
class OptimiserCost:
    """What the update that ends a step costs.

    Attributes:
        states: Bytes that the optimisers keep.
        operations: Operations of one update: Muon's matrix products; AdamW has none.
    """

    states: int
    operations: float


class Meter(TorchDispatchMode):
    """Counts operations by PyTorch's own formulas, and the bytes of all storages that live, with their peak.

    Not `FlopCounterMode`, which keeps alive what activation checkpointing computes again.

    Args:
        existing: Tensors that are there already and do not count, nor do their views.
    """

    def __init__(self, existing: Iterable[torch.Tensor] = ()):
        super().__init__()
        self.operations = self.live = self.peak = 0
        self.seen = WeakIdKeyDictionary({tensor.untyped_storage(): 0 for tensor in existing})

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """Runs an operation and counts what it did and what it made."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        name = func._overloadpacket
        if name is torch.ops.aten._scaled_dot_product_flash_attention_for_cpu:  # without a formula in PyTorch
            self.operations += sdpa_flop_count(*(tensor.shape for tensor in args[:3]))
        elif name is torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward:
            self.operations += sdpa_backward_flop_count(*(tensor.shape for tensor in args[:4]))
        elif name in flop_registry:
            self.operations += flop_registry[name](*args, **kwargs, out_val=result)
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                self.count(tensor.untyped_storage())
        return result

    def count(self, storage: torch.UntypedStorage) -> None:
        """Adds a storage that has not been seen, until it dies."""
        if storage in self.seen:
            return
        size = storage.nbytes()
        self.seen[storage] = size
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self.release, size)

    def release(self, size: int) -> None:
        """A storage died."""
        self.live -= size

    def lap(self) -> float:
        """Operations since the last lap."""
        operations, self.operations = self.operations, 0
        return operations


def step_costs(
    student: ZenForDistillation,
    teachers: list[Teacher | VideoTeacher],
    sizes: list[int],
    views: ViewSpec,
    standardisation: StandardisationSpec,
    losses: LossSpec,
    optimizer: OptimizerSpec,
    training: TrainingSpec,
    bf16: bool,
) -> tuple[dict[int, BatchCost], OptimiserCost]:
    """Runs teachers, student, losses, backward and Muon's update on fake tensors and counts.

    Args:
        student: On the meta device; its parameters are fake tensors from here on.
        teachers: Likewise.
        sizes: Sides of the student's input in pixels.
        views: Size of the views and frames per clip.
        standardisation: How targets are standardised.
        losses: Weights of the terms.
        optimizer: The optimiser.
        training: Batch, accumulation, activation checkpointing and teacher chunks.
        bf16: Whether matrix products are computed in bfloat16.

    Returns:
        Cost of a batch at every size, and of the update that ends a step.
    """
    with FakeTensorMode(allow_non_fake_inputs=True), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of autocast and checkpointing, about a device that does not exist here
        student.to_empty(device="cpu").train()
        for teacher in teachers:
            teacher.encoder.materialise()
        if training.checkpoint_activations:
            student.activation_checkpointing_enable()
        batch = FakeBatch(student, calibration_shapes(teachers, standardisation), losses, views, training, bf16)
        costs = {}
        for size in sizes:
            heard = [t for t in teachers if not t.spec.image_sizes or size in t.spec.image_sizes]
            for _ in range(min(training.accumulate, 2)):  # the second batch finds the gradients of the first
                costs[size] = batch.cost(heard, size)
            student.zero_grad(set_to_none=True)
        return costs, optimiser_cost(student, optimizer)


@dataclass
class FakeBatch:
    """One batch of a run, on fake tensors."""

    student: ZenForDistillation
    calibrations: dict[str, Calibration]
    losses: LossSpec
    views: ViewSpec
    training: TrainingSpec
    bf16: bool

    def cost(self, teachers: list[Teacher | VideoTeacher], size: int) -> BatchCost:
        """Runs one batch at one size of the student's input and counts."""
        batch, patch, side = self.training.batch_size, self.student.config.patch_size, self.views.image_size
        grid, shift = (size // patch, size // patch), self.losses.max_shift
        gradients = [p.grad for p in self.student.parameters() if p.grad is not None]
        models = [self.student, *(teacher.encoder.model for teacher in teachers)]
        weights = [tensor for model in models for tensor in (*model.parameters(), *model.buffers())]
        operations, targets = {}, {}
        with Meter([*weights, *gradients]) as meter:
            images = torch.empty(batch, 3, side, side)
            for teacher in teachers:
                targets[teacher.name] = self.answer(teacher, images, grid)
                operations[teacher.name] = meter.lap() / batch
            teacher_peak, before = meter.peak, meter.live
            pixels = token_crop(images, grid, shift, (0, 0), patch)
            with self.autocast():
                output = self.student(pixels, clip_frames=self.views.clip_frames)
            geometry = FrameGeometry(grid, clip_frames=self.views.clip_frames)
            losses, _ = teacher_losses(output, targets, self.calibrations, self.losses, geometry)
            loss = sum(loss.mean() for loss in losses.values())
            del output, losses
            forward, kept = meter.lap() / batch, meter.live - before
            loss.backward()
        return BatchCost(
            teacher_operations=operations,
            forward_operations=forward,
            backward_operations=meter.lap() / batch,
            teacher_peak=teacher_peak,
            kept=kept,
            peak=meter.peak + sum(gradient.nbytes for gradient in gradients),
        )

    def answer(
        self, teacher: Teacher | VideoTeacher, images: torch.Tensor, grid: tuple[int, int]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What a teacher says of views, as the feed asks it."""
        shift = self.losses.max_shift
        crop = token_crop(images, grid, shift, (0, 0), teacher.encoder.stride) if shift else images
        if teacher.is_video:
            crop = crop.unflatten(0, (-1, self.views.clip_frames))  # [B / K, K, 3, H, W]
        with self.autocast():
            parts = [teacher(part, grid) for part in crop.split(self.training.teacher_chunk or len(crop))]
        return torch.cat([part.summary for part in parts]), torch.cat([part.patches for part in parts])

    def autocast(self) -> torch.autocast:
        """Matrix products in bfloat16 where the run has them so."""
        return torch.autocast("cpu", torch.bfloat16, enabled=self.bf16)


def calibration_shapes(teachers: list[Teacher | VideoTeacher], spec: StandardisationSpec) -> dict[str, Calibration]:
    """Statistics of the right shapes and of no meaning."""

    def part(method: str, width: int) -> Standardisation:
        mean = torch.empty(width, dtype=torch.float64)
        matrix = mean.new_empty((width, width) if method in ("phis", "pca_whiten") else (width,))
        return Standardisation(method, mean, matrix, matrix)

    calibrations = {}
    for teacher in teachers:
        sizes = teacher.adaptor
        summary, patches = part(spec.summary, sizes["summary_size"]), part(spec.patches, sizes["patch_size"])
        calibrations[teacher.name] = Calibration(summary, patches, 1.0, 1.0, 1.0)
    return calibrations


def optimiser_cost(student: ZenForDistillation, spec: OptimizerSpec) -> OptimiserCost:
    """What the optimisers keep, and the matrix products of an update."""
    states, operations = 0, 0.0
    for optimizer in build_optimizers(student, spec):
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        if isinstance(optimizer, torch.optim.AdamW):  # two moments; its step reads a number, which a fake has not
            states += sum(2 * p.nbytes for p in parameters)
            continue
        for parameter in parameters:
            parameter.grad = torch.empty_like(parameter)
        with Meter() as meter:
            optimizer.step()
        operations += meter.operations
        states += sum(tensor.nbytes for state in optimizer.state.values() for tensor in state.values())
    return OptimiserCost(states, operations)
