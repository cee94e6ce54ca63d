# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The truth of test videos cannot be reached by selection, and is read once."""

import dataclasses

import numpy as np
import pytest

from zen_hf.benchmark.exam import FoldLabels, Predictions, SealedTruth, labels_by_video, set_exam
from zen_hf.benchmark.split import Fold, load_split
from zen_hf.benchmark.task import load_task


@pytest.fixture
def task():
    return load_task("cholect50_tool")


@pytest.fixture
def exam(task, drawn):
    return set_exam(task, drawn, load_split(task.split))


def perfect(task, drawn) -> list[Predictions]:
    """What an oracle would predict."""
    tool, phase = (labels_by_video(drawn, target) for target in task.targets)
    return [
        Predictions("tool", "oracle", "only", {v: y.astype(np.float32) for v, y in tool.items()}, []),
        Predictions("phase", "oracle", "only", {v: np.eye(7, dtype=np.float32)[y] for v, y in phase.items()}, []),
    ]


def test_no_label_of_a_fold_belongs_to_its_test_video(exam):
    for fold in exam.folds:
        for labels in (*fold.train.values(), *fold.val.values()):
            assert not set(labels) & set(fold.fold.test)
    assert set(exam.frames.column_names) == {"image", "video_id", "frame", "time_s"}


def arrays_within(thing, seen=None):
    """Every array that can be reached from an object by attributes that are not private."""
    seen = seen if seen is not None else set()
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, np.ndarray):
        yield thing
    elif isinstance(thing, dict):
        for item in thing.values():
            yield from arrays_within(item, seen)
    elif isinstance(thing, (list, tuple)):
        for item in thing:
            yield from arrays_within(item, seen)
    elif dataclasses.is_dataclass(thing):
        for field in dataclasses.fields(thing):
            yield from arrays_within(getattr(thing, field.name), seen)
    else:
        for name in dir(thing):
            if not name.startswith("_") and not callable(getattr(thing, name, None)):
                yield from arrays_within(getattr(thing, name), seen)


def test_types_that_selection_gets_hold_no_test_label(exam):
    """`FoldLabels` has fields for training and validation alone; the sealed truth shows no array at all."""
    assert {field.name for field in dataclasses.fields(FoldLabels)} == {"fold", "train", "val"}
    assert list(arrays_within(exam.truth)) == []
    assert list(arrays_within(exam.folds)) != []
    assert [name for name in dir(SealedTruth) if not name.startswith("_")] == ["score"]


def test_truth_is_read_once(exam, task, drawn):
    predictions = perfect(task, drawn)
    scores, statistics, truth = exam.truth.score(predictions)
    assert scores[0]["map_video_mean"] == 1 and scores[1]["accuracy_video_mean"] == 1
    assert truth.keys() == {"tool", "phase"}
    with pytest.raises(RuntimeError, match="read before"):
        exam.truth.score(predictions)


def test_a_part_shares_the_truth(exam, task, drawn):
    """What was read through one fold's part is read for all."""
    part = exam.part(2)
    assert [fold.fold.test for fold in part.folds] == [("VID73",)]
    part.truth.score(perfect(task, drawn))
    with pytest.raises(RuntimeError):
        exam.truth.score(perfect(task, drawn))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda logits: logits.pop("VID70"), r"differ in \['VID70'\]"),
        (lambda logits: logits.update(VID70=logits["VID70"][1:]), r"VID70 are \(13, 6\), expected \(14, 6\)"),
        (lambda logits: logits["VID70"].__setitem__((0, 0), np.nan), "VID70 are not all finite"),
    ],
)
def test_incomplete_predictions_do_not_open_it(exam, task, drawn, spoil, message):
    predictions = perfect(task, drawn)
    spoil(predictions[0].outputs)
    with pytest.raises(ValueError, match=message):
        exam.truth.score(predictions)
    exam.truth.score(perfect(task, drawn))  # still sealed


def test_heads_of_several_folds_are_not_pooled(exam, task, drawn):
    tool, phase = exam.truth.score(perfect(task, drawn))[0]
    assert not {"map_global", "ap_class_global"} & tool.keys()
    assert "prevalence_global" in tool and "f1_frame" in phase
    with pytest.raises(ValueError, match="map_global .* needs one head"):
        pooled = dataclasses.replace(task, targets=(dataclasses.replace(task.targets[0], headline="map_global"),))
        set_exam(pooled, drawn, load_split(task.split))
    one = dataclasses.replace(load_split(task.split), folds=(Fold(train=("VID68", "VID70"), test=("VID73", "VID74")),))
    of_two = [
        dataclasses.replace(entry, outputs={v: entry.outputs[v] for v in ("VID73", "VID74")})
        for entry in perfect(task, drawn)
    ]
    assert set_exam(task, drawn, one).truth.score(of_two)[0][0]["map_global"] == 1


def test_missing_video(task, drawn):
    with pytest.raises(ValueError, match="no frame of video 'VID74'"):
        set_exam(task, drawn.filter(lambda row: row["video_id"] != "VID74"), load_split(task.split))


def test_other_labels_other_hash(exam, task, drawn):
    relabelled = drawn.map(lambda row: {"phase": 6 - row["phase"]})
    assert set_exam(task, relabelled, load_split(task.split)).labels_sha256 != exam.labels_sha256
