# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The miniature of Cholec80, with the defect that the phases of the first video go on after its last frame."""

from pathlib import Path

from ..readers.cholec80 import FPS, PHASES, TOOLS
from .operation import draw_operation, phase_of_second, tools_in_view, write_film

CUT_FRAMES = 3  # by which the first video is shorter than its phases


def write(folder: Path, videos: list[str], seconds: int, size: int, seed: int) -> None:
    """Write videos of Cholec80's layout; see `write_miniature`."""
    for name in ("phase_annotations", "tool_annotations"):
        (folder / name).mkdir()
    for number, video in enumerate(videos):
        scenes = draw_operation(number, seconds, size, seed)
        write_film(scenes, folder / "videos" / f"{video}.mp4", FPS, extra=-CUT_FRAMES if number == 0 else 0)
        write_phases(folder / "phase_annotations" / f"{video}-phase.txt", seconds, FPS, PHASES)
        tools = [(FPS * second, *tools_in_view(scene, TOOLS)) for second, scene in enumerate(scenes)]
        lines = ["\t".join(("Frame", *TOOLS)), *("\t".join(map(str, row)) for row in tools)]
        (folder / "tool_annotations" / f"{video}-tool.txt").write_text("\n".join(lines) + "\n")


def write_phases(path: Path, seconds: int, fps: int, phases: tuple[str, ...]) -> None:
    """Write `Frame<tab>Phase` with one row per native frame."""
    rows = [
        f"{frame}\t{phases[phase_of_second(frame // fps, seconds, len(phases))]}" for frame in range(seconds * fps)
    ]
    path.write_text("\n".join(["Frame\tPhase", *rows]) + "\n")
