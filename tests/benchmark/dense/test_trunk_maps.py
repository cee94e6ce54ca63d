# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Of a batch, what lies on the disk is read, and only the rest is encoded."""

import datasets
import numpy as np
import pytest
import torch
from PIL import Image

from zen_hf.benchmark.dense.canvas import Layout
from zen_hf.benchmark.dense.canvas_frames import CanvasFrames
from zen_hf.benchmark.dense.trunk_maps import TrunkMaps

ROOM = 6  # frames


@pytest.fixture
def encoded():
    """Numbers of frames in the calls of the encoder."""
    return []


@pytest.fixture
def maps(tmp_path, encoded):
    """Mean colours of four frames of each of two videos; there is room for those of the first."""
    random = np.random.default_rng(0)
    rows = [
        {"image": Image.fromarray(random.integers(0, 256, (16, 16, 3), np.uint8)), "video_id": video, "frame": i}
        for video in "ab"
        for i in range(4)
    ]
    dataset = datasets.Dataset.from_list([row | {"time_s": float(row["frame"])} for row in rows])
    frames = CanvasFrames(dataset.cast_column("image", datasets.Image()), Layout(16, 8))

    def read(pixels, inside):
        encoded.append(len(pixels))
        return [torch.nn.functional.avg_pool2d(pixels, 8), torch.nn.functional.avg_pool2d(pixels, 4)]

    size = 2 * 3 * (2 * 2 + 4 * 4)
    rows_of = {"a": [0, 1, 2, 3], "b": [4, 5, 6, 7]}
    return TrunkMaps(frames, rows_of, read, {"encoder": "means", "image_size": 16}, tmp_path, ROOM * size, 4)


def test_only_what_is_missing_is_encoded(maps, encoded):
    assert sorted(maps.place_of) == [0, 1, 2, 3] and maps.absent([0, 5, 1, 5]) == [5]
    encoded.clear()
    found = maps.batch([0, 5, 1, 5])
    assert encoded == [1]
    alone = [maps.batch([row]) for row in (0, 5, 1, 5)]
    for level in (0, 1):
        assert torch.equal(found[level], torch.cat([each[level] for each in alone]))
        assert torch.equal(found[level][1], found[level][1].half().float())  # rounded as what is kept
    encoded.clear()
    assert [len(each[0]) for each in maps.batches([[0, 1], [2, 4], [5, 6]])] == [2, 2, 2]
    assert encoded == [1, 2]


def test_frames_that_are_kept_are_decoded_once(maps, monkeypatch):
    maps.frames.keep(maps.absent(range(8)))
    first = maps.batch(range(8))
    monkeypatch.setattr("zen_hf.benchmark.dense.canvas_frames.open_image", None)  # no picture is opened again
    for one, other in zip(first, maps.batch(range(8)), strict=True):
        assert torch.equal(one, other)
