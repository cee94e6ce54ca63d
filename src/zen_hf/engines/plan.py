# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What a long run will take, by what a short one took."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.table import Table


@dataclass(frozen=True)
class StageCost:
    """What a stage took on a sample.

    Args:
        name: How messages call the stage.
        seconds: Time that its workers were busy for one hour of video, added over the workers; without what they spent
            on waiting for another stage.
        workers: Number of workers that it will have.
        startup_s: Time until a worker is ready, once for each; all start at the same time.
        cores: Processor cores that a worker kept busy meanwhile.

    Raises:
        ValueError: if a number is out of its range.
    """

    name: str
    seconds: float
    workers: int = 1
    startup_s: float = 0.0
    cores: float = 1.0

    def __post_init__(self):
        if self.seconds < 0 or self.workers < 1 or self.startup_s < 0 or self.cores < 0:
            raise ValueError(
                f"stage {self.name!r} took {self.seconds} s per hour of video, has {self.workers} workers and starts in "
                f"{self.startup_s} s on {self.cores} cores; expected times and cores of at least 0 and at least 1 worker"
            )

    def hours(self, video_hours: float) -> float:
        """Time for so many hours of video."""
        return (self.seconds * video_hours / self.workers + self.startup_s) / 3600


@dataclass(frozen=True)
class Plan:
    """What a run over many hours of video takes.

    All stages work at the same time, so the slowest one sets the pace, where each worker has what it had in the sample:
    its GPU, its share of the disk. Together they have no more cores than the machine.

    Args:
        video_hours: Hours of video of the whole run.
        sample_hours: Hours of video that were measured.
        stages: What each stage took on them.
        bytes_per_hour: Bytes of output per hour of video.
        items_per_hour: Frames (or vectors) of output per hour of video.
        shard_bytes: Size of an output file.
        nodes: Number of machines, each with the workers of the stages; runs with `--shard i/n` count as machines.
        longest_hours: Length of the longest video: one video goes through one worker of the first stage, so a run
            cannot be shorter than that takes.
        cores: Processor cores of a machine; None for as many as the workers want.
        finish_s: Seconds on one machine for what follows when all stages are done.

    Raises:
        ValueError: if a number is out of its range.
    """

    video_hours: float
    sample_hours: float
    stages: Sequence[StageCost]
    bytes_per_hour: float
    items_per_hour: float
    shard_bytes: int = 500_000_000
    nodes: int = 1
    longest_hours: float = 0.0
    cores: int | None = None
    finish_s: float = 0.0

    def __post_init__(self):
        if self.video_hours <= 0 or self.sample_hours <= 0:
            raise ValueError(
                f"video_hours is {self.video_hours} and sample_hours {self.sample_hours}; expected more than 0 of each"
            )
        if not self.stages or self.nodes < 1 or self.shard_bytes < 1:
            raise ValueError(
                f"a plan has {len(self.stages)} stages, {self.nodes} nodes and shards of {self.shard_bytes} bytes; "
                "expected at least 1 of each"
            )
        if min(self.bytes_per_hour, self.items_per_hour, self.longest_hours, self.finish_s) < 0:
            raise ValueError(
                f"bytes_per_hour is {self.bytes_per_hour}, items_per_hour {self.items_per_hour}, longest_hours "
                f"{self.longest_hours} and finish_s {self.finish_s}; expected at least 0 of each"
            )

    @property
    def slowest(self) -> StageCost:
        """The stage that sets the pace."""
        return max(self.stages, key=lambda stage: stage.hours(self.video_hours / self.nodes))

    @property
    def shared_hours(self) -> float:
        """Time in which the cores of the machines can do the work of all stages; 0 where there are enough."""
        if self.cores is None:
            return 0.0
        busy = sum(stage.seconds * stage.cores for stage in self.stages) / self.cores  # per hour of video
        return (busy * self.video_hours / self.nodes + max(stage.startup_s for stage in self.stages)) / 3600

    @property
    def hours(self) -> float:
        """Time from start to end."""
        first = self.stages[0]
        longest = (first.seconds * self.longest_hours + first.startup_s) / 3600
        working = max(longest, self.shared_hours, self.slowest.hours(self.video_hours / self.nodes))
        return working + self.finish_s / 3600

    @property
    def bytes(self) -> float:
        """Size of the whole output."""
        return self.bytes_per_hour * self.video_hours

    @property
    def items(self) -> int:
        """Number of frames or vectors of the whole output."""
        return round(self.items_per_hour * self.video_hours)

    @property
    def shards(self) -> int:
        """Number of output files, as far as their size decides it."""
        return max(1, math.ceil(self.bytes / self.shard_bytes))


def plan_table(plan: Plan) -> Table:
    """The plan as a table for the console."""
    table = Table(
        title=f"{duration_words(plan.video_hours)} of video, by a sample of {duration_words(plan.sample_hours)}",
        box=box.SIMPLE,
    )
    for column, side in (
        ("stage", "left"),
        ("s per hour of video", "right"),
        ("workers", "right"),
        ("hours", "right"),
    ):
        table.add_column(column, justify=side)
    for stage in plan.stages:
        hours = stage.hours(plan.video_hours / plan.nodes)
        mark = " *" if stage is plan.slowest and len(plan.stages) > 1 else ""
        table.add_row(stage.name + mark, f"{stage.seconds:,.1f}", f"{stage.workers * plan.nodes}", f"{hours:,.2f}")
    if plan.finish_s:
        table.add_row("at the end", "", "1", f"{plan.finish_s / 3600:,.2f}")
    table.add_section()
    table.add_row("whole run", "", "", f"{plan.hours:,.2f}")
    table.add_row("output", "", "", size_words(plan.bytes))
    table.add_row("frames", "", "", f"{plan.items:,}")
    table.add_row("shards", "", "", f"{plan.shards:,}")
    if len(plan.stages) > 1:
        table.caption = (
            "* sets the pace, with the other stages on the same cores: more machines make the run shorter"
            if plan.shared_hours >= plan.hours - plan.finish_s / 3600
            else "* sets the pace: more workers here make the run shorter"
        )
    return table


def duration_words(hours: float) -> str:
    """Hours in the unit that reads best."""
    return f"{hours:,.1f} hours" if hours >= 1 else f"{60 * hours:.1f} minutes"


def size_words(size: float) -> str:
    """Bytes in the unit that reads best."""
    for unit, step in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if size >= step:
            return f"{size / step:,.2f} {unit}"
    return f"{size:,.0f} bytes"
