# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The patient of one video: a canvas with colour, relief, depth and class of every point.

It is larger than the field of view and painted once a video; every frame reads it through its moving camera. Four
layers lie on one another, and numbers on the canvas say when a point shows which: covered (as the surgeon finds it),
opened (after dissection), bloody, clipped.
"""

from dataclasses import dataclass

import numpy as np

from .noise import TILE, between, lobules, rotation, sample, smoothstep, stream, tile, unit
from .procedures import Dome, Procedure, Tube
from .vocabulary import SEMANTIC_CLASSES, semantic_id

MARGIN = 1.52  # canvas width as a share of the field of view: room for pan, zoom and roll
COVERED, OPENED, BLOODY, CLIPPED = range(4)
NEVER = 255  # a threshold that no progress reaches
BED_OFFSET = 100  # cover thresholds 1..99 belong to the connective tissue, 101..199 to the bed

# One point of one layer, packed so that the camera fetches all of it at once.
POINT = np.dtype(
    [
        ("colour", "u1", 3),
        ("kind", "u1"),
        ("slope_x", "i1"),
        ("slope_y", "i1"),
        ("gloss", "u1"),
        ("spare", "u1"),
        ("depth", "f4"),
    ]
)
COLOUR_STEPS, SLOPE_STEPS, GLOSS_STEPS = 170.0, 48.0, 120.0  # integer steps per unit

# When a point of the canvas shows which layer.
STATE = np.dtype([("cover", "u1"), ("bleed", "u1"), ("clip", "u1"), ("spare", "u1")])

# How each tissue looks: base colour, second colour that coarse noise mixes in, strength of the cells, of the vessels
# and of the fine grain, gloss.
LOOKS = {
    "border": ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 0.0, 0.0, 0.0, 0.0),
    "abdominal_wall": ((0.72, 0.42, 0.38), (0.80, 0.52, 0.44), 0.05, 0.40, 0.10, 0.7),
    "fat": ((0.84, 0.62, 0.28), (0.93, 0.79, 0.46), 0.16, 0.22, 0.12, 0.8),
    "connective": ((0.82, 0.47, 0.38), (0.92, 0.72, 0.55), 0.08, 0.45, 0.24, 0.9),
    "liver": ((0.43, 0.13, 0.10), (0.54, 0.20, 0.14), 0.06, 0.0, 0.16, 0.9),
    "gallbladder": ((0.50, 0.56, 0.40), (0.64, 0.62, 0.46), 0.03, 0.38, 0.07, 1.2),
    "bowel": ((0.86, 0.56, 0.50), (0.92, 0.66, 0.56), 0.05, 0.42, 0.07, 1.0),
    "kidney": ((0.52, 0.20, 0.19), (0.62, 0.27, 0.25), 0.06, 0.16, 0.10, 0.9),
    "uterus": ((0.83, 0.47, 0.46), (0.90, 0.57, 0.53), 0.04, 0.22, 0.10, 1.1),
    "duct": ((0.83, 0.77, 0.55), (0.74, 0.70, 0.48), 0.0, 0.12, 0.10, 1.1),
    "artery": ((0.80, 0.16, 0.15), (0.88, 0.30, 0.25), 0.0, 0.0, 0.10, 1.1),
    "vein": ((0.38, 0.27, 0.45), (0.46, 0.35, 0.52), 0.0, 0.0, 0.08, 1.0),
    "bed": ((0.60, 0.22, 0.16), (0.74, 0.42, 0.30), 0.20, 0.0, 0.30, 0.5),
    "blood": ((0.34, 0.02, 0.02), (0.45, 0.03, 0.03), 0.0, 0.0, 0.08, 1.6),
    "clip": ((0.80, 0.84, 0.88), (0.92, 0.94, 0.96), 0.0, 0.0, 0.0, 1.6),
    "shaft": ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 0.0, 0.0, 0.0, 0.0),
    "tip": ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 0.0, 0.0, 0.0, 0.0),
}


@dataclass(frozen=True)
class View:
    """Where one video's camera stands on average.

    Args:
        distance: mean distance to the tissue plane, mm.
        tilt: slope of that plane along the frame's x and y.
        turn: (cos, sin) of the anatomy's turn against the frame.
        mirror: -1 when the anatomy is mirrored, else 1.
        shift: anatomy's origin in the field of view, mm.
        light: the light's offset from the optical axis along x and y, mm.
    """

    distance: float
    tilt: tuple[float, float]
    turn: tuple[float, float]
    mirror: float
    shift: tuple[float, float]
    light: tuple[float, float]

    def depth_at(self, u, v):
        """Depth of the bare tissue plane along the ray (u, v), mm; u and v are in units of the longer side."""
        return self.distance / (1.0 - (self.tilt[0] * u + self.tilt[1] * v))

    def to_anatomy(self, u, v):
        """Map a ray (u, v) to millimetres in the anatomy's own frame."""
        depth = self.depth_at(u, v)
        x, y = u * depth - self.shift[0], v * depth - self.shift[1]
        cos, sin = self.turn
        return (x * cos + y * sin) * self.mirror, y * cos - x * sin

    def to_ray(self, x: float, y: float) -> tuple[float, float]:
        """Map a point of the anatomy (mm) to its ray (u, v): the inverse of `to_anatomy`."""
        cos, sin = self.turn
        x = x * self.mirror
        across, down = x * cos - y * sin + self.shift[0], x * sin + y * cos + self.shift[1]
        # The ray hits the plane at depth Z with u = across / Z, and Z (1 - tilt . (u, v)) = distance.
        depth = self.distance + self.tilt[0] * across + self.tilt[1] * down
        return across / depth, down / depth


