# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The miniature of SAR-RARP50; its second video comes in two parts, as some of the original do."""

from pathlib import Path

from ..readers.sarrarp50 import FILM, FPS, GESTURES, LABELS, STEP
from .operation import draw_operation, phase_of_second, write_film

LAST_TRAINING_VIDEO = 40


def write(folder: Path, videos: list[str], seconds: int, size: int, seed: int) -> None:
    """Write videos of SAR-RARP50's layout; see `write_miniature`."""
    for number, video in enumerate(videos):
        side = "test" if int(video[-2:]) > LAST_TRAINING_VIDEO else f"train{1 + number % 2}"
        scenes = draw_operation(number, seconds, size, seed, "hysterectomy")  # the one that is sutured
        cuts = [0, seconds // 2, seconds] if number == 1 else [0, seconds]
        for index, (start, end) in enumerate(zip(cuts, cuts[1:], strict=False), 1):
            part = folder / side / (f"{video}_{index}" if len(cuts) > 2 else video)
            write_film(scenes[start:end], part / FILM, FPS, codec="mpeg4")
            gestures = [phase_of_second(second, seconds, len(GESTURES)) for second in range(start, end)]
            rows = [f"{frame},{gestures[frame // FPS]}" for frame in range(0, (end - start) * FPS, STEP)]
            (part / LABELS).write_text("\n".join(rows) + "\n")
