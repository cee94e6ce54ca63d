# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""GraSP's instruments: run lengths against masks unpacked by hand, boxes, the map of classes, and bad label files."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from zen_hf.benchmark.readers.grasp_instances import (
    compressed,
    lengths_of,
    read_grasp_instances,
    read_grasp_semantic,
    read_instances,
    read_semantic,
)
from zen_hf.benchmark.task import load_task


@pytest.fixture
def copy(miniature, tmp_path):
    shutil.copytree(miniature("grasp_det"), tmp_path / "copy")
    return tmp_path / "copy"


def edit(folder, change, side="train"):
    path = folder / "annotations" / f"grasp_short-term_{side}.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def runs_of(mask):
    """COCO's run lengths of [H, W]: column by column, zeros first."""
    flat = mask.T.ravel().astype(int)
    edges = np.flatnonzero(np.diff(flat, prepend=0)).tolist()
    return np.diff([0, *edges, len(flat)]).tolist()


def mask_of(counts, size):
    """The mask of compressed run lengths, unpacked run by run."""
    flat, value = [], 0
    for length in lengths_of(counts.decode("ascii"), "here"):
        flat += [value] * length
        value = 1 - value
    return np.array(flat).reshape(size[1], size[0]).T


@pytest.mark.parametrize("seed", range(5))
def test_run_lengths_of_either_form_are_the_same_mask(seed):
    mask = np.random.default_rng(seed).random((23, 31)) < (0.02, 0.5, 0.98, 0.0, 1.0)[seed]
    plain = compressed({"size": [23, 31], "counts": runs_of(mask)}, (23, 31), "here")
    assert (mask_of(plain, (23, 31)) == mask).all()
    assert compressed({"size": [23, 31], "counts": plain.decode("ascii")}, (23, 31), "here") == plain


def test_polygons_are_masks():
    square = [[2, 1, 6, 1, 6, 5, 2, 5], [8, 1, 10, 1, 10, 3, 8, 3], [1, 1, 2, 2]]  # the last is no polygon
    mask = mask_of(compressed(square, (7, 12), "here"), (7, 12))
    expected = np.zeros((7, 12))
    expected[1:5, 2:6] = expected[1:3, 8:10] = 1
    assert (mask == expected).all()


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ({"size": [12, 7], "counts": [84]}, r"a mask has the size \[12, 7\], its frame \[7, 12\]"),
        ({"size": [7, 12], "counts": [80, 3]}, "the run lengths of a mask cover 83 pixels, its frame has 84"),
        ({"size": [7, 12], "counts": "0"}, "the run lengths of a mask cover 0 pixels"),
        ({"size": [7, 12], "counts": "T"}, "end in the middle"),
        ({"size": [7, 12], "counts": "4 4"}, "' ' in the run lengths of a mask"),
        ([[1, 1, 2, 2]], "expected run lengths or polygons"),
        ([], "expected run lengths or polygons"),
        (None, "expected run lengths or polygons"),
    ],
)
def test_bad_segmentations(segmentation, message):
    with pytest.raises(ValueError, match=message):
        compressed(segmentation, (7, 12), "here")


def test_instances_of_every_frame(copy):
    dataset = load_task("grasp_det").read(copy)
    expected = {}
    for side in ("train", "test"):
        content = json.loads((copy / "annotations" / f"grasp_short-term_{side}.json").read_text())
        expected |= {image["file_name"]: [] for image in content["images"]}
        for label in content["annotations"]:
            expected[label["image_name"]].append((label["category_id"] - 1, label["bbox"], label["area"]))
    for row in dataset.remove_columns("image"):
        truth = read_instances(row["instances"])
        assert truth.size == (64, 64) and truth.scores is None
        areas = [int(mask_of(counts, truth.size).sum()) for counts in truth.masks]
        found = list(zip(truth.labels.tolist(), truth.boxes.tolist(), areas, strict=True))
        assert found == expected.pop(f"{row['video_id']}/{row['frame']:09d}.jpg")
    assert not expected


def test_a_frame_without_an_instrument_counts(copy):
    edit(copy, lambda content: content["annotations"].clear())
    (cell, *_) = read_grasp_instances(copy, ["CASE001"])["instances"]
    truth = read_instances(cell)
    assert truth.boxes.shape == (0, 4) and truth.masks == () and truth.labels.shape == (0,)
    assert not read_semantic(cell).any()


