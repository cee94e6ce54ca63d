# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The miniature of AutoLaparo, task 1; seconds and phases count from 1 as in the original."""

from pathlib import Path

from ..readers.autolaparo import FPS, PHASES
from .operation import draw_operation, phase_of_second, write_film


def write(folder: Path, videos: list[str], seconds: int, size: int, seed: int) -> None:
    """Write videos of AutoLaparo's layout; see `write_miniature`."""
    (folder / "labels").mkdir()
    for number, video in enumerate(videos):
        write_film(
            draw_operation(number, seconds, size, seed, "hysterectomy"), folder / "videos" / f"{video}.mp4", FPS
        )
        rows = [f"{second + 1}\t{phase_of_second(second, seconds, len(PHASES)) + 1}" for second in range(seconds)]
        (folder / "labels" / f"label_{video}.txt").write_text("\n".join(["Frame\tPhase", *rows]) + "\n")
