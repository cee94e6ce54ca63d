# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The frozen protocol on drawn frames: it finds what can be found, and the held-out truth cannot reach the head."""

import dataclasses
import json

import datasets
import numpy as np
import pytest

from zen_hf.benchmark.candidate import Candidate
from zen_hf.benchmark.evaluation import Conditions, measure
from zen_hf.benchmark.exam import set_exam
from zen_hf.benchmark.heads import attentive, linear, ms_tcn
from zen_hf.benchmark.leakage import Leakage
from zen_hf.benchmark.split import load_split
from zen_hf.benchmark.task import load_task

UNKNOWN = Leakage("unknown", "drawn frames")


@pytest.fixture(scope="module")
def task():
    return load_task("cholect50_tool")


@pytest.fixture(scope="module", autouse=True)
def short_training():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attentive, "STEPS", 40)
        patch.setattr(ms_tcn, "MOST_EPOCHS", 8)
        patch.setattr(linear, "STRENGTHS", linear.STRENGTHS[::4])
        yield


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("features")


@pytest.fixture(scope="module")
def run(task, drawn, colour_encoder, cache):
    def run(dataset=drawn, held_out=None, heads=("linear",), seeds=(0,), **settings):
        split = load_split(task.split)
        if held_out is not None:
            folds = tuple(fold for fold in split.folds if fold.test[0] in held_out)
            split = dataclasses.replace(split, folds=folds)
        exam = set_exam(task, dataset, split)
        conditions = Conditions("frozen", seeds=seeds, heads=heads, cache_dir=cache, **settings)
        return measure(exam, [(Candidate("colours", colour_encoder()), exam)], conditions, UNKNOWN)

    return run


@pytest.fixture(scope="module")
def whole(run):
    """All four folds of the drawn frames, all heads, two seeds."""
    return run(heads=("linear", "attentive", "ms_tcn"), seeds=(3, 4))


def scores(result, target, head="linear"):
    return result.summary["targets"][target]["heads"][head]["runs"][0]["scores"]


def test_colours_tell_everything_and_constants_do_not(whole):
    json.dumps(whole.summary, allow_nan=False)
    assert scores(whole, "tool")["map_video_mean"] > 0.95
    assert scores(whole, "phase")["accuracy_video_mean"] > 0.95
    primary = whole.summary["primary"]
    assert (primary["target"], primary["head"], primary["name"]) == ("tool", "linear", "map_video_mean")
    assert primary["value"] == pytest.approx(scores(whole, "tool")["map_video_mean"])
    assert (whole.summary["task"], whole.summary["protocol"], whole.summary["seeds"]) == (
        "cholect50_tool",
        "frozen",
        [3, 4],
    )
    assert whole.summary["image_size"] == 56
    assert whole.summary["dataset"]["frames"] == {video: 14 for video in ("VID68", "VID70", "VID73", "VID74")}
    prevalence = whole.summary["targets"]["tool"]["constant"]["prevalence"]
    assert prevalence["map_video_mean"] == pytest.approx(prevalence["prevalence_video_mean"])
    majority = whole.summary["targets"]["phase"]["constant"]["majority"]
    assert majority["accuracy_video_mean"] == pytest.approx(2 / 14)


def test_raw_smoothed_and_temporal_heads_stand_side_by_side(whole):
    heads = whole.summary["targets"]["phase"]["heads"]
    assert list(heads) == ["linear", "linear_smoothed", "attentive", "attentive_smoothed", "ms_tcn"]
    assert [len(heads[name]["runs"]) for name in heads] == [1, 1, 2, 2, 2]  # the linear head draws nothing
    assert [run["run"] for run in heads["attentive"]["runs"]] == ["seed 3", "seed 4"]
    for name, head in heads.items():
        values = [run["scores"]["accuracy_video_mean"] for run in head["runs"]]
        assert head["value"] == pytest.approx(np.mean(values)), name
        assert head["seeds"]["values"] == pytest.approx(values)
        assert head["interval"]["low"] <= head["value"] <= head["interval"]["high"]
        assert head["interval"]["units"] == 4 and "fewer than 8" in head["interval"]["warning"]
        assert len(head["runs"][0]["chosen"]) == 4


def test_stored_predictions_give_the_scores_again(whole, task):
    target = task.targets[1]
    for name, head in whole.summary["targets"]["phase"]["heads"].items():
        for number, run in enumerate(head["runs"]):
            for video, of_video in run["scores"]["per_video"].items():
                predicted = whole.arrays[f"logits/phase/{name}/{number}/{video}"].argmax(axis=1)
                assert np.mean(predicted == whole.arrays[f"truth/phase/{video}"]) == of_video["accuracy"]
                assert whole.arrays[f"time_s/{video}"].tolist() == [7.0 * second + 3 for second in range(14)]
    assert target.name == "phase"


