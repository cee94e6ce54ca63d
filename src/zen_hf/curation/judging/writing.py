# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Writing on the picture that a recorder burned in: its strokes stay while the scene moves.

At strokes, brightness or colour changes from pixel to pixel in the same direction in most frames. Strokes have both
their edges close by, which tells them from the rim of the scope and from an instrument's shaft.

Reference: T. Dekel, M. Rubinstein, C. Liu, W. Freeman, On the Effectiveness of Visible Watermarks, CVPR 2017, section
3.1 (gradients that many pictures share; a share of the frames stands here for their median).
"""

import numpy as np
from scipy import ndimage

from .geometry import Geometry, lit_picture
from .windows import Box

FEWEST = 5  # frames in which an edge must be seen
WEAK, STRONG = 12, 40  # levels between the neighbours of a pixel
FAINT = 6.0  # levels of an edge on average, where it is steady
STEADY = 5.0  # standard errors by which such an edge differs from none
VARIED = 2.0  # levels, standard deviation of such an edge over the frames
STRONG_SHARE = 0.35  # of the frames, for strong edges: text that is there for a good third of the film
ONE_SIDED = 0.5  # above it, edges of a neighbourhood go the same way: a rim, not a stroke
MOVING = 5.0  # levels by which blocks change from sample to sample where the scene moves
BLOCK = 8  # px
HOLLOW = 0.5  # of its box, that a group of strokes fills; below it, the box holds much that is none


def find_writing(frames: list[np.ndarray], geometry: Geometry, share: float, moving: np.ndarray) -> list[Box]:
    """Boxes around lines of text and logos, without margin.

    Args:
        frames: RGB, uint8 [H, W, 3], that differ.
        geometry: Where the picture is.
        share: Of the frames, the share in which an edge must stay to be burned in.
        moving: Where the scene moves, bool [H, W], by `scene_moves`.
    """
    shape = frames[0].shape[:2]
    letter = letter_height(shape)
    strokes = np.zeros(shape, bool)
    for plane in (brightness, colour, greenness):
        strokes |= stroke_edges(*(lasting_edges(frames, plane, axis, share) for axis in (1, 0)), letter)
    picture, mean = lit_picture(frames, 0.2)
    strokes &= ~rim(picture, geometry, letter)
    moving = moving | ~picture
    boxes = [box for box in clusters(strokes & moving, letter)]
    boxes += [box for box in clusters(strokes & ~moving, letter) if on_flat_ground(mean, strokes, box)]
    if (strokes & ~moving).any():
        still = np.mean(frames, axis=0, dtype=np.float32)  # [H, W, 3]
        boxes += [box for channel in range(3) for box in written_rows(still[..., channel], strokes & ~moving, letter)]
    busy = changing_strokes(frames)
    return [grown(box, busy) for box in boxes]


def brightness(rgb: np.ndarray) -> np.ndarray:
    """Luma of a frame, int16 [H, W], 0 to 255."""
    red, green, blue = (rgb[..., channel].astype(np.int32) for channel in range(3))
    return ((77 * red + 150 * green + 29 * blue) >> 8).astype(np.int16)


def colour(rgb: np.ndarray) -> np.ndarray:
    """Half of red less blue, int16 [H, W]: tissue is red, so that white, blue and green stand out though as bright."""
    return (rgb[..., 0].astype(np.int16) - rgb[..., 2]) >> 1


def greenness(rgb: np.ndarray) -> np.ndarray:
    """Half of green less the mean of red and blue, int16 [H, W]: what is magenta or green, on tissue as bright."""
    red, green, blue = (rgb[..., channel].astype(np.int16) for channel in range(3))
    return (2 * green - red - blue) >> 2


def step(plane: np.ndarray, axis: int) -> np.ndarray:
    """How much a plane rises from the pixel before to the pixel after, along an axis."""
    change = np.zeros_like(plane)
    if axis == 1:
        change[:, 1:-1] = plane[:, 2:] - plane[:, :-2]
    else:
        change[1:-1] = plane[2:] - plane[:-2]
    return change


def lasting_edges(frames: list[np.ndarray], plane, axis: int, share: float) -> np.ndarray:
    """1 where a plane rises along an axis in most frames, or by little but steadily, -1 where it falls, else 0; int8 [H, W].

    Steadily: the mean of the steps is many of its standard errors from 0 (Student's t).
    """
    shape, number = frames[0].shape[:2], len(frames)
    counts = np.zeros((4, *shape), np.uint8)
    total, squares = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    for frame in frames[:255]:
        change = step(plane(frame), axis)
        for count, seen in zip(
            counts, (change >= WEAK, change <= -WEAK, change >= STRONG, change <= -STRONG), strict=True
        ):
            count += seen
        change = np.clip(change, -STRONG, STRONG)
        total += change
        squares += change * change
    chance = 0.35 * number + 2.6 * (0.23 * number) ** 0.5  # of the frames, that textures reach by accident
    often = max(FEWEST, share * number, chance)
    rarely = max(FEWEST, STRONG_SHARE * number)
    mean = total.astype(np.float32) / number
    variance = squares / np.float32(number) - mean * mean
    shading = ndimage.uniform_filter(mean, letter_height(shape) | 1)  # of an instrument that stands still: no stroke
    steady = (
        (np.abs(mean - shading) >= FAINT)
        & (np.abs(mean) >= FAINT)
        & (mean * mean * (number - 1) >= STEADY**2 * variance)
    )
    steady &= variance >= VARIED**2  # drawn over a scene that changes, rather than part of one that stays
    rises = (counts[0] >= often) | ((counts[2] >= rarely) & (counts[2] > counts[3])) | (steady & (mean > 0))
    falls = (counts[1] >= often) | ((counts[3] >= rarely) & (counts[3] > counts[2])) | (steady & (mean < 0))
    return rises.astype(np.int8) - falls.astype(np.int8)


def stroke_edges(across: np.ndarray, down: np.ndarray, letter: int) -> np.ndarray:
    """Which lasting edges lie among others that go the opposite way, as the two sides of a stroke do; bool [H, W]."""
    edges = (across != 0) | (down != 0)
    strokes = np.zeros(edges.shape, bool)
    for size, least in ((letter | 1, 0.04), (3 * letter | 1, 0.10)):
        local = [ndimage.uniform_filter(part.astype(np.float32), size, mode="constant") for part in (across, down)]
        amount = sum(
            ndimage.uniform_filter(np.abs(part).astype(np.float32), size, mode="constant") for part in (across, down)
        )
        one_sided = np.hypot(*local) / np.maximum(amount, 1e-6)
        strokes |= edges & (amount >= max(least, 8 / size**2)) & (one_sided < ONE_SIDED)
    return strokes


def rim(picture: np.ndarray, geometry: Geometry, letter: int) -> np.ndarray:
    """The edge of the picture against its border, where every frame has an edge, and the frame's own outermost pixels.

    Recorders often leave a dark row or column there. Letters reach further in than these few pixels.
    """
    size = max(9, round(0.8 * letter)) | 1
    padded = np.pad(picture, size, mode="edge")
    band = (ndimage.maximum_filter(padded, size) & ~ndimage.minimum_filter(padded, size))[size:-size, size:-size]
    area = np.pad(geometry.area(picture.shape), size, mode="edge")
    band |= (ndimage.maximum_filter(area, size) & ~ndimage.minimum_filter(area, size))[size:-size, size:-size]
    outermost = max(4, letter // 4)
    band[:outermost] = band[-outermost:] = band[:, :outermost] = band[:, -outermost:] = True
    return band


def scene_moves(frames: list[np.ndarray], letter: int) -> np.ndarray:
    """Where the scene around a pixel changes from sample to sample, bool [H, W]."""
    height, width = frames[0].shape[:2]
    rows, columns = np.arange(0, height, BLOCK), np.arange(0, width, BLOCK)
    area = np.minimum(BLOCK, height - rows)[:, None] * np.minimum(BLOCK, width - columns)[None]
    before, change = None, np.zeros(area.shape)
    for frame in frames:
        blocks = (
            np.add.reduceat(np.add.reduceat(brightness(frame).astype(np.int64), rows, axis=0), columns, axis=1) / area
        )
        change += 0 if before is None else np.abs(blocks - before)
        before = blocks
    around = 2 * max(1, round(1.5 * letter / BLOCK)) + 1
    moves = ndimage.percentile_filter(change / max(1, len(frames) - 1), 75, around) >= MOVING
    return moves[np.arange(height) // BLOCK][:, np.arange(width) // BLOCK]


def clusters(strokes: np.ndarray, letter: int) -> list[Box]:
    """Boxes around strokes that stand together."""
    boxes = []
    for (x, y, _, _), region in groups(strokes, letter):
        boxes += filled_boxes(region, x, y, 2 * letter)
    return boxes


def groups(strokes: np.ndarray, letter: int) -> list[tuple[Box, np.ndarray]]:
    """Strokes that stand together: the box of each group, and where in it the group is, bool [h, w]."""
    reach = (max(3, round(0.7 * letter)) | 1, round(1.6 * letter) | 1)  # lines apart, letters together
    more = max(reach)
    padded = np.pad(strokes, more)
    closed = ndimage.minimum_filter(ndimage.maximum_filter(padded, reach), reach)[more:-more, more:-more]
    regions, _ = ndimage.label(closed, np.ones((3, 3)))
    amounts = np.bincount(regions.ravel(), strokes.ravel())
    found = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(regions), 1):
        if amounts[number] >= 12:
            box = (columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
            found.append((box, regions[rows, columns] == number))
    return found


def filled_boxes(region: np.ndarray, x: int, y: int, high: int) -> list[Box]:
    """The box of a region, bool [h, w] at x, y; of one that is mostly hollow, the boxes of its strips of a height."""
    height, width = region.shape
    if height <= 2 * high or region.mean() >= HOLLOW:
        return [(x, y, width, height)]
    found = []
    for top in range(0, height, high):
        pieces, _ = ndimage.label(region[top : top + high], np.ones((3, 3)))
        for rows, columns in ndimage.find_objects(pieces):
            found.append(
                (x + columns.start, y + top + rows.start, columns.stop - columns.start, rows.stop - rows.start)
            )
    return found


def on_flat_ground(mean: np.ndarray, strokes: np.ndarray, box: Box) -> bool:
    """Whether text stands on a panel of one colour, as no tissue has it."""
    x, y, width, height = box
    near = np.s_[max(0, y - 3) : y + height + 3, max(0, x - 3) : x + width + 3]
    ground = mean[near][~ndimage.binary_dilation(strokes[near], np.ones((5, 5)))]
    return ground.size >= 20 and np.subtract(*np.percentile(ground, [85, 15])) < 4


def written_rows(mean: np.ndarray, strokes: np.ndarray, letter: int) -> list[Box]:
    """Rows of letters where the scene stands still: alike in height, on one line, side by side, at least four."""
    size = 2 * letter | 1
    found = []
    for ink in (ndimage.white_tophat(mean, size), ndimage.black_tophat(mean, size)):
        regions, _ = ndimage.label(ink >= STRONG, np.ones((3, 3)))
        on_strokes = np.bincount(regions.ravel(), strokes.ravel())
        letters = []
        for number, (rows, columns) in enumerate(ndimage.find_objects(regions), 1):
            high, wide = rows.stop - rows.start, columns.stop - columns.start
            if on_strokes[number] >= 4 and 5 <= high <= 4 * letter and wide <= 1.6 * high:
                letters.append((columns.start, rows.start, wide, high))
        found += rows_of(letters)
    return found


def rows_of(letters: list[Box]) -> list[Box]:
    """Boxes of rows of at least four letters."""
    rows: list[list[Box]] = []
    for x, y, width, height in sorted(letters):
        for row in rows:
            last_x, last_y, last_width, last_height = row[-1]
            alike = 0.6 <= height / last_height <= 1.7 and abs((y + height) - (last_y + last_height)) <= 0.25 * height
            if alike and -2 <= x - last_x - last_width <= 1.2 * height:
                row.append((x, y, width, height))
                break
        else:
            rows.append([(x, y, width, height)])
    return [enclosing(row) for row in rows if len(row) >= 4]


def changing_strokes(frames: list[np.ndarray]) -> np.ndarray:
    """How often a pixel is on a strong edge, 0 to 1, float32 [H, W]: digits of a clock are, whichever they show."""
    total = np.zeros(frames[0].shape[:2], np.float32)
    for frame in frames:
        plane = brightness(frame)
        total += np.maximum(np.abs(step(plane, 0)), np.abs(step(plane, 1))) >= STRONG
    return total / len(frames)


def grown(box: Box, busy: np.ndarray) -> Box:
    """A box enlarged sideways over changing digits: as rich in strong edges as itself, unlike what is above and below."""
    x, y, width, height = box
    inside = busy[y : y + height, x : x + width].mean()
    piece = max(4, round(0.7 * height))
    left, right = x, x + width
    for _ in range(12):
        if left <= 0 or not as_busy(busy, left - piece, left, y, height, inside):
            break
        left = max(0, left - piece)
    for _ in range(12):
        if right >= busy.shape[1] or not as_busy(busy, right, right + piece, y, height, inside):
            break
        right = min(busy.shape[1], right + piece)
    return left, y, right - left, height


def as_busy(busy: np.ndarray, begin: int, end: int, y: int, height: int, inside: float) -> bool:
    """Whether a piece beside a text goes on with it."""
    begin = max(0, begin)
    here = busy[y : y + height, begin:end].mean()
    above, below = (
        busy[max(0, y - height) : max(1, y - 3), begin:end],
        busy[y + height + 3 : y + 2 * height, begin:end],
    )
    ground = max((part.mean() for part in (above, below) if part.size), default=0.0)
    return here >= 0.4 * inside and here >= 1.6 * ground + 0.02


def enclosing(boxes: list[Box]) -> Box:
    """The smallest box around boxes."""
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[0] + box[2] for box in boxes), max(box[1] + box[3] for box in boxes)
    return left, top, right - left, bottom - top


def letter_height(shape: tuple[int, ...]) -> int:
    """About the height of small writing on a frame of a shape (H, W), px."""
    return max(9, round(min(shape[:2]) / 40))
