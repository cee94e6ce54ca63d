# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The miniature of EndoVis18-VQA: what synthetic instruments do and where they are, in the words of the dataset."""

from pathlib import Path

from PIL import Image

from zen_hf.data.synthetic_surgery import INSTRUMENTS, VERBS, SceneFrame

from ..readers.endovis18_vqa import ANSWERS_BY_TYPE
from .operation import draw_operation, phase_of_second

NAMES = {
    "grasper": "prograsp_forceps",
    "bipolar": "bipolar_forceps",
    "scissors": "monopolar_curved_scissors",
    "clipper": "clip_applier",
    "irrigator": "suction",
    "needle_driver": "large_needle_driver",
}  # the hook is not asked about
STATES = {
    "null_verb": "Idle",
    "grasp": "Grasping",
    "retract": "Retraction",
    "dissect": "Tissue_Manipulation",
    "coagulate": "Cauterization",
    "clip": "Clipping",
    "cut": "Cutting",
    "irrigate": "Suction",
    "aspirate": "Suction",
    "suture": "Suturing",
}


def write(folder: Path, videos: list[str], seconds: int, size: int, seed: int) -> None:
    """Write sequences of EndoVis18-VQA's layout, 5:4, `seconds` frames each; see `write_miniature`."""
    for number, video in enumerate(videos):
        pictures, texts = folder / video / "left_fr", folder / video / "vqa" / "Classification"
        for part in (pictures, texts):
            part.mkdir(parents=True)
        scenes = draw_operation(number, seconds, (size * 4 // 5 // 2 * 2, size), seed, "nephrectomy")
        for second, scene in enumerate(scenes):
            Image.fromarray(scene.image).save(pictures / f"frame{second:03d}.png")
            lines = [f"{question}|{answer}\n" for question, answer in questions(scene, second, seconds)]
            (texts / f"frame{second:03d}_QA.txt").write_text("".join(lines))


def questions(scene: SceneFrame, second: int, seconds: int) -> list[tuple[str, str]]:
    """The organ, and what the instruments do of which one alone is in view, and where they are.

    Synthetic surgery lacks some of the actions: the ultrasound probe, which is not drawn, does all of them in turn.
    """
    actions = ANSWERS_BY_TYPE["action"]
    pairs = [
        ("What organ is being operated?", "kidney"),
        ("What is the state of ultrasound_probe?", actions[phase_of_second(second, seconds, len(actions))]),
    ]
    labels = list(scene.box_labels)
    asked = {index for index in labels if INSTRUMENTS[index] in NAMES and labels.count(index) == 1}
    for instrument, verb, _ in scene.triplets:
        if instrument in asked:
            pairs.append((f"What is the state of {NAMES[INSTRUMENTS[instrument]]}?", STATES[VERBS[verb]]))
    for instrument, box in zip(scene.box_labels, scene.boxes, strict=True):
        if instrument in asked:
            x, y = (box[0] + box[2]) / 2 / scene.image.shape[1], (box[1] + box[3]) / 2 / scene.image.shape[0]
            place = f"{'left' if x < 0.5 else 'right'}-{'top' if y < 0.5 else 'bottom'}"
            pairs.append((f"Where is {NAMES[INSTRUMENTS[instrument]]} located?", place))
    return pairs
