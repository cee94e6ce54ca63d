# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Triplet AP against stored values of ivtmetrics 0.1.5 under scikit-learn 1.5.2, and what must not change it."""

import json
import runpy
from pathlib import Path

import evaluate
import numpy as np
import pytest

import zen_hf.benchmark.metrics as metrics
from zen_hf.benchmark.metrics.multilabel_map.multilabel_map import MultilabelMap
from zen_hf.benchmark.metrics.triplet_map.triplet_map import (
    COMPONENTS,
    TripletMap,
    component_values,
    score_of_weights,
    triplets_of_classes,
    video_statistics,
)
from zen_hf.benchmark.readers.cholect50_classes import COMPONENTS as PARTS

SCRIPT = Path(__file__).with_name("ivtmetrics_oracle.py")
CASES = runpy.run_path(str(SCRIPT))["cases"]()
ORACLE = json.loads(SCRIPT.with_suffix(".json").read_text())


def columns(videos):
    scores = np.concatenate([scores for scores, _ in videos.values()])
    truth = np.concatenate([truth for _, truth in videos.values()])
    return scores, truth, np.repeat(list(videos), [len(scores) for scores, _ in videos.values()])


def compute(scores, truth, groups):
    return TripletMap(keep_in_memory=True).compute(
        predictions=scores.tolist(), references=truth.tolist(), groups=groups.tolist()
    )


@pytest.mark.parametrize("case", list(ORACLE))
def test_equals_ivtmetrics(case):
    result = compute(*columns(CASES[case]))
    for name, expected in ORACLE[case].items():
        component, way = name.split()
        assert result[f"map_{component}_{way}{'_mean' if way == 'class' else ''}"] == pytest.approx(
            expected["mAP"], abs=1e-9
        )
        if "AP" in expected:
            ap = result[f"ap_{component}_class_{'video_mean' if way == 'class' else 'global'}"]
            np.testing.assert_allclose(np.array(ap, float), np.array(expected["AP"], float), atol=1e-9, rtol=0)


def test_perfect_predictions_score_one_although_97_triplets_are_absent():
    result = compute(*columns(CASES["perfect, 3 of 100 triplets"]))
    assert all(result[f"map_{c}_{way}"] == 1 for c in COMPONENTS for way in ("class_mean", "video_mean", "global"))
    assert result["ap_ivt_class_video_mean"].count(None) == 97


def test_constant_scores_give_the_prevalence():
    result = compute(*columns(CASES["constant"]))
    for component in COMPONENTS:
        for way in ("class_mean", "video_mean", "global"):
            assert result[f"map_{component}_{way}"] == pytest.approx(result[f"prevalence_{component}_{way}"])


def test_components_are_the_published_table():
    sizes = {c: len(triplets_of_classes(c)) for c in COMPONENTS}
    assert sizes == {"ivt": 100, "i": 6, "v": 10, "t": 15, "iv": 26, "it": 59, "ivt94": 94}
    assert PARTS[7] == (0, 0, 0) and PARTS[17] == (0, 1, 0) and PARTS[60] == (2, 2, 0)
    scores = np.arange(100.0)[None]
    assert component_values(scores, "i")[0].tolist() == [94, 95, 96, 97, 98, 99]


@pytest.mark.real
def test_components_are_those_of_the_data_set(shared_data):
    table = np.loadtxt(shared_data / "cholect50-val" / "label_mapping.txt", delimiter=",", dtype=int)
    assert [tuple(row) for row in table[:, 1:4].tolist()] == list(PARTS)
    for column, component in ((4, "iv"), (5, "it")):
        groups = [table[table[:, column] == index, 0].tolist() for index in np.unique(table[:, column])]
        assert triplets_of_classes(component) == groups


def test_instruments_are_a_multilabel_map_of_the_maxima():
    scores, truth, groups = columns(CASES["ties"])
    parts = [component_values(values, "i").tolist() for values in (scores, truth)]
    alone = MultilabelMap(keep_in_memory=True).compute(
        predictions=parts[0], references=parts[1], groups=groups.tolist()
    )
    result = compute(scores, truth, groups)
    assert result["map_i_video_mean"] == alone["map_video_mean"]
    assert result["map_i_video_std"] == alone["map_video_std"]
    assert {video: of["map_i"] for video, of in result["per_video"].items()} == {
        video: of["map"] for video, of in alone["per_video"].items()
    }


def test_order_of_frames_and_videos_and_batches_change_nothing():
    scores, truth, groups = columns(CASES["plain"])
    reference = compute(scores, truth, groups)
    order = np.random.default_rng(0).permutation(len(groups))
    assert compute(scores[order], truth[order], groups[order]) == reference
    batched = TripletMap(keep_in_memory=True)
    for start in range(0, len(groups), 50):
        part = slice(start, start + 50)
        batched.add_batch(
            predictions=scores[part].tolist(), references=truth[part].tolist(), groups=groups[part].tolist()
        )
    assert batched.compute() == reference
    json.dumps(reference)


@pytest.mark.parametrize("way", ["class_mean", "video_mean", "global"])
def test_weights_count_a_video_that_often(way):
    """A weight of two is the video taken twice under two names; a weight of zero is the video left out."""
    scores, truth, groups = columns(CASES["plain"])
    score = score_of_weights(f"map_ivt_{way}", video_statistics(scores, truth, groups))
    without = groups != "VID02"
    again = groups == "VID05"
    drawn = compute(
        np.concatenate([scores[without], scores[again]]),
        np.concatenate([truth[without], truth[again]]),
        np.concatenate([groups[without], np.char.add("copy ", groups[again])]),
    )
    assert score(np.array([[1.0, 0, 2]]))[0] == pytest.approx(drawn[f"map_ivt_{way}"], abs=1e-12)


def test_errors():
    one = np.zeros((1, 6), int)
    with pytest.raises(ValueError, match="6 scores per frame; expected those of the 100 triplets"):
        compute(one, one, np.array(["a"]))
    statistics = video_statistics(*columns(CASES["plain"]))
    with pytest.raises(ValueError, match="unknown score 'map_x_global'"):
        score_of_weights("map_x_global", statistics)
    with pytest.raises(ValueError, match="unknown score 'map_video'"):
        score_of_weights("map_ivt_video", statistics)


def test_loads_by_path():
    loaded = evaluate.load(str(Path(metrics.__file__).parent / "triplet_map"), keep_in_memory=True)
    scores, truth, groups = columns(CASES["ties"])
    result = loaded.compute(predictions=scores.tolist(), references=truth.tolist(), groups=groups.tolist())
    assert result == compute(scores, truth, groups)
