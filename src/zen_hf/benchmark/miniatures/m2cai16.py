# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The miniature of M2CAI16-workflow."""

from pathlib import Path

from ..readers.m2cai16 import FPS, PHASES, folder_of
from .cholec80 import write_phases
from .operation import draw_operation, write_film


def write(folder: Path, videos: list[str], seconds: int, size: int, seed: int) -> None:
    """Write videos of M2CAI16-workflow's layout; see `write_miniature`."""
    for number, video in enumerate(videos):
        beside = folder / folder_of(video)
        write_film(draw_operation(number, seconds, size, seed), beside / f"{video}.mp4", FPS)
        write_phases(beside / f"{video}.txt", seconds, FPS, PHASES)
