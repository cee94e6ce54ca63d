# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The black border is what is dark and touches the edge; shadows inside the picture are picture."""

import numpy as np
import pytest
from PIL import Image

from zen_hf.data.black_border import picture_area
from zen_hf.data.synthetic_surgery import SyntheticSurgery


def area(pixels, size):
    return np.asarray(picture_area(Image.fromarray(pixels)).resize(size, Image.Resampling.NEAREST)) > 0


def scope(radius, noise=6, shadow=None):
    rows, columns = np.mgrid[0:240, 0:320]
    inside = (rows - 120) ** 2 + (columns - 160) ** 2 < radius**2
    pixels = np.where(inside[..., None], [170, 70, 60], [0, 0, 0])
    if shadow:
        pixels[(rows - 120) ** 2 + (columns - 160) ** 2 < shadow**2] = 0
    pixels = pixels + np.random.default_rng(0).integers(0, noise, (240, 320, 3))
    return pixels.clip(0, 255).astype(np.uint8), inside


def test_the_circle_of_a_scope_is_found():
    pixels, inside = scope(110)
    found = area(pixels, (320, 240))
    assert np.mean(found == inside) > 0.985


def test_a_shadow_inside_the_picture_stays():
    pixels, inside = scope(110, shadow=40)
    assert np.mean(area(pixels, (320, 240)) == inside) > 0.985


def test_a_frame_without_border_is_all_picture_and_a_black_one_has_none():
    assert area(np.full((100, 120, 3), 90, np.uint8), (120, 100)).all()
    assert not area(np.zeros((100, 120, 3), np.uint8), (120, 100)).any()


def test_a_tiny_frame_is_looked_at_as_it_is():
    pixels = np.full((5, 4, 3), 200, np.uint8)
    pixels[:, 0] = 0
    assert (area(pixels, (4, 5))[:, 0] == 0).all() and area(pixels, (4, 5))[:, 1:].all()


def test_agrees_with_the_depth_of_synthetic_surgery_which_is_0_outside_the_scope():
    surgery = SyntheticSurgery(seed=3, size=128, frames_per_video=2)
    scores, borders = [], 0
    for video in range(12):
        scene = surgery.video(video)[0]
        outside = scene.depth_mm == 0
        found = ~area(scene.image, (128, 128))
        if outside.mean() > 0.02:
            borders += 1
            scores.append((found & outside).sum() / (found | outside).sum())
    if not borders:
        pytest.fail("no synthetic hospital has a border any more")
    assert np.median(scores) > 0.85
