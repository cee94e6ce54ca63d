# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Find videos that show the same operation, by a perceptual hash of their frames.

Two frames with at most `MOST_BITS` different bits look alike, whatever their size, encoding and brightness. Flat frames
(black, covered by a hand) look alike in all videos and are left out. One pair of frames proves nothing; two videos are
called similar if a good part of the frames of the shorter one have a counterpart in the other.
"""

from collections.abc import Iterable
from itertools import combinations

import numpy as np
import PIL.Image

from zen_hf.data.perceptual_hash import FLAT_HASH, different_bits, perceptual_hash

MOST_BITS = 6
LEAST_SHARE = 0.25
LEAST_FRAMES = 3


def hash_frames(frames: Iterable[PIL.Image.Image]) -> np.ndarray:
    """Hashes of the frames that are not flat, uint64 [frames]."""
    hashes = np.array([perceptual_hash(frame) for frame in frames], np.uint64)
    return hashes[hashes != FLAT_HASH]


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
        alike = different_bits(few[:, None], many[None]).min(axis=1) <= MOST_BITS
        if alike.sum() >= LEAST_FRAMES and alike.mean() >= LEAST_SHARE:
            found.append((a, b, float(alike.mean())))
    return sorted(found, key=lambda pair: -pair[2])
