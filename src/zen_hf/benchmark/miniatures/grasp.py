# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The miniature of GraSP's long-term labels, in the numbering of `GraSP_30fps`."""

import json
from pathlib import Path

from PIL import Image

from ..readers.grasp import FPS, LABELS, PHASES, STEPS
from .operation import draw_operation, phase_of_second

FIRST_TEST_CASE = 41


def write(folder: Path, videos: list[str], seconds: int, size: int, seed: int) -> None:
    """Write cases of GraSP's layout; see `write_miniature`."""
    (folder / "annotations").mkdir()
    for name, test in zip(LABELS, (False, True), strict=True):
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
        (folder / name).write_text(json.dumps(content))
