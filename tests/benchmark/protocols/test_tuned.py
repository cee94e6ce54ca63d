# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""An interrupted tuned benchmark goes on where it was, to the same bits, and never with what something else predicted."""

import json
from dataclasses import replace
from types import SimpleNamespace

import datasets
import numpy as np
import pytest
import torch
from transformers import ViTImageProcessorPil

from zen_hf.benchmark.candidate import load_candidate, random_trunk
from zen_hf.benchmark.exam import FoldLabels, set_exam
from zen_hf.benchmark.heads import ms_tcn
from zen_hf.benchmark.protocols import tuned
from zen_hf.benchmark.protocols.tuned import fold_name, predict_tuned
from zen_hf.benchmark.protocols.tuned_part import TunedPart
from zen_hf.benchmark.split import Fold, load_split
from zen_hf.benchmark.task import load_task
from zen_hf.benchmark.tuning.settings import TuningSettings
from zen_hf.modeling.configuration_zen import ZenConfig
from zen_hf.modeling.modeling_zen import ZenModel

QUICK = TuningSettings(epochs=1, batch_size=14, max_steps_per_epoch=1, rank=2)
PARTS = {f"without-VID{video}-seed-{seed}" for video in (70, 73) for seed in (0, 1)}


@pytest.fixture(scope="module")
def candidate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("zen")
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    ZenModel(ZenConfig(**shape, image_size=32, patch_size=16)).save_pretrained(folder)
    ViTImageProcessorPil(image_mean=[0.5] * 3, image_std=[0.2] * 3).save_pretrained(folder)
    return load_candidate(str(folder))


@pytest.fixture(scope="module")
def exam(drawn):
    task = load_task("cholect50_tool")
    split = load_split(task.split)
    two = tuple(fold for fold in split.folds if fold.test[0] in ("VID70", "VID73"))
    return set_exam(task, drawn, replace(split, folds=two))


@pytest.fixture(scope="module")
def run(exam, candidate):
    def run(parts_dir=None, heads=("linear",), **changed):
        given = {"exam": exam, "candidate": candidate, "method": "lora", "seeds": (0, 1), "image_size": 32}
        return predict_tuned(**(given | {"settings": QUICK} | changed), heads=heads, parts_dir=parts_dir)

    return run


@pytest.fixture
def trainings(monkeypatch):
    """The (test video, seed) of every training; `stop_at` interrupts one."""
    seen, train = SimpleNamespace(calls=[], stop_at=None), tuned.tune

    def watched(model, frames, labels, targets, image_size, method, seed, settings, **arguments):
        seen.calls.append((labels.fold.test[0], seed))
        if len(seen.calls) == seen.stop_at:
            raise KeyboardInterrupt
        return train(model, frames, labels, targets, image_size, method, seed, settings, **arguments)

    monkeypatch.setattr(tuned, "tune", watched)
    return seen


def kept(folder):
    return {path.name.rpartition("-")[0] for path in folder.iterdir()}


def assert_same(found, expected):
    assert [(e.target, e.head, e.run) for e in found] == [(e.target, e.head, e.run) for e in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.outputs.keys() == other.outputs.keys() and one.chosen == json.loads(json.dumps(other.chosen))
        for video, logits in one.outputs.items():
            assert logits.dtype == np.float32
            np.testing.assert_array_equal(logits, other.outputs[video])


def test_an_interrupted_run_goes_on_to_the_same_bits(run, trainings, monkeypatch, tmp_path):
    monkeypatch.setattr(ms_tcn, "MOST_EPOCHS", 2)
    heads = ("linear", "ms_tcn")
    expected = run(heads=heads)
    assert {entry.head for entry in expected} == {"linear", "linear_smoothed", "ms_tcn"}
    trainings.calls.clear()
    trainings.stop_at = 2
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, heads)
    assert kept(tmp_path) == {"without-VID70-seed-0"}
    trainings.stop_at = None
    trainings.calls.clear()
    assert_same(run(tmp_path, heads), expected)
    assert trainings.calls == [("VID70", 1), ("VID73", 0), ("VID73", 1)]
    assert kept(tmp_path) == PARTS
    trainings.calls.clear()
    assert_same(run(tmp_path, heads), expected)
    assert trainings.calls == []


