# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Truths are read when they are looked at, and their hash sees every pixel."""

import numpy as np
import pytest
from PIL import Image

from zen_hf.benchmark.dense.frame_truths import FrameTruths, hash_truths
from zen_hf.benchmark.dense.pictures import Instances, PartialMask


def test_nothing_is_read_before_it_is_asked_for():
    seen = []

    def read(cell):
        seen.append(cell)
        return np.full((2, 2), cell, np.uint8)

    truths = FrameTruths([4, 5, 6], read)
    assert len(truths) == 3 and seen == []
    assert truths[1][0, 0] == 5 and seen == [5]
    assert [picture[0, 0] for picture in truths] == [4, 5, 6]


def test_hash_follows_content_not_place(tmp_path):
    def read_picture(cell):
        return np.array(Image.open(cell))

    mask = np.arange(12, dtype=np.uint8).reshape(3, 4)
    for name in ("a", "b"):
        Image.fromarray(mask).save(tmp_path / f"{name}.png")
    other = mask.copy()
    other[2, 3] += 1
    Image.fromarray(other).save(tmp_path / "c.png")
    a, b, c = (hash_truths(FrameTruths([str(tmp_path / f"{name}.png")], read_picture)) for name in "abc")
    assert a == b != c


def test_hash_sees_labels_channels_and_order():
    box = np.array([[0, 0, 1, 1]])
    pictures = {
        "one": Instances((4, 4), box, np.array([0])),
        "two": Instances((4, 4), box, np.array([1])),
        "three": PartialMask(np.zeros((4, 4), np.uint16), (0,)),
        "four": PartialMask(np.zeros((4, 4), np.uint16), (1,)),
    }
    hashes = {hash_truths(FrameTruths(cells, pictures.__getitem__)) for cells in (*([name] for name in pictures),)}
    assert len(hashes) == 4
    forth, back = (hash_truths(FrameTruths(cells, pictures.__getitem__)) for cells in (["one", "two"], ["two", "one"]))
    assert forth != back


def test_a_bad_truth_stops_the_reading():
    def read(cell):
        raise ValueError(f"{cell}: mask of another size")

    with pytest.raises(ValueError, match="x.png: mask of another size"):
        hash_truths(FrameTruths(["x.png"], read))
