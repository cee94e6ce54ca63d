# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Pictures of synthetic surgery: every procedure in every hospital, and frames beside their labels.

Run it as `python -m zen_hf.data.synthetic_surgery.gallery docs/images`.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from .labels import SceneFrame
from .video import SyntheticSurgery
from .vocabulary import HOSPITALS, INSTRUMENTS, PROCEDURES, SEMANTIC_CLASSES

# One colour per semantic class, in the order of SEMANTIC_CLASSES.
PALETTE = np.array(
    [
        (0, 0, 0),
        (236, 178, 170),
        (250, 217, 107),
        (228, 150, 98),
        (140, 45, 40),
        (120, 170, 70),
        (245, 130, 190),
        (170, 80, 160),
        (200, 100, 110),
        (190, 240, 140),
        (235, 50, 50),
        (80, 90, 220),
        (110, 60, 20),
        (100, 0, 10),
        (255, 255, 255),
        (90, 100, 115),
        (60, 220, 230),
    ],
    np.uint8,
)
INSTANCE_COLOURS = ((255, 196, 0), (0, 190, 255), (255, 90, 160), (120, 255, 120))


def contact_sheet(size: int = 128, seed: int = 0) -> Image.Image:
    """Return one frame of every procedure (rows) in every hospital (columns)."""
    surgery = SyntheticSurgery(seed=seed, size=size, frames_per_video=40)
    rows = []
    for procedure in range(len(PROCEDURES)):
        row = []
        for hospital in range(len(HOSPITALS)):
            video = surgery.video(hospital * len(PROCEDURES) + procedure)
            # The frame in which most is going on: the one with most instruments close to tissue.
            frames = [video[number] for number in range(3 + hospital, len(video), 5)]
            row.append(max(frames, key=lambda frame: (len(frame.box_labels), not frame.smoke)).image)
        rows.append(np.concatenate(row, 1))
    return Image.fromarray(np.concatenate(rows, 0))


def depth_picture(depth_mm: np.ndarray) -> np.ndarray:
    """Return [H, W, 3] uint8: near is bright yellow, far is dark blue, outside the field is black."""
    inside = depth_mm > 0
    near, far = np.percentile(depth_mm[inside], (1, 99))
    nearness = np.clip((far - depth_mm) / (far - near), 0, 1)[..., None]
    stops = np.array([(20, 20, 90), (150, 40, 140), (250, 150, 60), (255, 250, 190)], np.float32)
    place = nearness * (len(stops) - 1)
    left = np.minimum(place.astype(int), len(stops) - 2)
    colour = stops[left[..., 0]] * (1 - (place - left)) + stops[left[..., 0] + 1] * (place - left)
    return (colour * inside[..., None]).astype(np.uint8)


def instance_picture(frame: SceneFrame) -> np.ndarray:
    """Return the frame, darkened, with coloured instances, their boxes and names, as [H, W, 3] uint8."""
    pixels = (frame.image * 0.45).astype(np.uint8)
    for instance in range(len(frame.box_labels)):
        mine = frame.instance_mask == instance + 1
        pixels[mine] = (0.4 * pixels[mine] + 0.6 * np.array(INSTANCE_COLOURS[instance])).astype(np.uint8)
    picture = Image.fromarray(pixels)
    pen = ImageDraw.Draw(picture)
    for instance, (x0, y0, x1, y1) in enumerate(frame.boxes):
        pen.rectangle((x0, y0, x1 - 1, y1 - 1), outline=INSTANCE_COLOURS[instance])
        name = INSTRUMENTS[frame.box_labels[instance]]
        left = min(max(x0 + 2, 2), pixels.shape[1] - pen.textlength(name) - 2)
        pen.text((left, min(max(y0 + 1, 1), pixels.shape[0] - 12)), name, fill=(255, 255, 255))
    return np.asarray(picture)


def labels_panel(size: int = 160, seed: int = 0, videos: tuple[int, ...] = (0, 5, 10)) -> Image.Image:
    """Return one frame per video (rows) beside its semantic mask, its instances with boxes, and its depth."""
    assert len(PALETTE) == len(SEMANTIC_CLASSES)
    surgery = SyntheticSurgery(seed=seed, size=size, frames_per_video=40)
    rows = []
    for index in videos:
        video = surgery.video(index)
        frame = max(
            (video[number] for number in range(4, len(video), 3)),
            key=lambda frame: (len(frame.box_labels), not frame.smoke),
        )
        views = (frame.image, PALETTE[frame.semantic_mask], instance_picture(frame), depth_picture(frame.depth_mm))
        rows.append(np.concatenate(views, 1))
    return Image.fromarray(np.concatenate(rows, 0))


def main() -> None:
    """Write both pictures into a folder."""
    parser = argparse.ArgumentParser(description="Draw pictures of synthetic surgery.")
    parser.add_argument("folder", type=Path, help="where synthetic-surgery.png and synthetic-labels.png go")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    # 256 colours keep the files small.
    contact_sheet().quantize(256).save(folder / "synthetic-surgery.png", optimize=True)
    labels_panel().quantize(256).save(folder / "synthetic-labels.png", optimize=True)


if __name__ == "__main__":
    main()
