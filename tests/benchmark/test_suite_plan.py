# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A plan counts pictures by hand, and says what is missing without touching anything."""

import pytest

from zen_hf.benchmark.dense.settings import DenseSettings
from zen_hf.benchmark.evaluation import Conditions
from zen_hf.benchmark.miniatures.write import write_miniature
from zen_hf.benchmark.suite_plan import plan_tasks
from zen_hf.benchmark.task import load_task
from zen_hf.benchmark.tuning.settings import TuningSettings


@pytest.fixture
def root(tmp_path):
    for name in ("cholec80_phase", "endovis15_semseg", "endovis18_vqa"):
        task = load_task(name)
        write_miniature(task, tmp_path / task.source.name, train=2, val=1, test=1, seconds=7)
    return tmp_path


def plan(root, task, *protocols, **changed):
    conditions = Conditions("frozen", seeds=(0, 1), **changed)
    return plan_tasks([task], protocols, root, True, conditions)[0]


def test_features_are_extracted_once(root):
    planned = plan(root, "cholec80_phase", "frozen", "few_shot", "zero_shot")
    assert (planned.problem, planned.videos, planned.frames) == (None, 4, 4 * 7)
    assert planned.passes == {"frozen": 28, "few_shot": 0, "zero_shot": 0}


def test_training_counts_three_passes_a_frame(root):
    tuning = TuningSettings(epochs=2, batch_size=4)
    passes = plan(root, "cholec80_phase", "lora", tuning=tuning).passes["lora"]
    steps = 4  # 14 training frames in batches of 4
    assert passes == 2 * (3 * 2 * steps * 4 + 2 * 7 + 7)  # seeds x (training + validation + test)


def test_dense_heads_read_their_layers_and_train_for_steps(root):
    dense = DenseSettings(steps=10, batch_size=2, checkpoints=3, validation_frames=5)
    planned = plan(root, "endovis15_semseg", "frozen", "full", dense=dense)
    task, frames = load_task("endovis15_semseg"), planned.frames
    folds = task.split_in(root / task.source.name).folds
    assert planned.passes["frozen"] == 2 * frames  # the last layer for the linear head, four for DPT
    per_video = frames // planned.videos
    assert planned.passes["full"] == 2 * sum(3 * 10 * 2 + per_video * len(fold.test) for fold in folds)


def test_a_frame_with_several_questions_counts_once(root):
    planned = plan(root, "endovis18_vqa", "frozen")
    rows = load_task("endovis18_vqa").read(root / "endovis18_vqa")
    assert planned.passes["frozen"] == planned.frames < len(rows)


def test_what_is_missing_or_broken_is_said(root):
    missing = plan(root, "dsad_semseg", "frozen")
    assert (missing.data, missing.passes) == (None, {}) and missing.problem == f"no folder dsad in {root}"
    next((root / "cholec80" / "phase_annotations").iterdir()).unlink()
    broken = plan(root, "cholec80_phase", "frozen")
    assert broken.data == root / "cholec80" and "phase_annotations" in broken.problem
