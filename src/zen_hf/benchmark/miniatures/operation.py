# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Synthetic operations for miniatures: a scene per second, its labels in the order of a dataset, and its video file."""

from fractions import Fraction
from pathlib import Path

import av

from zen_hf.data.synthetic_surgery import INSTRUMENTS, SceneFrame, SyntheticSurgery


def draw_operation(
    number: int, seconds: int, size: int | tuple[int, int], seed: int, procedure: str = "cholecystectomy"
) -> list[SceneFrame]:
    """Draw one scene per second of an operation.

    Args:
        number: which operation; no two of one seed share anything.
        seconds: its length.
        size: edge of the frames, or their height and width; px, even.
        seed: chooses the set of operations.
        procedure: one of `synthetic_surgery.PROCEDURES`.
    """
    surgery = SyntheticSurgery(seed=seed, size=size, frames_per_video=seconds, procedures=[procedure])
    video = surgery.video(number)
    return [video[second] for second in range(seconds)]


def phase_of_second(second: int, seconds: int, phases: int) -> int:
    """Phase of a second when all phases of a dataset follow each other in equal shares.

    The phases of synthetic surgery are fewer than most datasets have; a miniature must show every class, so that
    stretches of equal length take the place of the drawn ones.
    """
    return second * phases // seconds


def tools_in_view(scene: SceneFrame, tools: tuple[str, ...]) -> list[int]:
    """0/1 for each tool of a dataset; a name that synthetic surgery lacks goes with its needle driver."""
    drawn = {INSTRUMENTS[index] for index in scene.instruments}
    drawn |= {"specimenbag"} if "needle_driver" in drawn else set()
    return [int(tool.lower() in drawn) for tool in tools]


def criteria_in_view(scene: SceneFrame) -> dict[str, int]:
    """Stand-ins for the criteria of the critical view of safety.

    The synthetic criteria are too rare for a few short videos; two of three are stood in for by instruments, so that
    every side of a split has frames with and without each.
    """
    grasper, hook, bipolar = (INSTRUMENTS.index(name) in scene.instruments for name in ("grasper", "hook", "bipolar"))
    return {
        "two_structures": int(scene.cvs[0]),
        "cystic_plate": int(grasper),
        "hepatocystic_triangle": int(hook or bipolar),
    }


def write_film(scenes: list[SceneFrame], path: Path, fps: int, extra: int = 0, codec: str = "libx264") -> None:
    """Write a video in which every scene stays for one second.

    Args:
        scenes: one per second.
        path: the file; its ending chooses the container.
        fps: frames per second.
        extra: frames by which the video is longer (or, negative, shorter) than its scenes.
        codec: of the stream.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"crf": "18", "preset": "ultrafast"} if codec == "libx264" else {"qscale": "3"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options=options)
        stream.height, stream.width = scenes[0].image.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.gop_size = fps
        for number in range(len(scenes) * fps + extra):
            picture = scenes[min(number // fps, len(scenes) - 1)].image
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
