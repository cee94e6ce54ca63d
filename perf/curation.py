# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""`zen-hf curate` over films of growing length: hours of film per hour, and the most memory, which must not grow with them.

    pip install -e ".[perf]"
    python perf/curation.py                        # 1 and 4 hours of 480 x 270 px at 1 frame/s
    python perf/curation.py --hours 0.5 --height 1080
    python perf/curation.py --quick                # shows that it runs, measures nothing

A film is ten seconds of synthetic surgery, repeated without encoding them again; no frame is left out as a near-duplicate, so
that as many as possible are kept. Each length is curated by the command itself, with one process that decodes and no encoder.
Memory is that of the command and of its workers together (what processes share is counted once for each), looked at twice a
second.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import psutil
from video_decoding import FPS, SHAPES, encode, pictures, repeat

KEEP_ALL = ["duplicates.bits=-1", "duplicates.across_bits=-1", "filters.frozen=null", "overlays.keep_doubtful=true"]


def memory_of(process: psutil.Process) -> float:
    """Resident memory of a process and of all below it, MB."""
    total = 0
    for one in (process, *process.children(recursive=True)):
        try:
            total += one.memory_info().rss
        except psutil.NoSuchProcess:  # it has just ended
            continue
    return total / 1e6


def curate(film: Path, out: Path) -> tuple[float, list[float]]:
    """Seconds of a run, and its memory in MB along it."""
    settings = [word for one in KEEP_ALL for word in ("--set", f"frames.{one}")]
    command = [sys.executable, "-m", "zen_hf.cli", "curate", film, "--out", out, "--procedure", "none", *settings]
    start, memory = time.perf_counter(), []
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL) as run:
        while run.poll() is None:
            memory.append(memory_of(psutil.Process(run.pid)))
            time.sleep(0.5)
    if run.returncode:
        raise RuntimeError(f"zen-hf curate ended with exit code {run.returncode}; its words are above")
    return time.perf_counter() - start, memory


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, nargs="+", default=[1.0, 4.0], help="lengths of the films")
    parser.add_argument("--height", type=int, default=270, help="of the films, in px")
    parser.add_argument("--quick", action="store_true", help="films of a minute and less")
    options = parser.parse_args()
    lengths = [20 / 3600, 60 / 3600] if options.quick else options.hours
    size = (options.height, options.height * 16 // 9 // 2 * 2)
    with tempfile.TemporaryDirectory() as folder:
        once = Path(folder, "once.mp4")
        encode(once, replace(SHAPES[1], size=size), pictures(10 * FPS, size))
        for number, hours in enumerate(lengths):
            film = Path(folder, f"film{number}.mp4")
            repeat(once, film, round(hours * 360))
            seconds, memory = curate(film, Path(folder, f"out{number}"))
            quarters = [
                f"{max(memory[len(memory) * i // 4 : len(memory) * (i + 1) // 4] or [0]):.0f}" for i in range(4)
            ]
            print(
                f"{size[1]} x {size[0]} px, {hours:.3g} hours: {seconds:.0f} s ({hours * 3600 / seconds:.0f} hours of film per hour), "
                f"most memory by quarters of the run {', '.join(quarters)} MB",
                flush=True,
            )
            film.unlink()


if __name__ == "__main__":
    main()
