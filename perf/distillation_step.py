# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What a step of distillation costs beside what it must cost: time, waiting for data, memory.

    python perf/distillation_step.py parts     # step over the sum of its parts; bar 1.05
    python perf/distillation_step.py wait      # share of a step that waits for data; bar 0.02
    python perf/distillation_step.py reference # plain loop over engine; bar 1.5 in bfloat16, 1.0 in float32
    python perf/distillation_step.py memory    # peak memory, beside the plan's

Every comparison is paired: what is compared runs in turn in one process on the same frames, and the median of the
ratios of the rounds is printed with its quartiles. Memory is measured in a fresh process per row. Teachers have real
architectures and random weights. `--dtype bfloat16` needs a device with its instructions.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from distillation_case import (
    TEACHERS,
    Case,
    build_run,
    build_teachers,
    save_configurations,
    synchronise,
    write_frames,
)
from reference_loop import ReferenceLoop
from transformers import AutoModel

from zen_hf import ZenConfig, ZenModel
from zen_hf.distillation.balancing import BalancingSpec
from zen_hf.distillation.calibration import StandardisationSpec
from zen_hf.distillation.log_window import LogWindow
from zen_hf.distillation.objective import LossSpec
from zen_hf.distillation.optimisation import OptimizerSpec
from zen_hf.distillation.plan import plan_step
from zen_hf.distillation.teachers import Teacher, resize
from zen_hf.distillation.trainer import Distillation
from zen_hf.distillation.training_spec import TrainingSpec, mixed_precision

MEMORY_SETTINGS = {
    "plain": {},
    "teacher_chunk 2": {"teacher_chunk": 2},
    "checkpoint_activations": {"checkpoint_activations": True},
    "both": {"checkpoint_activations": True, "teacher_chunk": 2},
}
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
Clock = Callable[[], float]


def seconds(action: Callable[[], object], clock: Clock) -> float:
    """How long an action takes, on the GPU too."""
    synchronise()
    start = clock()
    action()
    synchronise()
    return clock() - start


def spread(values: list[float]) -> str:
    """Median and quartiles."""
    low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def teacher_alone(run: Distillation, teacher: Teacher, images: torch.Tensor) -> Callable[[], object]:
    """The bare forward of a teacher's model, on pixels that have its size and normalisation already."""
    size, encoder = run.feed.grids[images.shape[-1]][0] * teacher.encoder.stride, teacher.encoder
    pixels = encoder.normalise(resize(images, (size, size)))

    def forward() -> None:
        with torch.no_grad(), run.accelerator.autocast():
            encoder.model(pixels, **encoder.arguments)

    return forward


def student_alone(run: Distillation, pixels: torch.Tensor) -> Callable[[], object]:
    """Forward, backward and update of the student, its outputs squared for a loss."""

    def update() -> None:
        with run.accelerator.autocast():
            output = run.student(pixels)
        outputs = (*output.summaries.values(), *output.patches.values())
        run.accelerator.backward(sum(tensor.float().square().mean() for tensor in outputs))
        for optimizer in run.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    return update


