# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Errors of depth: worked by hand, against the formulas one pixel at a time, scaled and as they are."""

import json
import math
from pathlib import Path

import evaluate
import numpy as np
import pytest
import torch

import zen_hf.benchmark.metrics as metrics
from zen_hf.benchmark.dense.pictures import to_bytes
from zen_hf.benchmark.metrics.depth_errors.depth_errors import (
    MEASURES,
    DepthErrors,
    score_names,
    score_of_weights,
    summarise,
    video_statistics,
)

RANGE = {"nearest": 1.0, "farthest": 100.0}


def score(predictions, references, groups=None, **settings):
    groups = groups or ["a"] * len(references)
    return summarise(video_statistics(predictions, references, groups, **(RANGE | settings)))


@pytest.fixture
def frames():
    """Six frames of three videos, 30 % of the pixels unknown."""
    random = np.random.default_rng(0)
    truth = random.uniform(5, 90, (6, 12, 15)) * (random.random((6, 12, 15)) < 0.7)
    return 1.4 * np.where(truth > 0, truth, 40) * np.exp(0.3 * random.normal(size=truth.shape)), truth, list("bbcaac")


def test_by_hand():
    # Truth 10, 20, 40 and one unknown; predicted 12, 16, 40: off by 2, -4, 0.
    result = score([np.array([[12.0, 16], [5, 40]])], [np.array([[10.0, 20], [0, 40]])])
    logs = math.sqrt((math.log(1.2) ** 2 + math.log(0.8) ** 2) / 3)
    metric = [(0.2 + 0.2) / 3, (0.4 + 0.8) / 3, math.sqrt(20 / 3), logs, 2 / 3, 1, 1]  # 20 / 16 is 1.25: not below it
    assert [result[f"{m}_metric_image_mean"] for m in MEASURES] == pytest.approx(metric, abs=1e-12)
    # Medians are 20 and 16: times 1.25 the predictions are 15, 20, 50.
    logs = math.sqrt((math.log(1.5) ** 2 + math.log(1.25) ** 2) / 3)
    scaled = [(0.5 + 0.25) / 3, (2.5 + 2.5) / 3, math.sqrt(125 / 3), logs, 1 / 3, 1, 1]
    assert [result[f"{m}_median_scaled_image_mean"] for m in MEASURES] == pytest.approx(scaled, abs=1e-12)


def test_three_times_the_truth():
    truth = np.random.default_rng(0).uniform(5, 30, (8, 9))
    result = score([3 * truth], [truth])
    assert result["abs_rel_median_scaled_image_mean"] == pytest.approx(0, abs=1e-12)
    assert result["abs_rel_metric_image_mean"] == pytest.approx(2)
    assert result["delta1_median_scaled_image_mean"] == 1 and result["delta3_metric_image_mean"] == 0


def test_a_perfect_prediction(frames):
    _, truth, groups = frames
    result = score(np.where(truth > 0, truth, 7), truth, groups)
    for name in score_names(list(result["per_video"].values())):
        assert result[name] == pytest.approx(1 if name.startswith("delta") else 0, abs=1e-12)


def test_pixel_by_pixel(frames):
    result = score(*frames, nearest=20.0, farthest=80.0)
    values = []
    for predicted, truth in zip(*frames[:2], strict=True):
        pairs = [
            (min(max(d, 20), 80), g) for d, g in zip(predicted.ravel(), truth.ravel(), strict=True) if 20 < g < 80
        ]
        n = len(pairs)
        values.append(
            [
                sum(abs(d - g) / g for d, g in pairs) / n,
                sum((d - g) ** 2 / g for d, g in pairs) / n,
                math.sqrt(sum((d - g) ** 2 for d, g in pairs) / n),
                math.sqrt(sum((math.log(d) - math.log(g)) ** 2 for d, g in pairs) / n),
                *(sum(max(d / g, g / d) < 1.25**k for d, g in pairs) / n for k in (1, 2, 3)),
            ]
        )
    values = np.array(values)
    of_videos = np.array([values[[group == video for group in frames[2]]].mean(axis=0) for video in "abc"])
    for index, measure in enumerate(MEASURES):
        name = f"{measure}_metric"
        assert result[f"{name}_image_mean"] == pytest.approx(values[:, index].mean(), abs=1e-12)
        assert result[f"{name}_video_mean"] == pytest.approx(of_videos[:, index].mean(), abs=1e-12)
        assert result[f"{name}_video_std"] == pytest.approx(of_videos[:, index].std(ddof=1), abs=1e-12)


