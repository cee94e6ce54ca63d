# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What can be answered without a picture, counted by hand."""

from dataclasses import replace

import numpy as np
import pytest

from zen_hf.benchmark.evaluation import Conditions
from zen_hf.benchmark.scoring import score_frames
from zen_hf.benchmark.vqa import blind
from zen_hf.benchmark.vqa.blind import BLIND, blind_predictions, required_text_encoder
from zen_hf.benchmark.vqa.question_encoder import QuestionEncoder


@pytest.fixture
def conditions(text_folder):
    return Conditions("frozen", seeds=(0, 1), text_encoder=text_folder)


def with_column(rows, name, values):
    return rows.remove_columns(name).add_column(name, values)


def given_answers(entry):
    return {video: logits.argmax(axis=1).tolist() for video, logits in entry.outputs.items()}


def test_three_baselines_with_their_ceilings(make_exam, conditions, short_training):
    exam = make_exam()
    found = blind_predictions(exam, conditions)
    assert tuple(entry.head for entry in found) == BLIND and [len(entry.chosen) for entry in found] == [0, 0, 1]
    scores, _, truth = exam.truth.score(found)
    accuracy = dict(zip(BLIND, (score["accuracy_global"] for score in scores), strict=True))
    assert accuracy["majority"] == pytest.approx(1 / 3)  # "yes" is a third of all answers; so are red and green
    assert accuracy["question_majority"] == pytest.approx(2 / 3)
    assert accuracy["question_only"] == pytest.approx(2 / 3)
    assert score_frames(exam.task.targets[0], found[2].outputs, truth["answer"])["accuracy_frame_global"] == 1.0
    for entry in found:
        assert all(logits.dtype == np.float32 and np.isfinite(logits).all() for logits in entry.outputs.values())


def test_counts_by_hand(make_exam, two_coloured_rows, conditions, short_training):
    """A new question in the test video counts as the trained one with most common words; without any, all count."""
    rows = two_coloured_rows
    texts, answers = list(rows["question"]), list(rows["answer"])
    for row, video in enumerate(rows["video_id"]):
        if "right" in texts[row]:
            answers[row] = 1  # always green
        if video == "d" and row % 3 == 1:
            texts[row] = "colour on the right" if row % 2 else "liver"
    exam = make_exam(with_column(with_column(rows, "question", texts), "answer", answers))
    by_question = given_answers(blind_predictions(exam, conditions)[1])["d"]
    asked = [text for text, video in zip(texts, rows["video_id"], strict=True) if video == "d"]
    train = [answer for answer, video in zip(answers, rows["video_id"], strict=True) if video in "ab"]
    expected = {"colour on the right": 1, "liver": int(np.bincount(train).argmax()), "is this a frame ?": 2}
    for text, given in zip(asked, by_question, strict=True):
        assert given == expected.get(text, given)
    assert {"colour on the right", "liver"} <= set(asked)


def test_held_out_answers_and_pictures_do_not_matter(make_exam, make_rows, conditions, short_training):
    rows = make_rows()
    flipped = [1 - a if v == "d" and a < 2 else a for a, v in zip(rows["answer"], rows["video_id"], strict=True)]
    black = rows.select(range(1))[0]["image"].point(lambda value: 0)
    other = with_column(rows, "answer", flipped).map(lambda row: {"image": black})
    before, after = (blind_predictions(make_exam(data), conditions) for data in (rows, other))
    for one, two in zip(before, after, strict=True):
        assert one.chosen == two.chosen
        np.testing.assert_array_equal(one.outputs["d"], two.outputs["d"])


def test_the_text_encoder_is_read_once_and_may_name_a_revision(make_exam, conditions, monkeypatch, tmp_path):
    read, exam = [], make_exam()
    monkeypatch.setattr(QuestionEncoder, "from_pretrained", lambda name, revision=None: read.append((name, revision)))
    blind.loaded_once.cache_clear()
    (tmp_path / "a@b").mkdir()
    for name in ("org/bert", "org/bert", "org/bert@v1.0", str(tmp_path / "a@b")):
        required_text_encoder(exam, replace(conditions, text_encoder=name))
    blind.loaded_once.cache_clear()
    assert read == [("org/bert", None), ("org/bert", "v1.0"), (str(tmp_path / "a@b"), None)]


def test_a_text_encoder_must_be_named(make_exam, conditions):
    with pytest.raises(ValueError, match="drawn_vqa asks questions.*--text-encoder"):
        blind_predictions(make_exam(), replace(conditions, text_encoder=None))
