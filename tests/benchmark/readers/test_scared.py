# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""SCARED: listed frames against the files, scene points against the drawn depth, and lists that are not what they should be."""

import shutil

import numpy as np
import pytest
from PIL import Image

from zen_hf.benchmark.miniatures.operation import draw_operation
from zen_hf.benchmark.miniatures.scared import write_points
from zen_hf.benchmark.readers.scared import read_scared, read_scared_depth
from zen_hf.benchmark.split import load_split
from zen_hf.benchmark.task import load_task

TRAIN = "splits/endovis/train_files.txt"


@pytest.fixture
def copy(miniature, tmp_path):
    shutil.copytree(miniature("scared_depth"), tmp_path / "copy")
    return tmp_path / "copy"


def test_rows_and_depth(copy):
    """All frames of the three lists, in the order of keyframes; frame n has the scene points n - 1."""
    dataset = load_task("scared_depth").read(copy)
    first = dataset.select(range(16))
    assert set(first["video_id"]) == {"dataset1"}
    assert first["frame"] == [10_000 + n for n in range(1, 9)] + [20_000 + n for n in range(9, 17)]
    for row, scene in zip(first, draw_operation(0, 16, (50, 64), seed=0), strict=True):
        np.testing.assert_array_equal(np.array(row["image"]), scene.image)
        np.testing.assert_array_equal(read_scared_depth(row["depth"]), scene.depth_mm)  # float32, bit for bit
    assert "data/scene_points" in first["depth"][15] and "groundtruth" in first["depth"][0]


def test_an_animal_is_on_one_side():
    fold = load_split("scared_6_1_2").folds[0]
    assert sorted(fold.videos) == [f"dataset{n}" for n in range(1, 10)]
    assert fold.test == ("dataset8", "dataset9")  # the challenge's


def test_unknown_points_are_not_read(copy):
    """NaN, infinite, negative and far depth is unknown; the right eye below is not looked at."""
    truth = copy / "dataset1/keyframe1/image_02/data/groundtruth/scene_points000000.tiff"
    points = np.full((100, 64, 3), 7, "<f4")
    points[:50, :, 2] = np.nan
    points[0, :5, 2] = 80, np.inf, -3, 0, 150
    write_points(truth, points)
    depth = read_scared_depth(read_scared(copy, ["dataset1"])["depth"][0])
    assert depth[0, 0] == 80 and np.count_nonzero(depth) == 1
    points[0, 0, 2] = 0
    write_points(truth, points)
    with pytest.raises(ValueError, match="scene_points000000.tiff: empty depth"):
        read_scared_depth(read_scared(copy, ["dataset1"])["depth"][0])


def test_bad_points(copy):
    truth = copy / "dataset1/keyframe1/image_02/data/groundtruth/scene_points000000.tiff"
    cell = read_scared(copy, ["dataset1"])["depth"][0]
    write_points(truth, np.ones((50, 64, 3)))
    with pytest.raises(ValueError, match="the depth map has 64 x 25 pixels, its frame .* has 64 x 50"):
        read_scared_depth(cell)
    Image.new("RGB", (64, 100)).save(truth)
    with pytest.raises(ValueError, match="holds pixels of the kind rgb24, expected scene points"):
        read_scared_depth(cell)
    truth.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="scene_points000000.tiff cannot be decoded"):
        read_scared_depth(cell)


@pytest.mark.parametrize("line", ["dataset1/keyframe1 1 r", "dataset1/keyframe1 1", "keyframe1 1 l"])
def test_bad_lists(copy, line):
    (copy / TRAIN).write_text(f"dataset1/keyframe1   1   l\n{line}\n")
    with pytest.raises(ValueError, match="train_files.txt, line 2: .* expected a left frame"):
        load_task("scared_depth").read(copy)


def test_half_downloads(copy):
    (copy / "dataset1/keyframe1/image_02/data/0000000001.png").unlink()
    with pytest.raises(
        FileNotFoundError,
        match="1 files of 96 listed frames are missing .first: dataset1/keyframe1/im.* from keyframe_0",
    ):
        load_task("scared_depth").read(copy)
    with pytest.raises(ValueError, match="dataset6 has no frame in the lists"):
        read_scared(copy, ["dataset6"])
    (copy / TRAIN).unlink()
    with pytest.raises(FileNotFoundError, match="splits/endovis/train_files.txt"):
        load_task("scared_depth").read(copy)
