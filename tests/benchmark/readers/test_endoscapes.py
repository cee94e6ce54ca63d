# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Endoscapes-CVS201: rows against the label files, and downloads that are not what they should be."""

import json
import shutil

import pytest

from zen_hf.benchmark.readers.endoscapes import read_endoscapes_cvs
from zen_hf.benchmark.task import load_task


@pytest.fixture
def copy(miniature, tmp_path):
    shutil.copytree(miniature("endoscapes_cvs"), tmp_path / "copy")
    return tmp_path / "copy"


def edit_labels(folder, change, side="train"):
    path = folder / side / "annotation_ds_coco.json"
    content = json.loads(path.read_text())
    change(content["images"])
    path.write_text(json.dumps(content))


def test_rows(copy):
    dataset = load_task("endoscapes_cvs").read(copy)
    rows = {(row["video_id"], row["frame"]): row for row in dataset}
    for side in ("train", "val", "test"):
        for image in json.loads((copy / side / "annotation_ds_coco.json").read_text())["images"]:
            video, frame = image["file_name"].removesuffix(".jpg").split("_")
            row = rows.pop((video, int(frame)))
            assert row["cvs"] == [int(round(3 * vote) >= 2) for vote in image["ds"]]
            assert row["time_s"] == row["frame"] / 25 and row["image"].size == (64, 64)
    assert not rows


def test_half_of_the_votes_is_enough_and_other_frames_are_left_out(copy):
    def change(images):
        images[0]["ds"] = [0.5, 0.4999, 1]
        images[1]["is_ds_keyframe"] = False

    edit_labels(copy, change)
    dataset = read_endoscapes_cvs(copy, ["1"])
    assert dataset["cvs"][0] == [1, 0, 1]
    assert dataset["frame"][:2] == [125, 375]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda images: images[0].pop("ds"), "not a label file of Endoscapes .KeyError"),
        (lambda images: images[0].update(ds=[0, 1]), "1_125 has the votes"),
        (lambda images: images[0].update(ds=[0, 1, 2]), "1_125 has the votes"),
        (lambda images: images[0].update(file_name="a.jpg"), "not a label file of Endoscapes .ValueError"),
        (lambda images: images[0].update(file_name="9_125.jpg"), r"train_vids.txt does not list \['9'\]"),
        (lambda images: images.clear(), "3 videos have no judged frame .first: 1"),
    ],
)
def test_bad_labels(copy, change, message):
    edit_labels(copy, change)
    with pytest.raises(ValueError, match=message):
        load_task("endoscapes_cvs").read(copy)


def test_missing_picture_and_folder(copy):
    (copy / "test" / "162_250.jpg").unlink()
    with pytest.raises(FileNotFoundError, match="1 of 96 files are missing .first: test/162_250.jpg"):
        load_task("endoscapes_cvs").read(copy)
    shutil.rmtree(copy / "val")
    with pytest.raises(FileNotFoundError, match="val/annotation_ds_coco.json"):
        load_task("endoscapes_cvs").read(copy)