def test_random_labels_cannot_be_found(run, drawn):
    """What a leak between patients or from test to training would show as."""
    random = np.random.default_rng(5)
    table = drawn.to_dict() | {
        "tool": random.integers(0, 2, (len(drawn), 6)).tolist(),
        "phase": random.integers(0, 7, len(drawn)).tolist(),
    }
    result = run(datasets.Dataset.from_dict(table, features=drawn.features))
    found = scores(result, "tool")
    assert found["map_video_mean"] - found["prevalence_video_mean"] < 0.2
    assert scores(result, "phase")["accuracy_video_mean"] < 0.35


def test_truth_of_the_held_out_patient_does_not_reach_the_head(run, drawn):
    """Whatever the labels of VID73 are, every head for VID73 is chosen and predicts alike, to the last bit."""
    flipped = drawn.to_dict()
    for row, video in enumerate(flipped["video_id"]):
        if video == "VID73":
            flipped["tool"][row] = [1 - value for value in flipped["tool"][row]]
            flipped["phase"][row] = 6 - flipped["phase"][row]
    heads = ("linear", "attentive", "ms_tcn")
    before = run(held_out=["VID73"], heads=heads)
    after = run(datasets.Dataset.from_dict(flipped, features=drawn.features), held_out=["VID73"], heads=heads)
    logits = [name for name in before.arrays if name.startswith("logits/")]
    assert len(logits) == 10  # two targets, five heads with the smoothed ones
    for name in logits:
        np.testing.assert_array_equal(before.arrays[name], after.arrays[name])
    for target in ("tool", "phase"):
        for head, chosen in before.summary["targets"][target]["heads"].items():
            assert chosen["runs"][0]["chosen"] == after.summary["targets"][target]["heads"][head]["runs"][0]["chosen"]
    assert scores(after, "tool")["map_video_mean"] < 0.6 < scores(before, "tool")["map_video_mean"]


def test_one_fold_is_the_same_as_among_all(run):
    one, all_of_them = run(held_out=["VID70"]), run()
    for name in ("tool", "phase"):
        per_video = scores(all_of_them, name)["per_video"]
        assert scores(one, name)["per_video"] == {"VID70": per_video["VID70"]}
    assert one.summary["split"]["held_out"] == [["VID70"]]


def test_an_encoder_per_fold(task, drawn, colour_encoder, cache):
    """Each fold's encoder is asked for its own fold, and the truth is read once for all."""
    exam = set_exam(task, drawn, load_split(task.split))
    encoders = [colour_encoder(f"colours {i}") for i in range(4)]
    parts = [(Candidate("several", encoder), exam.part(i)) for i, encoder in enumerate(encoders)]
    conditions = Conditions("frozen", seeds=(0,), heads=("linear",), cache_dir=cache)
    result = measure(exam, parts, conditions, UNKNOWN)
    assert result.summary["model"]["fingerprint"] == [f"colours {i}" for i in range(4)]
    assert len(result.summary["targets"]["tool"]["heads"]["linear"]["runs"][0]["scores"]["per_video"]) == 4
    with pytest.raises(RuntimeError, match="read before"):
        measure(exam, parts, conditions, UNKNOWN)


def test_result_says_what_it_was_measured_on(whole, run, drawn):
    assert whole.summary["model"]["fingerprint"] == "colours"
    assert whole.summary["split"]["sha256"].startswith("d70fda06")
    assert {"python", "torch", "transformers", "zen-hf"} <= whole.summary["versions"].keys()
    fingerprint = whole.summary["dataset"]["fingerprint"]
    assert run().summary["dataset"]["fingerprint"] == fingerprint
    relabelled = drawn.map(lambda row: {"phase": 6 - row["phase"]})
    assert run(relabelled).summary["dataset"]["fingerprint"] != fingerprint


def test_tool_of_one_patient_alone(run, drawn):
    """It cannot be learnt without that patient, and is undefined, not zero, on the others."""
    alone = drawn.map(lambda row: {"tool": [*row["tool"][:5], int(row["video_id"] == "VID70" and row["tool"][5])]})
    result = run(alone)
    chosen = result.summary["targets"]["tool"]["heads"]["linear"]["runs"][0]["chosen"]
    assert [fold["untrained"] for fold in chosen] == [[], ["irrigator"], [], []]
    found = scores(result, "tool")
    per_video = found["per_video"]
    assert per_video["VID70"]["ap"][5] == pytest.approx(per_video["VID70"]["positives"][5] / 14)  # a constant score
    assert found["undefined"] == [["VID68", 5], ["VID73", 5], ["VID74", 5]]
    assert per_video["VID74"]["ap"][5] is None and per_video["VID74"]["map"] > 0.9


def test_results_are_written_whole(whole, tmp_path):
    whole.save(tmp_path / "result")
    assert json.loads((tmp_path / "result" / "summary.json").read_text()) == whole.summary
    with pytest.raises(FileExistsError):
        whole.save(tmp_path / "result")
    broken = dataclasses.replace(whole, summary={"value": float("nan")})
    with pytest.raises(ValueError):
        broken.save(tmp_path / "other")
    assert not (tmp_path / "other").exists()
