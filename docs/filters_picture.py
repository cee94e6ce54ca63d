# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Draws `images/frame-filters.png`: a generated frame that passes, and one for each reason of `docs/frame-filters.md`.

python docs/filters_picture.py

Every frame is measured by the filters of curation, and the picture is written only if each gives its reason.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from zen_hf.curation.judging.filters import FilterSettings, rejection
from zen_hf.curation.judging.geometry import Geometry
from zen_hf.curation.judging.near_duplicates import DuplicateSettings, SeenFrames
from zen_hf.curation.judging.overlays import OverlaySettings, frame_overlay
from zen_hf.curation.judging.signals import measure
from zen_hf.data.perceptual_hash import perceptual_hash
from zen_hf.data.synthetic_surgery import SyntheticSurgery

SIZE = (216, 384)  # height, width in px
COLUMNS, GAP, CAPTION = 3, 8, 26  # px


def noisy(picture: np.ndarray, spread: float) -> np.ndarray:
    """A picture with a camera's grain, of a standard deviation in grey levels."""
    noise = np.random.default_rng(0).normal(0, spread, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def surgery(number: int) -> np.ndarray:
    """A frame of an invented operation."""
    video = SyntheticSurgery(
        seed=3, size=SIZE, frames_per_video=20, procedures=["hysterectomy"], hospitals=["delta"]
    ).video(0)
    return video[number].image


def burnt_out(frame: np.ndarray) -> np.ndarray:
    """A lamp too near: white over more than half of the width."""
    frame = frame.copy()
    frame[:, : 3 * SIZE[1] // 5] = 250
    return frame


def bars() -> np.ndarray:
    """A test screen of seven colours."""
    colours = np.array(
        [(235, 235, 235), (235, 235, 16), (16, 235, 235), (16, 235, 16), (235, 16, 235), (235, 16, 16), (16, 16, 235)]
    )
    return noisy(np.repeat(colours[np.arange(SIZE[1]) * 7 // SIZE[1]][None], SIZE[0], axis=0), 1)


def room() -> np.ndarray:
    """Boxes in the colours of walls, drapes and steel."""
    rng = np.random.default_rng(1)
    colours = np.array([(150, 148, 140), (90, 95, 100), (200, 200, 195), (60, 70, 110)])
    picture = np.zeros((*SIZE, 3)) + colours[0]
    for _ in range(60):
        top, left = rng.integers(0, SIZE[0] - 20), rng.integers(0, SIZE[1] - 20)
        height, width = rng.integers(8, 90, 2)
        picture[top : top + height, left : left + width] = colours[rng.integers(4)] * rng.uniform(0.4, 1.1)
    return noisy(picture, 4)


def with_window(frame: np.ndarray, other: np.ndarray) -> np.ndarray:
    """A frame with another one in its corner."""
    frame = frame.copy()
    frame[108:206, 10:184] = np.asarray(Image.fromarray(other).resize((174, 98)))
    return frame


def reason_of(frame: np.ndarray, before: np.ndarray | None, kept: np.ndarray) -> str:
    """The first reason for which curation refuses a frame after another, and after one that was kept."""
    refused = rejection(measure(frame, None, before), FilterSettings())
    if refused is not None:
        return refused[0]
    if frame_overlay(frame, Geometry((0, 0, SIZE[1], SIZE[0])), OverlaySettings()):
        return "overlay"
    seen = SeenFrames(DuplicateSettings())
    seen.is_near_duplicate(perceptual_hash(kept))
    return "near_duplicate" if seen.is_near_duplicate(perceptual_hash(frame)) else "kept"


def main() -> None:
    """Measures the frames and writes the picture."""
    kept, other = surgery(0), surgery(12)
    frames = [
        ("kept", other, None),
        ("black", noisy(np.zeros((*SIZE, 3)), 3), None),
        ("over_exposed", burnt_out(other), None),
        ("test_screen", bars(), None),
        ("blurred", np.asarray(Image.fromarray(other).filter(ImageFilter.GaussianBlur(24))), None),
        ("frozen", kept, kept),
        ("outside_body", room(), None),
        ("overlay", with_window(other, kept), None),
        ("near_duplicate", noisy(kept, 3), other),
    ]
    rows = -(-len(frames) // COLUMNS)
    width, height = SIZE[1] + GAP, SIZE[0] + GAP + CAPTION
    sheet = Image.new("RGB", (COLUMNS * width - GAP, rows * height - GAP), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(20)
    for number, (reason, frame, before) in enumerate(frames):
        found = reason_of(frame, before, kept)
        if found != reason:
            raise ValueError(f"the frame drawn for {reason!r} is {found!r} to the filters; draw another one")
        x, y = number % COLUMNS * width, number // COLUMNS * height
        pen.text((x + 2, y), reason, "black", font)
        sheet.paste(Image.fromarray(frame), (x, y + CAPTION))
    sheet = sheet.resize((sheet.width // 2, sheet.height // 2), Image.Resampling.LANCZOS)
    sheet.save(Path(__file__).with_name("images") / "frame-filters.png", optimize=True)


if __name__ == "__main__":
    main()
