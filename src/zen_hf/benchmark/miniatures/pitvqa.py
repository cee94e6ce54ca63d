# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The miniature of PitVQA, with a blurred frame that has no questions and with answers that are left out."""

from pathlib import Path

from PIL import Image

from zen_hf.data.synthetic_surgery import SceneFrame

from ..readers.pitvqa import ANSWERS_BY_TYPE
from .operation import draw_operation, phase_of_second


def write(folder: Path, videos: list[str], seconds: int, size: int, seed: int) -> None:
    """Write videos of PitVQA's layout; see `write_miniature`."""
    for number, video in enumerate(videos):
        pictures, texts = folder / "images" / video, folder / "QA" / video
        for part in (pictures, texts):
            part.mkdir(parents=True)
        scenes = draw_operation(number, seconds, size, seed)
        for second, scene in enumerate(scenes):
            Image.fromarray(scene.image).save(pictures / f"{second:05d}.png")
            lines = [f"{question}|{answer}\n" for question, answer in questions(scene, second, seconds)]
            (texts / f"{second:05d}.txt").write_text("".join(lines))
        Image.fromarray(scenes[-1].image).save(pictures / f"{seconds:05d}.png")


def questions(scene: SceneFrame, second: int, seconds: int) -> list[tuple[str, str]]:
    """Eight questions at most about a scene.

    Count and position are those of the drawing. Steps, phases, notes and names of instruments are more than synthetic surgery
    has; they take turns, so that every answer occurs.
    """
    steps, phases, names, counts, _, notes = ANSWERS_BY_TYPE.values()
    shown = len(scene.box_labels)
    turn = 2 * second + 2 * second // len(names)  # even places, then odd ones
    first = names[turn % len(names)] if shown else "no_visible_instrument"
    other = names[(turn + 1) % len(names)] if shown > 1 else "no_secondary_instrument"
    pairs = [
        ("What is the current surgical step?", steps[phase_of_second(second, seconds, len(steps))]),
        ("What is the current surgical phase?", phases[phase_of_second(second, seconds, len(phases))]),
        ("How many instruments are present?", counts[min(shown, 2)]),
        ("What is the first surgical instrument?", first),
        ("What is the second surgical instrument?", other),
        ("What is the surgical note?", notes[phase_of_second(second, seconds, len(notes))]),
    ]
    for name, box in zip((first, other), scene.boxes, strict=False):
        pairs.append((f"Where is the {name} located?", position(box, scene.image.shape)))
    return pairs


def position(box, shape: tuple[int, ...]) -> str:
    """Where the middle of a box is: in the middle fifth both ways, or in a corner."""
    x, y = (box[0] + box[2]) / 2 / shape[1], (box[1] + box[3]) / 2 / shape[0]
    if max(abs(x - 0.5), abs(y - 0.5)) < 0.1:
        return "centre"
    return f"{'top' if y < 0.5 else 'bottom'}-{'left' if x < 0.5 else 'right'}"