def test_the_later_instance_is_on_top(copy):
    both = [
        {
            "image_id": 0,
            "bbox": [0, 0, 2, 64],
            "category_id": 3,
            "segmentation": {"size": [64, 64], "counts": [0, 128, 3968]},
        },
        {
            "image_id": 0,
            "bbox": [1, 0, 2, 64],
            "category_id": 7,
            "segmentation": {"size": [64, 64], "counts": [64, 128, 3904]},
        },
    ]
    edit(copy, lambda content: content.update(annotations=both))
    classes = read_semantic(read_grasp_semantic(copy, ["CASE001"])["semantic"][0])
    assert classes.dtype == np.uint8
    assert classes[:, :4].tolist() == [[3, 7, 7, 0]] * 64 and not classes[:, 4:].any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda label: label.update(bbox=[60, 0, 9, 4]),
            r"CASE001/000000000.jpg: 1 of \d boxes: the box .60.0, 0.0, 9.0",
        ),
        (lambda label: label["segmentation"].update(size=[32, 64]), "a mask has the size .32, 64."),
        (lambda label: label.update(segmentation={"size": [64, 64], "counts": [4000]}), "cover 4000 pixels"),
    ],
)
def test_bad_instances_are_named_when_they_are_looked_at(copy, change, message):
    edit(copy, lambda content: change(content["annotations"][0]))
    edit(copy, lambda content: [label.update(image_id=0) for label in content["annotations"][:1]])
    cell = read_grasp_instances(copy, ["CASE001"])["instances"][0]
    with pytest.raises(ValueError, match=message):
        read_instances(cell)


def test_a_frame_of_another_size(copy):
    cell = read_grasp_instances(copy, ["CASE001"])["instances"][0]
    path = copy / "frames" / "CASE001" / "000000000.jpg"
    Image.open(path).resize((32, 32)).save(path)
    with pytest.raises(ValueError, match="label of CASE001/000000000.jpg has 64 x 64 pixels, its frame .* 32 x 32"):
        read_instances(cell)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["annotations"][0].update(category_id=8), "has the instrument 8, expected 1 to 7"),
        (lambda c: c["annotations"][0].pop("segmentation"), "KeyError: 'segmentation'"),
        (lambda c: c["annotations"][0].update(bbox=[1, 2, 3]), "has a box of 3 numbers"),
        (lambda c: c["annotations"][0].update(image_id=-5), "KeyError: -5"),
        (lambda c: c["images"].append(c["images"][0]), "is listed twice"),
        (lambda c: c["images"][0].pop("height"), "KeyError: 'height'"),
        (lambda c: c.update(images=[], annotations=[]), "4 cases have no frame in .* .first: CASE001"),
    ],
)
def test_bad_label_files(copy, change, message):
    edit(copy, change)
    with pytest.raises(ValueError, match=message):
        load_task("grasp_det").read(copy)


def test_missing_frame_and_file(copy):
    (copy / "frames" / "CASE002" / "000000060.jpg").unlink()
    with pytest.raises(FileNotFoundError, match="1 of 22 files are missing .first: frames/CASE002/000000060.jpg"):
        read_grasp_instances(copy, ["CASE002"])
    (copy / "annotations" / "grasp_short-term_test.json").unlink()
    with pytest.raises(FileNotFoundError, match="first: annotations/grasp_short-term_test.json"):
        read_grasp_instances(copy, ["CASE002"])


def test_detection_and_instance_segmentation_are_one_run():
    detection, segmentation = load_task("grasp_det"), load_task("grasp_insseg")
    for name in ("source", "reader", "split", "heads", "few_shot", "published"):
        assert getattr(detection, name) == getattr(segmentation, name)
    (boxes,), (masks,) = detection.targets, segmentation.targets
    assert {k: v for k, v in vars(boxes).items() if k not in ("score", "headline")} == {
        k: v for k, v in vars(masks).items() if k not in ("score", "headline")
    }
    assert (boxes.primary, masks.primary) == ("box_ap_global", "mask_ap_global")
