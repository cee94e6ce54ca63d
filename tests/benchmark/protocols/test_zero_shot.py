# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Labels of one task as those of another, and no patient on both sides."""

import numpy as np
import pytest
from scipy.special import softmax

from zen_hf.benchmark.exam import FoldLabels
from zen_hf.benchmark.protocols.zero_shot import mapped, without_patients
from zen_hf.benchmark.split import Fold
from zen_hf.benchmark.task import load_task, task_names

CHOLEC80, M2CAI = load_task("cholec80_phase"), load_task("m2cai16_phase")


def test_probabilities_of_joined_classes_add_up():
    transfer = CHOLEC80.transfers[0]
    source, target = M2CAI.targets[0], CHOLEC80.targets[0]
    logits = np.random.default_rng(0).normal(size=(50, len(source.labels)))
    result = softmax(mapped(logits, source, target, transfer.labels), axis=1)
    before = softmax(logits, axis=1)
    for index, name in enumerate(target.labels):
        columns = [source.labels.index(other) for other, here in transfer.labels.items() if here == name]
        np.testing.assert_allclose(result[:, index], before[:, columns].sum(axis=1), rtol=1e-12)


def test_a_class_without_a_source_is_never_predicted_and_finite():
    source, target = CHOLEC80.targets[0], M2CAI.targets[0]
    logits = np.random.default_rng(0).normal(size=(50, len(source.labels))) * 30
    result = mapped(logits, source, target, {name: name for name in source.labels})
    assert np.isfinite(result).all()
    assert "TrocarPlacement" not in {target.labels[index] for index in result.argmax(axis=1)}


@pytest.mark.parametrize("name", task_names())
def test_transfers_name_labels_that_exist(name):
    task = load_task(name)
    for transfer in task.transfers:
        source = load_task(transfer.task)
        target = next(target for target in source.targets if target.name == transfer.target)
        assert target.kind == task.targets[0].kind
        assert set(transfer.labels) <= set(target.labels)
        assert set(transfer.labels.values()) <= set(task.targets[0].labels)


def test_patients_tested_here_are_left_out_there():
    labels = {"phase": {video: np.array([0]) for video in "abc"}}
    fold = FoldLabels(Fold(train=("a", "b"), test=("z",), val=("c",)), labels, {"phase": {"c": np.array([1])}})
    kept = without_patients(fold, lambda video: f"p{video}", {"pa", "pc"})
    assert kept.fold.train == ("b",) and kept.fold.val == ()
    assert kept.train["phase"].keys() == {"b"} and kept.val == {"phase": {}}
    with pytest.raises(ValueError, match="nothing is left"):
        without_patients(fold, lambda video: "same", {"same"})