def parts(case: Case, folder: Path, options: argparse.Namespace) -> None:
    """Step over the sum of its parts. Views are rendered beforehand: waiting for them is measured by `wait`."""
    run = build_run(case, folder / "run", write_frames(folder / "frames"), build_teachers(case))
    calibrations = run.calibrated()
    run.student.train()
    window = LogWindow(case.batch_size, run.feed.group_names, run.accelerator.device)
    rows = [run.feed.dataset[index] for index in next(iter(run.feed.indices(0)))]
    views = torch.utils.data.default_collate(rows)
    images = views["pixels"].flatten(0, 1)[:, :3].to(run.accelerator.device).float() / 255
    everyone = lambda number, heard: heard  # noqa: E731
    nobody = lambda number, heard: []  # noqa: E731
    batches = (run.feed.batch(0, views, None, everyone, window, aligned=False) for _ in iter(int, 1))
    actions = {"step": lambda: run.step(0, batches, calibrations, window)}
    actions |= {f"teacher {t.name}": teacher_alone(run, t, images) for t in run.teachers}
    pixels = run.feed.batch(0, views, {}, nobody, window, aligned=False).pixels
    actions["student"] = student_alone(run, pixels)
    for action in actions.values():
        action()  # warms up
    times: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(options.rounds):
        for name, action in actions.items():
            times[name].append(seconds(action, options.clock))
    for name, values in times.items():
        print(f"  {name:24}{1e3 * statistics.median(values):10.0f} ms")
    pieces = [sum(times[name][number] for name in actions if name != "step") for number in range(options.rounds)]
    ratios = [whole / piece for whole, piece in zip(times["step"], pieces, strict=True)]
    print(f"  step over the sum of its parts: {spread(ratios)}; bar 1.05")


def wait(case: Case, folder: Path, options: argparse.Namespace) -> None:
    """Where the time of the real loop goes, by its own log."""
    frames = write_frames(folder / "frames", 256)
    run = build_run(case, folder / "run", frames, build_teachers(case), workers=options.workers)
    calibrations = run.calibrated()
    run.student.train()
    window = LogWindow(case.batch_size, run.feed.group_names, run.accelerator.device)
    batches = run.feed.batches(0, run.balancer.drawn, window)
    for step in range(2):
        run.step(step, batches, calibrations, window)  # the workers begin
    shares: dict[str, list[float]] = {"data_wait": [], "teacher_time": [], "student_time": [], "images_per_second": []}
    for step in range(2, 2 + options.rounds):
        window.restart()
        run.step(step, batches, calibrations, window)
        line = window.read()
        for name, values in shares.items():
            values.append(line[name])
    print(f"  {options.workers} workers: " + ", ".join(f"{name} {spread(values)}" for name, values in shares.items()))
    print(f"  mean data_wait {statistics.mean(shares['data_wait']):.4f}; bar 0.02")


def reference(case: Case, folder: Path, options: argparse.Namespace) -> None:
    """Time of a step of the plain loop over one of the engine with the same balancing."""
    frames, teachers = write_frames(folder / "frames"), build_teachers(case)
    run = build_run(case, folder / "run", frames, teachers, balancing="dropping", workers=options.workers)
    calibrations = run.calibrated()
    run.student.train()
    window = LogWindow(case.batch_size, run.feed.group_names, run.accelerator.device)
    batches = run.feed.batches(0, run.balancer.drawn, window)
    shapes = {t.name: (t.encoder.stride, t.encoder.summary_size, t.encoder.hidden_size) for t in teachers}
    plain = ReferenceLoop(
        ZenModel(ZenConfig.from_variant(case.variant, image_size=case.image_size)),
        {name: (vision_model(name), *sizes) for name, sizes in shapes.items()},
        sorted(frames.rglob("*.jpg")),
        case.image_size,
        case.batch_size,
        case.dtype == "bfloat16",
        run.accelerator.device,
    )
    steps = iter(range(10**9))
    actions = {
        "engine": lambda: run.step(next(steps), batches, calibrations, window),
        "plain loop": plain.step,
    }
    for action in actions.values():
        action()
    times: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(options.rounds):
        for name, action in actions.items():
            times[name].append(seconds(action, options.clock))
    for name, values in times.items():
        print(f"  {name:24}{1e3 * statistics.median(values):10.0f} ms")
    ratios = [own / engine for own, engine in zip(times["plain loop"], times["engine"], strict=True)]
    bar = 1.5 if case.dtype == "bfloat16" else 1.0
    print(f"  engine is faster than the plain loop, {options.workers} workers: {spread(ratios)}x; bar {bar}")


def vision_model(name: str) -> torch.nn.Module:
    """A teacher's model with weights of its own."""
    model = AutoModel.from_config(TEACHERS[name])
    return getattr(model, "vision_model", model)


