# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Random numbers and smooth noise that are equal to the last bit on every platform.

IEEE 754 fixes the result of + - * / and sqrt to the last bit; it does not fix sin, exp, pow, a matrix product or the order of a sum. Everything
drawn in this package therefore uses the former only, with one rounding per numpy call, and random numbers come from PCG64's integers.
"""

from functools import lru_cache

import numpy as np

TILE = 512  # a power of two, so that wrapping around is one bit mask


def stream(*key: int) -> np.random.Generator:
    """Return an independent generator for a key of non-negative integers, such as (seed, video, purpose)."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(list(key))))


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw one float from [low, high); unlike `Generator.uniform` no compiler can fuse the multiply and the add."""
    return low + (high - low) * float(rng.random())


def smoothstep(x):
    """Return x² (3 - 2x) of x clipped to [0, 1]: the smooth ramp from 0 to 1."""
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


def path(knots: np.ndarray, time: float) -> float:
    """Read a smooth curve through equally spaced knots at `time` in [0, 1]."""
    place = time * (len(knots) - 1)
    left = min(max(int(place), 0), len(knots) - 2)
    blend = float(smoothstep(place - left))
    return float(knots[left]) * (1.0 - blend) + float(knots[left + 1]) * blend


def _lattice(rng: np.random.Generator, cells: int) -> np.ndarray:
    """Return a [TILE, TILE] seamless value noise with `cells` random values a side, in [0, 1]."""
    values = rng.random((cells, cells)).astype(np.float32)
    place = np.arange(TILE, dtype=np.float32) * np.float32(cells / TILE)
    left = place.astype(np.int64)
    blend = smoothstep(place - left.astype(np.float32)).astype(np.float32)
    right = (left + 1) % cells
    rows = values[left] * (1 - blend)[:, None] + values[right] * blend[:, None]  # [TILE, cells]
    return rows[:, left] * (1 - blend) + rows[:, right] * blend


@lru_cache(maxsize=16)
def tile(cells: int, octaves: int, key: int) -> np.ndarray:
    """Return a seamless [TILE, TILE] float32 noise in [0, 1].

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
    total = (total - low) / (high - low)
    total.setflags(write=False)
    return total


def sample(noise: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Read a tile at real coordinates, bilinearly and wrapping around.

    Args:
        noise: [TILE, TILE].
        x: columns, in tile pixels, any range, any shape.
        y: rows, same shape.
    """
    left, top = np.floor(x), np.floor(y)
    right_share, bottom_share = x - left, y - top
    column, row = left.astype(np.int32) & (TILE - 1), (top.astype(np.int32) & (TILE - 1)) * TILE
    next_column, next_row = (column + 1) & (TILE - 1), (row + TILE) & (TILE * TILE - 1)
    flat = noise.ravel()
    upper = flat[row + column] * (1 - right_share) + flat[row + next_column] * right_share
    lower = flat[next_row + column] * (1 - right_share) + flat[next_row + next_column] * right_share
    return upper * (1 - bottom_share) + lower * bottom_share
