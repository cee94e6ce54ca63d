# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Dice, IoU and HD95 of class masks: against other libraries, by hand, under ignored pixels and partial labels."""

import json
from pathlib import Path

import evaluate
import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, jaccard_score

import zen_hf.benchmark.metrics as metrics
from zen_hf.benchmark.dense.pictures import IGNORE, PartialMask, to_bytes
from zen_hf.benchmark.metrics.semantic_segmentation.semantic_segmentation import (
    MEASURES,
    NAMES,
    score_of_weights,
    summarise,
    video_statistics,
)

CLASSES = 5


def score(predictions, references, groups=None, classes=CLASSES):
    return summarise(video_statistics(predictions, references, groups or ["a"] * len(references), classes))


@pytest.fixture
def frames():
    """Nine frames of three videos; class 4 is in the truth of video "b" alone."""
    random = np.random.default_rng(0)
    groups = ["b"] * 4 + ["a"] * 2 + ["c"] * 3
    truths, predictions = [], []
    for video in groups:
        field = random.normal(size=(1, CLASSES, 4, 4))
        field[:, 4] += 0 if video == "b" else -9
        for values, kept in ((field, truths), (field + 0.6 * random.normal(size=field.shape), predictions)):
            values = torch.nn.functional.interpolate(torch.tensor(values), size=(24, 31), mode="bilinear")
            kept.append(values[0].argmax(0).numpy().astype(np.uint8))
    predictions[5][2:5, 2:5] = 4  # where the truth has none
    return predictions, truths, groups


def table_of(predictions, truths, function):
    """function(predicted mask, true mask) of every frame and foreground class in its truth, else NaN: [frames, classes - 1]."""
    return np.array(
        [
            [function(p == c, t == c) if (t == c).any() else np.nan for c in range(1, CLASSES)]
            for p, t in zip(predictions, truths, strict=True)
        ]
    )


@pytest.mark.parametrize(("measure", "function"), [("dice", f1_score), ("iou", jaccard_score)])
def test_means_of_images_equal_scikit_learn(frames, measure, function):
    predictions, truths, groups = frames
    result = score(*frames)
    table = table_of(predictions, truths, lambda p, t: function(t.ravel(), p.ravel()))
    by_class = np.nanmean(table, axis=0)
    assert result[f"{measure}_class"] == [None, *(pytest.approx(value, abs=1e-12) for value in by_class)]
    assert result[f"{measure}_class_mean"] == pytest.approx(by_class.mean(), abs=1e-12)
    of_videos = [table[[g == video for g in groups]] for video in "abc"]
    held = [np.nanmean(rows[:, ~np.isnan(rows).all(axis=0)], axis=0).mean() for rows in of_videos]
    assert result[f"{measure}_video_mean"] == pytest.approx(np.mean(held), abs=1e-12)
    assert result[f"{measure}_video_std"] == pytest.approx(np.std(held, ddof=1), abs=1e-12)


def test_pooled_pixels_equal_scikit_learn(frames):
    predictions, truths, _ = frames
    result = score(*frames)
    pooled = [np.concatenate([each.ravel() for each in side]) for side in (truths, predictions)]
    for name, function in (("dice", f1_score), ("miou", jaccard_score)):
        expected = function(*pooled, labels=range(1, CLASSES), average=None)
        assert result[f"{name}_global"] == pytest.approx(expected.mean(), abs=1e-12)
        assert result[f"{name.removeprefix('m')}_class_global"] == [
            None,
            *(pytest.approx(v, abs=1e-12) for v in expected),
        ]


def test_dice_equals_monai(frames):
    monai = pytest.importorskip("monai.metrics", reason="MONAI is not installed (pip install monai)")
    predictions, truths, _ = frames
    columns = [
        torch.stack([torch.nn.functional.one_hot(torch.tensor(m).long(), CLASSES).permute(2, 0, 1) for m in side])
        for side in (predictions, truths)
    ]
    theirs = monai.compute_dice(*columns, include_background=False, ignore_empty=True).numpy()
    assert score(*frames)["dice_class_mean"] == pytest.approx(np.nanmean(theirs, axis=0).mean(), abs=1e-6)