@dataclass(frozen=True)
class Canvas:
    """One painted patient.

    Args:
        side: pixels a side; a frame pixel is one canvas pixel at the video's mean distance.
        points: [4 * side * side] of `POINT`: colour, semantic id, surface slope (mm per mm), gloss and depth (mm) of
            the four layers, one after another. A layer is painted only where it can ever show.
        states: [side * side] of `STATE`: the progress at which a point is opened (0: never covered), the blood level
            at which it is flooded (`NEVER`: not at all) and the number of the clip that lies here (0: none).
    """

    side: int
    points: np.ndarray
    states: np.ndarray


def draw_view(seed: int, index: int, light_mm: float) -> View:
    """Choose where the camera of a video stands."""
    rng = stream(seed, index, 1)
    light_turn = rotation(between(rng, -0.35, 0.35))
    side = 1.0 if rng.integers(2) else -1.0
    return View(
        distance=between(rng, 58.0, 112.0),
        tilt=(between(rng, -0.3, 0.3), between(rng, -0.3, 0.3)),
        turn=rotation(between(rng, -0.3, 0.3)),
        mirror=1.0 if rng.integers(2) else -1.0,
        shift=(between(rng, -8.0, 8.0), between(rng, -8.0, 8.0)),
        light=(side * light_mm * light_turn[0], light_mm * light_turn[1]),
    )


def _dome(shape: Dome, x: np.ndarray, y: np.ndarray, ripple: np.ndarray) -> np.ndarray:
    """Return 1 - r², positive inside the dome's wavy outline."""
    cos, sin = rotation(shape.turn)
    along = ((x - shape.x) * cos + (y - shape.y) * sin) * (1.0 / shape.half_length)
    across = ((y - shape.y) * cos - (x - shape.x) * sin) * (1.0 / shape.half_width)
    return 1.0 - (along * along + across * across) + (ripple - 0.5) * 0.35


