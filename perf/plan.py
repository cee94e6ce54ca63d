# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Checks `zen-hf distill --plan` against measured steps: predicted over measured time of several recipes.

    python perf/plan.py --threads 2 --steps 3
    python perf/plan.py --show              # the plan of a larger recipe on GPUs; nothing is measured

The machine's rate is that of bare linear layers, in the same process. Its utilisation is measured once, on a forward
of the first recipe's student, and then applied to whole steps of all recipes: teachers, student, losses, backward and
optimiser, by the real loop with frames decoded in its own process. Every step is measured between two measurements of
the linear layers, and the median of the ratios is printed, so that a machine whose rate drifts is compared with itself.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from distillation_case import Case, build_run, build_teachers, save_configurations, write_frames

from zen_hf import ZenConfig, ZenModel
from zen_hf.distillation.balancing import BalancingSpec
from zen_hf.distillation.calibration import StandardisationSpec
from zen_hf.distillation.log_window import LogWindow
from zen_hf.distillation.objective import LossSpec
from zen_hf.distillation.optimisation import OptimizerSpec
from zen_hf.distillation.plan import StepPlan, describe, plan_step
from zen_hf.distillation.step_cost import Meter
from zen_hf.distillation.training_spec import TrainingSpec

Clock = Callable[[], float]
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "cpu": time.process_time}
CASES = [
    Case("small", ("dinov2-small", "convnext-tiny"), 224, 4),
    Case("tiny", ("dinov2-small", "vit-small"), 160, 8),
    Case("small", ("siglip-base", "resnet-18"), 128, 8),
]
SHOWN = Case("base", ("dinov2-base", "siglip-base", "convnext-tiny"), 256, 64, "bfloat16")


def linear_rate(clock: Clock) -> float:
    """Operations per second of the linear layers of a ViT-S block over 8 frames of 201 tokens."""
    layers = [torch.nn.Linear(*shape) for shape in ((384, 1152), (384, 384), (384, 1536), (1536, 384))]
    inputs = {width: torch.rand(8 * 201, width) for width in (384, 1536)}
    operations = sum(2 * 8 * 201 * layer.in_features * layer.out_features for layer in layers)

    def run() -> None:
        for layer in 12 * layers:
            layer(inputs[layer.in_features])

    with torch.no_grad():
        return 12 * operations / seconds(run, clock)


def seconds(action: Callable[[], object], clock: Clock) -> float:
    """How long an action takes."""
    start = clock()
    action()
    return clock() - start


def predict(case: Case, folder: Path, processes: int = 1) -> StepPlan:
    """The plan of a case, which reads configurations alone."""
    return plan_step(
        case.student,
        save_configurations(case, folder),
        case.views,
        StandardisationSpec(),
        LossSpec(),
        BalancingSpec(),
        OptimizerSpec(),
        TrainingSpec(batch_size=case.batch_size, precision="bf16" if case.dtype == "bfloat16" else "no"),
        processes,
    )


def utilisation(case: Case, rounds: int, clock: Clock) -> float:
    """Rate of a student's forward over that of the bare linear layers."""
    model = ZenModel(ZenConfig.from_variant(case.variant, image_size=case.image_size)).eval()
    pixels = torch.rand(case.batch_size, 3, case.image_size, case.image_size)
    with torch.no_grad():
        with Meter() as meter:
            model(pixels)
        shares = [meter.operations / seconds(lambda: model(pixels), clock) / linear_rate(clock) for _ in range(rounds)]
    return statistics.median(shares)


def measure(
    case: Case, plan: StepPlan, share: float, folder: Path, frames: Path, steps: int, clock: Clock
) -> tuple[float, float]:
    """Median seconds of the real loop's steps and predicted over measured, the linear layers before and after each."""
    run = build_run(case, folder, frames, build_teachers(case))
    calibrations = run.calibrated()
    run.student.train()
    window = LogWindow(case.batch_size, run.feed.group_names, run.accelerator.device)
    batches = run.feed.batches(0, run.balancer.drawn, window)
    run.step(0, batches, calibrations, window)  # the optimiser's states, and the threads, begin here
    ratios, times = [], []
    before = linear_rate(clock)
    for step in range(1, steps + 1):
        took = seconds(lambda step=step: run.step(step, batches, calibrations, window), clock)
        after = linear_rate(clock)
        times.append(took)
        ratios.append(plan.seconds_per_step(share * (before + after) / 2) / took)
        before = after
    return statistics.median(times), statistics.median(ratios)


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--steps", type=int, default=3, help="measured steps per recipe, after one to warm up")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu, with --threads 1, on a shared machine")
    parser.add_argument("--show", action="store_true", help="print a plan and measure nothing")
    options = parser.parse_args()
    if options.show:
        with tempfile.TemporaryDirectory() as folder:
            print(describe(predict(SHOWN, Path(folder), processes=8), "H100-SXM", 8, 100_000_000, 0.4, 2.5))
        return
    clock = CLOCKS[options.clock]
    torch.set_num_threads(options.threads)
    linear_rate(clock)
    print(
        f"torch {torch.__version__}, {options.threads} threads, {options.clock} clock, load {os.getloadavg()[0]:.1f} at the start"
    )
    share = utilisation(CASES[0], 3 * options.steps, clock)
    print(
        f"utilisation {share:.2f}: a forward of ZEN {CASES[0].variant} at {CASES[0].image_size} px over linear layers\n"
    )
    print(f"{'recipe':64}{'GFLOP/image':>12}{'predicted s':>13}{'measured s':>12}{'ratio':>8}")
    with tempfile.TemporaryDirectory() as temporary:
        frames = write_frames(Path(temporary) / "frames", 32)
        for number, case in enumerate(CASES):
            folder = Path(temporary) / str(number)
            plan = predict(case, folder)
            took, ratio = measure(case, plan, share, folder / "run", frames, options.steps, clock)
            gflop = sum(plan.operations.values()) / 1e9
            print(f"{str(case):64}{gflop:12.1f}{ratio * took:13.2f}{took:12.2f}{ratio:8.2f}", flush=True)
    print(f"\nload {os.getloadavg()[0]:.1f} at the end; the bar is a ratio from 0.75 to 1.25")


if __name__ == "__main__":
    main()
