# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What a recorder draws over the picture: names, dates, clocks and logos of a whole film, and menus of single frames.

What stays on the whole film is filled with black, box by box: too much rather than a letter too few. Frames that
show a window, a menu or a text for themselves are refused.
"""

from dataclasses import dataclass, field

import numpy as np

from zen_hf.data.black_border import DARK

from .different_frames import different_frames
from .geometry import Geometry, telling
from .windows import Box, find_rectangles
from .writing import (
    FEWEST,
    WEAK,
    brightness,
    colour,
    find_writing,
    letter_height,
    on_flat_ground,
    scene_moves,
    step,
    written_rows,
)

FEWEST_DIFFERENT = 8  # frames that differ, below which burned-in writing cannot be told from a scene that stands still
MOVING_SHARE = (
    0.75  # of the picture that is not masked, below which the scene stands still: real films have 0.99 and more
)
LINE_SHARE = 0.5  # of the frames, for the edges of a window
LEAST_ROWS = 480  # of a single frame, for which pixels are left out where it has twice as many
SMALLEST = (
    120  # px of a frame's shorter side: below it, shading and pixels make rectangles (1 to 16 % of drawn frames)
)
LINES = 2  # of text on a single frame, from which it is a menu or a text screen


@dataclass
class OverlaySettings:
    """What is masked, and which frames are refused.

    Attributes:
        find: Whether to look for burned-in text and logos; without it only `boxes` are masked.
        boxes: Boxes x, y, width, height that are always masked, in shares of the frame (0 to 1): where a recorder is
            known to write, however briefly.
        share: Of the frames, the share in which an edge must stay to be burned in, above 0.5 and up to 1.
        margin: By how much found boxes are enlarged on every side, in shares of their height.
        window_share: Windows of the whole film are masked up to this share of the picture; larger ones make frames
            `overlay`.
        refuse_frames: Whether single frames with a menu, a window or a text screen are refused; never of frames whose
            shorter side is below 120 px.
        keep_doubtful: Whether frames are kept of a film that is too still to find burned-in writing on it.
    """

    find: bool = True
    boxes: list[list[float]] = field(default_factory=list)
    share: float = 0.6
    margin: float = 0.35
    window_share: float = 0.35
    refuse_frames: bool = True
    keep_doubtful: bool = False

    def __post_init__(self):
        for box in self.boxes:
            x, y, width, height = box if len(box) == 4 else (-1,) * 4
            if min(x, y) < 0 or min(width, height) <= 0 or x + width > 1.0001 or y + height > 1.0001:
                raise ValueError(
                    f"overlays.boxes has {list(box)}; expected x, y, width, height in shares of the frame, "
                    "such as [0.7, 0.0, 0.3, 0.08] for its upper right"
                )
        if not 0.5 < self.share <= 1:
            raise ValueError(f"overlays.share is {self.share}; expected a share above 0.5 and up to 1, such as 0.6")
        if not 0 <= self.margin <= 3:
            raise ValueError(f"overlays.margin is {self.margin}; expected 0 to 3 heights of the text")
        if not 0 <= self.window_share <= 1:
            raise ValueError(f"overlays.window_share is {self.window_share}; expected a share of 0 to 1")


@dataclass(frozen=True)
class Overlays:
    """What covers all frames of a film.

    Attributes:
        boxes: x, y, width, height in px of the decoded frame.
        doubtful: Whether the film, or a good part of its picture, is too still to find burned-in writing on it, so that
            a name may be legible.
    """

    boxes: tuple[Box, ...] = ()
    doubtful: bool = False

    def apply(self, rgb: np.ndarray) -> np.ndarray:
        """A frame [H, W, 3] with the boxes filled black; the frame itself stays as it is."""
        if self.boxes:
            rgb = rgb.copy()
        for x, y, width, height in self.boxes:
            rgb[y : y + height, x : x + width] = 0
        return rgb


def find_overlays(frames: list[np.ndarray], geometry: Geometry, settings: OverlaySettings) -> Overlays:
    """Finds what stays on all frames while the scene moves.

    Args:
        frames: RGB, uint8 [H, W, 3] of one size, 16 to 32 of them spread over the film.
        geometry: Where the picture is.
        settings: See there.

    Returns:
        Boxes; none where nothing was found.
    """
    shape = frames[0].shape[:2]
    always = [pixels_of(box, shape) for box in settings.boxes]
    if not settings.find:
        return Overlays(tuple(always))
    told = [frame for frame in frames if telling(frame)]
    frames = told if len(told) >= FEWEST_DIFFERENT else frames
    different = different_frames(frames)
    doubtful = len(different) < FEWEST_DIFFERENT
    if not doubtful:
        frames = different
    moving = scene_moves(frames, letter_height(shape))
    written = find_writing(frames, geometry, settings.share, moving)
    written = merged([with_margin(box, settings.margin, shape) for box in written])
    boxes = tuple(sorted({*always, *written, *find_windows(frames, geometry, settings.window_share)}))
    legible = geometry.area(shape) & ~inside_of(boxes, shape)
    doubtful |= legible.any() and moving[legible].mean() < MOVING_SHARE
    return Overlays(boxes, bool(doubtful))


def inside_of(boxes: tuple[Box, ...], shape: tuple[int, int]) -> np.ndarray:
    """Which pixels of a frame of a shape lie in boxes, bool [H, W]."""
    inside = np.zeros(shape, bool)
    for x, y, width, height in boxes:
        inside[y : y + height, x : x + width] = True
    return inside


def pixels_of(box: list[float], shape: tuple[int, int]) -> Box:
    """A box in shares of the frame, in px; what it touches is in it."""
    height, width = shape
    x, y = int(box[0] * width), int(box[1] * height)
    return x, y, int(np.ceil((box[0] + box[2]) * width)) - x, int(np.ceil((box[1] + box[3]) * height)) - y


def with_margin(box: Box, margin: float, shape: tuple[int, int]) -> Box:
    """A box enlarged by a share of its height, sideways by three times that (a letter at the end), within the frame."""
    x, y, width, height = box
    more = max(3, round(margin * min(height, shape[0] // 10)))
    left, top = max(0, x - 3 * more), max(0, y - more)
    right, bottom = min(shape[1], x + width + 3 * more), min(shape[0], y + height + more)
    return left, top, right - left, bottom - top


def merged(boxes: list[Box]) -> list[Box]:
    """The same boxes without those that lie within others."""
    alone = []
    for box in sorted(set(boxes), key=lambda box: (-box[2] * box[3], box)):
        x, y, width, height = box
        if not any(a <= x and b <= y and x + width <= a + c and y + height <= b + d for a, b, c, d in alone):
            alone.append(box)
    return alone


# ---------------------------------------------------------------------------------------------------------------------
# Windows


def find_windows(frames: list[np.ndarray], geometry: Geometry, most: float) -> list[Box]:
    """Windows of the whole film: rectangles whose edges are seen in most frames, up to a share of the picture."""
    if most == 0:
        return []
    seen = np.zeros((2, *frames[0].shape[:2]), np.uint16)
    for frame in frames:
        plane = brightness(frame)
        for axis in (0, 1):
            seen[axis] += sharp_edges(plane, axis)
    flat, upright = seen >= max(FEWEST, LINE_SHARE * len(frames))
    boxes = find_rectangles(flat, upright, geometry.box, 0.08)
    return merged([box for box in boxes if box[2] * box[3] <= most * geometry.box[2] * geometry.box[3]])


def sharp_edges(plane: np.ndarray, axis: int) -> np.ndarray:
    """Where a plane jumps along an axis from one pixel to the next, more than beside it, as drawn lines do; bool [H, W]."""
    jump = np.abs(np.diff(plane, axis=axis, prepend=plane.take([0], axis)))
    beside = np.maximum(np.roll(jump, 2, axis), np.roll(jump, -2, axis))
    peak = (jump >= np.roll(jump, 1, axis)) & (jump >= np.roll(jump, -1, axis))
    return peak & (jump >= WEAK) & (jump >= 1.5 * beside)


def frame_overlay(rgb: np.ndarray, geometry: Geometry, settings: OverlaySettings) -> str | None:
    """What covers a single frame, or None: a window, two pictures side by side, a menu or a screen of text.

    Args:
        rgb: uint8 [H, W, 3], with the film's own overlays masked.
        geometry: Where the picture is.
        settings: See there.

    Returns:
        Words such as `window of 23 % of the picture`.
    """
    if not settings.refuse_frames or min(rgb.shape[:2]) < SMALLEST:
        return None
    nth = max(1, min(rgb.shape[:2]) // LEAST_ROWS)
    rgb = rgb[::nth, ::nth]
    plane = brightness(rgb)
    picture = tuple(side // nth for side in geometry.box)
    edges = [sharp_edges(plane, axis) | sharp_edges(colour(rgb), axis) for axis in (0, 1)]
    for x, y, width, height in find_rectangles(*edges, picture, 0.1):
        if np.median(plane[y : y + height, x : x + width]) >= DARK:
            share = f"{100 * width * height / (picture[2] * picture[3]):.0f} % of the picture"
            beside = width == picture[2] or height == picture[3]
            return f"two pictures side by side, one of {share}" if beside else f"window of {share}"
    lines = lines_of_text(plane)
    return f"{lines} lines of text" if lines >= LINES else None


def lines_of_text(plane: np.ndarray) -> int:
    """Number of rows of letters on a ground of one colour, in a single frame."""
    letter = letter_height(plane.shape)
    everywhere = np.ones(plane.shape, bool)
    rows = written_rows(plane.astype(np.float32), everywhere, letter)
    strokes = np.maximum(np.abs(step(plane, 0)), np.abs(step(plane, 1))) >= WEAK
    return sum(on_flat_ground(plane, strokes, row) for row in rows)
