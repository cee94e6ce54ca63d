# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The miniature of MultiBypass140: both centres, with what lies over a phase and with labels that go past the end."""

import json
from pathlib import Path

from ..readers.multibypass140 import CENTRES, OVERLAYS, PHASES
from .operation import draw_operation, phase_of_second, write_film

FPS = 25


def write(folder: Path, videos: list[str], seconds: int, size: int, seed: int) -> None:
    """Write videos of MultiBypass140's layout; see `write_miniature`."""
    for number, video in enumerate(videos):
        labels, centre = CENTRES[video[:3]]
        film = folder / "datasets" / "MultiBypass140" / centre / "videos" / f"{video}.mp4"
        write_film(draw_operation(number, seconds, size, seed), film, FPS)
        path = folder / "labels" / labels / "labels_by70" / f"{video}.mp4.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"phases": intervals(seconds), "steps": []}))


def intervals(seconds: int) -> list[dict]:
    """Phases one after the other with their ends off whole seconds, and what lies over them; the last one is a second long."""
    phase = [phase_of_second(second, seconds, len(PHASES)) for second in range(seconds)]
    starts = [second for second in range(seconds) if second == 0 or phase[second] != phase[second - 1]]
    edges = [1000 * second + (40 * index) % 1000 for index, second in enumerate(starts)] + [1000 * (seconds + 1)]
    found = [
        {"start": start, "end": end, "label_name": PHASES[phase[second]], "label_id": phase[second]}
        for second, start, end in zip(starts, edges, edges[1:], strict=False)
    ]
    for index, name in enumerate(OVERLAYS):
        over = {"start": 1000 + 500 * index, "end": 3000, "label_name": name, "label_id": len(PHASES) + index}
        found.insert(1 + index, over)
    return found
