# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The hash is that of imagehash, survives encoding and size, and is 0 for flat frames."""

import io

import numpy as np
import pytest
from PIL import Image

from zen_hf.data.perceptual_hash import FLAT_HASH, different_bits, perceptual_hash
from zen_hf.data.synthetic_surgery import SyntheticSurgery


@pytest.fixture(scope="module")
def frames():
    surgery = SyntheticSurgery(seed=2, size=(90, 160), frames_per_video=4)
    return [surgery.video(video)[number].image for video in range(5) for number in range(4)]


def test_is_that_of_imagehash(frames):
    imagehash = pytest.importorskip("imagehash", reason="needs imagehash, the oracle")
    for frame in frames:
        expected = int(str(imagehash.phash(Image.fromarray(frame))), 16)
        assert (perceptual_hash(frame) ^ expected).bit_count() <= 2


def test_survives_jpeg_size_and_brightness_and_tells_scenes_apart(frames):
    hashes = np.array([perceptual_hash(frame) for frame in frames], np.uint64)
    for frame, hashed in zip(frames, hashes, strict=True):
        file = io.BytesIO()
        Image.fromarray(frame).resize((120, 80)).point(lambda value: value * 0.8).save(file, "JPEG", quality=60)
        assert different_bits(np.uint64(perceptual_hash(Image.open(file))), hashed) <= 6
    operations = hashes[::4]
    apart = different_bits(operations[:, None], operations[None])[np.triu_indices(5, 1)]
    assert apart.min() > 6


@pytest.mark.parametrize("level", [0, 7, 128, 255])
def test_a_flat_frame_has_the_hash_that_no_other_has(level):
    noise = np.random.default_rng(0).integers(0, 4, (60, 80, 3))
    assert perceptual_hash(np.clip(level + noise, 0, 255).astype(np.uint8)) == FLAT_HASH
