# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""AP of instances against COCO's evaluator and that of GraSP's authors, under weights of videos, and by hand."""

import contextlib
import importlib.util
import io
import json
from dataclasses import replace
from pathlib import Path

import evaluate
import numpy as np
import pytest
from faster_coco_eval.core import COCO, COCOeval_faster
from faster_coco_eval.core import mask as run_lengths

import zen_hf.benchmark.metrics as metrics
from zen_hf.benchmark.dense.pictures import Instances, to_bytes
from zen_hf.benchmark.metrics.instance_ap.instance_ap import (
    ARRAYS,
    MEASURES,
    NAMES,
    score_of_weights,
    summarise,
    video_statistics,
)

SIZE, CLASSES = (60, 80), 4


def score(predictions, references, groups=None, classes=CLASSES):
    return summarise(video_statistics(predictions, references, groups or ["a"] * len(references), classes))


def instances(masks, labels, scores=None):
    masks = [np.asfortranarray(mask.astype(np.uint8)) for mask in masks]
    encoded = [run_lengths.encode(mask) for mask in masks]
    boxes = np.array([run_lengths.toBbox(each) for each in encoded]).reshape(-1, 4)
    counts = tuple(each["counts"] for each in encoded)
    return Instances(SIZE, boxes, np.array(labels, int), counts, None if scores is None else np.array(scores, float))


def blob(place):
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    row, column, height, width = place
    return ((y - row) / height) ** 2 + ((x - column) / width) ** 2 <= 1


def drawn_frames(frames, seed=0, ties=False):
    """Frames with several detections per instance, wrong classes and false ones; the last class never occurs."""
    random = np.random.default_rng(seed)
    truths, predictions = [], []
    for number in range(frames):
        true, found = [], []
        for _ in range(0 if number == 3 else random.integers(1, 5)):
            place = random.uniform((12, 12, 5, 5), (48, 68, 11, 16))
            label = int(random.integers(CLASSES - 1))
            true.append((blob(place), label))
            for _ in range(random.integers(0, 4)):
                wrong = random.random() < 0.2
                guess = int(random.integers(CLASSES)) if wrong else label
                found.append((blob(place + random.normal(size=4)), guess, random.random()))
        for _ in range(random.integers(0, 3)):
            place = random.uniform((12, 12, 5, 5), (48, 68, 11, 16))
            found.append((blob(place), int(random.integers(CLASSES)), 0.7 * random.random()))
        truths.append(instances(*([row[k] for row in true] for k in range(2))))
        found = [(mask, label, round(s, 1) if ties else s) for mask, label, s in found]
        predictions.append(instances(*([row[k] for row in found] for k in range(3))))
    return predictions, truths


def by_coco(predictions, truths, kind, evaluator=(COCO, COCOeval_faster)):
    """AP, AP50 and AP75, and AP of every class, from COCO's evaluator."""
    images = [{"id": n + 1, "height": SIZE[0], "width": SIZE[1]} for n in range(len(truths))]
    rows = [[], []]
    for side, column in enumerate((truths, predictions)):
        for number, frame in enumerate(column):
            for index in range(len(frame.labels)):
                segmentation = {"size": list(SIZE), "counts": frame.masks[index]}
                row = {"id": len(rows[side]) + 1, "image_id": number + 1, "category_id": int(frame.labels[index]) + 1}
                row |= {"bbox": frame.boxes[index].tolist(), "segmentation": segmentation, "iscrowd": 0}
                row |= {"area": float(run_lengths.area([segmentation])[0])}
                rows[side].append(row | ({"score": float(frame.scores[index])} if side else {}))
    categories = [{"id": label + 1, "name": str(label)} for label in range(CLASSES)]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = evaluator[0]()
        truth.dataset = {"info": {}, "images": images, "annotations": rows[0], "categories": categories}
        truth.createIndex()
        found = evaluator[1](truth, truth.loadRes(rows[1]), "bbox" if kind == "box" else "segm")
        found.evaluate()
        found.accumulate()
        found.summarize()
    precision = found.eval["precision"][:, :, :, 0, 2]  # [overlaps, recalls, classes], all areas, 100 detections
    by_class = [None if (precision[..., c] == -1).any() else precision[..., c].mean() for c in range(CLASSES)]
    return found.stats[:3], by_class


@pytest.mark.parametrize("kind", ["box", "mask"])
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("ties", [False, True])
def test_equals_coco(kind, seed, ties):
    frames = drawn_frames(12, seed, ties)
    stats, by_class = by_coco(*frames, kind)
    result = score(*frames)
    ours = [result[f"{kind}_{measure}_global"] for measure in ("ap", "ap50", "ap75")]
    assert ours == pytest.approx(list(stats), abs=1e-9)
    assert by_class[-1] is None  # without truth: COCO's -1
    assert result[f"{kind}_ap_class_global"] == [v if v is None else pytest.approx(v, abs=1e-9) for v in by_class]
    assert 0.05 < result[f"{kind}_ap_global"] < result[f"{kind}_ap50_global"] < 1