def _tube(points, radius: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return 1 - (distance to the polyline / radius)²."""
    nearest = None
    for (x0, y0), (x1, y1) in zip(points[:-1], points[1:], strict=True):
        dx, dy = x1 - x0, y1 - y0
        share = ((x - x0) * dx + (y - y0) * dy) * (1.0 / (dx * dx + dy * dy))
        share = np.minimum(np.maximum(share, 0.0), 1.0)
        off_x, off_y = x - x0 - share * dx, y - y0 - share * dy
        square = off_x * off_x + off_y * off_y
        nearest = square if nearest is None else np.minimum(nearest, square)
    return 1.0 - nearest * (1.0 / (radius * radius))


def _near(points, radius: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return 1 - (distance to the nearest of the points / radius)²."""
    squares = [(x - px) * (x - px) + (y - py) * (y - py) for px, py in points]
    nearest = squares[0]
    for square in squares[1:]:
        nearest = np.minimum(nearest, square)
    return 1.0 - nearest * (1.0 / (radius * radius))


def _organs(plan: Procedure, x, y, wobble_x, wobble_y, ripple):
    """Lay the organs on the plane; return class and height (mm) of every point, and the main organ's inside field."""
    classes = np.full(x.shape, semantic_id("abdominal_wall"), np.uint8)
    height = ripple * 5.0
    main = np.full(x.shape, -1.0, np.float32)
    for shape in plan.shapes:
        if isinstance(shape, Dome):
            inside = _dome(shape, x, y, ripple)
            top = 1.5 + shape.height * np.sqrt(np.maximum(inside, 0.0))
            wins = (inside > 0) & (top > height)
            height = np.where(wins, top, height)
        else:
            inside = _tube(shape.points, shape.radius, x + wobble_x, y + wobble_y)
            wins = inside > 0
            lift = np.sqrt(np.maximum(inside, 0.0)) * (1.3 * min(shape.radius, 8.0))
            height = height + lift
        classes[wins] = semantic_id(shape.organ)
        main[wins] = inside[wins] if shape.organ == plan.main else -1.0
    return classes, height.astype(np.float32), main


def _colour(kinds: np.ndarray, coarse, cells, grain, vessels) -> np.ndarray:
    """Return [3, ...] linear colour of a map of semantic ids, given the noises in [0, 1]."""
    table = np.array([(*LOOKS[name][0], *LOOKS[name][1], *LOOKS[name][2:5]) for name in SEMANTIC_CLASSES], np.float32)
    look = np.moveaxis(table[kinds], -1, 0)  # [9, ...]
    pattern = look[6] * (cells - 0.6) * 2.0 + look[8] * (grain - 0.5) * 2.0 + 1.0
    # Vessels take away green and blue: thin branches where a smooth noise crosses its middle.
    vein = look[7] * vessels
    fade = (0.25, 1.0, 0.8)
    return np.stack(
        [(look[c] + (look[c + 3] - look[c]) * coarse) * pattern * (1.0 - vein * fade[c]) for c in range(3)]
    )


def _slopes(height: np.ndarray, pixels_per_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the surface's slope along x and y (mm per mm) by central differences."""
    slope_x, slope_y = np.zeros_like(height), np.zeros_like(height)
    half = np.float32(0.5 * pixels_per_mm)
    slope_x[:, 1:-1] = (height[:, 2:] - height[:, :-2]) * half
    slope_y[1:-1] = (height[2:] - height[:-2]) * half
    return slope_x, slope_y


def _pack(points: np.ndarray, colour, kinds, slopes, gloss, depth, view: View, saturation: float) -> None:
    """Light the colours [3, N] and write them with the rest into points [N]."""
    slope_x, slope_y = slopes
    # A light beside the lens: what faces it is brighter. The limits keep cliffs between organs from turning black.
    light = (slope_x * view.light[0] + slope_y * view.light[1]) * (-0.9 / view.distance) + 1.0
    light /= np.sqrt((slope_x * slope_x + slope_y * slope_y) * 0.35 + 1.0)
    light = np.minimum(np.maximum(light, 0.30), 1.35) * COLOUR_STEPS
    grey = (colour[0] + colour[1] + colour[2]) * ((1.0 - saturation) / 3.0)
    for channel in range(3):
        points["colour"][:, channel] = np.minimum(
            np.maximum((colour[channel] * saturation + grey) * light, 0.0), 255.0
        )
    points["kind"] = kinds
    points["slope_x"] = np.minimum(np.maximum(slope_x * SLOPE_STEPS, -127.0), 127.0)
    points["slope_y"] = np.minimum(np.maximum(slope_y * SLOPE_STEPS, -127.0), 127.0)
    points["gloss"] = gloss
    points["depth"] = depth


def paint_canvas(plan: Procedure, view: View, longer_side: int, saturation: float, seed: int, index: int) -> Canvas:
    """Paint the patient of one video.

    Args:
        plan: organs of the procedure.
        view: where the camera stands.
        longer_side: pixels of the frame's longer side.
        saturation: of the hospital's camera, 0 is grey.
        seed: seed of the data set.
        index: number of the video.
    """
    rng = stream(seed, index, 2)
    side = int(MARGIN * longer_side + 0.5)
    axis = (np.arange(side, dtype=np.float32) - np.float32(0.5 * (side - 1))) * np.float32(1.0 / longer_side)
    u, v = axis[None], axis[:, None]
    x, y = view.to_anatomy(u, v)
    offsets = rng.integers(0, TILE, (5, 2)).astype(np.float32)

    def noise(texture: np.ndarray, key: int, wavelength_px: float, wavelength_mm: float) -> np.ndarray:
        step = np.float32(wavelength_px / wavelength_mm)
        return sample(texture, x * step + offsets[key, 0], y * step + offsets[key, 1])

    coarse, ripple = noise(tile(8, 3, 0), 0, 64.0, 26.0), noise(tile(8, 3, 1), 1, 64.0, 34.0)
    branches, grain = noise(tile(16, 3, 2), 2, 32.0, 17.0), noise(tile(64, 2, 4), 4, 8.0, 1.6)
    # Lobules of uneven size: their pattern is read at bent coordinates.
    step = np.float32(16.0 / 5.5)
    bend_x, bend_y = (branches - 0.5) * 14.0, (coarse - 0.5) * 30.0
    cells = sample(lobules(32, 3), x * step + bend_x + offsets[3, 0], y * step + bend_y + offsets[3, 1])
    vessels = np.maximum(1.0 - np.abs(branches - 0.5) * 38.0, 0.0)

    # Warping the coordinates makes outlines and tubes irregular.
    wobble_x, wobble_y = (coarse - 0.5) * 5.0, (ripple - 0.5) * 5.0
    warped_x, warped_y = x + wobble_x, y + wobble_y
    opened, height, main = _organs(plan, warped_x, warped_y, wobble_x, wobble_y, ripple)
    height += cells * np.where(opened == semantic_id("fat"), np.float32(1.1), np.float32(0.06)) + grain * 0.2

    # The cover: connective tissue over duct and artery, the main organ over its bed.
    connective = _dome(plan.connective, warped_x, warped_y, ripple)
    under_connective = (connective > 0) & (opened != semantic_id(plan.main)) & (opened != semantic_id("liver"))
    bed = (_near(plan.touch["bed"], 12.0, warped_x, warped_y) > 0) & (main > 0) & (main < 0.55)
    covered = opened.copy()
    covered[under_connective] = semantic_id("connective")
    opened[bed] = semantic_id("bed")
    states = np.zeros((side, side), STATE)
    late = (1.0 - connective) * 0.45 + (grain * 0.4 + branches * 0.6) * 0.75
    states["cover"] = np.where(under_connective, np.minimum(np.maximum(late * 97.0 + 1.0, 1.0), 99.0), 0.0)
    late = main * 0.9 + cells * 0.45
    states["cover"][bed] = np.minimum(np.maximum(late[bed] * 97.0 + 1.0, 1.0), 99.0).astype(np.uint8) + BED_OFFSET
    states["bleed"] = _bleeding(plan, x, y, branches, grain, rng)
    states["clip"] = _clips(plan, x, y)
    states, opened, covered = states.ravel(), opened.ravel(), covered.ravel()

    cover_height = height + np.where(
        under_connective, smoothstep(connective * 2.0) * 4.5 + cells * 0.25 + grain * 1.2, np.float32(0)
    )
    opened_height = height - np.where(bed, np.float32(1.0), np.float32(0.0))
    per_mm = longer_side / view.distance
    cover_slopes, open_slopes = _slopes(cover_height, per_mm), _slopes(opened_height, per_mm)
    pool_slopes = [slope * np.float32(0.35) for slope in cover_slopes]  # blood fills the clefts
    plane = view.depth_at(u, v)
    noises = [noise.ravel() for noise in (coarse, cells, grain, vessels)]
    tint = (rng.random((3, 1)).astype(np.float32) - np.float32(0.5)) * np.float32(0.12) + np.float32(1.0)
    shine = np.array([LOOKS[name][5] * GLOSS_STEPS for name in SEMANTIC_CLASSES], np.float32)
    points = np.zeros((4, side * side), POINT)
    everywhere = slice(None)
    layers = (
        (COVERED, everywhere, covered, cover_slopes, cover_height, 0.0),
        (OPENED, np.flatnonzero(states["cover"]), opened, open_slopes, opened_height, 0.0),
        (BLOODY, np.flatnonzero(states["bleed"] < NEVER), semantic_id("blood"), pool_slopes, cover_height, 0.4),
        (CLIPPED, np.flatnonzero(states["clip"]), semantic_id("clip"), open_slopes, opened_height, 1.5),
    )
    for layer, where, kinds, slopes, relief, lift in layers:
        kinds = kinds[where] if isinstance(kinds, np.ndarray) else np.full(len(where), kinds, np.uint8)
        colour = _colour(kinds, *(noise[where] for noise in noises)) * tint
        depth = (plane - relief).ravel()[where] - np.float32(lift)
        here = points[layer][where]
        _pack(here, colour, kinds, [slope.ravel()[where] for slope in slopes], shine[kinds], depth, view, saturation)
        points[layer][where] = here
    return Canvas(side, points.ravel(), states)


def _bleeding(plan: Procedure, x, y, branches, grain, rng: np.random.Generator) -> np.ndarray:
    """Return the blood level (1..254) at which each point is flooded: pools that grow around two sites."""
    sites = plan.touch["connective"] + plan.touch["bed"]
    chosen = [sites[int(rng.integers(len(sites)))] for _ in range(2)]
    away = 1.0 - _near(chosen, 17.0, x, y)  # squared distance, 1 at 17 mm
    level = 250.0 * away + (branches - 0.45) * 260.0 + (grain - 0.5) * 30.0 + 20.0
    pool = (level < 250.0) & (away < 1.6)
    return np.where(pool, np.minimum(np.maximum(level, 1.0), 254.0), np.float32(NEVER)).astype(np.uint8)


def _clips(plan: Procedure, x, y) -> np.ndarray:
    """Return the number of the clip on each point, 0 for none: bars across the first duct and the last artery."""
    number = np.zeros(x.shape, np.uint8)
    tubes = [
        shape
        for organ in ("duct", "artery")
        for shape in plan.shapes
        if isinstance(shape, Tube) and shape.organ == organ
    ]
    placed = 0
    for tube in (tubes[0], tubes[-1]):
        (x0, y0), (x1, y1) = tube.points[1], tube.points[2]
        ex, ey = unit(x1 - x0, y1 - y0)
        for share in (0.15, 0.75):
            placed += 1
            px, py = x0 + share * (x1 - x0), y0 + share * (y1 - y0)
            along, across = (x - px) * ex + (y - py) * ey, (y - py) * ex - (x - px) * ey
            number[(np.abs(along) < 1.2) & (np.abs(across) < tube.radius + 1.8)] = placed
    return number
