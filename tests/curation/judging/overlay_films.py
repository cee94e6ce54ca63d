# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Films of synthetic surgery on which a recorder has written, and how legible the writing still is."""

import io
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from zen_hf.data.synthetic_surgery import SyntheticSurgery

LOOKS = 20


@dataclass(frozen=True)
class Writing:
    """A line of text at x, y (shares of the frame).

    `text` may hold `{n}`, the number of the frame, or `{clock}`, a clock that runs on by some minutes.
    """

    text: str
    x: float
    y: float
    size: int
    colour: tuple[int, int, int] = (255, 255, 255)
    opacity: float = 1.0
    panel: tuple[int, int, int] | None = None
    outline: bool = False

    def at(self, number: int) -> str:
        """What is written on a frame."""
        seconds = 9 * 3600 + 1234 + number * 197
        return self.text.format(n=number, clock=f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}")

    def glyphs(self, shape, number: int) -> np.ndarray:
        """Ink of the letters on a frame of a shape, 0 to 1, [H, W]."""
        ink = Image.new("L", (shape[1], shape[0]))
        place = (round(self.x * shape[1]), round(self.y * shape[0]))
        ImageDraw.Draw(ink).text(place, self.at(number), 255, ImageFont.load_default(self.size))
        return np.asarray(ink, np.float32) / 255

    def draw(self, rgb: np.ndarray, number: int) -> np.ndarray:
        """The frame with the text."""
        picture = rgb.astype(np.float32)
        ink = self.glyphs(rgb.shape, number)
        if self.panel is not None:
            rows, columns = np.nonzero(ink)
            pad = self.size // 2
            picture[max(0, rows.min() - pad) : rows.max() + pad, max(0, columns.min() - pad) : columns.max() + pad] = (
                self.panel
            )
        if self.outline:
            picture *= 1 - ndimage.maximum_filter(ink, 3)[..., None]
        ink = ink[..., None] * self.opacity
        return (picture * (1 - ink) + np.array(self.colour, np.float32) * ink).astype(np.uint8)


@cache
def _scenes(hospital: str, number: int, size: tuple[int, int], seed: int) -> tuple[np.ndarray, ...]:
    drawn = (min(240, size[0] // 2), min(426, size[1] // 2))
    video = SyntheticSurgery(seed=seed, size=drawn, frames_per_video=LOOKS, hospitals=[hospital]).video(number)
    return tuple(
        np.asarray(Image.fromarray(video[i].image).resize((size[1], size[0]), Image.Resampling.BICUBIC))
        for i in range(LOOKS)
    )


def film(
    hospital: str, number: int = 0, size: tuple[int, int] = (360, 640), writings=(), moves="moving", seed=5
) -> list[np.ndarray]:
    """Frames of an operation with writing on them.

    Where the film stands `still`, one frame is repeated with the camera's noise; if it is `pausing`, for two thirds.
    """
    frames = list(_scenes(hospital, number, size, seed))
    still = {"moving": 0, "pausing": 2 * LOOKS // 3, "still": LOOKS}[moves]
    rng = np.random.default_rng(0)
    for index in range(still):
        noise = rng.normal(0, 3, frames[0].shape).astype(np.float32)
        frames[index] = np.clip(frames[still - 1] + noise, 0, 255).astype(np.uint8)
    shown = []
    for index, frame in enumerate(frames):
        for writing in writings:
            frame = writing.draw(frame, index)
        shown.append(compressed(frame))
    return shown


def compressed(rgb: np.ndarray) -> np.ndarray:
    """A frame as a codec leaves it."""
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=85)
    return np.asarray(Image.open(file))


def visible_ink(writing: Writing, boxes, shape) -> float:
    """The largest share of the ink of a frame that lies outside boxes."""
    shares = []
    for number in range(LOOKS):
        ink = writing.glyphs(shape, number)
        outside = ink.copy()
        for x, y, width, height in boxes:
            outside[y : y + height, x : x + width] = 0
        shares.append(float(outside.sum() / ink.sum()))
    return max(shares)


def masked_share(boxes, area: np.ndarray) -> float:
    """Share of the picture that is masked."""
    masked = np.zeros(area.shape, bool)
    for x, y, width, height in boxes:
        masked[y : y + height, x : x + width] = True
    return float((masked & area).sum() / area.sum())
