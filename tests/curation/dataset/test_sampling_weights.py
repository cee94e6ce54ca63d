# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Weights beside worked cases, and clusters beside the directions that the embeddings were made of."""

import numpy as np
import pytest
from curation.dataset.part_builder import build_part

from zen_hf.curation.dataset.kept_video import KeptVideo
from zen_hf.curation.dataset.sampling_weights import WeightSettings, balance, weigh


def test_groups_share_by_the_root_of_their_size():
    groups = np.array([0] * 900 + [1] * 100)
    weights = balance(groups, np.arange(1000), 0.5, 0)
    assert weights.mean() == pytest.approx(1)
    assert weights[:900].sum() / weights[900:].sum() == pytest.approx(30 / 10)  # sqrt(900) : sqrt(100)


@pytest.mark.parametrize("temperature, share", [(0, 0.5), (1, 0.9)])
def test_the_ends_of_the_temperature(temperature, share):
    groups = np.array([0] * 90 + [1] * 10)
    assert balance(groups, groups, temperature, 0)[:90].sum() / 100 == pytest.approx(share)


def test_no_video_weighs_more_than_its_cap_and_the_mean_stays():
    random = np.random.default_rng(0)
    for _ in range(20):
        videos = np.repeat(np.arange(12), random.integers(1, 200, 12))
        groups = random.integers(0, 5, 12)[videos]
        cap = random.uniform(1, 3)
        weights = balance(groups, videos, random.uniform(0, 1), cap)
        totals = np.bincount(videos, weights)
        assert weights.mean() == pytest.approx(1) and totals.max() <= cap * totals.mean() * (1 + 1e-6)
        free = totals < cap * totals.mean() * (1 - 1e-6)  # among these the proportions are those without a cap
        assert free.any() or cap < 1.01


def test_a_cap_takes_from_one_video_alone():
    videos = np.array([0] * 10 + [1] * 10 + [2] * 10)
    groups = np.array([0] * 20 + [1] * 10)  # the group of the third video alone would weigh as much as the other two
    weights = balance(groups, videos, 0, 1.2)
    assert np.bincount(videos, weights) == pytest.approx([9, 9, 12])


def test_frames_outside_training_weigh_nothing_but_have_a_cluster(tmp_path):
    videos = [KeptVideo.of(build_part(tmp_path, name, 40, embedding=8)) for name in ("a", "b", "c")]
    found = weigh(videos, {"a", "c"}, WeightSettings(clusters=3))
    assert found.first == {"a": 0, "b": 40, "c": 80}
    for weights in (found.procedure_weight, found.cluster_weight):
        assert (weights[40:80] == 0).all() and weights[:40].sum() + weights[80:].sum() == pytest.approx(80)
    of_frame = np.arange(120) % 40 % 10
    kind = np.where(of_frame < 7, 0, np.where(of_frame < 9, 1, 2))  # as part_builder draws directions
    pairs = set(zip(kind.tolist(), found.cluster.tolist(), strict=True))
    assert len(pairs) == 3  # one cluster for each direction
    share = [found.cluster_weight[kind == number].sum() for number in range(3)]
    root = np.sqrt([7, 2, 1])
    assert np.array(share) / sum(share) == pytest.approx(root / root.sum(), rel=1e-5)
    assert weigh(videos, {"a", "c"}, WeightSettings(clusters=3)).cluster.tolist() == found.cluster.tolist()


def test_few_frames_are_enough_to_find_the_clusters_on(tmp_path):
    videos = [KeptVideo.of(build_part(tmp_path, name, 40, embedding=8)) for name in ("a", "b", "c")]
    found = weigh(videos, {"a", "b", "c"}, WeightSettings(clusters=3, fit_frames=17))
    assert len(found.cluster) == 120


def test_without_embeddings_there_are_no_clusters(tmp_path):
    videos = [KeptVideo.of(build_part(tmp_path, name, 10)) for name in ("a", "b")]
    found = weigh(videos, {"a", "b"}, WeightSettings())
    assert found.cluster is None and found.cluster_weight is None
    assert found.of("b", 0, 4)["cluster"].null_count == 4


@pytest.mark.parametrize("lengths", [(8, 0), (0, 8), (8, 4)])
def test_mixed_embeddings_are_refused(tmp_path, lengths):
    videos = [
        KeptVideo.of(build_part(tmp_path, name, 10, embedding=length))
        for name, length in zip("ab", lengths, strict=True)
    ]
    with pytest.raises(ValueError, match="same encoder settings"):
        weigh(videos, {"a", "b"}, WeightSettings())


@pytest.mark.parametrize(
    "wrong",
    [
        {"procedure_temperature": 1.5},
        {"cluster_temperature": -1},
        {"clusters": -1},
        {"video_cap": 0.5},
        {"fit_frames": 0},
    ],
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="weights.*expected"):
        WeightSettings(**wrong)