def memory(case: Case, folder: Path, options: argparse.Namespace) -> None:
    """Peak memory above the imports per setting, measured in a fresh process and as planned."""
    base = ["--variant", case.variant, "--size", str(case.image_size), "--batch", str(case.batch_size)]
    base += ["--dtype", case.dtype, "--threads", str(options.threads), "--teachers", *case.teachers]
    print(f"  {'':24}{'measured MiB':>14}{'planned MiB':>14}{'ratio':>8}{'saved':>8}")
    first = None
    for name, settings in MEMORY_SETTINGS.items():
        command = [sys.executable, __file__, "peak", "--setting", name, *base]
        measured = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])
        plan = plan_step(
            case.student,
            save_configurations(case, folder / name),
            case.views,
            StandardisationSpec(),
            LossSpec(),
            BalancingSpec(),
            OptimizerSpec(),
            TrainingSpec(
                batch_size=case.batch_size, precision="bf16" if case.dtype == "bfloat16" else "no", **settings
            ),
        )
        planned = sum(plan.memory.values()) / 2**20
        first = first or measured
        saved = 1 - measured / first
        print(f"  {name:24}{measured:14.0f}{planned:14.0f}{planned / measured:8.2f}{saved:8.0%}", flush=True)
    print("  planned: " + ", ".join(f"{part} {size / 2**20:.0f}" for part, size in plan.memory.items() if size))


def peak(case: Case, folder: Path, options: argparse.Namespace) -> None:
    """Peak memory of two steps of the real loop in this process, MiB above what its imports took."""
    frames = write_frames(folder / "frames", 2 * case.batch_size)
    imported = resident("VmRSS")
    run = build_run(case, folder / "run", frames, build_teachers(case), **MEMORY_SETTINGS[options.setting])
    calibrations = run.calibrated()
    run.student.train()
    window = LogWindow(case.batch_size, run.feed.group_names, run.accelerator.device)
    batches = run.feed.batches(0, run.balancer.drawn, window)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    else:
        Path("/proc/self/clear_refs").write_text("5")  # forgets the peak of the calibration
    for step in range(2):
        run.step(step, batches, calibrations, window)
    print(torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else resident("VmHWM") - imported)


def resident(field: str) -> float:
    """MiB of a field of /proc/self/status: VmRSS is now, VmHWM the peak."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    measurements = {"parts": parts, "wait": wait, "reference": reference, "memory": memory, "peak": peak}
    parser.add_argument("what", choices=measurements, help="peak: one row of memory, internal")
    parser.add_argument("--variant", default="small", choices=["tiny", "small", "base", "large"])
    parser.add_argument("--teachers", nargs="+", default=["dinov2-small", "vit-small"], choices=TEACHERS)
    parser.add_argument("--size", type=int, default=224, help="side of the student's input, px")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--workers", type=int, default=2, help="of wait and reference")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--clock", default="wall", choices=CLOCKS, help="cpu, with --threads 1, on a shared machine")
    parser.add_argument("--setting", default="plain", choices=MEMORY_SETTINGS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.clock = CLOCKS[options.clock]
    torch.set_num_threads(options.threads)
    if options.dtype == "bfloat16" and mixed_precision("auto") == "no":
        sys.exit("bfloat16: not measured, this device has no instructions for it and emulates them far too slowly")
    case = Case(options.variant, tuple(options.teachers), options.size, options.batch, options.dtype)
    if options.what != "peak":
        print(f"{options.what}: {case}; torch {torch.__version__}, {options.threads} threads, load {load()}")
    with tempfile.TemporaryDirectory() as folder:
        measurements[options.what](case, Path(folder), options)
    if options.what != "peak":
        print(f"  load {load()} at the end")


def load() -> str:
    """Processes that wanted a core in the last minute."""
    return f"{os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    main()
