# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Questions under every protocol: what needs picture and question is found, and the held-out truth reaches nothing."""

import json

import numpy as np
import pytest

from zen_hf.benchmark.candidate import Candidate, raw_pixels
from zen_hf.benchmark.evaluation import Conditions, measure
from zen_hf.benchmark.leakage import Leakage
from zen_hf.benchmark.protocols.answers import predict_answers


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("features")


@pytest.fixture
def conditions(text_folder, cache):
    def make(protocol, **changed):
        given = {"seeds": (0,), "text_encoder": text_folder, "cache_dir": cache, "image_size": 16}
        return Conditions(protocol, **given | changed)

    return make


@pytest.fixture
def colours(colour_encoder):
    return Candidate("colours", colour_encoder())


def accuracy(exam, found):
    scores, _, _ = exam.truth.score(found)
    return [score["accuracy_global"] for score in scores]


def flipped(rows):
    turned = [1 - a if v == "d" and a < 2 else a for a, v in zip(rows["answer"], rows["video_id"], strict=True)]
    return rows.remove_columns("answer").add_column("answer", turned)


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert (one.head, one.run) == (other.head, other.run)
        assert json.dumps(one.chosen) == json.dumps(other.chosen)
        for video, logits in one.outputs.items():
            np.testing.assert_array_equal(logits, other.outputs[video])


def test_frozen_needs_picture_and_question(make_exam, conditions, colours, short_training):
    exam = make_exam()
    found = predict_answers(exam, colours, conditions("frozen", seeds=(0, 3)))
    assert [(entry.head, entry.run) for entry in found] == [("fusion", "seed 0"), ("fusion", "seed 3")]
    assert found[0].outputs["d"].shape == (36, 4) and found[0].outputs["d"].dtype == np.float32
    assert colours.encoder.frames == 4 * 12  # every frame once, whatever is asked about it
    assert min(accuracy(exam, found)) > 0.9  # without a picture 2/3


@pytest.mark.parametrize("protocol", ["frozen", "few_shot", "zero_shot"])
def test_held_out_truth_reaches_nothing(make_exam, make_rows, conditions, colours, short_training, protocol):
    rows = make_rows()
    before, after = (
        predict_answers(make_exam(data, train=("a",)), colours, conditions(protocol)) for data in (rows, flipped(rows))
    )
    assert_same(before, after)


def test_few_shot_has_its_own_blind_match(make_exam, conditions, colours, short_training):
    exam = make_exam()
    found = predict_answers(exam, colours, conditions("few_shot"))
    heads = [(entry.head, entry.run) for entry in found]
    kinds = ("fusion", "majority", "question_majority", "question_only")
    assert sorted(heads) == [(f"{kind}@1", f"subset {n}") for kind in kinds for n in (0, 1)]
    assert heads[0][0] == "fusion@1"  # the first head is a result's own
    entries = dict(zip(heads, found, strict=True))
    videos = [[entries[f"{kind}@1", f"subset {n}"].chosen[0]["videos"] for n in (0, 1)] for kind in kinds]
    assert all(drawn == videos[0] for drawn in videos)
    trained = [entry for entry in found if "majority" not in entry.head]
    assert {entry.chosen[0]["judged_on"] for entry in trained} == {"nothing"}
    values = dict(zip(heads, accuracy(exam, found), strict=True))
    assert min(values["fusion@1", f"subset {n}"] for n in (0, 1)) > 0.85
    assert max(value for head, value in values.items() if head[0] != "fusion@1") <= 2 / 3 + 1e-9


def test_few_shot_counts_only_its_own_videos(make_exam, make_rows, conditions, colours, short_training):
    """Video a answers every question by "green", video b by "red": what was counted says which video was trained on."""
    rows = make_rows()
    answers = [
        {"a": 1, "b": 0}.get(video, answer) for video, answer in zip(rows["video_id"], rows["answer"], strict=True)
    ]
    exam = make_exam(rows.remove_columns("answer").add_column("answer", answers))
    for entry in predict_answers(exam, colours, conditions("few_shot")):
        if "majority" in entry.head:
            expected = {"a": 1, "b": 0}[entry.chosen[0]["videos"][0]]
            assert (entry.outputs["d"].argmax(axis=1) == expected).all()


def test_neighbours_vote_on_the_same_question(make_exam, conditions, colours):
    exam = make_exam()
    found = predict_answers(exam, colours, conditions("zero_shot"))
    assert [entry.head for entry in found] == ["knn"]
    assert accuracy(exam, found)[0] > 0.9
    yes = [row["question"] == "is this a frame ?" for row in exam.frames if row["video_id"] == "d"]
    assert (found[0].outputs["d"][yes].argmax(axis=1) == 2).all()


@pytest.mark.parametrize("protocol", ["frozen", "lora"])
def test_raw_pixels(make_exam, conditions, short_training, protocol):
    """They have no trunk to train: the fusion trains on them whatever the protocol."""
    exam = make_exam(val=())
    found = predict_answers(exam, raw_pixels(), conditions(protocol))
    assert [entry.head for entry in found] == ["fusion"] and found[0].chosen[0]["judged_on"] == "nothing"
    assert accuracy(exam, found)[0] > 0.8  # without a picture 2/3


def test_every_result_holds_the_blind_baselines(make_exam, conditions, colours, short_training):
    exam = make_exam()
    result = measure(exam, [(colours, exam)], conditions("zero_shot"), Leakage("unknown", "drawn frames"))
    found = result.summary["targets"]["answer"]
    assert {"majority", "question_majority", "question_only"} <= set(found["constant"]) and list(found["heads"]) == [
        "knn"
    ]
    assert found["heads"]["knn"]["value"] > found["constant"]["question_only"]["accuracy_video_mean"]


def test_what_it_cannot_do_is_refused(make_exam, conditions, colours):
    with pytest.raises(ValueError, match="--text-encoder"):
        predict_answers(make_exam(), colours, conditions("zero_shot", text_encoder=None))
    with pytest.raises(ValueError, match="protocol frozen has the head 'fusion'"):
        predict_answers(make_exam(), colours, conditions("frozen", heads=("linear",)))