def test_scores_of_the_endovis_challenges(frames):
    """As GraSP's and ISINet's code does it: classes of the truth, classes of either, and per class."""
    predictions, truths, _ = frames
    of_truth, of_either, by_class = [], [], {c: [] for c in range(1, CLASSES)}
    for p, t in zip(predictions, truths, strict=True):
        iou = {
            c: jaccard_score((t == c).ravel(), (p == c).ravel())
            for c in range(1, CLASSES)
            if ((p == c) | (t == c)).any()
        }
        of_either.append(np.mean(list(iou.values())))
        of_truth.append(np.mean([value for c, value in iou.items() if (t == c).any()]))
        for c, value in iou.items():
            by_class[c].append(value)
    result = score(*frames)
    assert result["ch_iou_image_mean"] == pytest.approx(np.mean(of_truth), abs=1e-12)
    assert result["isi_iou_image_mean"] == pytest.approx(np.mean(of_either), abs=1e-12)
    assert result["mc_iou_class_mean"] == pytest.approx(np.mean([np.mean(v) for v in by_class.values()]), abs=1e-12)


def test_without_distances_everything_else_is_the_same(frames, monkeypatch):
    whole = score(*frames)
    monkeypatch.setattr(f"{video_statistics.__module__}.hd95_maxdir", None)  # not called
    quick = summarise(video_statistics(*frames, classes=CLASSES, distances=False))
    of_distances = {name for name in whole if name.startswith("hd95")}
    assert quick == {name: value for name, value in whole.items() if name not in of_distances | {"per_video"}} | {
        "per_video": quick["per_video"]
    }
    for video, statistics in quick["per_video"].items():
        assert not any(name.startswith("hd95") for name in statistics)
        assert all(whole["per_video"][video][name] == value for name, value in statistics.items() if name != "sums")


def test_perfect_predictions_with_absent_classes(frames):
    _, truths, groups = frames
    result = score(truths, truths, groups)
    for name in NAMES:
        assert result[name] == (0 if name.startswith("hd95") else 1)


def test_a_class_that_is_predicted_alone_lowers_the_strict_scores_only():
    truth = np.zeros((6, 8), np.uint8)
    truth[:3] = 1
    predicted = truth.copy()
    predicted[5, 0] = 2  # a background pixel
    result = score([predicted, truth], [truth, np.where(truth == 1, 2, 0)], classes=3)
    # Class 1: in the truth of frame 0 (Dice 1), predicted alone in frame 1. Class 2: in frame 1 (missed), alone in frame 0.
    assert result["dice_class"] == [None, 1, 0]
    assert result["dice_strict_class"] == [None, 0.5, 0]
    assert result["iou_class_mean"] == 0.5 and result["mc_iou_class_mean"] == 0.25
    assert result["hd95_maxdir_class"] == [None, 5, 10]  # (0 + 10) / 2 and (10 + 10) / 2: the diagonal of 6 x 8 is 10


def test_a_missed_structure_costs_the_diagonal():
    truth = np.zeros((30, 40), np.uint8)
    truth[3:9, 3:9] = 1
    assert score([np.zeros_like(truth)], [truth], classes=2)["hd95_maxdir_class_mean"] == 50


def test_ignored_pixels_count_for_nothing(frames):
    predictions, truths, groups = frames
    border = np.ones(truths[0].shape, bool)
    border[1:-1, 1:-1] = False
    ignored = [np.where(border, IGNORE, truth).astype(np.uint8) for truth in truths]
    cropped = score([p[1:-1, 1:-1] for p in predictions], [t[1:-1, 1:-1] for t in truths], groups)
    framed = score(predictions, ignored, groups)
    anything = [np.where(border, 3, p) for p in predictions]
    diagonals = ("hd95_maxdir_class_mean", "hd95_maxdir_video_mean")
    for name in NAMES:
        assert framed[name] == pytest.approx(score(anything, ignored, groups)[name], abs=1e-12)
        if name not in diagonals:  # a smaller frame has a smaller diagonal
            assert framed[name] == pytest.approx(cropped[name], abs=1e-12)
    found = {"dice": framed["dice_class"], "hd95_maxdir": framed["hd95_maxdir_class"]}
    assert all(value is not None for values in found.values() for value in values[1:])
    nothing = score([predictions[0]], [np.full_like(truths[0], IGNORE)])
    assert all(nothing[name] is None for name in NAMES)


