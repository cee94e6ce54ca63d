# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The estimate of a long run, beside a simulated pipeline and beside a run of the engine."""

import time

import numpy as np
import pytest
from engine_stages import Video, stages, traces, wait_until
from rich.console import Console

from zen_hf.engines.local import LocalEngine
from zen_hf.engines.plan import Plan, StageCost, plan_table


def simulated_seconds(lengths, seconds_per_hour, workers, chunk_hours=0.036):
    """Time of a pipeline of two stages whose first one works on videos and whose second one on their chunks."""
    free, arrivals = [0.0] * workers[0], []
    for hours in lengths:  # whoever is free first takes the next video
        start = min(free)
        free[free.index(start)] = start + hours * seconds_per_hour[0]
        chunks = max(1, round(hours / chunk_hours))
        per_chunk = hours * seconds_per_hour[0] / chunks
        arrivals += [(start + (number + 1) * per_chunk, hours / chunks) for number in range(chunks)]
    free = [0.0] * workers[1]
    for arrived, hours in sorted(arrivals):
        start = max(arrived, min(free))
        free[free.index(min(free))] = start + hours * seconds_per_hour[1]
    return max(free)


@pytest.mark.parametrize("workers", [(1, 1), (4, 1), (16, 1), (16, 4), (2, 8)])
@pytest.mark.parametrize("seconds", [(120, 30), (30, 120), (200, 12)])
def test_hours_are_within_a_quarter_of_a_simulated_pipeline(workers, seconds):
    lengths = np.random.default_rng(0).lognormal(0, 0.6, 300)
    plan = Plan(
        video_hours=lengths.sum(),
        sample_hours=1.0,
        stages=[StageCost("decode", seconds[0], workers[0]), StageCost("encode", seconds[1], workers[1])],
        bytes_per_hour=0,
        items_per_hour=0,
        longest_hours=lengths.max(),
    )
    assert plan.hours * 3600 == pytest.approx(simulated_seconds(lengths, seconds, workers), rel=0.25)


def test_hours_are_within_a_quarter_of_a_run_of_the_engine(tmp_path):
    hours, chunks, decode_s, encode_s = 8, 10, 0.08, 0.02  # a "video" of an hour has ten chunks
    videos = [Video(f"v{number}", chunks) for number in range(hours)]
    run = LocalEngine().run(videos, stages(tmp_path, 2, seconds=decode_s, encode_s=encode_s, size=300_000))
    next(run)
    assert wait_until(lambda: len(traces(tmp_path, "built")) == 3)  # few results can wait meanwhile
    start = time.monotonic()
    assert len(list(run)) == hours * chunks - 1
    took = time.monotonic() - start
    costs = [StageCost("decode", chunks * decode_s, 2), StageCost("encode", chunks * encode_s)]
    plan = Plan(hours, 1.0, costs, bytes_per_hour=0, items_per_hour=0)
    assert plan.slowest.name == "decode" and plan.hours * 3600 == pytest.approx(took, rel=0.25)


def test_one_long_video_sets_the_least_time():
    plan = Plan(100, 1, [StageCost("decode", 60, 100)], 0, 0, longest_hours=10)
    assert plan.hours == pytest.approx(60 * 10 / 3600)


def test_what_is_written_and_how_many_files():
    plan = Plan(1000, 0.5, [StageCost("decode", 90, 8, startup_s=20)], 1.2e9, 3000.5, shard_bytes=400_000_000, nodes=4)
    assert plan.bytes == 1.2e12 and plan.items == 3_000_500 and plan.shards == 3000
    assert plan.hours == pytest.approx((90 * 250 / 8 + 20) / 3600)


def test_the_table_says_it_all():
    plan = Plan(2000, 0.5, [StageCost("decode", 90, 8), StageCost("encode", 36, 1)], 1.2e9, 3000)
    console = Console(width=100)
    with console.capture() as captured:
        console.print(plan_table(plan))
    text = captured.get()
    for words in ("2,000.0 hours", "30.0 minutes", "encode *", "decode", "20.00", "2.40 TB", "6,000,000", "4,800"):
        assert words in text


@pytest.mark.parametrize(
    "change, words",
    [
        ({"video_hours": 0}, "video_hours is 0"),
        ({"stages": []}, "0 stages"),
        ({"nodes": 0}, "0 nodes"),
        ({"bytes_per_hour": -1}, "bytes_per_hour is -1"),
    ],
)
def test_wrong_numbers_are_refused_in_words(change, words):
    right = {
        "video_hours": 1,
        "sample_hours": 1,
        "stages": [StageCost("a", 1)],
        "bytes_per_hour": 1,
        "items_per_hour": 1,
    }
    with pytest.raises(ValueError, match=words):
        Plan(**right | change)
    with pytest.raises(ValueError, match="stage 'a' took -1 s"):
        StageCost("a", -1)


def test_stages_share_the_cores_of_a_machine():
    """An encoder on all of two cores and a decoder: 50 + 2 * 100 core seconds, for an hour of video, by two cores."""
    stages = [StageCost("decode", 50.0), StageCost("encode", 100.0, cores=2, startup_s=36.0)]
    alone = Plan(10.0, 0.1, stages, bytes_per_hour=0, items_per_hour=0)
    assert alone.hours * 3600 == pytest.approx(1036)
    shared = Plan(10.0, 0.1, stages, bytes_per_hour=0, items_per_hour=0, cores=2)
    assert shared.hours * 3600 == pytest.approx(1286)
    assert Plan(10.0, 0.1, stages, bytes_per_hour=0, items_per_hour=0, cores=64).hours == alone.hours
    assert Plan(10.0, 0.1, stages, bytes_per_hour=0, items_per_hour=0, cores=2, nodes=2).hours * 3600 == 625 + 36
    console = Console(record=True, width=120)
    console.print(plan_table(shared))
    assert "more machines make the run shorter" in " ".join(console.export_text().split())


def test_what_follows_at_the_end_is_for_one_machine():
    stages = [StageCost("decode", 50.0), StageCost("encode", 100.0)]
    plan = Plan(10.0, 0.1, stages, bytes_per_hour=0, items_per_hour=0, nodes=2, finish_s=720)
    assert plan.hours * 3600 == pytest.approx(500 + 720)
    console = Console(record=True, width=120)
    console.print(plan_table(plan))
    text = console.export_text()
    assert "at the end" in text and "0.20" in text
