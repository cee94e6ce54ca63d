# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What is kept of truths and predictions comes back as it was."""

import numpy as np
import pytest

from zen_hf.benchmark.dense.pictures import IGNORE, Instances, PartialMask, from_bytes, packed, to_bytes, unpacked


@pytest.fixture
def random():
    return np.random.default_rng(0)


def test_class_maps_come_back_to_the_pixel(random):
    classes = random.integers(0, 13, (37, 51)).astype(np.uint8)
    classes[3, 4] = IGNORE
    back = from_bytes("segmentation", to_bytes("segmentation", classes))
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back, classes)


def test_eleven_channels_come_back_as_prediction_and_as_truth(random):
    bits = random.integers(0, 2**11, (20, 31)).astype(np.uint16)
    back = from_bytes("partial", to_bytes("partial", bits))
    assert back.dtype == np.uint16
    np.testing.assert_array_equal(back, bits)
    truth = from_bytes("partial", to_bytes("partial", PartialMask(bits, (3, 10))))
    assert truth.known == (3, 10)
    np.testing.assert_array_equal(truth.bits, bits)


def test_depth_is_rounded_to_half_precision(random):
    depth = (300 * random.random((15, 22))).astype(np.float32)
    back = from_bytes("depth", to_bytes("depth", depth))
    np.testing.assert_array_equal(back, depth.astype(np.float16).astype(np.float32))


@pytest.mark.parametrize("masks", [None, (b"PYQ1", b"03`0")])
def test_instances_come_back(masks):
    boxes, scores = np.array([[1, 2, 3.5, 4], [0, 0, 9, 8]]), np.array([0.25, 1], np.float32)
    given = Instances((8, 9), boxes, np.array([0, 5]), masks, scores)
    back = from_bytes("instances", to_bytes("instances", given))
    assert (back.size, back.masks) == ((8, 9), masks)
    np.testing.assert_array_equal(back.boxes, boxes)
    np.testing.assert_array_equal(back.labels, [0, 5])
    np.testing.assert_array_equal(back.scores, scores)


def test_no_instance_at_all_keeps_its_shape():
    empty = Instances((8, 9), np.zeros((0, 4)), np.zeros(0, int), (), np.zeros(0))
    back = from_bytes("instances", to_bytes("instances", empty))
    assert back.boxes.shape == (0, 4) and back.labels.shape == (0,) and back.masks == () and back.scores.shape == (0,)


@pytest.mark.parametrize("contents", [[], [b""], [b"a", b"", b"bcd"]])
def test_packing(contents):
    assert unpacked(packed(contents)) == contents
