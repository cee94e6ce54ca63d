# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The frozen protocol on drawn frames: it finds what can be found, and the held-out truth cannot reach the head."""

import json
from types import SimpleNamespace

import datasets
import numpy as np
import pytest

from zen_hf.benchmark.feature_cache import VideoFeatures
from zen_hf.benchmark.protocols.frozen import evaluate_frozen, join_features
from zen_hf.benchmark.results import dataset_fingerprint
from zen_hf.benchmark.task import load_task


@pytest.fixture(scope="module")
def task():
    return load_task("cholect50_tool")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("features")


@pytest.fixture(scope="module")
def evaluate(task, drawn, colour_encoder, cache):
    def run(dataset=drawn, **arguments):
        return evaluate_frozen(colour_encoder(), task, dataset, cache_dir=cache, **arguments)

    return run


@pytest.fixture(scope="module")
def whole(evaluate):
    """All four folds of the drawn frames."""
    return evaluate(seed=3)


def test_colours_tell_everything_and_the_baseline_does_not(whole):
    result = whole
    json.dumps(result, allow_nan=False)
    tool, phase = result["targets"]["tool"], result["targets"]["phase"]
    assert tool["scores"]["map_video_mean"] > 0.95
    assert phase["scores"]["accuracy_video_mean"] > 0.95
    assert result["primary_metric"] == {
        "target": "tool",
        "name": "map_video_mean",
        "value": tool["scores"]["map_video_mean"],
    }
    assert (result["task"], result["protocol"], result["seed"]) == ("cholect50_tool", "frozen", 3)
    assert result["image_size"] == 56
    assert result["dataset"]["frames"] == {video: 14 for video in ("VID68", "VID70", "VID73", "VID74")}

    # The constant prediction: AP is the prevalence; every phase has two frames in fourteen.
    baseline = tool["baseline"]["scores"]
    assert baseline["map_video_mean"] == pytest.approx(baseline["prevalence_video_mean"])
    assert phase["baseline"]["scores"]["accuracy_video_mean"] == pytest.approx(2 / 14)
    assert [fold["test"] for fold in tool["folds"]] == result["split"]["held_out"]
    assert all(not set(fold["test"]) & set(fold["train"]) for fold in tool["folds"])


def test_random_labels_cannot_be_found(evaluate, drawn):
    """What a leak between patients or from test to training would show as."""
    random = np.random.default_rng(5)
    table = drawn.to_dict() | {
        "tool": random.integers(0, 2, (len(drawn), 6)).tolist(),
        "phase": random.integers(0, 7, len(drawn)).tolist(),
    }
    result = evaluate(datasets.Dataset.from_dict(table, features=drawn.features))
    scores = result["targets"]["tool"]["scores"]
    assert scores["map_video_mean"] - scores["prevalence_video_mean"] < 0.2
    assert result["targets"]["phase"]["scores"]["accuracy_video_mean"] < 0.35


def test_truth_of_the_held_out_patient_does_not_reach_the_head(evaluate, drawn):
    """Whatever the labels of VID73 are, the head for VID73 is chosen and predicts alike."""
    flipped = drawn.to_dict()
    for row, video in enumerate(flipped["video_id"]):
        if video == "VID73":
            flipped["tool"][row] = [1 - value for value in flipped["tool"][row]]
            flipped["phase"][row] = 6 - flipped["phase"][row]
    before = evaluate(folds=["VID73"])
    after = evaluate(datasets.Dataset.from_dict(flipped, features=drawn.features), folds=["VID73"])
    for name in ("tool", "phase"):
        assert after["targets"][name]["folds"] == before["targets"][name]["folds"]
    before, after = (result["targets"]["tool"]["scores"]["map_video_mean"] for result in (before, after))
    assert after < 0.6 < before


def test_one_fold_is_the_same_as_among_all(evaluate, whole):
    one = evaluate(folds=["VID70"])
    for name in ("tool", "phase"):
        per_video = whole["targets"][name]["scores"]["per_video"]
        assert one["targets"][name]["scores"]["per_video"] == {"VID70": per_video["VID70"]}
        assert one["targets"][name]["folds"] == [whole["targets"][name]["folds"][1]]
    assert one["split"]["held_out"] == [["VID70"]]


def test_result_says_what_it_was_measured_on(whole, task, drawn):
    assert whole["encoder_fingerprint"] == "colours"
    assert whole["split"]["sha256"].startswith("d70fda06")
    assert {"python", "torch", "transformers", "zen-hf"} <= whole["versions"].keys()
    assert whole["dataset"]["fingerprint"] == dataset_fingerprint(drawn, task)
    relabelled = drawn.map(lambda row: {"phase": 6 - row["phase"]})
    assert whole["dataset"]["fingerprint"] != dataset_fingerprint(relabelled, task)


def test_tool_of_one_patient_alone(evaluate, drawn):
    """It cannot be learnt without that patient, and is undefined, not zero, on the others."""
    alone = drawn.map(lambda row: {"tool": [*row["tool"][:5], int(row["video_id"] == "VID70" and row["tool"][5])]})
    result = evaluate(alone)["targets"]["tool"]
    assert [fold["untrained"] for fold in result["folds"]] == [[], ["irrigator"], [], []]
    per_video = result["scores"]["per_video"]
    assert per_video["VID70"]["ap"][5] == pytest.approx(per_video["VID70"]["positives"][5] / 14)  # a constant score
    assert result["scores"]["undefined"] == [["VID68", 5], ["VID73", 5], ["VID74", 5]]
    assert per_video["VID74"]["ap"][5] is None and per_video["VID74"]["map"] > 0.9


def test_missing_video_and_unfit_size(evaluate, drawn):
    with pytest.raises(ValueError, match="no frame of video 'VID74'"):
        evaluate(drawn.filter(lambda row: row["video_id"] != "VID74"))
    with pytest.raises(ValueError, match="not divisible by the encoder's stride 8: use 56 or 64"):
        evaluate(image_size=60)


def test_summary_and_mean_patch_are_joined_unless_the_same():
    random = np.random.default_rng(0)
    summary, mean = random.normal(size=(2, 5, 4)).astype(np.float32)
    pooled = {"a": VideoFeatures(summary, summary + 1e-7), "b": VideoFeatures(mean, mean)}
    assert {name: value.shape for name, value in join_features(pooled).items()} == {"a": (5, 4), "b": (5, 4)}
    apart = {"a": VideoFeatures(summary, mean), "b": VideoFeatures(mean, mean)}
    joined = join_features(apart)
    np.testing.assert_array_equal(joined["a"], np.hstack([summary, mean]))
    assert joined["b"].shape == (5, 8)
    assert join_features({"a": SimpleNamespace(summary=summary, mean_patch=mean[:, :3])})["a"].shape == (5, 7)
