# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A trunk trained with the fusion learns, is saved and reloaded to the same bits, and is not trained twice."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zen_hf.benchmark.candidate import load_candidate, random_trunk
from zen_hf.benchmark.evaluation import Conditions
from zen_hf.benchmark.protocols import answers
from zen_hf.benchmark.protocols.answers import predict_answers
from zen_hf.benchmark.tuning.settings import TuningSettings
from zen_hf.benchmark.vqa.answer_model import AnswerModel
from zen_hf.benchmark.vqa.questions import take_apart

QUICK = TuningSettings(epochs=1, batch_size=12, max_steps_per_epoch=2, rank=2)


@pytest.fixture
def conditions(text_folder):
    def make(protocol, **changed):
        given = {"seeds": (0,), "text_encoder": text_folder, "image_size": 32, "tuning": QUICK}
        return Conditions(protocol, **given | changed)

    return make


@pytest.fixture(scope="module")
def zen(zen_folder):
    return load_candidate(zen_folder)


def accuracy(exam, found):
    return exam.truth.score(found)[0][0]["accuracy_global"]


def flipped(rows):
    turned = [1 - a if v == "d" and a < 2 else a for a, v in zip(rows["answer"], rows["video_id"], strict=True)]
    return rows.remove_columns("answer").add_column("answer", turned)


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert json.dumps(one.chosen) == json.dumps(other.chosen)
        for video, logits in one.outputs.items():
            np.testing.assert_array_equal(logits, other.outputs[video])


@pytest.mark.parametrize("method", ["lora", "dora", "full"])
def test_tuned_trunk_is_saved_and_reloads_to_the_same_bits(make_exam, conditions, zen, method, tmp_path):
    exam, fingerprint = make_exam(), zen.encoder.fingerprint
    given = conditions(method, model_dir=tmp_path / "models", parts_dir=tmp_path / "parts")
    found = predict_answers(exam, zen, given)
    chosen = found[0].chosen[0]
    assert (found[0].head, chosen["method"], chosen["steps_per_epoch"]) == ("fusion", method, 2)
    assert chosen["untrained"] == ["never"] and len(chosen["validation_scores"]) == 1
    folder = tmp_path / "models" / "without-d"
    assert (folder / "trunk" / "adapter_config.json").is_file() == (method != "full")
    model, text = AnswerModel.from_pretrained(folder)
    assert model.answers == ("red", "green", "yes", "never")
    assert model.encoder.fingerprint != fingerprint == zen.encoder.fingerprint  # trained; the candidate is not
    apart = take_apart(exam)
    rows = np.flatnonzero(np.array(apart.frames["video_id"]) == "d")
    logits = model.logits(apart.frames.select(rows), apart.rows["d"], text.encode(apart.questions))
    np.testing.assert_array_equal(logits, found[0].outputs["d"])
    json.dumps(chosen, allow_nan=False)


def test_tuning_learns_and_repeats(make_exam, make_rows, conditions, zen):
    settings = TuningSettings(epochs=8, batch_size=4, rank=4, full_learning_rate=1e-3, shrink=0.0)
    exam = make_exam(val=())
    given = conditions("full", tuning=settings)
    found = predict_answers(exam, zen, given)
    again = predict_answers(make_exam(flipped(make_rows()), val=()), zen, given)
    assert_same(found, again)  # also: held-out answers reach nothing
    losses = found[0].chosen[0]["train_loss"]
    assert losses[-1] < 0.5 * losses[0]
    assert accuracy(exam, found) > 0.8  # without a picture 2/3


def test_finished_parts_are_read_and_others_are_not(make_exam, conditions, zen, tmp_path, monkeypatch, text_folder):
    given = conditions("lora", parts_dir=tmp_path / "parts")
    exam, calls, tune = make_exam(), [], answers.tune_answers
    monkeypatch.setattr(answers, "tune_answers", lambda *args: calls.append(args) or tune(*args))
    found = predict_answers(exam, zen, given)
    assert_same(predict_answers(exam, zen, given), found)
    assert len(calls) == 1
    copied = shutil.copytree(text_folder, tmp_path / "text")
    file = Path(copied) / "tokenizer.json"
    file.write_text(file.read_text().replace('"left"', '"up"'))
    predict_answers(exam, zen, replace(given, text_encoder=str(copied)))
    assert len(calls) == 2


def test_random_trunk_is_saved_whole(make_exam, conditions, zen, tmp_path):
    random = random_trunk(zen, 0)
    found = predict_answers(make_exam(), random, conditions("lora", model_dir=tmp_path))
    assert found[0].chosen[0]["initial"] == "random"
    assert (tmp_path / "without-d" / "trunk" / "config.json").is_file()
    AnswerModel.from_pretrained(tmp_path / "without-d")


def test_a_changed_text_encoder_is_refused(make_exam, conditions, zen, tmp_path, write_text_encoder):
    folder = write_text_encoder(tmp_path / "text")
    given = conditions("lora", text_encoder=folder, model_dir=tmp_path / "models")
    predict_answers(make_exam(), zen, given)
    write_text_encoder(tmp_path / "text", seed=1)
    with pytest.raises(ValueError, match="whose weights or tokenizer are others now"):
        AnswerModel.from_pretrained(tmp_path / "models" / "without-d")
    with pytest.raises(FileNotFoundError, match=r"no answers\.json"):
        AnswerModel.from_pretrained(tmp_path)
