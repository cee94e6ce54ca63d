# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The noise is smooth, seamless and made of exact arithmetic alone."""

import ast
import math
from pathlib import Path

import numpy as np
import pytest

import zen_hf.data.synthetic_surgery as package
from zen_hf.data.synthetic_surgery.noise import TILE, lobules, path, rotation, sample, tile

DRAWING = "hospitals instruments labels noise procedures renderer script tissue video vocabulary".split()
# Their last bit depends on the platform, on the library's version or on the order of a sum.
INEXACT = set(
    "tan arctan arctan2 exp log power hypot interp dot matmul einsum inner mean sum std var average cumsum fft linalg "
    "normal standard_normal uniform percentile".split()
)


@pytest.mark.parametrize("module", DRAWING)
def test_only_exactly_rounded_arithmetic(module):
    """No module that draws uses a function whose result may differ in its last bit between platforms."""
    tree = ast.parse((Path(package.__file__).parent / f"{module}.py").read_text())
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not used & INEXACT
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert not {name for name in called if name.split(".")[-1] in ("cos", "sin")}
    assert not [node for node in ast.walk(tree) if isinstance(node, (ast.Pow, ast.MatMult))]


@pytest.mark.parametrize("pattern", [tile(8, 3, 0), lobules(32, 3)])
def test_patterns_are_seamless(pattern):
    """Values lie in [0, 1], and a step across the seam is no larger than the steps elsewhere."""
    assert pattern.shape == (TILE + 1, TILE + 1) and pattern.min() >= 0 and pattern.max() <= 1
    steps = np.abs(np.diff(pattern, axis=1))
    assert steps[:, -1].max() <= steps[:, :-1].max() * 1.05
    np.testing.assert_array_equal(pattern[0], pattern[-1])


def test_sampling_interpolates_and_wraps():
    """At whole coordinates a sample is the pixel, between them the mean, and coordinates wrap in both directions."""
    noise = tile(16, 2, 5)
    x, y = np.array([3.0, 3.5, 3.0 - TILE, 3.0 + 7 * TILE]), np.array([9.0, 9.0, 9.0 + TILE, 9.0 - 2 * TILE])
    values = sample(noise, x, y)
    np.testing.assert_allclose(values[[0, 2, 3]], noise[9, 3], atol=1e-6)
    np.testing.assert_allclose(values[1], (noise[9, 3] + noise[9, 4]) / 2, atol=1e-6)


def test_rotation_is_a_rotation():
    """The rational form agrees with trigonometry."""
    for tangent in (-0.4, 0.0, 0.25, 1.0):
        cos, sin = rotation(tangent)
        assert (cos, sin) == pytest.approx(
            (math.cos(2 * math.atan(tangent)), math.sin(2 * math.atan(tangent))), abs=1e-12
        )


def test_path_goes_through_its_knots():
    """A path hits its knots and stays between neighbours."""
    knots = [0.0, 1.0, -2.0]
    assert [path(knots, time) for time in (0.0, 0.5, 1.0)] == pytest.approx([0.0, 1.0, -2.0])
    assert path(knots, 0.25) == pytest.approx(0.5)
