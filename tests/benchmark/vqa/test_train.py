# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Minibatches hold every question once; what is chosen depends on validation videos alone."""

import itertools

import numpy as np
import pytest
import torch

from zen_hf.benchmark.vqa import train as training
from zen_hf.benchmark.vqa.question_encoder import QuestionEncoder
from zen_hf.benchmark.vqa.questions import AskedVideo, asked, take_apart


def test_every_question_comes_once_before_any_again(monkeypatch):
    monkeypatch.setattr(training, "BATCH", 8)
    frame_of = np.random.default_rng(0).integers(0, 20, 61) * 2  # odd frames have no question
    parts, rows = training.batches(frame_of), []
    while len(rows) < len(frame_of):
        frames, some = next(parts)
        assert (np.diff(frames) > 0).all() and set(frame_of[some]) == set(frames)
        rows += some.tolist()
    assert sorted(rows) == list(range(61))
    again = [some.tolist() for _, some in itertools.islice(training.batches(frame_of), 3)]
    assert list(itertools.chain(*again)) == rows[: len(list(itertools.chain(*again)))]


def test_thinned_rows_keep_their_answers(make_exam, monkeypatch):
    monkeypatch.setattr(training, "VALIDATION_ROWS", 20)
    exam = make_exam()
    videos = asked(exam.folds[0].train["answer"], take_apart(exam).rows)
    some = training.thinned(videos)
    assert [len(video.labels) for video in some] == [10, 10]
    for few, video in zip(some, videos, strict=True):
        pairs = set(zip(video.rows.frame, video.rows.question, video.labels, strict=True))
        assert set(zip(few.rows.frame, few.rows.question, few.labels, strict=True)) <= pairs


@pytest.fixture
def data(make_exam, text_folder):
    """Colours of both halves as tokens, so that a fusion can answer."""
    exam = make_exam()
    apart, fold = take_apart(exam), exam.folds[0]
    labels = fold.train["answer"] | fold.val["answer"]
    tokens = {}
    for video, truth in labels.items():
        sides = truth.reshape(12, 3)[:, :2]
        tokens[video] = np.eye(2, dtype=np.float16)[sides]
    train, val = (asked(side["answer"], apart.rows, tokens) for side in (fold.train, fold.val))
    return exam.task.targets[0], QuestionEncoder.from_pretrained(text_folder).encode(apart.questions), train, val


def test_choice_is_the_best_of_the_validation_videos(data, short_training, monkeypatch):
    monkeypatch.setattr(training, "RATES", (1e-4, 3e-3))
    target, questions, train, val = data
    first, second = training.train(target, questions, train, val, [0, 1])
    assert first.chosen == second.chosen and first.chosen["judged_on"] == "validation videos"
    scores = first.chosen["scores"]
    assert len(scores) == 2 * 4
    assert scores[f"rate {first.chosen['rate']:g}, step {first.chosen['steps']}"] == max(scores.values()) > 0.95
    assert first.chosen["rate"] == 3e-3
    assert first.chosen["untrained"] == ["never"]
    right = [(one.head.logits(val[0]).argmax(axis=1) == val[0].labels).mean() for one in (first, second)]
    assert right[0] == max(scores.values()) and right[1] > 0.9
    assert not np.array_equal(first.head.logits(val[0]), second.head.logits(val[0]))


def test_without_validation_videos_it_is_the_default(data, short_training):
    target, questions, train, _ = data
    found = training.train(target, questions, train, [], [0])[0].chosen
    assert (found["rate"], found["steps"], found["judged_on"]) == (training.DEFAULT_RATE, 48, "nothing")


def test_equal_seeds_give_equal_bits_and_the_random_state_stays(data, short_training):
    target, questions, train, val = data
    before = torch.random.get_rng_state()
    alone = training.train(target, questions, train, [], [5])[0].head.logits(val[0])
    among = training.train(target, questions, list(reversed(train)), [], [4, 5])[1].head.logits(val[0])
    np.testing.assert_array_equal(alone, among)
    assert torch.equal(before, torch.random.get_rng_state())


def test_blind_fusion_cannot_tell_the_sides(data, short_training):
    target, questions, train, val = data
    blind = [AskedVideo(video.video, video.rows, None, video.labels) for video in train]
    head = training.train(target, questions, blind, [], [0])[0].head
    assert head.fusion.patch is None
    right = head.logits(AskedVideo("c", val[0].rows)).argmax(axis=1) == val[0].labels
    assert right.mean() == pytest.approx(2 / 3)  # both colours are equally frequent on each side
