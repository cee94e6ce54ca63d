# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Labels of every kind that a column may hold, and those that it may not."""

import pytest
import torch

from zen_hf.distillation.frame_labels import read_labels


def values(labels) -> list[list[float]]:
    return labels.values.nan_to_num(-1).tolist()


@pytest.mark.parametrize("part", [["cut", None, "sew"], [1, -1, 4]])
def test_one_class_per_frame(part):
    fitting, testing = read_labels("phase", part, [part[2]])
    assert fitting.single and values(fitting) == [[1, 0], [-1, -1], [0, 1]] and values(testing) == [[0, 1]]
    assert fitting.known.tolist() == [True, False, True]


def test_several_classes_per_frame():
    names, other = read_labels("tools", [["hook", "clip"], [], None], [["sack"]])
    assert not names.single and values(names) == [[1, 1, 0], [0, 0, 0], [-1, -1, -1]] and values(other) == [[0, 0, 1]]
    marks, _ = read_labels("tools", [[0, 1, 1], [0, 0, 0]], [[1, 0, 0]])
    assert not marks.single and torch.equal(marks.values, torch.tensor([[0.0, 1, 1], [0, 0, 0]]))


@pytest.mark.parametrize("part", [[0.5, 1.5], [1, "cut"], [[0, 2]], [[0, 1], [0, 1, 1]], [None], [-2]])
def test_what_is_no_label_is_named(part):
    with pytest.raises(ValueError, match=r"monitor.label_column 'phase' holds .*expected one kind of value"):
        read_labels("phase", part, part)
