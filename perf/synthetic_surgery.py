# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""How many frames of synthetic surgery one core renders in a second, with all labels and the painting of patients.

    OMP_NUM_THREADS=1 python perf/synthetic_surgery.py --size 128 --frames 64 --runs 7

Prints the median over the runs; each run renders another video of every procedure. The rate by processor time is what
a core gives when nothing else runs on it; the rate by the clock also counts the waiting for other processes.
"""

import argparse
import statistics
import time

from zen_hf.data.synthetic_surgery import PROCEDURES, SyntheticSurgery


def render(surgery: SyntheticSurgery, first: int) -> int:
    """Render one video of every procedure and return the number of frames."""
    frames = 0
    for index in range(first, first + len(PROCEDURES)):
        video = surgery.video(index)
        for number in range(len(video)):
            assert video[number].questions
            frames += 1
    return frames


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=128, help="edge length of the frames, px")
    parser.add_argument("--frames", type=int, default=64, help="frames per video")
    parser.add_argument("--runs", type=int, default=7)
    arguments = parser.parse_args()
    surgery = SyntheticSurgery(seed=1, size=arguments.size, frames_per_video=arguments.frames)
    render(SyntheticSurgery(size=arguments.size, frames_per_video=2), 0)  # the noise tiles are made once a process
    by_clock, by_processor = [], []
    for run in range(arguments.runs):
        clock, processor = time.perf_counter(), time.process_time()
        frames = render(surgery, run * len(PROCEDURES))
        by_clock.append(frames / (time.perf_counter() - clock))
        by_processor.append(frames / (time.process_time() - processor))
    print(f"{arguments.size} px, {arguments.frames} frames per video, all labels, median of {arguments.runs} runs:")
    print(f"  {statistics.median(by_processor):.0f} frames/s of processor time")
    print(f"  {statistics.median(by_clock):.0f} frames/s by the clock")
    print(f"  processor runs: {', '.join(f'{rate:.0f}' for rate in by_processor)}")


if __name__ == "__main__":
    main()
