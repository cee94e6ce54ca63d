# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Grey masks and boxes: what is let through unchanged, and every kind of bad one by its message."""

import numpy as np
import pytest
from PIL import Image

from zen_hf.benchmark.readers.mask_values import boxes_inside, classes_of_values, frame_size, read_grey


@pytest.fixture
def frame(tmp_path):
    Image.new("RGB", (5, 3)).save(tmp_path / "frame.png")
    return tmp_path / "frame.png"


def mask_file(frame, array):
    Image.fromarray(array).save(frame.with_name("mask.png"))
    return frame.with_name("mask.png")


VALUES = np.arange(15, dtype=np.uint8).reshape(3, 5) * 17


@pytest.mark.parametrize("opacity", [(), (0,), (255,)])
def test_grey_as_rgb_or_rgba_is_grey(frame, opacity):
    channels = [VALUES] * 3 + [np.full_like(VALUES, value) for value in opacity]
    assert (read_grey(mask_file(frame, np.stack(channels, axis=2)), frame) == VALUES).all()
    assert (read_grey(mask_file(frame, VALUES), frame) == VALUES).all()


def test_black_and_white_of_one_bit(frame):
    Image.fromarray(VALUES > 100).save(frame.with_name("mask.png"))
    assert (read_grey(frame.with_name("mask.png"), frame) == (VALUES > 100) * 255).all()


def test_colours_name_their_place(frame):
    coloured = np.stack([VALUES] * 3, axis=2)
    coloured[1, 2, 1] += 1
    with pytest.raises(
        ValueError, match=r"mask.png has colours at 1 pixels \(first: row 1, column 2: \[119, 120, 119\]"
    ):
        read_grey(mask_file(frame, coloured), frame)


def test_another_size(frame):
    with pytest.raises(
        ValueError, match="mask.png has 3 x 5 pixels, its frame frame.png 5 x 3; one of them was resized"
    ):
        read_grey(mask_file(frame, VALUES.T), frame)


def test_a_palette_and_16_bits_are_refused(frame):
    Image.fromarray(VALUES).convert("P").save(frame.with_name("mask.png"))
    with pytest.raises(ValueError, match="of the kind 'P'; expected 8 bits of grey"):
        read_grey(frame.with_name("mask.png"), frame)
    with pytest.raises(ValueError, match="of the kind 'I;16'"):
        read_grey(mask_file(frame, VALUES.astype(np.uint16)), frame)


def test_no_picture_and_no_file(frame):
    broken = frame.with_name("mask.png")
    broken.write_bytes(b"no picture")
    with pytest.raises(ValueError, match="mask.png cannot be read as a picture"):
        read_grey(broken, frame)
    content = mask_file(frame, np.random.default_rng(0).integers(0, 255, (300, 500), np.uint8)).read_bytes()
    broken.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="mask.png cannot be read as a picture .*truncated"):
        read_grey(broken, frame)
    with pytest.raises(FileNotFoundError):
        read_grey(frame.with_name("none.png"), frame)
    with pytest.raises(FileNotFoundError):
        frame_size(frame.with_name("none.png"))


def test_values_become_classes_and_unknown_ones_are_listed():
    values = np.array([[0, 70], [160, 70]], np.uint8)
    assert classes_of_values(values, {0: 0, 160: 1, 70: 255}, "m").tolist() == [[0, 255], [1, 255]]
    with pytest.raises(
        ValueError, match=r"m holds 2 unknown values: 70 \(2 pixels\), 160 \(1 pixels\); expected 0, 1\."
    ):
        classes_of_values(values, {0: 0, 1: 1}, "m")


def test_boxes_are_clipped_by_rounding_alone():
    inside = boxes_inside([[-0.6, 0, 3, 3], [2, 1, 3.9, 2]], (3, 5), (1, 1), "f")
    np.testing.assert_allclose(inside, [[0, 0, 2.4, 3], [2, 1, 3, 2]], atol=1e-6)
    assert boxes_inside(np.zeros((0, 4)), (3, 5), (1, 1), "f").shape == (0, 4)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([-1.5, 0, 3, 3], r"f: 1 of 2 boxes: the box \[-1.5, 0.0, 3.0, 3.0\] .* is outside the frame of 5 x 3"),
        ([0, 0, 3, 4.5], "is outside the frame"),
        ([0, 3.5, 3, 1], "is outside the frame"),
        ([1, 1, 0, 2], "has no area"),
        ([1, 1, 2, -2], "has no area"),
        ([float("nan"), 1, 2, 2], "has no area"),
    ],
)
def test_bad_boxes(box, message):
    with pytest.raises(ValueError, match=message):
        boxes_inside([[0, 0, 1, 1], box], (3, 5), (1, 1), "f")
