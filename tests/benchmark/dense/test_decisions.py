# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Hand-worked frames: regions and queries become instances, boxes become masks, settings are checked."""

import numpy as np
import pytest
import torch

from zen_hf.benchmark.dense.canvas import Place
from zen_hf.benchmark.dense.decisions import components, decided, from_queries
from zen_hf.benchmark.dense.pictures import Instances
from zen_hf.benchmark.dense.settings import DenseSettings
from zen_hf.benchmark.dense.truths import class_map, masks_of

PLACE = Place(native=(8, 12), shown=(8, 12), canvas=(8, 16))


def test_two_regions_of_a_class_are_two_instances():
    probabilities = np.zeros((3, 8, 12))
    probabilities[0] = 0.6
    probabilities[1] = 0.1
    probabilities[1, 1:3, 1:4], probabilities[0, 1:3, 1:4] = 0.9, 0.05
    probabilities[1, 5:8, 6:9], probabilities[0, 5:8, 6:9] = 0.7, 0.2
    found = components(probabilities)
    np.testing.assert_array_equal(found.boxes, [[1, 1, 3, 2], [6, 5, 3, 3]])
    assert found.labels.tolist() == [0, 0]
    np.testing.assert_allclose(found.scores, [0.9, 0.7], rtol=1e-6)
    assert [int(mask.sum()) for mask in masks_of(found)] == [6, 9]


def test_a_query_is_scored_by_class_times_confidence():
    logits = torch.full((2, 8, 16), -20.0)
    logits[0, 2:4, 3:7] = 20.0  # sure of its mask
    logits[0, :, 12:] = 20.0  # beyond the frame
    classes = torch.tensor([[0.0, 2.0, 0.0], [0.0, 0.0, 0.0]])
    found = from_queries(classes, logits, PLACE)
    share = torch.tensor([0.0, 2.0, 0.0]).softmax(dim=0)
    assert found.labels.tolist() == [1, 0]  # the second query has no mask, and "no object" is no class
    np.testing.assert_allclose(found.scores, [share[1], share[0]], rtol=1e-4)
    np.testing.assert_array_equal(found.boxes, [[3, 2, 4, 2]] * 2)


def test_depth_stays_in_its_range_and_bits_are_channels():
    logs = torch.tensor([0.1, 5.0, 900.0]).repeat_interleave(2).log().view(1, 1, 6).expand(1, 8, 6)
    place = Place(native=(8, 6), shown=(8, 6), canvas=(8, 6))
    depth = decided("depth", logs, place, nearest=1.0, farthest=150.0)
    assert depth.shape == (4, 3)
    np.testing.assert_allclose(depth[0], [1, 5, 150], rtol=1e-5)
    place = Place(native=(8, 3), shown=(8, 3), canvas=(8, 3))
    channels = torch.tensor([[1.0, -1.0, 1.0], [-1.0, -1.0, 1.0]]).view(2, 1, 3).expand(2, 8, 3)
    np.testing.assert_array_equal(decided("partial", channels, place)[0], [1, 0, 3])


def test_boxes_alone_are_filled_and_the_smaller_lies_on_top():
    boxes = np.array([[1, 1, 6, 5], [2, 2, 2, 2]], np.float32)
    truth = Instances((8, 12), boxes, np.array([0, 1]))
    assert [int(mask.sum()) for mask in masks_of(truth)] == [30, 4]
    picture = class_map(truth)
    assert (picture == 1).sum() == 26 and (picture[2:4, 2:4] == 2).all()


def test_settings_that_cannot_be_meant_are_refused():
    with pytest.raises(ValueError, match="dense setting steps is 0; expected a whole number from 1"):
        DenseSettings(steps=0)
    with pytest.raises(ValueError, match="width is 40; expected a multiple of 32"):
        DenseSettings(width=40)
