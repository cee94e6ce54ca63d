# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Where the endoscope's picture lies in the frames of a video: a box, and the circle of the scope where there is one.

What is lit in a good part of the frames is picture, so that a dark scene does not shrink it and a few menu screens do
not enlarge it. A circle is believed if it is sharp, if its edge is seen around it, and if it holds the whole picture.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, optimize

from zen_hf.data.black_border import DARK, border_of

BORDERS = ("crop", "mask", "keep")
TELLING_SHARE = 0.05  # of a frame's pixels: with fewer lit ones, it says nothing about the border
TELLING_SPREAD = 6.0  # between the quarters of the lit pixels' brightness; below it, the frame is a test screen
THIN = 0.03  # of the shorter side: what is thinner, such as text beside the picture, is no picture
STRAIGHT_SHARE = 0.3  # of a side of the picture that lies on one line, for that line to be its end
TRIALS = 400
SPILT = 0.01  # of the picture, outside its circle
FILLED = 0.85  # of the circle, within the box, by the picture; straight cuts may be slightly bent


@dataclass
class GeometrySettings:
    """What is done about the black border.

    Attributes:
        border: `"crop"` cuts frames to the box of the picture and blackens what lies outside the circle; `"mask"`
            blackens what lies outside box and circle, and keeps the size; `"keep"` changes nothing.
        lit_share: Of the frames that show something, the share in which a pixel must be lit to be picture, above 0 and
            up to 1. Lower it for films that are dark nearly throughout; raise it where screens without a border
            are frequent.
    """

    border: str = "crop"
    lit_share: float = 0.2

    def __post_init__(self):
        if self.border not in BORDERS:
            raise ValueError(f"geometry.border is {self.border!r}; expected one of {', '.join(BORDERS)}")
        if not 0 < self.lit_share <= 1:
            raise ValueError(f"geometry.lit_share is {self.lit_share}; expected a share above 0 and up to 1, as 0.2")


@dataclass(frozen=True)
class Geometry:
    """Where the picture lies in frames of one size.

    Attributes:
        box: x, y, width and height in px of the decoded frame.
        circle: Centre x, y and radius in px (the centre of the frame's first pixel is 0, 0), or None.
        border: See `GeometrySettings`.
    """

    box: tuple[int, int, int, int]
    circle: tuple[float, float, float] | None = None
    border: str = "crop"

    def area(self, shape: tuple[int, ...]) -> np.ndarray:
        """What is picture of a frame of this shape (H, W, ...): inside the box, and inside the circle; bool [H, W]."""
        x, y, width, height = self.box
        area = np.zeros(shape[:2], bool)
        area[y : y + height, x : x + width] = True
        return area if self.circle is None else area & inside(self.circle, shape)

    def apply(self, rgb: np.ndarray) -> np.ndarray:
        """Crops or masks a frame [H, W, 3] as the settings say; the frame itself stays as it is."""
        if self.border == "keep":
            return rgb
        outside = ~self.area(rgb.shape)
        if outside.any():
            rgb = rgb.copy()
            rgb[outside] = 0
        if self.border == "mask":
            return rgb
        x, y, width, height = self.box
        return np.ascontiguousarray(rgb[y : y + height, x : x + width])


def find_geometry(frames: list[np.ndarray], settings: GeometrySettings) -> Geometry:
    """Finds the picture in some frames of a film.

    Args:
        frames: RGB, uint8 [H, W, 3] of one size, 20 to 32 of them spread over the film; fewer give a worse guess.
        settings: See there.

    Returns:
        Its place; the whole frame where no border can be told, as in a film that is black throughout.

    Raises:
        ValueError: No frames, or frames of several sizes.
    """
    shapes = {frame.shape for frame in frames}
    if len(shapes) != 1:
        raise ValueError(f"frames of {len(shapes)} sizes {sorted(shapes)}; expected one or more frames of one size")
    (height, width, _) = shapes.pop()
    picture, brightness = lit_picture(frames, settings.lit_share)
    if not picture.any():
        return Geometry((0, 0, width, height), None, settings.border)
    circle = find_circle(picture, brightness)
    return Geometry(find_box(picture, circle), circle, settings.border)


