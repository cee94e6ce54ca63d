# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Truth and predictions of dense targets as small pictures, over the frame where it is at hand."""

import base64
import io
from collections.abc import Sequence

import matplotlib
import numpy as np
from faster_coco_eval.core import mask as run_lengths
from PIL import Image, ImageDraw

from ..dense.pictures import IGNORE, Instances

WIDTH = 300  # pixels
DARK, UNKNOWN, STRIPE = (34, 41, 48), (70, 78, 86), (120, 128, 136)
OPACITY = 0.6  # of a mask over its frame
SPARSE = 0.05  # share of known depths below which each is drawn as a dot
COLOURS_OF_DEPTH = "viridis"
SHOWN_SCORE, SHOWN_INSTANCES = 0.3, 20  # of predicted instances


def picture_size(height: int, width: int) -> tuple[int, int]:
    """(height, width) of a picture of a frame, which is neither enlarged nor distorted."""
    return (height, width) if width <= WIDTH else (max(1, round(height * WIDTH / width)), WIDTH)


def frame_picture(frame: Image.Image) -> np.ndarray:
    """A frame at the size of pictures, [h, w, 3] uint8."""
    height, width = picture_size(frame.height, frame.width)
    return np.array(frame.convert("RGB").resize((width, height), Image.Resampling.BILINEAR))


def mask_picture(classes: np.ndarray, colours: Sequence[str], frame: np.ndarray | None) -> np.ndarray:
    """Classes in their colours; background stays as it is, ignored pixels are striped.

    Args:
        classes: [H, W], class of every pixel; 0 is the background.
        colours: of every class.
        frame: `frame_picture`, or None for a dark ground.
    """
    classes = shrunk(classes)
    drawn = ground(classes.shape, frame)
    for index, colour in enumerate(colours[1:], start=1):
        paint(drawn, classes == index, colour, frame)
    rows, columns = np.indices(classes.shape)
    ignored = classes == IGNORE
    drawn[ignored] = UNKNOWN
    drawn[ignored & ((rows + columns) % 8 < 2)] = STRIPE
    return drawn


def channels_picture(
    bits: np.ndarray, known: Sequence[int], colours: Sequence[str], frame: np.ndarray | None
) -> np.ndarray:
    """The annotated channels of a partial mask in their colours, the later over the earlier; arguments as for masks."""
    bits = shrunk(bits)
    drawn = ground(bits.shape, frame)
    for channel in known:
        paint(drawn, bits >> channel & 1 == 1, colours[channel], frame)
    return drawn


def instances_picture(instances: Instances, colours: Sequence[str], frame: np.ndarray | None) -> np.ndarray:
    """Outlines and boxes, with scores where they are predicted; of those the better ones (`SHOWN_SCORE`).

    Args:
        instances: of the frame, with masks or without.
        colours: of every class.
        frame: `frame_picture`, or None for a dark ground.
    """
    height, width = picture_size(*instances.size)
    scale = width / instances.size[1]
    drawn = ground((height, width), frame)
    shown = range(len(instances.labels))
    if instances.scores is not None:
        ranked = np.argsort(-instances.scores, kind="stable")[:SHOWN_INSTANCES]
        shown = [int(index) for index in ranked if instances.scores[index] >= SHOWN_SCORE]
    for index in shown if instances.masks is not None else ():
        mask = run_lengths.decode({"size": list(instances.size), "counts": instances.masks[index]})
        mask = shrunk(mask).astype(bool)
        inner = mask.copy()
        for axis in (0, 1):
            for step in (-1, 1):
                inner &= np.roll(mask, step, axis)
        paint(drawn, mask & ~inner, colours[instances.labels[index]], None)
        paint(drawn, inner, colours[instances.labels[index]], drawn, opacity=0.35)
    image = Image.fromarray(drawn)
    pen = ImageDraw.Draw(image)
    for index in shown:
        left, top, wide, high = (float(side) * scale for side in instances.boxes[index])
        pen.rectangle((left, top, left + wide, top + high), outline=colours[instances.labels[index]], width=1)
        if instances.scores is not None:
            words = f"{instances.scores[index]:.2f}"
            corner = (min(max(left + 1, 0), width - 24), max(top - 11, 0))
            pen.rectangle(pen.textbbox(corner, words), fill=(0, 0, 0))
            pen.text(corner, words, fill=(255, 255, 255))
    return np.array(image)