def test_what_depends_on_something_else_is_not_reused(run, exam, candidate, drawn, draw, trainings, tmp_path):
    exam = exam.part(0)
    first = {"exam": exam, "seeds": (0,)}
    run(tmp_path, **first)
    table = drawn.to_dict()
    relabelled = {"phase": [6 - phase for phase in table["phase"]]}
    repainted = {"image": draw(seed=1).to_dict()["image"]}
    for columns in (relabelled, repainted):
        other = datasets.Dataset.from_dict(table | columns, features=drawn.features)
        trainings.calls.clear()
        run(tmp_path, exam=set_exam(exam.task, other, exam.split).part(0), seeds=(0,))
        assert len(trainings.calls) == 1, list(columns)
    for changed in (
        {"settings": replace(QUICK, lora_learning_rate=1e-4)},
        {"method": "dora"},
        {"image_size": 48},
        {"candidate": random_trunk(candidate, 0)},
        {"seeds": (5,)},
    ):
        trainings.calls.clear()
        run(tmp_path, **(first | changed))
        assert len(trainings.calls) == 1, changed
    trainings.calls.clear()
    run(tmp_path, **first)
    assert trainings.calls == []


def test_a_model_that_is_to_be_kept_and_is_not_there_is_trained_again(run, exam, trainings, tmp_path):
    given = {"exam": exam.part(1), "seeds": (0, 1)}
    run(tmp_path / "parts", **given)
    trainings.calls.clear()
    run(tmp_path / "parts", **given, model_dir=tmp_path / "models")
    assert trainings.calls == [("VID73", 0)]
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["without-VID73"]
    run(tmp_path / "parts", **given, model_dir=tmp_path / "models")
    assert trainings.calls == [("VID73", 0)]


def test_parts_are_whole_or_refused(tmp_path):
    part = TunedPart(tmp_path, "fold-0-seed-0", {"seed": 0})
    assert part.read() is None
    with pytest.raises(TypeError):
        part.write([("linear", "tool", ({"a": np.zeros((2, 3))}, {"odd": object()}))])
    assert part.read() is None
    part.write([("linear", "tool", ({"b": np.ones((2, 3)), "a": np.zeros((1, 3))}, {"x": 0.1}))])
    ((head, target, (logits, chosen)),) = part.read()
    assert (head, target, list(logits), chosen) == ("linear", "tool", ["b", "a"], {"x": 0.1})
    assert [path for path in tmp_path.iterdir()] == [part.path]
    whole = part.path.read_bytes()
    other = TunedPart(tmp_path, "fold-0-seed-0", {"seed": 1})
    other.path.write_bytes(whole)
    for path, content in ((other.path, whole), (part.path, whole[:-4]), (part.path, whole[:-1] + b"\x01")):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"{path.name}.*delete it"):
            (other if path == other.path else part).read()


def test_folds_have_names_of_their_own():
    def names(*tests):
        folds = tuple(Fold(train=(f"t{index}",), test=test) for index, test in enumerate(tests))
        exam = SimpleNamespace(split=SimpleNamespace(folds=folds))
        return [fold_name(exam, FoldLabels(fold, {}, {})) for fold in folds]

    assert names(("a",), ("b",)) == ["without-a", "without-b"]
    assert names(("a", "b")) == ["model"] and names(("a",)) == ["without-a"]
    assert names(("a", "b"), ("c", "d"), ("e",)) == ["fold-0", "fold-1", "without-e"]


def test_a_part_of_an_exam_names_its_fold_by_the_whole_split(exam):
    folds = (Fold(("VID68",), ("VID70", "VID73")), Fold(("VID70",), ("VID68", "VID74")))
    whole = replace(exam, split=replace(exam.split, folds=folds), folds=tuple(FoldLabels(f, {}, {}) for f in folds))
    part = whole.part(1)
    assert fold_name(part, part.folds[0]) == "fold-1"


def test_permission_to_run_code_reaches_the_training(run, candidate, monkeypatch):
    class Asked(Exception):
        pass

    def refuse(*_, trust_remote_code, **__):
        raise Asked(trust_remote_code)

    monkeypatch.setattr(tuned, "tune", refuse)
    for allowed in (False, True):
        with pytest.raises(Asked, match=str(allowed)):
            run(candidate=replace(candidate, trust_remote_code=allowed))
