# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The miniature of GraSP, in the numbering of `GraSP_30fps`.

Long-term labels (phase, step) are there every second, as in the original. So are the short-term ones (instruments), of which
the original has one every 35 s: a few short videos could not show every instrument otherwise.
"""

import json
from pathlib import Path

import numpy as np
from faster_coco_eval.core import mask as run_lengths
from PIL import Image

from zen_hf.data.synthetic_surgery import SceneFrame

from ..readers.grasp import FPS, LABELS, PHASES, STEPS
from ..readers.grasp_instances import INSTRUMENTS
from ..readers.grasp_instances import LABELS as SHORT_TERM_LABELS
from .operation import draw_operation, phase_of_second

FIRST_TEST_CASE = 41


def write(folder: Path, videos: list[str], seconds: int, size: int, seed: int) -> None:
    """Write cases of GraSP's layout; see `write_miniature`."""
    (folder / "annotations").mkdir()
    for name, short_name, test in zip(LABELS, SHORT_TERM_LABELS, (False, True), strict=True):
        short_term = {
            "images": [],
            "annotations": [],
            "categories": [{"id": index, "name": name} for index, name in enumerate(INSTRUMENTS, 1)],
        }
        content = {
            "images": [],
            "annotations": [],
            "phases_categories": [{"id": index, "name": name} for index, name in enumerate(PHASES)],
            "steps_categories": [{"id": index, "name": name} for index, name in enumerate(STEPS)],
        }
        for number, video in enumerate(videos):
            if (int(video.removeprefix("CASE")) >= FIRST_TEST_CASE) != test:
                continue
            (folder / "frames" / video).mkdir(parents=True)
            for second, scene in enumerate(draw_operation(number, seconds, size, seed, "nephrectomy")):
                file, index = f"{video}/{FPS * second:09d}.jpg", len(content["images"])
                Image.fromarray(scene.image).save(folder / "frames" / file, quality=95)
                image = {"id": index, "file_name": file, "width": size, "height": size}
                label = {
                    "id": index,
                    "image_id": index,
                    "image_name": file,
                    "phases": phase_of_second(second, seconds, len(PHASES)),
                    "steps": phase_of_second(second, seconds, len(STEPS)),
                }
                content["images"].append(image)
                content["annotations"].append(label)
                short_term["images"].append(image)
                for instance in instances_of(scene):
                    identity = {"id": len(short_term["annotations"]), "image_id": index, "image_name": file}
                    short_term["annotations"].append(identity | instance)
        (folder / name).write_text(json.dumps(content))
        (folder / short_name).write_text(json.dumps(short_term))


def instances_of(scene: SceneFrame) -> list[dict]:
    """Box, mask and category of the instruments of a scene; the seven of synthetic surgery stand in for GraSP's seven."""
    found = []
    for number, (box, instrument) in enumerate(zip(scene.boxes, scene.box_labels, strict=True), 1):
        left, top, right, bottom = box.tolist()
        mask = run_lengths.encode(np.asfortranarray(scene.instance_mask == number, np.uint8))
        found.append(
            {
                "bbox": [left, top, right - left, bottom - top],
                "category_id": int(instrument) + 1,
                "segmentation": {"size": list(mask["size"]), "counts": mask["counts"].decode("ascii")},
                "area": int(np.count_nonzero(scene.instance_mask == number)),
                "iscrowd": 0,
            }
        )
    return found