def telling(frame: np.ndarray) -> bool:
    """Whether a frame shows enough to say something about border and overlays: it is neither dark nor a test screen."""
    few = frame[::4, ::4].max(axis=2)
    lit = few[few >= DARK]
    return lit.size >= TELLING_SHARE * few.size and np.subtract(*np.percentile(lit, [75, 25])) >= TELLING_SPREAD


def lit_picture(frames: list[np.ndarray], lit_share: float) -> tuple[np.ndarray, np.ndarray]:
    """The largest region that is lit in a share of the frames, bool [H, W], and the mean brightness, float32 [H, W]."""
    lit = np.zeros(frames[0].shape[:2], np.uint16)
    total = np.zeros(frames[0].shape[:2], np.float32)
    count = 0
    for frame in filter(telling, frames):
        brightest = np.maximum(np.maximum(frame[..., 0], frame[..., 1]), frame[..., 2])
        lit += brightest >= DARK
        total += brightest
        count += 1
    if count == 0:
        return np.zeros(lit.shape, bool), total
    needed = max(lit_share * count, min(2, count))
    filled = ~border_of(lit < needed)
    thin = max(3, round(THIN * min(lit.shape)))
    # Text beside the picture goes; beyond the frame's edge, the picture is thought to go on.
    padded = np.pad(filled, thin, mode="edge")
    opened = ndimage.maximum_filter(ndimage.minimum_filter(padded, thin), thin)[thin:-thin, thin:-thin] & filled
    regions, number = ndimage.label(opened)
    if number == 0:
        return opened, total
    return regions == 1 + np.argmax(np.bincount(regions.ravel())[1:]), total / count


def find_circle(picture: np.ndarray, brightness: np.ndarray) -> tuple[float, float, float] | None:
    """The circle that bounds the picture, or None where no circle does.

    Points are where rows and columns enter and leave the picture, but for those on the frame's edge. Of many circles
    through three points (fixed seed), the one on which most points lie is refined by least squares of the distances
    with a soft loss, so that instruments, notches and straight cuts do not pull at it.

    Args:
        picture: bool [H, W].
        brightness: Mean over the frames, [H, W].
    """
    points = edge_points(picture)
    shorter = min(picture.shape)
    if len(points) < shorter // 8:
        return None
    rng = np.random.default_rng(0)
    some = points[rng.permutation(len(points))[:1500]]
    circles = circles_through(some[rng.integers(0, len(some), (TRIALS, 3))])
    circles = circles[(circles[:, 2] > 0.15 * shorter) & (circles[:, 2] < 1.5 * max(picture.shape))]
    if not len(circles):
        return None
    tolerance = max(1.5, 0.004 * shorter)
    support = [np.count_nonzero(np.abs(distances(circle, some)) < tolerance) for circle in circles]
    circle = circles[int(np.argmax(support))]
    for reach in (3 * tolerance, tolerance):
        near = points[np.abs(distances(circle, points)) < reach]
        if len(near) < 3:
            return None
        circle = optimize.least_squares(distances, circle, args=(near,), loss="soft_l1").x
    near = points[np.abs(distances(circle, points)) < tolerance]
    circle = tuple(round(float(value), 2) for value in circle)
    return circle if believed(circle, near, picture, brightness) else None


def believed(circle: tuple[float, float, float], points: np.ndarray, picture: np.ndarray, brightness) -> bool:
    """Whether a circle bounds the picture: seen from many sides, holding all of it, filled by it, and sharp."""
    x, y, radius = circle
    if radius < 0.15 * min(picture.shape) or not len(points):
        return False
    angles = np.sort(np.arctan2(points[:, 1] - y, points[:, 0] - x))
    seen = len(np.unique(np.floor(np.degrees(angles) / 5)))  # of 72 directions
    gaps = np.diff(np.append(angles, angles[0] + 2 * np.pi))
    if seen < 12 or gaps.max() > np.radians(220):
        return False
    disc = Geometry(find_box(picture, circle), circle).area(picture.shape)
    spilt = picture & ~inside((x, y, radius + 1.5), picture.shape)
    if spilt.sum() > SPILT * picture.sum() or picture[disc].mean() < FILLED:
        return False
    step = max(2.0, 0.012 * radius)
    rays = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    bright, dark = (
        ndimage.map_coordinates(
            brightness, (np.array([y, x]) + (radius + way) * rays[:, ::-1]).T, order=1, mode="nearest"
        )
        for way in (-step, step)
    )
    return float(np.median(bright - dark)) >= 8.0