def test_partial_labels_score_the_annotated_channel_alone():
    bits = np.zeros((6, 8), np.uint16)
    bits[:3] = 1 << 10
    predicted = bits | 1  # channel 0 everywhere: nobody knows whether that is wrong
    predicted[2] = 1
    organs = [PartialMask(bits, (10,)), PartialMask(bits >> 10, (0,)), PartialMask(np.zeros_like(bits), (3,))]
    result = score([predicted, predicted, predicted], organs, classes=11)
    # Channel 10: 16 of 24 pixels are found; channel 0: 24 pixels, 48 predicted; channel 3: neither.
    assert result["dice_class"] == [pytest.approx(2 * 24 / 72), *[None] * 9, pytest.approx(2 * 16 / 40)]
    assert result["dice_class_mean"] == pytest.approx((2 / 3 + 0.8) / 2)
    assert result["dice_strict_class_mean"] == result["dice_class_mean"]
    assert result["hd95_maxdir_class"][3] is None and result["hd95_maxdir_class"][10] == 1


def test_each_known_channel_is_a_mask_of_its_own(frames):
    predictions, truths, groups = frames
    predicted, true = ([(1 << mask.astype(np.uint16)) >> 1 for mask in side] for side in (predictions, truths))
    result = score(predicted, [PartialMask(t, (0, 1, 2, 3)) for t in true], groups, classes=4)
    reference = score(*frames)
    for name in NAMES:
        assert result[name] == pytest.approx(reference[name], abs=1e-12)


def test_order_of_frames_and_videos_does_not_matter(frames):
    reference = score(*frames)
    order = np.random.default_rng(1).permutation(9)
    shuffled = score(*([column[index] for index in order] for column in frames))
    assert [shuffled[name] for name in NAMES] == pytest.approx([reference[name] for name in NAMES], abs=1e-12)
    assert (
        summarise(video_statistics(*(iter(column) for column in frames), CLASSES)) == reference
    )  # one frame at a time
    assert json.loads(json.dumps(reference)) == reference


@pytest.mark.parametrize("name", NAMES)
def test_weights_count_a_video_that_often(frames, name):
    predictions, truths, groups = frames
    value = score_of_weights(name, video_statistics(*frames, CLASSES))(np.array([[2.0, 0, 1]]))[0]
    rows = [4, 5, 4, 5, 6, 7, 8]
    drawn = score(
        *([column[row] for row in rows] for column in (predictions, truths)), ["1", "1", "2", "2", "3", "3", "3"]
    )
    assert value == pytest.approx(drawn[name], abs=1e-12)


def test_bad_input(frames):
    truth = frames[1][0]
    with pytest.raises(ValueError, match="video a, its frame 1: the prediction is .24, 30. and the truth .24, 31."):
        score([truth, truth[:, 1:]], [truth, truth])
    with pytest.raises(ValueError, match="the prediction holds the values .9, 255.; expected classes from 0 to 4"):
        score([np.where(truth == 1, 9, np.where(truth == 2, 255, 0))], [truth])
    with pytest.raises(ValueError, match="the truth holds the values .7.; expected classes"):
        score([truth], [np.where(truth == 0, 7, IGNORE)])
    with pytest.raises(ValueError, match="annotated channels are .12.; expected at least one, from 0 to 10"):
        score([truth.astype(np.uint16)], [PartialMask(truth.astype(np.uint16), (12,))], classes=11)
    with pytest.raises(ValueError, match="no frame to score"):
        score([], [], [])
    with pytest.raises(ValueError, match="unknown score 'dice'; expected one of dice_class_mean"):
        score_of_weights("dice", video_statistics(*frames, CLASSES))
    assert set(MEASURES) < set(score(*frames)["per_video"]["a"])


def test_loads_by_its_path(frames):
    loaded = evaluate.load(str(Path(metrics.__file__).parent / "semantic_segmentation"), keep_in_memory=True)
    predictions, truths, groups = frames
    columns = {"predictions": predictions, "references": truths}
    columns = {name: [to_bytes("segmentation", mask) for mask in masks] for name, masks in columns.items()}
    result = loaded.compute(**columns, groups=groups, classes=CLASSES, kind="segmentation")
    assert result["dice_class_mean"] == score(*frames)["dice_class_mean"]
