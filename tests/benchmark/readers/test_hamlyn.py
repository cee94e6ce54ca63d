# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Rectified Hamlyn: rows and depth against the files, both namings, and downloads that are not what they should be."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from zen_hf.benchmark.readers.hamlyn import read_hamlyn, read_hamlyn_depth
from zen_hf.benchmark.split import load_split
from zen_hf.benchmark.task import load_task

NEW, OLD = "rectified08", "rectified11"  # image01 and color


@pytest.fixture
def copy(miniature, tmp_path):
    shutil.copytree(miniature("hamlyn_depth"), tmp_path / "copy")
    return tmp_path / "copy"


def depth_of(folder, index=0, video=NEW):
    return read_hamlyn_depth(read_hamlyn(folder, [video])["depth"][index])


def test_rows_and_depth(copy):
    dataset = load_task("hamlyn_depth").read(copy)
    assert set(dataset["frame"]) == set(range(0, 160, 10))  # frame 5, which is there, is not read
    assert (copy / NEW / "image01" / "0000000005.jpg").is_file()
    for row in dataset.select(range(0, len(dataset), 7)):
        home, number = copy / row["video_id"], row["frame"]
        new, old = home / f"depth01/{number:010d}.png", home / f"depth/frame{number:06d}.png"
        expected = np.array(Image.open(new if new.is_file() else old)).astype(np.float32)
        depth = read_hamlyn_depth(row["depth"])
        assert depth.dtype == np.float32 and depth.shape == (48, 64) == row["image"].size[::-1]
        np.testing.assert_array_equal(depth, expected)
        assert row["time_s"] == number / 25


def test_millimetres_are_kept(copy):
    """Whole millimetres between 1 and 300; the rest is unknown, and neither trains nor is scored."""
    truth = np.zeros((48, 64), np.uint16)
    truth[3, :5], truth[7, 60] = (1, 2, 299, 300, 65535), 301
    path = copy / NEW / "depth01" / "0000000000.png"
    Image.fromarray(truth).save(path)
    depth = depth_of(copy)
    assert depth[3, :5].tolist() == [0, 2, 299, 0, 0] and np.count_nonzero(depth) == 2
    truth[3, 1:3] = 0
    Image.fromarray(truth).save(path)
    with pytest.raises(ValueError, match="empty depth: none of its 3072 pixels lies between 1.0 and 300.0"):
        depth_of(copy)


def test_sequence_in_a_second_folder_of_its_name(copy):
    inner = copy / "inner"
    (copy / NEW).rename(inner)
    (copy / NEW).mkdir()
    inner.rename(copy / NEW / NEW)
    assert len(read_hamlyn(copy, [NEW])) == 16


def test_bad_depth(copy):
    path = copy / NEW / "depth01" / "0000000000.png"
    Image.fromarray(np.ones((24, 64), np.uint16)).save(path)
    with pytest.raises(ValueError, match="0000000000.png: the depth map has 64 x 24 pixels, its frame .* has 64 x 48"):
        depth_of(copy)
    Image.fromarray(np.zeros((48, 64), np.uint16)).save(path)
    with pytest.raises(ValueError, match="0000000000.png: empty depth: none of its 3072 pixels lies between 1"):
        depth_of(copy)
    Image.fromarray(np.ones((48, 64), np.uint8)).save(path)
    with pytest.raises(ValueError, match="has the mode 'L', expected a grey PNG of 16 bits"):
        depth_of(copy)


def test_half_downloads(copy):
    (copy / NEW / "depth01" / "0000000010.png").unlink()
    with pytest.raises(FileNotFoundError, match="1 of 16 frames have no depth map .first: that of 0000000010.jpg"):
        load_task("hamlyn_depth").read(copy)
    shutil.rmtree(copy / OLD)
    with pytest.raises(FileNotFoundError, match=f"{OLD}: the sequence is missing .* 5 sequences are there"):
        read_hamlyn(copy, [OLD])
    for path in (copy / NEW / "image01").glob("*0.jpg"):
        path.unlink()
    with pytest.raises(ValueError, match="no frame has a number that is a multiple of 10"):
        read_hamlyn(copy, [NEW])


def test_a_mirror_without_all_sequences_is_refused(copy):
    (copy / "ZEN_MINIATURE.json").unlink()
    with pytest.raises(FileNotFoundError, match="rectified05: the sequence is missing"):
        load_task("hamlyn_depth").read(copy)


def test_cells_are_small_and_lazy(copy):
    """Nothing is decoded until a cell is read."""
    cell = read_hamlyn(copy, [NEW])["depth"][0]
    assert len(cell) < 1000 and set(json.loads(cell)) == {"image", "depth"}
    (copy / NEW / "depth01" / "0000000000.png").write_bytes(b"nothing")
    assert len(read_hamlyn(copy, [NEW])) == 16
    with pytest.raises(OSError):
        read_hamlyn_depth(cell)


def test_the_split_that_keeps_what_may_be_one_operation_together():
    task = load_task("hamlyn_depth")
    (fold,) = load_split(task.other_splits[0]).folds
    assert set(fold.train) >= {f"rectified{number}" for number in range(14, 25)}
    assert sorted(fold.videos) == load_split(task.split).videos
    assert [len(side) for side in fold.sides.values()] == [13, 3, 6]
