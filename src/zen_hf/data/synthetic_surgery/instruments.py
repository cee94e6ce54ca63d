# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The instruments: their shapes in millimetres and how a camera sees them.

An instrument is flat in its own plane: `along` runs from its end (0) up the shaft, `across` to its side, both in mm.
Its shape is a signed distance, positive inside; the same shape seen from the light is its shadow.
"""

from dataclasses import dataclass

import numpy as np

SHAFT_RADIUS = 4.0  # mm, a robotic instrument


@dataclass(frozen=True)
class Shape:
    """What tells one class of instrument from another.

    Args:
        length: from the end to where the shaft begins, mm.
        jaws: two when it opens, one for a rod.
        width: half the thickness of a jaw at its root, mm.
        end_width: half the thickness at its end, mm.
        opening: half the distance between the ends of the jaws when wide open, mm.
        bow: how far the jaws bow outwards in the middle, mm.
        rest: half the distance between the jaws when closed, mm.
        hook: length of the sideways end, mm (0: none).
        slot: half the width of the window in each jaw, mm (0: none).
        holes: whether dark holes sit along it.
        metal: colour of the tip, RGB in [0, 1].
        band: colour of the ring where the shaft begins.
        band_length: length of that ring, mm.
        shaft_radius: of the shaft, mm.
    """

    length: float
    jaws: int
    width: float
    end_width: float
    opening: float
    bow: float
    rest: float
    hook: float
    slot: float
    holes: bool
    metal: tuple[float, float, float]
    band: tuple[float, float, float]
    band_length: float
    shaft_radius: float

    @property
    def reach(self) -> float:
        """Return the greatest distance of any of its points from the axis, mm."""
        return max(self.shaft_radius, self.hook, self.opening + self.bow + 1.5 * self.width)


STEEL, BRIGHT, DARK, GOLD = (0.72, 0.74, 0.77), (0.86, 0.87, 0.88), (0.40, 0.41, 0.44), (0.85, 0.66, 0.25)

SHAPES = (
    # grasper: long parallel jaws with windows
    Shape(21, 2, 2.6, 2.3, 6.5, 0.4, 2.0, 0.0, 0.9, False, STEEL, (0.55, 0.56, 0.60), 4.0, 4.0),
    # bipolar: thin bowed pincers on a blue base
    Shape(22, 2, 1.4, 0.9, 2.2, 3.2, 1.0, 0.0, 0.0, False, BRIGHT, (0.10, 0.28, 0.75), 9.0, 3.6),
    # hook: a wire with a bent end on an amber insulator
    Shape(19, 1, 1.3, 1.3, 0.0, 0.0, 0.0, 7.0, 0.0, False, STEEL, (0.88, 0.55, 0.12), 7.0, 3.2),
    # scissors: two pointed blades, wide open
    Shape(19, 2, 2.8, 0.2, 8.0, 0.0, 0.9, 0.0, 0.0, False, DARK, (0.30, 0.30, 0.32), 3.0, 4.0),
    # clipper: broad short jaws with a green band
    Shape(15, 2, 2.4, 2.7, 4.0, 0.6, 3.4, 0.0, 0.0, False, BRIGHT, (0.10, 0.52, 0.30), 7.0, 5.2),
    # irrigator: a straight white tube with holes
    Shape(24, 1, 3.0, 2.8, 0.0, 0.0, 0.0, 0.0, 0.0, True, (0.88, 0.89, 0.86), (0.80, 0.82, 0.82), 2.0, 3.3),
    # needle driver: short stout golden jaws
    Shape(12, 2, 3.4, 1.6, 4.2, 0.0, 1.3, 0.0, 0.0, False, GOLD, (0.45, 0.36, 0.18), 3.0, 4.4),
)


@dataclass(frozen=True)
class Projection:
    """Where an instrument lies in one frame: its axis as a straight line in the image along which 1 / depth is linear.

    Args:
        x: column of the end of the instrument, px.
        y: its row.
        along: unit vector in the image from the end up the shaft.
        inverse_depth: 1 / depth of the axis at the end, 1 / mm.
        climb: sine of the shaft's angle against the image plane.
        stretch: millimetres along the shaft per pixel, divided by depth.
        focal: focal length, px.
    """

    x: float
    y: float
    along: tuple[float, float]
    inverse_depth: float
    climb: float
    stretch: float
    focal: float

    def plane_of(self, columns: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Turn pixel coordinates [1, W] and [H, 1] into pixels along and across the axis, [H, W]."""
        dx, dy = columns - np.float32(self.x), rows - np.float32(self.y)
        ex, ey = np.float32(self.along[0]), np.float32(self.along[1])
        return dx * ex + dy * ey, dy * ex - dx * ey

    def shadow_plane_of(
        self, columns, rows, inverse_tissue, light: tuple[float, float]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Find where the rays from pixels of tissue to the light meet the instrument, in pixels along and across.

        A point of tissue at inverse depth t is in the shadow of the point of the instrument that lies focal * light *
        (i - t) pixels beside it in the image, i being the instrument's inverse depth: the parallax between lens and
        light.
        """
        u, v = self.plane_of(columns, rows)
        ex, ey = self.along
        shift_u = self.focal * (light[0] * ex + light[1] * ey)
        shift_v = self.focal * (light[1] * ex - light[0] * ey)
        growth = self.inverse_depth * self.climb * self.stretch
        gap = np.float32(self.inverse_depth) - inverse_tissue
        u += gap * np.float32(shift_u)
        u *= np.float32(1.0 / (1.0 - shift_u * growth))
        gap += u * np.float32(growth)
        gap *= np.float32(shift_v)
        v += gap
        return u, v

    def near_axis(self, u: np.ndarray, v: np.ndarray, reach_mm: float) -> np.ndarray:
        """Return the flat indices of the pixels at most `reach_mm` beside the axis and beyond the end."""
        pixels_per_inverse = reach_mm * self.focal
        limit = u * np.float32(pixels_per_inverse * self.inverse_depth * self.climb * self.stretch)
        limit += np.float32(pixels_per_inverse * self.inverse_depth + 1.0)
        near = np.abs(v) < limit
        near &= u > np.float32(-pixels_per_inverse * self.inverse_depth - 1.0)
        return np.flatnonzero(near)

    def to_mm(self, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Turn pixels along and across into millimetres along and across, and the axis' inverse depth there."""
        inverse = u * np.float32(self.inverse_depth * self.climb * self.stretch) + np.float32(self.inverse_depth)
        depth = np.float32(1.0) / inverse
        return u * depth * np.float32(self.stretch), v * depth * np.float32(1.0 / self.focal), inverse


def project(ray: tuple[float, float], depth: float, entry, rise, back: float, focal: float, centre) -> Projection:
    """Project an instrument.

    Args:
        ray: (u, v) of the end of the instrument before it is drawn back, in field widths from the centre.
        depth: depth of that end, mm.
        entry: unit vector in the frame towards where the shaft comes in.
        rise: (cos, sin) of the shaft's angle against the image plane; it rises towards the camera.
        back: how far it is drawn back along its shaft, mm.
        focal: focal length, px.
        centre: (x, y) of the optical axis, px.
    """
    cos, sin = rise
    x, y = ray[0] * depth + entry[0] * cos * back, ray[1] * depth + entry[1] * cos * back
    # However far it is drawn back, it never comes to the lens: then it slides out sideways.
    depth = max(depth - sin * back, min(depth, 32.0))
    # In the image the shaft runs along d(x / z) = (entry cos z + (x, y) sin) / z².
    along_x, along_y = entry[0] * cos + x * sin / depth, entry[1] * cos + y * sin / depth
    length = float(np.sqrt(along_x * along_x + along_y * along_y))
    return Projection(
        x=centre[0] + focal * x / depth,
        y=centre[1] + focal * y / depth,
        along=(along_x / length, along_y / length),
        inverse_depth=1.0 / depth,
        climb=sin,
        stretch=1.0 / (focal * length),
        focal=focal,
    )


def tip_distance(shape: Shape, along: np.ndarray, across: np.ndarray, jaw: float, flip: float):
    """Return the tip's signed distance (mm, positive inside) and the offset from its middle line (share of the width).

    Args:
        shape: the instrument's shape.
        along: mm from its end, any shape.
        across: mm from its axis, same shape.
        jaw: how far it is open, 0 to 1.
        flip: 1 or -1, on which side a hook points.
    """
    reach = along * np.float32(1.0 / shape.length)  # 0 at the end, 1 at the root
    width = reach * np.float32(shape.width - shape.end_width) + np.float32(shape.end_width)
    if shape.jaws == 1:
        off = np.abs(across)
        inside = width - off
        np.minimum(inside, along, out=inside)
        if shape.hook:
            side = across * np.float32(flip)
            bent = np.minimum(np.float32(1.4) - np.abs(along - np.float32(1.4)), np.float32(shape.hook) - side)
            np.minimum(bent, side + np.float32(shape.width), out=bent)
            np.maximum(inside, bent, out=inside)
        return inside, off / np.maximum(width, np.float32(0.4))
    # Two jaws: their middle lines run from the root to the ends, bowed outwards between.
    spread = shape.rest + jaw * (shape.opening - shape.rest if shape.opening > shape.rest else shape.opening)
    middle = (np.float32(1.0) - reach) * np.float32(spread)
    if shape.bow:
        middle += reach * (np.float32(1.0) - reach) * np.float32(4.0 * shape.bow)
    middle += reach * np.float32(0.45 * shape.width)
    off = np.abs(np.abs(across) - middle)
    inside = width - off
    np.minimum(inside, along, out=inside)
    return inside, off / np.maximum(width, np.float32(0.4))


def signed_distance(shape: Shape, along: np.ndarray, across: np.ndarray, jaw: float, flip: float):
    """Return the whole instrument's signed distance (mm), where its tip is, and the offset as in `tip_distance`."""
    tip, offset = tip_distance(shape, along, across, jaw, flip)
    np.minimum(tip, np.float32(shape.length + 1.0) - along, out=tip)
    shaft_off = np.abs(across)
    shaft = np.minimum(np.float32(shape.shaft_radius) - shaft_off, along - np.float32(shape.length))
    is_tip = tip > shaft
    inside = np.maximum(tip, shaft)
    shaft_off *= np.float32(1.0 / shape.shaft_radius)
    return inside, is_tip, np.where(is_tip, offset, shaft_off)
