# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What a distillation will take on GPUs of a named kind: parameters, operations, memory, time and money."""

from dataclasses import dataclass

import torch

from zen_hf.data.views import ViewSpec
from zen_hf.distillation.balancing import BalancingSpec
from zen_hf.distillation.calibration import StandardisationSpec
from zen_hf.distillation.objective import LossSpec
from zen_hf.distillation.optimisation import OptimizerSpec
from zen_hf.distillation.step_cost import BatchCost, OptimiserCost, step_costs
from zen_hf.distillation.student import StudentSpec
from zen_hf.distillation.teachers import TeacherSpec
from zen_hf.distillation.trainer import check_settings
from zen_hf.distillation.training_spec import TrainingSpec
from zen_hf.distillation.weightless import weightless_student, weightless_teacher

GIB = 2**30


@dataclass(frozen=True)
class Gpu:
    """A kind of GPU, from its maker's data sheet.

    Attributes:
        bf16: Dense (not sparse) bfloat16 matrix products with float32 accumulation, TFLOP/s.
        float32: Float32 outside of the tensor cores, TFLOP/s.
        memory: What programs see of its memory, GiB: somewhat less than the name says.
    """

    bf16: float
    float32: float
    memory: float


GPUS = {
    "A100-40": Gpu(312, 19.5, 39),
    "A100-80": Gpu(312, 19.5, 79),
    "H100-PCIe": Gpu(756, 51, 79),
    "H100-SXM": Gpu(989, 67, 79),
    "H200": Gpu(989, 67, 139),
    "L4": Gpu(121, 30, 22),
    "L40S": Gpu(362, 91.6, 44),
    "RTX-3090": Gpu(71, 35.6, 23.5),
    "RTX-4090": Gpu(165, 82.6, 23.5),
}


@dataclass(frozen=True)
class StepPlan:
    """What a step costs on one GPU.

    Attributes:
        parameters: Part to number of parameters: `trunk`, `adaptors` and every teacher.
        operations: Part to operations per view, averaged over the student's sizes and over which teachers are drawn:
            `forward` and `backward` of the student, `optimiser`, and every teacher.
        cached_operations: Teacher to operations per fixed view, once for all sizes; empty if views are fresh.
        memory: Part to bytes per GPU at the peak of a batch of the size that needs most.
        views_per_step: Views that a GPU computes per step.
        bf16: Whether matrix products are computed in bfloat16.
        summary: The recipe in a few words.
    """

    parameters: dict[str, int]
    operations: dict[str, float]
    cached_operations: dict[str, float]
    memory: dict[str, int]
    views_per_step: int
    bf16: bool
    summary: str

    def seconds_per_step(self, rate: float) -> float:
        """Time of a step on one device that achieves `rate` operations per second."""
        return sum(self.operations.values()) * self.views_per_step / rate


def plan_step(
    student: StudentSpec,
    teachers: list[TeacherSpec],
    views: ViewSpec,
    standardisation: StandardisationSpec,
    losses: LossSpec,
    balancing: BalancingSpec,
    optimizer: OptimizerSpec,
    training: TrainingSpec,
    processes: int = 1,
) -> StepPlan:
    """Counts a step of a recipe without weights, data or a GPU.

    Args:
        student: The recipe's student.
        teachers: Its teachers; configurations are read, weights are not.
        views: Its views.
        standardisation: How targets are standardised.
        losses: Weights of the loss terms.
        balancing: How many teachers are drawn.
        optimizer: The optimiser.
        training: Batch, precision and what saves memory; `"auto"` is bfloat16, which every GPU of the list has.
        processes: GPUs, one process each.

    Raises:
        FileNotFoundError: If a model has no configuration.
        ValueError: If a teacher cannot be counted from its configuration, or the recipe is wrong.
    """
    bf16 = training.precision != "no"
    frozen = [weightless_teacher(spec, torch.bfloat16 if bf16 else torch.float32) for spec in teachers]
    trained = weightless_student(student, frozen, views.image_size)
    sizes = student.image_sizes or [views.image_size]
    check_settings(trained.config.patch_size, frozen, sizes, views, losses, training)
    batches, update = step_costs(trained, frozen, sizes, views, standardisation, losses, optimizer, training, bf16)
    views_per_step = training.batch_size * training.accumulate
    sampled = balancing.sampled_teachers if balancing.method == "sampling" else len(teachers)
    drawn = min(sampled, len(teachers)) / len(teachers)
    totals = {t.name: sum(cost.teacher_operations.get(t.name, 0.0) for cost in batches.values()) for t in frozen}
    operations = {
        "forward": sum(cost.forward_operations for cost in batches.values()) / len(sizes),
        "backward": sum(cost.backward_operations for cost in batches.values()) / len(sizes),
        "optimiser": update.operations / views_per_step,
    }
    if not views.fixed:
        operations |= {name: drawn * total / len(sizes) for name, total in totals.items()}
    trunk = sum(p.numel() for p in trained.model.parameters())
    return StepPlan(
        parameters={
            "trunk": trunk,
            "adaptors": sum(p.numel() for p in trained.parameters()) - trunk,
            **{teacher.name: sum(p.numel() for p in teacher.encoder.model.parameters()) for teacher in frozen},
        },
        operations=operations,
        cached_operations=totals if views.fixed else {},
        memory=memory_per_gpu(trained, frozen, batches, update, training.ema_decay > 0, processes),
        views_per_step=views_per_step,
        bf16=bf16,
        summary=(
            f"{student.generalist or 'ZEN ' + student.variant} at {' / '.join(map(str, sizes))} px, "
            f"{len(teachers)} teacher{'s' * (len(teachers) > 1)}, batch {training.batch_size}"
            + (f" x {training.accumulate}" if training.accumulate > 1 else "")
            + f" per GPU, {'bfloat16' if bf16 else 'float32'}"
        ),
    )


