# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Synthetic surgery and three teachers that learnt from it with labels: where the quickstart and the ablation begin."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import datasets
import transformers
from datasets import concatenate_datasets
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from zen_hf.data.synthetic_surgery import synthetic_dataset
from zen_hf.distillation.skills import SKILLS, LabelledFrames, render_labelled
from zen_hf.distillation.tiny_teachers import train_tiny_teacher
from zen_hf.run_directory import RunDirectory

PATCH = 8  # px; the student's patches


@dataclass
class SurgeryBudget:
    """How much is rendered, and how long the teachers learn.

    Attributes:
        image_size: Side of the frames in pixels.
        teacher_videos: Labelled videos that the teachers learn from.
        unlabelled_videos: Further videos, without labels, that students are distilled on.
        probe_videos: Further labelled videos that the probes are fitted on.
        test_videos: Further videos that nothing is trained on.
        frames_per_video: Frames of a video to learn from.
        probe_frames_per_video: Frames of a video to probe on.
        teacher_steps: Steps of a teacher of each skill.
        teacher_batch_size: Frames per step of a teacher.
    """

    image_size: int = 64
    teacher_videos: int = 120
    unlabelled_videos: int = 150
    probe_videos: int = 60
    test_videos: int = 60
    frames_per_video: int = 30
    probe_frames_per_video: int = 10
    teacher_steps: dict[str, int] = field(default_factory=lambda: {"what": 260, "where": 200, "far": 220})
    teacher_batch_size: int = 64


class Stages:
    """One progress bar after the other, with the stage's number and time."""

    def __init__(self, run: RunDirectory):
        self.run, self.console, self.seconds = run, Console(), {}

    @contextmanager
    def stage(self, title: str, total: int) -> Iterator[Callable[..., None]]:
        """Gives a function that advances the bar by a number of units and may set its status."""
        columns = (BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TextColumn("{task.fields[status]}"))
        start = time.perf_counter()
        with Progress(TextColumn("{task.description:<38}"), *columns, console=self.console) as progress:
            task = progress.add_task(title, total=total, status="")
            yield lambda count, status="": progress.update(task, advance=count, status=status)
        self.note(title, start)

    def note(self, title: str, start: float) -> None:
        """Records a stage that began at `start` on the performance counter."""
        self.seconds[title] = round(time.perf_counter() - start, 1)
        self.run.log(stage=title, seconds=self.seconds[title])


def quieten_libraries() -> None:
    """Leaves one bar per stage; those of the libraries would come between."""
    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()


def rendered(budget: SurgeryBudget, seed: int, parquet: Path, stages: Stages) -> dict[str, LabelledFrames]:
    """Renders four sets of videos that share nothing; the unlabelled one goes to a Parquet file."""
    sets = {
        "teachers": (budget.teacher_videos, budget.frames_per_video),
        "probes": (budget.probe_videos, budget.probe_frames_per_video),
        "test": (budget.test_videos, budget.probe_frames_per_video),
    }
    unlabelled = budget.unlabelled_videos
    total = sum(videos * frames for videos, frames in sets.values()) + unlabelled * budget.frames_per_video
    with stages.stage("Rendering synthetic surgery", total) as advance:
        labelled, first = {}, 0
        for name, (videos, frames) in sets.items():
            rows = budget.image_size // PATCH
            labelled[name] = render_labelled(first, videos, frames, budget.image_size, rows, seed, advance)
            first += videos
        parts = []
        for video in range(first, first + unlabelled):
            parts.append(synthetic_dataset(1, budget.frames_per_video, budget.image_size, seed, video, labels=False))
            advance(budget.frames_per_video)
        concatenate_datasets(parts).to_parquet(parquet)
    return labelled


def trained_teachers(
    budget: SurgeryBudget, frames: LabelledFrames, folder: Path, seed: int, stages: Stages
) -> dict[str, list[float]]:
    """Trains one teacher per skill and returns their losses."""
    losses = {}
    for number, skill in enumerate(SKILLS):
        steps = budget.teacher_steps[skill.name]
        with stages.stage(f"Training teacher '{skill.name}' with labels", steps) as advance:
            losses[skill.name] = train_tiny_teacher(
                skill,
                frames,
                steps,
                folder / skill.name,
                batch_size=budget.teacher_batch_size,
                seed=seed + number,
                advance=lambda loss, advance=advance: advance(1, f"loss {loss:.3f}"),
            )
    return losses
