# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Find videos that show the same operation, by a perceptual hash of their frames.

A frame becomes 64 bits: reduced to 9 x 8 grey pixels, is each pixel brighter than its right neighbour? Two frames with at
most `MOST_BITS` different bits look alike, whatever their size, encoding and brightness. Flat frames (black, covered by
a hand) look alike in all videos and are left out. One pair of frames proves nothing; two videos are called similar if
a good part of the frames of the shorter one have a counterpart in the other.
"""

from collections.abc import Iterable
from itertools import combinations

import numpy as np
import PIL.Image

MOST_BITS = 3
FLAT = 6.0  # standard deviation of a flat frame's reduced pixels, of 255
LEAST_SHARE = 0.25
LEAST_FRAMES = 3


def hash_frames(frames: Iterable[PIL.Image.Image]) -> np.ndarray:
    """Hashes of the frames that are not flat, [frames, 64] of bool."""
    hashes = []
    for frame in frames:
        grey = np.asarray(frame.convert("L").resize((9, 8), PIL.Image.Resampling.BOX), np.float32)
        if grey.std() >= FLAT:
            hashes.append((grey[:, 1:] > grey[:, :-1]).ravel())
    return np.array(hashes, bool).reshape(len(hashes), 64)


def similar_videos(hashes: dict[str, np.ndarray]) -> list[tuple[str, str, float]]:
    """Pairs of videos that share frames, with the share of the shorter one's frames, most similar first.

    Args:
        hashes: what `hash_frames` returned, by video.
    """
    found = []
    for a, b in combinations(sorted(hashes), 2):
        few, many = sorted((hashes[a], hashes[b]), key=len)
        if len(few) < LEAST_FRAMES:
            continue
        # Bits that differ, from products of vectors of -1 and 1: (64 - a.b) / 2.
        signs = [2.0 * bits.astype(np.float32) - 1.0 for bits in (few, many)]
        different = (64.0 - signs[0] @ signs[1].T) / 2.0  # [few, many]
        alike = different.min(axis=1) <= MOST_BITS
        if alike.sum() >= LEAST_FRAMES and alike.mean() >= LEAST_SHARE:
            found.append((a, b, float(alike.mean())))
    return sorted(found, key=lambda pair: -pair[2])