@pytest.mark.parametrize("kind", ["box", "mask"])
def test_equals_pycocotools(kind):
    pytest.importorskip("pycocotools", reason="pycocotools is not installed (pip install pycocotools)")
    from pycocotools.coco import COCO as FirstCOCO
    from pycocotools.cocoeval import COCOeval

    frames = drawn_frames(10, 5)
    stats, _ = by_coco(*frames, kind, (FirstCOCO, COCOeval))
    result = score(*frames)
    ours = [result[f"{kind}_{measure}_global"] for measure in ("ap", "ap50", "ap75")]
    assert ours == pytest.approx(list(stats), abs=1e-9)


def test_no_more_than_100_detections_of_a_class_count():
    random = np.random.default_rng(0)
    places = random.uniform((12, 12, 5, 5), (48, 68, 11, 16), (130, 4))
    truth = instances([blob(place) for place in places[-20:]], [0] * 20)
    predicted = instances([blob(place) for place in places], [0] * 130, np.linspace(1, 0, 130))
    stats, _ = by_coco([predicted], [truth], "mask")
    assert score([predicted], [truth])["mask_ap_global"] == pytest.approx(stats[0], abs=1e-9)


def oracle():
    spec = importlib.util.spec_from_file_location("tapis_oracle", Path(__file__).with_name("tapis_oracle.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_equals_the_evaluator_of_grasp():
    module = oracle()
    expected = json.loads(Path(__file__).with_name("tapis_oracle.json").read_text())["values"]
    for case, frames in module.cases().items():
        truths = [instances(*([row[k] for row in truth] for k in range(2))) for truth, _ in frames]
        every_class = [  # every instance under every class
            [(mask, label, scores[label]) for mask, scores in predicted for label in range(CLASSES)]
            for _, predicted in frames
        ]
        predictions = [instances(*([row[k] for row in rows] for k in range(3))) for rows in every_class]
        result = score(predictions, truths)
        for kind, values in expected[case].items():
            assert result[f"{kind}_ap50_ava_global"] == pytest.approx(values["mean"], abs=1e-12)
            assert result[f"{kind}_ap50_ava_class_global"] == pytest.approx(values["classes"], abs=1e-12)
            assert abs(result[f"{kind}_ap50_global"] - values["mean"]) > 1e-3  # not COCO's


def test_perfect_predictions_with_absent_classes():
    _, truths = drawn_frames(6)
    perfect = [replace(truth, scores=np.full(len(truth.labels), 0.5)) for truth in truths]
    result = score(perfect, truths, list("aabbcc"))
    assert all(result[name] == pytest.approx(1, abs=1e-12) for name in NAMES)
    assert result["box_ap_class_global"][-1] is None


def test_by_hand():
    # One instance, one detection of three quarters of it: it hits at 0.50 to 0.75, six of ten overlaps.
    truth = Instances((8, 8), np.array([[0.0, 0, 4, 4]]), np.array([0]))
    found = Instances((8, 8), np.array([[0.0, 0, 4, 3]]), np.array([0]), scores=np.array([0.9]))
    result = score([found], [truth])
    assert [result[f"box_{m}_global"] for m in MEASURES] == pytest.approx([0.6, 1, 1, 1])
    # Two instances and a detection between them: COCO gives it the free one, PASCAL VOC calls it false.
    truth = Instances((8, 8), np.array([[0.0, 0, 4, 4], [1, 0, 4, 4]]), np.array([0, 0]))
    boxes = np.array([[0.0, 0, 4, 4], [0, 0, 4, 4]]) + [[0, 0, 0, 0], [0.25, 0, 0, 0]]
    found = Instances((8, 8), boxes, np.array([0, 0]), scores=np.array([0.9, 0.8]))
    result = score([found], [truth])
    assert result["box_ap50_global"] == pytest.approx(1)
    assert result["box_ap50_ava_global"] == 0.5
    nothing = Instances((8, 8), np.zeros((0, 4)), np.zeros(0, int), scores=np.zeros(0))
    assert score([nothing], [truth])["box_ap_global"] == 0
    assert all(score([nothing], [replace(nothing, scores=None)])[name] is None for name in NAMES)


def test_boxes_alone_have_no_mask_scores():
    predictions, truths = drawn_frames(5)
    for frames in (
        (predictions, [replace(truth, masks=None) for truth in truths]),
        ([replace(found, masks=None) for found in predictions], truths),
    ):
        result = score(*frames)
        assert result["mask_ap_global"] is result["mask_ap50_ava_video_mean"] is None
        assert result["box_ap_global"] == score(predictions, truths)["box_ap_global"]


def test_order_of_videos_and_frames_does_not_matter():
    predictions, truths = drawn_frames(12)
    groups = list("ccaabbbccaab")
    reference = score(predictions, truths, groups)
    order = np.random.default_rng(1).permutation(12)
    shuffled = score(*([column[index] for index in order] for column in (predictions, truths, groups)))
    for name in NAMES:
        assert shuffled[name] == pytest.approx(reference[name], abs=1e-12)
    assert json.loads(json.dumps(reference)) == reference
    alone = score(
        *([each for each, g in zip(column, groups, strict=True) if g == "c"] for column in (predictions, truths))
    )
    assert reference["per_video"]["c"]["box_ap"] == alone["box_ap_global"]


def test_weights_count_a_video_that_often():
    predictions, truths = drawn_frames(9, 3)
    statistics = video_statistics(predictions, truths, list("aaabbbccc"), CLASSES)
    rows, names = [0, 1, 2] * 2 + [6, 7, 8] * 3, [f"{n}" for n in range(5) for _ in range(3)]
    drawn = score([predictions[r] for r in rows], [truths[r] for r in rows], names)
    for name in NAMES:
        value = score_of_weights(name, statistics)(np.array([[2.0, 0, 3], [1, 1, 1], [0, 0, 0]]))
        assert value[0] == pytest.approx(drawn[name], abs=1e-12)
        assert value[1] == pytest.approx(summarise(statistics)[name], abs=1e-12)
        assert np.isnan(value[2])


def test_weights_repeat_every_detection_in_its_place():
    """Of equal scores, the order counts (as in COCO): a detection's repetitions stand side by side."""
    predictions, truths = drawn_frames(9, 3, ties=True)
    statistics = video_statistics(predictions, truths, list("aaabbbccc"), CLASSES)
    repeated = {}
    for video, times in zip("abc", (2, 0, 3), strict=True):
        arrays = {name: np.repeat(statistics[video][name], times, axis=0) for name in ARRAYS}
        repeated[video] = {"instances": [times * n for n in statistics[video]["instances"]]} | arrays
    for name in NAMES[: len(NAMES) // 2]:
        value = score_of_weights(name, statistics)(np.array([[2.0, 0, 3]]))
        assert value == pytest.approx(score_of_weights(name, repeated)(np.ones((1, 3))), abs=1e-12)


def test_two_encoders_on_the_same_videos():
    """Whatever the scale of their scores, each keeps its own value, and videos can be swapped."""
    (first, truths), (second, _) = drawn_frames(9, 3), drawn_frames(9, 3)
    second = [replace(found, scores=0.01 * found.scores**2) for found in second]
    groups = list("aaabbbccc")
    both = [video_statistics(each, truths, groups, CLASSES) for each in (first, second)]
    value = score_of_weights("mask_ap_global", *both)(
        np.array([[1.0] * 3 + [0] * 3, [0] * 3 + [1] * 3, [0, 1, 1, 1, 0, 0]])
    )
    assert value == pytest.approx([summarise(both[0])["mask_ap_global"]] * 3, abs=1e-12)


def test_bad_input():
    predictions, truths = drawn_frames(2)

    def broken(**changes):
        return score([predictions[0], replace(predictions[1], **changes)], truths)

    boxes = predictions[1].boxes.copy()
    boxes[0, 2] = np.nan
    with pytest.raises(ValueError, match="video a, its frame 1, prediction: box 0 is .*nan"):
        broken(boxes=boxes)
    with pytest.raises(ValueError, match="expected left, top, width and height"):
        broken(boxes=-predictions[1].boxes)
    with pytest.raises(ValueError, match="scores are not finite"):
        broken(scores=np.full(len(predictions[1].labels), np.inf))
    with pytest.raises(ValueError, match="the labels .9. are no class; expected 0 to 3"):
        broken(labels=np.full(len(predictions[1].labels), 9))
    with pytest.raises(ValueError, match="masks are given for a part of the frames"):
        broken(masks=None)
    with pytest.raises(ValueError, match="the prediction has no scores"):
        broken(scores=None)
    with pytest.raises(ValueError, match="the prediction is for .1, 2. pixels and the truth for .60, 80."):
        broken(size=(1, 2))
    with pytest.raises(ValueError, match="expected as many of each"):
        broken(labels=predictions[1].labels[:-1])
    statistics = video_statistics(predictions, truths, ["a", "b"], CLASSES)
    with pytest.raises(ValueError, match="box_ap_global pools the detections of all videos"):
        score_of_weights("box_ap_global", summarise(statistics)["per_video"])
    with pytest.raises(ValueError, match="unknown score 'map'; expected one of box_ap_global"):
        score_of_weights("map", statistics)


def test_loads_by_its_path():
    loaded = evaluate.load(str(Path(metrics.__file__).parent / "instance_ap"), keep_in_memory=True)
    predictions, truths = drawn_frames(4)
    columns = {"predictions": predictions, "references": truths}
    columns = {name: [to_bytes("instances", each) for each in values] for name, values in columns.items()}
    result = loaded.compute(**columns, groups=list("aabb"), classes=CLASSES)
    assert result["mask_ap_global"] == pytest.approx(
        score(predictions, truths, list("aabb"))["mask_ap_global"], abs=1e-9
    )
