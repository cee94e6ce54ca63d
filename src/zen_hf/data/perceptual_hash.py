# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Sixty-four bits that say what a frame looks like, whatever its size, encoding and brightness.

The frame is reduced to 32 x 32 grey pixels, of which a cosine transform keeps the 8 x 8 slowest waves; a bit says
whether a wave is stronger than their median. A flat frame has no waves but noise, so its hash is 0, which no other
frame has: about half of the bits of a real hash are set.

Reference: C. Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010, section 3.2.1.
"""

import numpy as np
import PIL.Image
from scipy import fft

FLAT = 6.0  # standard deviation of a flat frame's reduced pixels, of 255
FLAT_HASH = 0
SIDE, WAVES = 32, 8


def perceptual_hash(rgb: np.ndarray | PIL.Image.Image) -> int:
    """The hash of a frame.

    Args:
        rgb: uint8 [H, W, 3], or a picture of any mode.

    Returns:
        64 bits, the slowest wave first; `FLAT_HASH` for a frame that is black, or of one colour.
    """
    picture = rgb if isinstance(rgb, PIL.Image.Image) else PIL.Image.fromarray(rgb)
    grey = np.asarray(picture.convert("L").resize((SIDE, SIDE), PIL.Image.Resampling.LANCZOS), np.float64)
    if grey.std() < FLAT:
        return FLAT_HASH
    waves = fft.dctn(grey, type=2)[:WAVES, :WAVES]
    return int.from_bytes(np.packbits(waves > np.median(waves)).tobytes(), "big")


def different_bits(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Number of bits, 0 to 64, in which hashes differ; `a` and `b` are uint64 of shapes that broadcast."""
    return np.bitwise_count(np.bitwise_xor(a, b))
