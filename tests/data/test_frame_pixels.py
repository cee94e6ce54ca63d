# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The square of a frame is Pillow's to one grey level, whatever the frame's size, and nothing of the frame is lost."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from zen_hf.data.frame_pixels import frame_to_square, to_unit_range


def frame(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Edges, gradients and noise."""
    rows, columns = np.mgrid[:height, :width]
    waves = [100 * np.sin(columns / 17 + rows / 31), 127 * np.sign(np.cos(columns / 5)), 90 * np.sin(rows / 7)]
    noise = np.random.default_rng(seed).normal(0, 20, (height, width, 3))
    return (127 + np.stack(waves, axis=-1) + noise).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("shape", [(1080, 1920), (720, 1280), (480, 854), (576, 720), (336, 336), (500, 3001)])
@pytest.mark.parametrize("size", [224, 336, 37])
def test_equals_pillow_to_one_grey_level(shape, size):
    square, expected = both(shape, size)
    assert np.abs(square - expected).max() <= 1


@pytest.mark.parametrize("shape", [(100, 90), (7, 3001), (64, 64), (1, 1)])
def test_enlarged_frames_differ_by_two_levels_in_hardly_any_value(shape):
    square, expected = both(shape, 336)
    difference = np.abs(square - expected)
    assert difference.max() <= 2 and (difference > 1).mean() < 1e-4


def both(shape: tuple[int, int], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Our square and Pillow's, [size, size, 3]."""
    picture = frame(*shape)
    square = frame_to_square(picture, size)
    assert square.shape == (3, size, size) and square.dtype == np.uint8 and square.flags.c_contiguous
    expected = Image.fromarray(picture).resize((size, size), Image.Resampling.BICUBIC)
    return square.transpose(1, 2, 0).astype(int), np.asarray(expected).astype(int)


def test_a_picture_and_its_array_are_one():
    array = frame(90, 120)
    expected = frame_to_square(array, 32)
    np.testing.assert_array_equal(frame_to_square(Image.fromarray(array), 32), expected)
    grey = Image.fromarray(array).convert("L")
    np.testing.assert_array_equal(frame_to_square(grey, 32), frame_to_square(grey.convert("RGB"), 32))


def test_views_of_arrays_are_taken_as_they_are():
    array = frame(90, 120)
    for view in (array[::-1], array[10:60, 5:95], array[:, :, ::-1]):
        np.testing.assert_array_equal(frame_to_square(view, 32), frame_to_square(view.copy(), 32))
    fixed = array.copy()
    fixed.setflags(write=False)
    np.testing.assert_array_equal(frame_to_square(fixed, 32), frame_to_square(array, 32))


def test_nothing_is_cropped():
    wide = np.zeros((10, 40, 3), np.uint8)
    wide[:, :20, 0], wide[:, 20:, 2] = 255, 255
    assert np.abs(frame_to_square(wide, 20).mean(axis=(1, 2)) - [127.5, 0, 127.5]).max() < 2


@pytest.mark.parametrize("bad", [np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8)])
def test_other_arrays_are_refused(bad):
    with pytest.raises(ValueError, match=r"expected RGB bytes, uint8 \[height, width, 3\]"):
        frame_to_square(bad, 8)


def test_bytes_become_numbers_from_0_to_1():
    squares = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    pixels = to_unit_range(squares)
    assert pixels.dtype == torch.float32 and pixels.shape == (1, 1, 16, 16)
    expected = torch.arange(256, dtype=torch.float64) / 255
    assert torch.equal(pixels.flatten(), expected.to(torch.float32))


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="counts threads by /proc, which only Linux has")
def test_no_thread_is_started():
    """With four threads allowed to torch, 20 frames leave the process with as many threads as it had."""
    script = (
        "import os, numpy as np\n"
        "from zen_hf.data.frame_pixels import frame_to_square, to_unit_range\n"
        "before = len(os.listdir('/proc/self/task'))\n"
        "frame = np.zeros((1080, 1920, 3), np.uint8)\n"
        "to_unit_range(np.stack([frame_to_square(frame, 224) for _ in range(20)]))\n"
        "assert len(os.listdir('/proc/self/task')) == before, os.listdir('/proc/self/task')\n"
    )
    environment = os.environ | {"OMP_NUM_THREADS": "4", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment, timeout=120)