def depth_picture(depth: np.ndarray, low: float, high: float) -> np.ndarray:
    """Depth in colours from `low` to `high`; unknown places are grey, and few known ones are dots.

    Args:
        depth: [H, W], 0 where nothing is known.
        low: depth of the first colour.
        high: depth of the last colour.
    """
    known = depth > 0
    height, width = picture_size(*depth.shape)
    if known.mean() < SPARSE:
        drawn = np.empty((height, width, 3), np.uint8)
        drawn[:] = UNKNOWN
        rows, columns = np.nonzero(known)
        colours = depth_colours(depth[rows, columns], low, high)
        rows, columns = rows * height // depth.shape[0], columns * width // depth.shape[1]
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                drawn[np.clip(rows + down, 0, height - 1), np.clip(columns + right, 0, width - 1)] = colours
        return drawn
    depth = shrunk(depth)
    drawn = depth_colours(depth, low, high)
    drawn[depth <= 0] = UNKNOWN
    return drawn


def depth_colours(depth: np.ndarray, low: float, high: float) -> np.ndarray:
    """Colours of depths, [..., 3] uint8."""
    share = np.clip((depth - low) / max(high - low, 1e-9), 0, 1)
    return matplotlib.colormaps[COLOURS_OF_DEPTH](share, bytes=True)[..., :3]


def depth_scale(low: float, high: float) -> str:
    """The scale of colours as HTML, with its ends in the unit of the truth."""
    stops = ", ".join(
        f"rgb({r},{g},{b})" for r, g, b in depth_colours(np.linspace(0.0, 1.0, 9), 0.0, 1.0).astype(int).tolist()
    )
    return f"<span class=scale>{low:.3g} <i style='background:linear-gradient(90deg,{stops})'></i> {high:.3g}</span>"


def shrunk(values: np.ndarray) -> np.ndarray:
    """Every pixel of a picture takes the value of the pixel at its centre."""
    height, width = picture_size(*values.shape)
    rows = ((np.arange(height) + 0.5) * values.shape[0] / height).astype(int)
    columns = ((np.arange(width) + 0.5) * values.shape[1] / width).astype(int)
    return values[np.ix_(rows, columns)]


def ground(size: tuple[int, int], frame: np.ndarray | None) -> np.ndarray:
    """What is painted on: the frame, or a dark plane, [h, w, 3] uint8."""
    if frame is not None:
        return frame.copy()
    drawn = np.empty((*size, 3), np.uint8)
    drawn[:] = DARK
    return drawn


def paint(
    drawn: np.ndarray, mask: np.ndarray, colour: str, under: np.ndarray | None, opacity: float = OPACITY
) -> None:
    """Paint a mask, through which what lies under it shows where that is given."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], float)
    drawn[mask] = rgb if under is None else (1 - opacity) * under[mask] + opacity * rgb


def image_tag(picture: np.ndarray, alt: str, photograph: bool = False, widest: int = WIDTH) -> str:
    """The picture as an element that holds its own bytes, shown as wide as those beside it.

    Args:
        picture: [h, w, 3] uint8.
        alt: what it shows, safe in HTML.
        photograph: whether it shows a frame; such are compressed with loss.
        widest: how wide it is shown, px.
    """
    file = io.BytesIO()
    quality = {"quality": 85} if photograph else {"lossless": True}
    Image.fromarray(picture).save(file, format="WEBP", **quality)
    content = base64.b64encode(file.getvalue()).decode("ascii")
    height = round(picture.shape[0] * widest / picture.shape[1])
    return f"<img src='data:image/webp;base64,{content}' width={widest} height={height} alt='{alt}'>"