def find_box(picture: np.ndarray, circle: tuple[float, float, float] | None) -> tuple[int, int, int, int]:
    """The box x, y, width, height of a picture, bool [H, W], that a circle may bound."""
    height, width = picture.shape
    x, y, radius = circle or (0.0, 0.0, 0.0)  # no circle: radius 0
    left = first_column(picture, (x, y, radius))
    top = first_column(picture.T, (y, x, radius))
    right = width - first_column(picture[:, ::-1], (width - 1 - x, y, radius))
    bottom = height - first_column(picture[::-1].T, (height - 1 - y, x, radius))
    return left, top, right - left, bottom - top


def first_column(picture: np.ndarray, circle: tuple[float, float, float]) -> int:
    """Where the picture begins: at a straight upright line, else where its circle does, or else the frame.

    What is dark in all frames without such a line may be a dark corner of the scene.
    """
    x, y, radius = circle
    rows = np.flatnonzero(picture.any(axis=1))
    first = picture[rows].argmax(axis=1)
    line = int(np.percentile(first, 2, method="lower"))
    tolerance = max(2, 0.004 * min(picture.shape))
    begin = max(0, round(x - radius)) if radius else 0
    if radius and line <= begin + 2 * tolerance:
        return begin
    cut = 2 * np.sqrt(max(0.0, radius**2 - (x - line) ** 2)) if radius else len(rows)  # how long the line would be
    return (
        line if np.count_nonzero(np.abs(first - line) <= tolerance) >= STRAIGHT_SHARE * min(cut, len(rows)) else begin
    )


def edge_points(picture: np.ndarray) -> np.ndarray:
    """Points x, y between the picture and its border, [n, 2] float64, off the frame's edge."""
    height, width = picture.shape
    rows, columns = np.flatnonzero(picture.any(axis=1)), np.flatnonzero(picture.any(axis=0))
    left, right = picture[rows].argmax(axis=1), width - picture[rows, ::-1].argmax(axis=1)
    top, bottom = picture[:, columns].argmax(axis=0), height - picture[::-1, columns].argmax(axis=0)
    points = [
        np.stack([left - 0.5, rows], axis=1)[left > 0],
        np.stack([right - 0.5, rows], axis=1)[right < width],
        np.stack([columns, top - 0.5], axis=1)[top > 0],
        np.stack([columns, bottom - 0.5], axis=1)[bottom < height],
    ]
    return np.concatenate(points)


def circles_through(triples: np.ndarray) -> np.ndarray:
    """The circles x, y, radius through triples of points [n, 3, 2]; those of points on a line are left out."""
    a, b, c = triples[:, 0], triples[:, 1] - triples[:, 0], triples[:, 2] - triples[:, 0]
    twice_area = 2 * (b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0])
    round_ones = np.abs(twice_area) > 1e-6
    a, b, c, twice_area = a[round_ones], b[round_ones], c[round_ones], twice_area[round_ones]
    b2, c2 = (b**2).sum(axis=1), (c**2).sum(axis=1)
    centre = np.stack([c[:, 1] * b2 - b[:, 1] * c2, b[:, 0] * c2 - c[:, 0] * b2], axis=1) / twice_area[:, None]
    return np.concatenate([a + centre, np.hypot(*centre.T)[:, None]], axis=1)


def distances(circle: np.ndarray, points: np.ndarray) -> np.ndarray:
    """How far points [n, 2] lie outside a circle, in px."""
    return np.hypot(points[:, 0] - circle[0], points[:, 1] - circle[1]) - circle[2]


def inside(circle: tuple[float, float, float], shape: tuple[int, ...]) -> np.ndarray:
    """Which pixels of a frame of a shape (H, W, ...) have their centre in a circle, bool [H, W]."""
    x, y, radius = circle
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return (columns - x) ** 2 + (rows - y) ** 2 <= radius**2
