# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What a sweep of 20 settings x 3 seeds costs beside one setting of one seed, and an epoch of the temporal head (CPU).

    pip install -e .
    python perf/heads.py

Features are random numbers of the shape of a ViT-S: 384 channels of the summary and of the mean patch, 64 tokens of 384.
`heads alone` compares fits on features that are already cached. `with extraction` adds to both sides the time in which a
random ZEN small encodes the training frames once, measured on a few batches: that is what an evaluation costs the first
time. Choosing among the settings (prediction on validation videos and their scores) is in neither.
On a machine that others use, the numbers are upper bounds; `--quick` only shows that everything runs.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from zen_hf import ZenConfig, ZenModel
from zen_hf.benchmark.feature_cache import VideoFeatures
from zen_hf.benchmark.heads import attentive, linear, ms_tcn
from zen_hf.benchmark.heads.head import LabelledVideo
from zen_hf.benchmark.task import Target, load_task

SIDE, CHANNELS, TOKENS, SEEDS = 224, 384, 64, (0, 1, 2)
TWO_HOURS = 7200  # frames at 1 frame/s


def random_videos(target: Target, videos: int, frames: int, tokens: bool) -> list[LabelledVideo]:
    """Videos whose phases shift the features a little, so that the fits have something to find."""
    random = np.random.default_rng(0)
    shifts = random.normal(0, 0.3, (len(target.labels), CHANNELS)).astype(np.float32)
    made = []
    for number in range(videos):
        labels = np.arange(frames) * len(target.labels) // frames
        summary, mean = random.standard_normal((2, frames, CHANNELS), dtype=np.float32) + shifts[labels]
        patches = None
        if tokens:
            patches = random.standard_normal((frames, TOKENS, CHANNELS), dtype=np.float32).astype(np.float16)
        made.append(LabelledVideo(f"video{number:02}", VideoFeatures(summary, mean, patches), labels))
    return made


def seconds_of(function: Callable[[], object], rounds: int) -> float:
    """Median wall time of some calls."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


@torch.inference_mode()
def seconds_per_frame(batch: int = 8) -> float:
    """Time of the encoder's forward pass per frame."""
    model, frames = ZenModel(ZenConfig.from_variant("small")).eval(), torch.rand(batch, 3, SIDE, SIDE)
    model(frames)
    return seconds_of(lambda: model(frames), rounds=5) / batch


def measure_linear(target: Target, options: argparse.Namespace) -> dict:
    """One strength against the path of 20; seeds add nothing, for the solution is unique."""
    videos = random_videos(target, options.videos, options.frames, tokens=False)
    inputs = [linear.join_features(video.features, True) for video in videos]
    labels = [video.labels for video in videos]

    def fit(strengths: tuple[float, ...]) -> Callable[[], object]:
        return lambda: linear.fit_linear_heads(target, inputs, labels, strengths)

    one, sweep = (seconds_of(fit(each), options.rounds) for each in ((linear.DEFAULT_STRENGTH,), linear.STRENGTHS))
    return {"head": "linear", "one": one, "sweep": sweep, "settings": len(linear.STRENGTHS)}


def measure_attentive(target: Target, options: argparse.Namespace) -> dict:
    """One setting of one seed against what a choice takes: all settings in one pass, then three seeds of one."""
    videos = random_videos(target, options.videos, options.frames, tokens=True)
    grid = [attentive.Setting(rate, decay, SEEDS[0]) for rate, decay in attentive.GRID]
    seeds = [attentive.Setting(*attentive.DEFAULT, seed) for seed in SEEDS]
    one = seconds_of(lambda: attentive.fit(target, videos, seeds[:1]), options.rounds)
    sweep = seconds_of(lambda: [attentive.fit(target, videos, each) for each in (grid, seeds)], options.rounds)
    return {"head": "attentive", "one": one, "sweep": sweep, "settings": len(grid)}


def measure_ms_tcn(target: Target, options: argparse.Namespace) -> dict:
    """An epoch over long videos with one setting, and with two rates x three seeds."""
    videos = random_videos(target, options.long_videos, options.long_frames, tokens=False)
    grid = [ms_tcn.Setting(rate, seed) for seed in SEEDS for rate in ms_tcn.RATES]
    one, sweep = (
        seconds_of(lambda settings=settings: list(ms_tcn.fit(target, videos, settings, 1)), options.rounds)
        for settings in (grid[:1], grid)
    )
    return {"head": "ms_tcn", "one": one, "sweep": sweep, "settings": len(grid)}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=32, help="training videos of the linear and attentive heads")
    parser.add_argument("--frames", type=int, default=600, help="frames of each")
    parser.add_argument("--long-videos", type=int, default=40, help="training videos of the temporal head")
    parser.add_argument("--long-frames", type=int, default=TWO_HOURS, help="frames of each")
    parser.add_argument("--rounds", type=int, default=1, help="the median of so many is printed")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that it runs, measures nothing")
    parser.add_argument("--json", type=Path, help="also write all rows to this file")
    options = parser.parse_args()
    if options.quick:
        options.videos, options.frames, options.long_videos, options.long_frames = 4, 40, 2, 300
        attentive.STEPS = 5
    return options


def main() -> None:
    """Measure, print, write."""
    options = arguments()
    torch.set_num_threads(options.threads)
    target = load_task("cholec80_phase").targets[0]
    frames = options.videos * options.frames
    extraction = frames * seconds_per_frame()
    print(f"torch {torch.__version__}, {options.threads} threads")
    print(f"{options.videos} videos x {options.frames} frames; extraction with ZEN small: {extraction:.0f} s")
    print(f"{'':12}{'one, s':>10}{'settings':>10}{'sweep, s':>10}{'heads alone':>14}{'with extraction':>18}")
    rows = [measure(target, options) for measure in (measure_linear, measure_attentive)]
    for row in rows:
        row["heads_alone"] = row["sweep"] / row["one"]
        row["with_extraction"] = (extraction + row["sweep"]) / (extraction + row["one"])
        print(
            f"{row['head']:12}{row['one']:10.1f}{row['settings']:10}{row['sweep']:10.1f}"
            f"{row['heads_alone']:13.2f}x{row['with_extraction']:17.2f}x"
        )
    row = measure_ms_tcn(target, options)
    print(
        f"ms_tcn, one epoch over {options.long_videos} videos of {options.long_frames} frames: {row['one']:.1f} s for one "
        f"setting, {row['sweep']:.1f} s for {row['settings']} side by side"
    )
    if options.json:
        options.json.write_text(json.dumps([*rows, row], indent=2))


if __name__ == "__main__":
    main()