def memory_per_gpu(
    student: torch.nn.Module,
    teachers: list,
    batches: dict[int, BatchCost],
    update: OptimiserCost,
    averaged: bool,
    processes: int,
) -> dict[str, int]:
    """Bytes per part; all that is there at once at the peak."""
    weights = sum(p.nbytes for p in student.parameters())
    gradients = sum(p.nbytes for p in student.parameters() if p.requires_grad)
    worst = max(batches.values(), key=lambda cost: cost.peak)
    return {
        "student": weights,
        "gradients": gradients,
        "gradient buckets of DDP": gradients if processes > 1 else 0,
        "optimiser states": update.states,
        "averaged student": weights if averaged else 0,
        "teachers": sum(p.nbytes for teacher in teachers for p in teacher.encoder.model.parameters()),
        "batch, targets, activations": max(worst.peak - gradients, 0),
    }


def describe(plan: StepPlan, gpu: str, gpus: int, frames: int, utilisation: float, price: float | None = None) -> str:
    """The plan in words and tables.

    Args:
        plan: What a step costs.
        gpu: Kind of GPU, a key of `GPUS`.
        gpus: How many.
        frames: Views that the student shall see, repetitions counted.
        utilisation: Share of the GPU's peak rate that is achieved, in (0, 1].
        price: Of one GPU for one hour, in any currency.

    Raises:
        ValueError: If the kind is unknown or a number is out of range.
    """
    kind = find_gpu(gpu)
    if gpus < 1 or frames < 1 or not 0 < utilisation <= 1:
        raise ValueError(
            f"gpus is {gpus}, frames {frames} and utilisation {utilisation}; expected at least 1 GPU and 1 frame, and a "
            "utilisation in (0, 1]"
        )
    peak = (kind.bf16 if plan.bf16 else kind.float32) * 1e12
    rate = peak * utilisation
    total = sum(plan.operations.values())
    seconds = frames * total / (rate * gpus)
    lines = [plan.summary, "", *table_of_work(plan, total), "", *table_of_memory(plan, gpu, kind), ""]
    lines += [
        f"{gpus} x {gpu} at {utilisation:.0%} of {peak / 1e12:g} TFLOP/s ({'dense bfloat16' if plan.bf16 else 'float32'}), "
        "if data and communication keep up:",
        f"  {rate / total * gpus:,.0f} images/s, {plan.seconds_per_step(rate):.3f} s per step of "
        f"{plan.views_per_step * gpus:,} views",
        f"  {frames:,} frames seen: {duration(seconds)}, {seconds * gpus / 3600:,.1f} GPU-hours"
        + (f", {seconds * gpus / 3600 * price:,.0f} at {price:g} per GPU-hour" if price is not None else ""),
    ]
    if plan.cached_operations:
        caching = sum(plan.cached_operations.values()) * 1e6 / rate
        lines.append(f"  and, once, {caching / 3600:,.1f} GPU-hours per million fixed views for the teachers' cache")
    return "\n".join(lines)


def find_gpu(name: str) -> Gpu:
    """A kind of GPU by its name."""
    if name not in GPUS:
        raise ValueError(f"gpu is {name!r}; expected one of {', '.join(GPUS)}")
    return GPUS[name]


def table_of_work(plan: StepPlan, total: float) -> list[str]:
    """Parameters and operations per part."""
    lines = [f"{'':28}{'parameters':>12}{'GFLOP per image':>18}{'share':>8}"]

    def row(name: str, parameters: int | None, operations: float | None) -> str:
        size = f"{parameters / 1e6:.1f} M" if parameters is not None else ""
        work = f"{operations / 1e9:18.1f}{operations / total:>8.0%}" if operations is not None else ""
        return f"{name:28}{size:>12}{work}"

    lines.append(row("student's trunk", plan.parameters["trunk"], None))
    lines.append(row("student's adaptors", plan.parameters["adaptors"], None))
    lines.append(row("student's forward, losses", None, plan.operations["forward"]))
    lines.append(row("student's backward", None, plan.operations["backward"]))
    if plan.operations["optimiser"]:
        lines.append(row("optimiser", None, plan.operations["optimiser"]))
    for name, size in list(plan.parameters.items())[2:]:
        lines.append(row(f"teacher {name}", size, plan.operations.get(name)))
        if name in plan.cached_operations:
            lines[-1] += f"  {plan.cached_operations[name] / 1e9:.1f} once per fixed view, then cached"
    return [*lines, row("step", sum(plan.parameters.values()), total)]


def table_of_memory(plan: StepPlan, name: str, gpu: Gpu) -> list[str]:
    """Memory per part, and a warning where it is too much."""
    lines = [f"{'memory per GPU':28}{'GiB':>12}"]
    lines += [f"{part:28}{size / GIB:12.2f}" for part, size in plan.memory.items() if size]
    total = sum(plan.memory.values()) / GIB
    lines.append(f"{'at the peak':28}{total:12.2f} of {gpu.memory:g} ({name}), without CUDA's own and fragments")
    if total > gpu.memory:
        lines.append(
            f"WARNING: {total:.1f} GiB do not fit into {gpu.memory:g}; lower training.batch_size (and raise accumulate), "
            "set training.checkpoint_activations or training.teacher_chunk, or take a larger GPU"
        )
    elif total > 0.9 * gpu.memory:
        lines.append("WARNING: less than a tenth of the memory is left for CUDA's own and fragments; lower batch_size")
    return lines


def duration(seconds: float) -> str:
    """Days, or hours where they are few."""
    return f"{seconds / 86400:,.1f} days" if seconds >= 2 * 86400 else f"{seconds / 3600:,.1f} hours"
