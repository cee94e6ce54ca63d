# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The miniature of CholecT50."""

import json
from pathlib import Path

from PIL import Image

from zen_hf.data.synthetic_surgery import INSTRUMENTS, TARGETS, VERBS, SceneFrame

from ..readers import cholect50_classes as classes
from ..readers.cholect50 import PHASES
from .operation import draw_operation, phase_of_second

# What synthetic surgery calls a target -> the nearest thing in CholecT50.
TARGET_NAMES = {
    "null_target": "null_target",
    "abdominal_wall": "abdominal_wall_cavity",
    "fat": "omentum",
    "connective": "cystic_pedicle",
    "liver": "liver",
    "gallbladder": "gallbladder",
    "bowel": "gut",
    "duct": "cystic_duct",
    "artery": "cystic_artery",
    "vein": "blood_vessel",
    "bed": "cystic_plate",
    "blood": "fluid",
}


def write(folder: Path, videos: list[str], seconds: int, size: int, seed: int) -> None:
    """Write videos of CholecT50's layout; see `write_miniature`."""
    (folder / "labels").mkdir()
    for number, video in enumerate(videos):
        pictures = folder / "videos" / video
        pictures.mkdir(parents=True)
        annotations = {}
        for second, scene in enumerate(draw_operation(number, seconds, size, seed)):
            Image.fromarray(scene.image).save(pictures / f"{second:06d}.png")
            annotations[str(second)] = rows(scene, phase_of_second(second, seconds, len(PHASES)))
        content = {
            "video": int(video.removeprefix("VID")),
            "fps": 1,
            "num_frames": seconds,
            "categories": categories(),
            "annotations": annotations,
        }
        (folder / "labels" / f"{video}.json").write_text(json.dumps(content))


def triplet_of(instrument: int, verb: int, target: int) -> int | None:
    """Id of a triplet of synthetic surgery; one that CholecT50 does not have becomes the null triplet of its instrument."""
    name = INSTRUMENTS[instrument]
    if name not in classes.INSTRUMENTS:
        return None
    triplet = f"{name},{VERBS[verb]},{TARGET_NAMES.get(TARGETS[target])}"
    null = f"{name},null_verb,null_target"
    return classes.TRIPLETS.index(triplet if triplet in classes.TRIPLETS else null)


def rows(scene: SceneFrame, phase: int) -> list[list]:
    """Rows of 15 values of one frame, one per instrument with its box, as shares of the frame."""
    height, width = scene.image.shape[:2]
    boxes = {}  # of the instances of each instrument
    for box, instrument in zip(scene.boxes.tolist(), scene.box_labels.tolist(), strict=True):
        left, top, right, bottom = box
        share = [left / width, top / height, (right - left) / width, (bottom - top) / height]
        boxes.setdefault(instrument, []).append(share)
    found = []
    for drawn in scene.triplets:
        box, triplet = boxes[drawn[0]].pop(0), triplet_of(*drawn)
        if triplet is not None:
            instrument, verb, target = classes.COMPONENTS[triplet]
            found.append([triplet, instrument, 1, *box, verb, target, -1, -1, -1, -1, -1, phase])
    return found or [[-1] * 14 + [phase]]


def categories() -> dict[str, dict[str, str]]:
    """The categories of every label file, with the official misspelling of the second phase."""
    names = {
        "triplet": classes.TRIPLETS,
        "instrument": classes.INSTRUMENTS,
        "verb": classes.VERBS,
        "target": classes.TARGETS,
        "phase": [name.replace("calot", "carlot") for name in PHASES],
    }
    return {kind: {str(index): name for index, name in enumerate(values)} for kind, values in names.items()}
