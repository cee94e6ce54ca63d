# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Random numbers and smooth noise that are equal to the last bit on every platform.

IEEE 754 fixes the result of + - * / and sqrt to the last bit; it does not fix sin, exp, pow, a matrix product or the
order of a sum. Everything drawn in this package therefore uses the former only, with one rounding per numpy call, and
random numbers come from PCG64's integers.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

TILE = 512  # a power of two, so that wrapping around is one bit mask


def stream(*key: int) -> np.random.Generator:
    """Return an independent generator for a key of non-negative integers, such as (seed, video, purpose)."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(list(key))))


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw one float from [low, high); unlike `Generator.uniform` no compiler can fuse the multiply and the add."""
    return low + (high - low) * float(rng.random())


def ease(x: float) -> float:
    """Return x² (3 - 2x) of x clipped to [0, 1]: the smooth ramp from 0 to 1."""
    x = min(max(x, 0.0), 1.0)
    return x * x * (3.0 - 2.0 * x)


def smoothstep(x: np.ndarray) -> np.ndarray:
    """Return `ease` of every element."""
    x = np.minimum(np.maximum(x, 0.0), 1.0)
    return x * x * (3.0 - 2.0 * x)


def unit(x: float, y: float) -> tuple[float, float]:
    """Scale a vector to length one; the null vector becomes (1, 0)."""
    length = float(np.sqrt(x * x + y * y))
    return (x / length, y / length) if length > 0 else (1.0, 0.0)


def rotation(half_angle_tangent: float) -> tuple[float, float]:
    """Return (cos, sin) of an angle given as tan(angle / 2): exact arithmetic instead of trigonometry."""
    square = half_angle_tangent * half_angle_tangent
    return (1.0 - square) / (1.0 + square), 2.0 * half_angle_tangent / (1.0 + square)


def path(knots: Sequence[float], time: float) -> float:
    """Read a smooth curve through equally spaced knots at `time` in [0, 1]."""
    place = time * (len(knots) - 1)
    left = min(max(int(place), 0), len(knots) - 2)
    blend = ease(place - left)
    return knots[left] * (1.0 - blend) + knots[left + 1] * blend


def _lattice(rng: np.random.Generator, cells: int) -> np.ndarray:
    """Return a [TILE, TILE] seamless value noise with `cells` random values a side, in [0, 1]."""
    values = rng.random((cells, cells)).astype(np.float32)
    place = np.arange(TILE, dtype=np.float32) * np.float32(cells / TILE)
    left = place.astype(np.int64)
    blend = smoothstep(place - left.astype(np.float32)).astype(np.float32)
    right = (left + 1) % cells
    rows = values[left] * (1 - blend)[:, None] + values[right] * blend[:, None]  # [TILE, cells]
    return rows[:, left] * (1 - blend) + rows[:, right] * blend


def _sealed(pattern: np.ndarray) -> np.ndarray:
    """Repeat the first row and column at the end, for interpolation, and protect the cached pattern."""
    sealed = np.pad(pattern, ((0, 1), (0, 1)), mode="wrap")
    sealed.setflags(write=False)
    return sealed


@lru_cache(maxsize=16)
def tile(cells: int, octaves: int, key: int) -> np.ndarray:
    """Return a seamless [TILE + 1, TILE + 1] float32 noise in [0, 1]; its last row and column repeat the first.

    Args:
        cells: blobs a side of the coarsest octave, a power of two.
        octaves: how many octaves are added, each twice as fine and half as strong.
        key: which of the independent noises.
    """
    rng = stream(20260213, cells, octaves, key)
    total = np.zeros((TILE, TILE), np.float32)
    weight, weights = 1.0, 0.0
    for octave in range(octaves):
        total += np.float32(weight) * _lattice(rng, min(cells << octave, TILE))
        weights += weight
        weight *= 0.5
    total /= np.float32(weights)
    low, high = total.min(), total.max()
    return _sealed((total - low) / (high - low))


@lru_cache(maxsize=16)
def lobules(cells: int, key: int) -> np.ndarray:
    """Return a seamless [TILE + 1, TILE + 1] float32 pattern of lobules: 1 in their middle, 0 in the clefts.

    It is the difference of the distances to the two nearest of scattered centres (Worley, 1996, section 3).

    Args:
        cells: lobules a side, a divisor of `TILE`.
        key: which of the independent patterns.
    """
    rng = stream(20260213, cells, key)
    centres = rng.random((2, cells, cells)).astype(np.float32)
    edge = TILE // cells
    inside = (np.arange(TILE, dtype=np.float32) % edge + np.float32(0.5)) * np.float32(1.0 / edge)
    nearest = np.full((TILE, TILE), 9.0, np.float32)
    second = nearest.copy()
    for row in (-1, 0, 1):
        for column in (-1, 0, 1):
            near = np.roll(centres, (-row, -column), (1, 2)).repeat(edge, 1).repeat(edge, 2)
            off_y, off_x = near[0] + np.float32(row) - inside[:, None], near[1] + np.float32(column) - inside
            square = off_y * off_y + off_x * off_x
            second = np.minimum(second, np.maximum(square, nearest))
            nearest = np.minimum(nearest, square)
    pattern = np.minimum((np.sqrt(second) - np.sqrt(nearest)) * np.float32(2.2), 1.0).astype(np.float32)
    return _sealed(pattern * (np.float32(2.0) - pattern))  # steep clefts, flat tops


def sample(noise: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Read a tile at real coordinates, bilinearly and wrapping around.

    Args:
        noise: [TILE + 1, TILE + 1], the last row and column repeating the first.
        x: columns, in tile pixels, any range, any shape.
        y: rows, same shape.
    """
    left, top = np.floor(x), np.floor(y)
    right_share, bottom_share = x - left, y - top
    column, row = left.astype(np.int64), top.astype(np.int64)
    column &= TILE - 1
    row &= TILE - 1
    row = row * (TILE + 1) + column
    flat = noise.ravel()
    corner = flat.take(row)
    upper = corner + (flat[1:].take(row) - corner) * right_share
    corner = flat[TILE + 1 :].take(row)
    lower = corner + (flat[TILE + 2 :].take(row) - corner) * right_share
    return upper + (lower - upper) * bottom_share
