# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Copies are found through scaling, JPEG and brightness; other operations and flat frames are not."""

import io

import numpy as np
import PIL.Image
import pytest

from zen_hf.benchmark.miniatures.operation import draw_operation
from zen_hf.benchmark.near_duplicates import hash_frames, similar_videos


@pytest.fixture(scope="module")
def films():
    return {n: [PIL.Image.fromarray(scene.image) for scene in draw_operation(n, 12, 96, 0)] for n in range(6)}


def worse(frame):
    """Another size, JPEG at low quality, a fifth darker."""
    stream = io.BytesIO()
    small = frame.resize((70, 64)).point(lambda value: value * 0.8)
    small.save(stream, "JPEG", quality=60)
    return PIL.Image.open(stream)


def test_other_operations_differ(films):
    assert similar_videos({str(n): hash_frames(frames) for n, frames in films.items()}) == []


def test_a_copy_is_found_though_only_a_part_of_it_is_there(films):
    hashes = {str(n): hash_frames(frames) for n, frames in films.items()}
    hashes["copy"] = hash_frames([*(worse(frame) for frame in films[2][4:10]), *films[5][:0]])
    (found,) = similar_videos(hashes)
    assert found[:2] == ("2", "copy") and found[2] > 0.8


def test_flat_frames_prove_nothing():
    black = [PIL.Image.fromarray(np.full((40, 50, 3), value, np.uint8)) for value in (0, 3, 200)] * 4
    assert hash_frames(black).shape == (0,)
    assert similar_videos({"a": hash_frames(black), "b": hash_frames(black)}) == []
