# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""HD95 against distance transforms of scipy in float64, against MONAI, and by hand."""

import warnings

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_erosion, distance_transform_edt

from zen_hf.benchmark.metrics.boundary_distance import hd95_maxdir


def by_transform(predicted, truth):
    """The definition, mask by mask."""
    if not predicted.any() or not truth.any():
        return np.hypot(*truth.shape)
    edges = [mask ^ binary_erosion(mask) for mask in (predicted, truth)]
    distances = [distance_transform_edt(~edge) for edge in edges]
    return max(np.percentile(distances[1][edges[0]], 95), np.percentile(distances[0][edges[1]], 95))


def pictures(random, classes, noise):
    """Two class maps whose regions differ by some noise."""
    field = random.normal(size=(1, classes, 5, 6))
    maps = []
    for values in (field, field + noise * random.normal(size=field.shape)):
        values = torch.nn.functional.interpolate(torch.tensor(values), size=(57, 83), mode="bicubic")
        maps.append(values[0].argmax(0).numpy().astype(np.uint8))
    return maps


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.5, 3.0])
def test_equals_the_definition(noise):
    random = np.random.default_rng(0)
    for _ in range(5):
        predicted, truth = pictures(random, 6, noise)
        found = np.union1d(predicted, truth)
        expected = [by_transform(predicted == label, truth == label) for label in found]
        assert hd95_maxdir(predicted, truth, found) == pytest.approx(expected, abs=1e-9)


def test_equals_the_definition_on_scattered_pixels():
    random = np.random.default_rng(1)
    predicted, truth = random.integers(0, 4, (2, 40, 50)).astype(np.uint8)
    expected = [by_transform(predicted == label, truth == label) for label in range(4)]
    assert hd95_maxdir(predicted, truth, np.arange(4)) == pytest.approx(expected, abs=1e-9)


def test_equals_monai():
    metrics = pytest.importorskip("monai.metrics", reason="MONAI is not installed (pip install monai)")
    predicted, truth = pictures(np.random.default_rng(2), 6, 0.4)
    columns = [
        torch.nn.functional.one_hot(torch.tensor(each).long(), 6).permute(2, 0, 1)[None] for each in (predicted, truth)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # classes without a pixel
        theirs = metrics.compute_hausdorff_distance(*columns, include_background=False, percentile=95)[0].numpy()
    both = np.intersect1d(predicted, truth)
    both = both[both > 0]
    assert len(both) > 2
    assert hd95_maxdir(predicted, truth, both) == pytest.approx(theirs[both - 1], abs=1e-3)  # theirs is in float32


def test_by_hand():
    truth = np.zeros((30, 40), np.uint8)
    truth[5:10, 5:10] = 1
    predicted = np.roll(truth, 3, axis=1)  # moved by 3 pixels: the furthest edge is 3 away
    assert hd95_maxdir(predicted, truth, np.array([1]))[0] == 3
    assert hd95_maxdir(truth, truth, np.array([0, 1])).tolist() == [0, 0]
    nothing = np.zeros_like(truth)
    assert (
        hd95_maxdir(nothing, truth, np.array([1]))[0] == hd95_maxdir(truth, nothing, np.array([1]))[0] == 50
    )  # diagonal
