# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Subsets of whole videos: published ones as they are, drawn ones with every class, nothing chosen on other videos."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from zen_hf.benchmark.exam import FoldLabels
from zen_hf.benchmark.protocols.few_shot import SUBSETS, draw_subsets, published_subsets, restricted
from zen_hf.benchmark.split import Fold
from zen_hf.benchmark.task import load_task

PHASE = load_task("cholec80_phase").targets[0]
TOOL = load_task("cholec80_tool").targets[0]


def fold_of(labels: dict[str, list[int]], target=PHASE) -> FoldLabels:
    fold = Fold(train=tuple(labels), test=("t",), val=("v",))
    of = {target.name: {video: np.array(values) for video, values in labels.items()}}
    return FoldLabels(fold, of, {target.name: {"v": np.array([0])}})


def test_drawn_subsets_hold_every_class_where_that_is_possible():
    """Classes 5 and 6 are in one video each; only pairs with both hold all classes."""
    videos = {f"v{i:02d}": [0, 1, 2, 3, 4] for i in range(20)}
    videos |= {"w": [0, 5], "x": [1, 6]}
    assert (
        draw_subsets(fold_of(videos), [PHASE], 2)[0] == ("w", "x")
        or len(draw_subsets(fold_of(videos), [PHASE], 2)) == 3
    )
    for subset in draw_subsets(fold_of(videos), [PHASE], 8):
        covered = set().union(*(videos[video] for video in subset))
        assert len(subset) == 8 and len(covered) >= 6
    common = {f"v{i}": [0, 1, 2, 3] if i % 2 else [4, 5, 6] for i in range(10)}
    for subset in draw_subsets(fold_of(common), [PHASE], 2):
        assert set().union(*(common[video] for video in subset)) == set(range(7))


def test_drawn_subsets_are_the_same_each_time_and_differ_from_each_other():
    fold = fold_of({f"v{i}": [i % 7] for i in range(10)})
    first = draw_subsets(fold, [PHASE], 3)
    assert first == draw_subsets(fold, [PHASE], 3)
    assert len(set(first)) == SUBSETS
    assert draw_subsets(fold_of({"a": [0], "b": [1]}), [PHASE], 1) in ([("a",), ("b",)], [("b",), ("a",)])


def test_classes_of_several_labels_count():
    tools = {"a": np.eye(7, dtype=int)[:4], "b": np.eye(7, dtype=int)[4:], "c": np.eye(7, dtype=int)[:1]}
    fold = fold_of(tools, TOOL)
    assert draw_subsets(fold, [TOOL], 2)[0] == ("a", "b")


def test_published_subsets_only_where_they_fit_every_fold():
    task = replace(load_task("cholec80_phase"), few_shot={2: (("a", "b"), ("b", "c"))})

    def exam_of(*trains: str) -> SimpleNamespace:
        return SimpleNamespace(
            task=task, split=SimpleNamespace(folds=[Fold(tuple(train), ("t",)) for train in trains])
        )

    assert published_subsets(exam_of("abc"), 2) == [("a", "b"), ("b", "c")]
    assert published_subsets(exam_of("abc", "abcd"), 2) == [("a", "b"), ("b", "c")]
    assert published_subsets(exam_of("abc", "abd"), 2) == []
    assert published_subsets(exam_of("abc"), 4) == []


def test_few_shot_fold_has_nothing_to_choose_on():
    fold = restricted(fold_of({v: [0] for v in "abc"}), ("b",))
    assert fold.fold.train == ("b",) and fold.fold.val == () and fold.fold.test == ("t",)
    assert fold.train["phase"].keys() == {"b"} and fold.val == {"phase": {}}


@pytest.mark.parametrize("name", ["cholec80_phase", "cholect50_triplet"])
def test_published_subsets_lie_in_the_training_videos(name):
    from zen_hf.benchmark.split import load_split

    task = load_task(name)
    train = set(load_split(task.split).folds[0].train)
    for size, subsets in task.few_shot.items():
        assert all(len(subset) == size and train.issuperset(subset) for subset in subsets)