def test_scale_matters_to_the_metric_scores_alone(frames):
    predictions, truth, groups = frames
    first, second = (score(factor * predictions, truth, groups) for factor in (1, 0.01))
    for measure in MEASURES:
        name = f"{measure}_median_scaled_video_mean"
        assert first[name] == pytest.approx(second[name], abs=1e-12)
        assert first[f"{measure}_metric_video_mean"] != second[f"{measure}_metric_video_mean"]
    relative = score(*frames, metric_scale=False)
    assert not [name for name in relative if "_metric_" in name]
    assert relative["abs_rel_median_scaled_image_mean"] == first["abs_rel_median_scaled_image_mean"]


def test_sparse_truth_and_another_size(frames):
    predictions, truth, _ = frames
    sparse = np.zeros_like(truth[0])
    places = np.flatnonzero(truth[0])[::9]
    sparse.ravel()[places] = truth[0].ravel()[places]
    points = [each.ravel()[places][None] for each in (predictions[0], truth[0])]
    dense, listed = score([predictions[0]], [sparse]), score(*([each] for each in points))
    assert dense["rmse_metric_image_mean"] == pytest.approx(listed["rmse_metric_image_mean"], abs=1e-12)
    large = torch.nn.functional.interpolate(torch.tensor(predictions)[:, None], size=(24, 30), mode="bilinear")[
        :, 0
    ].numpy()
    truths = np.repeat(np.repeat(truth, 2, axis=1), 2, axis=2)
    resized, given = score(predictions, truths), score(large, truths)
    assert resized["abs_rel_metric_image_mean"] == pytest.approx(given["abs_rel_metric_image_mean"], abs=1e-12)


def test_order_of_frames_and_videos_does_not_matter(frames):
    reference = score(*frames)
    order = np.random.default_rng(1).permutation(6)
    shuffled = score(*([column[index] for index in order] for column in frames))
    for name in score_names(list(reference["per_video"].values())):
        assert shuffled[name] == pytest.approx(reference[name], abs=1e-12)
    assert json.loads(json.dumps(reference)) == reference


@pytest.mark.parametrize("name", ["rmse_metric_image_mean", "delta1_median_scaled_video_mean"])
def test_weights_count_a_video_that_often(frames, name):
    value = score_of_weights(name, video_statistics(*frames, **RANGE))(np.array([[2.0, 0, 1]]))[0]
    rows = [3, 4, 3, 4, 2, 5]
    drawn = score(*([column[row] for row in rows] for column in frames[:2]), ["1", "1", "2", "2", "3", "3"])
    assert value == pytest.approx(drawn[name], abs=1e-12)


def test_bad_input(frames):
    predictions, truth, _ = frames
    with pytest.raises(
        ValueError, match="video a, its frame 1: its truth of .12, 15. pixels has no depth between 1.0 and 100.0"
    ):
        score(predictions[:2], [truth[0], 0 * truth[1]])
    with pytest.raises(ValueError, match="predicted depths are not finite"):
        score([np.full_like(truth[0], np.nan)], truth[:1])
    with pytest.raises(ValueError, match="the median of the predicted depths is -40; expected depths above 0"):
        score([np.full_like(truth[0], -40)], truth[:1])
    with pytest.raises(ValueError, match="expected 0 < nearest < farthest"):
        score(*frames, nearest=0.0)
    with pytest.raises(ValueError, match="no frame to score"):
        score([], [], [])
    with pytest.raises(
        ValueError, match="unknown score 'abs_rel_metric_image_mean'; expected one of abs_rel_median_scaled"
    ):
        score_of_weights("abs_rel_metric_image_mean", video_statistics(*frames, **RANGE, metric_scale=False))


def test_loads_by_its_path(frames):
    loaded = evaluate.load(str(Path(metrics.__file__).parent / "depth_errors"), keep_in_memory=True)
    columns = {
        name: [to_bytes("depth", each) for each in values]
        for name, values in (("predictions", frames[0]), ("references", frames[1]))
    }
    result = loaded.compute(**columns, groups=frames[2], **RANGE)
    rounded = [values.astype(np.float16).astype(float) for values in frames[:2]]
    assert result["rmse_metric_image_mean"] == pytest.approx(score(*rounded, frames[2])["rmse_metric_image_mean"])
    assert isinstance(loaded, evaluate.Metric) and DepthErrors.ranks is False
