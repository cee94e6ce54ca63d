# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What needs no picture scores what theory says."""

import numpy as np
import pytest

from zen_hf.benchmark.constant_predictions import predict_without_pictures
from zen_hf.benchmark.exam import set_exam
from zen_hf.benchmark.split import load_split
from zen_hf.benchmark.task import load_task


def test_prevalence_majority_and_chance(draw):
    task = load_task("cholect50_tool")
    exam = set_exam(task, draw(frames=70), load_split(task.split))
    entries = predict_without_pictures(exam)
    scores = dict(zip([(e.target, e.head) for e in entries], exam.truth.score(entries)[0], strict=True))
    tool, phase = scores["tool", "prevalence"], scores["phase", "majority"]
    assert tool["map_video_mean"] == pytest.approx(tool["prevalence_video_mean"])
    assert phase["accuracy_video_mean"] == pytest.approx(1 / 7)  # seven phases of equal length
    assert scores["phase", "chance"]["accuracy_video_mean"] == pytest.approx(1 / 7, abs=0.06)
    chance = scores["tool", "chance"]
    assert chance["map_video_mean"] == pytest.approx(chance["prevalence_video_mean"], abs=0.1)


def test_chance_follows_the_training_frequencies(draw):
    """Class 0 fills nine tenths of the training frames: it is drawn that often."""
    task = load_task("cholect50_tool")
    rare = draw(frames=400).map(lambda row: {"phase": int(row["frame"] % 10 == 0)})
    entry = next(
        e for e in predict_without_pictures(set_exam(task, rare, load_split(task.split))) if e.target == "phase"
    )
    drawn = np.concatenate([logits.argmax(axis=1) for logits in entry.outputs.values()])
    assert np.mean(drawn == 0) == pytest.approx(0.9, abs=0.02)
    assert set(drawn.tolist()) == {0, 1}
