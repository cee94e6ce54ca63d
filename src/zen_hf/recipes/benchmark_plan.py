# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""`zen-hf benchmark --dry-run`: what is found, what is missing, and about how many hours the encoder would take."""

import statistics
import time

import torch
from rich.console import Console
from rich.table import Table

from zen_hf.benchmark.candidate import Candidate, load_candidate, models_of_folds
from zen_hf.benchmark.split import load_split
from zen_hf.benchmark.suite_plan import PlannedTask, plan_tasks
from zen_hf.benchmark.task import load_task
from zen_hf.recipes.benchmark import BenchmarkRun

BATCHES = 3  # timed, after one that is not


def print_plan(run: BenchmarkRun) -> list[PlannedTask]:
    """Print the plan of a benchmark; nothing is written.

    The hours are forward passes of the encoder at the rate measured here and now, for the model and (with baselines) the
    untrained trunk. Reading frames and training heads comes on top.

    Args:
        run: what was asked for.
    """
    first = load_task(run.tasks[0])
    candidate = load_candidate(
        models_of_folds(run.model, load_split(run.split or first.split))[0], run.revision, run.trust_remote_code
    )
    conditions = run.conditions(run.protocols[0])
    planned = plan_tasks(run.tasks, run.protocols, run.data, run.suite, conditions)
    rate = frames_per_second(candidate, run.image_size or candidate.encoder.default_image_size)
    models = 2 if run.baselines else 1
    table = Table("task", "data", "videos", "frames", *(f"{protocol}, h" for protocol in run.protocols))
    for task in planned:
        hours = [hours_of(models * task.passes[name], rate) if name in task.passes else "-" for name in run.protocols]
        state = "missing" if task.data is None else "see below" if task.problem else "found"
        table.add_row(task.task, state, str(task.videos or "-"), str(task.frames or "-"), *hours)
    out = Console(width=max(Console().width, 120), highlight=False)
    out.print(table)
    for task in planned:
        if task.problem:
            out.print(f"{task.task}: {task.problem}")
    total = sum(sum(task.passes.values()) for task in planned) * models
    found = sum(task.problem is None for task in planned)
    out.print(
        f"{found} of {len(planned)} tasks can run; {total:,} forward passes at {rate:.1f} frames/s (measured here): about "
        f"{hours_of(total, rate)} hours for the encoder and {'its untrained twin' if run.baselines else 'no baseline'}."
    )
    questions = [task.task for task in planned if task.problem is None and load_task(task.task).question]
    if questions and run.text_encoder is None:
        out.print(f"{', '.join(questions)}: give --text-encoder, a folder or Hub id of what reads the questions.")
    return planned


@torch.no_grad()
def frames_per_second(candidate: Candidate, image_size: int, batch_size: int = 16) -> float:
    """Frames per second of the bare forward pass: median of a few batches."""
    side = max(image_size // candidate.encoder.stride, 1) * candidate.encoder.stride
    images = torch.rand(batch_size, 3, side, side)
    times = []
    for _ in range(1 + BATCHES):
        start = time.perf_counter()
        candidate.encoder(images).summary.sum().item()  # waits for the device
        times.append(time.perf_counter() - start)
    return batch_size / statistics.median(times[1:])


def hours_of(passes: float, rate: float) -> str:
    """Hours that forward passes take, in words short enough for a table."""
    hours = passes / rate / 3600
    return f"{hours:.2f}" if hours < 10 else f"{hours:.0f}"
