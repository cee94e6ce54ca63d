# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The miniature of Endoscapes-CVS201: a judged frame every 5 s, with the votes of three surgeons."""

import json
from pathlib import Path

from PIL import Image

from ..readers.endoscapes import CRITERIA, FPS, LABELS, SIDES
from .operation import criteria_in_view, draw_operation

STEP = 5 * FPS
LAST = {"train": 120, "val": 161, "test": 201}


def write(folder: Path, videos: list[str], seconds: int, size: int, seed: int) -> None:
    """Write videos of Endoscapes' layout, `seconds` judged frames each; see `write_miniature`."""
    for side in SIDES:
        (folder / side).mkdir()
    images = {side: [] for side in SIDES}
    for number, video in enumerate(videos):
        side = next(side for side in SIDES if int(video) <= LAST[side])
        for index, scene in enumerate(draw_operation(number, seconds, size, seed)):
            name = f"{video}_{STEP * (index + 1)}.jpg"
            Image.fromarray(scene.image).save(folder / side / name, quality=95)
            shown = criteria_in_view(scene)
            # Two of three surgeons agree now and then; the majority is what was drawn.
            agreed = 3 - index % 2
            votes = [(agreed if achieved else 3 - agreed) / 3 for achieved in (shown[name] for name in CRITERIA)]
            entry = {"id": len(images[side]), "file_name": name, "height": size, "width": size, "ds": votes}
            images[side].append(entry | {"video_id": int(video), "is_ds_keyframe": True, "is_det_keyframe": False})
    for side in SIDES:
        content = {"images": images[side], "annotations": [], "categories": []}
        (folder / side / LABELS).write_text(json.dumps(content))
        numbers = sorted({image["video_id"] for image in images[side]})
        (folder / f"{side}_vids.txt").write_text("".join(f"{number:.18e}\n" for number in numbers))
