# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Frames keep their shape on the canvas; truth gets there unmixed and predictions get back exactly."""

from types import SimpleNamespace

import datasets
import numpy as np
import pytest
import torch
from PIL import Image

from zen_hf.benchmark.dense.canvas import Layout, Place
from zen_hf.benchmark.dense.canvas_frames import CanvasFrames
from zen_hf.benchmark.metrics.depth_errors.depth_errors import video_statistics


@pytest.mark.parametrize("native", [(480, 854), (1024, 1280), (1080, 1920), (288, 360), (64, 64)])
def test_the_area_is_the_squares_and_the_aspect_ratio_the_frames(native):
    height, width = Layout(224, 16).shown(native)
    assert height * width == pytest.approx(224**2, rel=0.01)
    assert height / width == pytest.approx(native[0] / native[1], rel=0.01)
    canvas = Layout(224, 16).canvas([native])
    assert all(side % 16 == 0 and 0 <= side - shown < 16 for side, shown in zip(canvas, (height, width), strict=True))


def test_frames_of_several_sizes_share_one_canvas():
    layout = Layout(64, 16)
    assert layout.canvas([(40, 80), (80, 40)]) == (96, 96)


def test_an_encoder_of_one_size_is_refused():
    encoder = SimpleNamespace(any_size=False, default_image_size=64, stride=16, name="fixed")
    with pytest.raises(
        ValueError, match="fixed takes frames of 64x64 pixels alone; dense tasks keep the aspect ratio"
    ):
        Layout.of(encoder, 64)


def test_maps_on_the_canvas_come_back_exactly():
    place = Place(native=(30, 50), shown=(30, 50), canvas=(32, 64))
    known = torch.randn(3, 30, 50)
    canvas = torch.full((3, 32, 64), 99.0)
    canvas[:, :30, :50] = known
    assert torch.equal(place.to_native(canvas), known)


def test_a_ramp_survives_resizing_on_half_pixel_centres():
    place = Place(native=(60, 100), shown=(30, 50), canvas=(32, 64))
    rows, columns = np.mgrid[:16, :32] * 2 + 1.0  # centres of cells of 2x2 pixels, on the canvas
    found = place.to_native(torch.from_numpy(np.stack([rows, columns])))
    expected = np.mgrid[:60, :100] / 2 + 0.25  # the same centres, seen from the frame's pixels
    inner = (slice(None), slice(4, 56), slice(4, 96))
    np.testing.assert_allclose(found.numpy()[inner], expected[inner], atol=1e-4)


@pytest.mark.parametrize("shown", [(30, 50), (31, 49)])  # odd sides are halved upwards, and still cover the frame
def test_depth_at_half_the_resolution_is_resized_by_the_metric_as_by_the_canvas(shown):
    place = Place(native=(60, 100), shown=shown, canvas=(32, 64))
    assert place.halved == (-(-shown[0] // 2), -(-shown[1] // 2))
    rows, columns = np.mgrid[:16, :32] * 2 + 1.0  # a slope over the canvas
    values = torch.from_numpy(2 * rows + columns)[None]
    half, native = place.to_frame(values, place.halved)[0].numpy(), place.to_native(values)[0].numpy()
    truth = np.zeros((60, 100))
    truth[6:54, 8:92] = native[6:54, 8:92]
    measures = video_statistics([half], [truth], ["a"], nearest=1.0, farthest=500.0)["a"]
    assert measures["rmse_metric"] < 1e-4 * truth.max()  # a shift of one pixel would be 0.5
    assert Place(native=(20, 30), shown=(60, 90), canvas=(64, 96)).halved == (20, 30)


def test_truth_is_the_pixel_at_the_centre_of_a_cell():
    place = Place(native=(60, 100), shown=(30, 50), canvas=(32, 64))
    picture = np.arange(6000, dtype=np.uint16).reshape(60, 100)
    grid = place.to_grid(picture, 7)
    assert grid.shape == (16, 32)
    assert grid[3, 5] == picture[14, 22]  # cell 3 has its centre at row 7 of the canvas, row 14 of the frame
    assert (grid[15] == 7).all() and (grid[:, 25:] == 7).all()
    np.testing.assert_array_equal(place.inside((16, 32)), np.pad(np.ones((15, 25), bool), ((0, 1), (0, 7))))


def test_sparse_depth_is_kept_and_never_mixed():
    place = Place(native=(60, 100), shown=(30, 50), canvas=(32, 64))
    depth = np.zeros((60, 100), np.float32)
    points = np.random.default_rng(0).permutation(6000)[:40]
    depth.flat[points] = np.arange(1, 41)
    grid = place.depth_to_grid(depth)
    assert set(np.unique(grid)) <= {0.0, *map(float, range(1, 41))}
    cells = {(row // 4, column // 4) for row, column in zip(*np.nonzero(depth), strict=True)}
    assert set(zip(*(axis.tolist() for axis in np.nonzero(grid)), strict=True)) == cells
    crowded = np.zeros((60, 100), np.float32)
    crowded[8, 9], crowded[9, 8] = 5, 7  # both in the cell (2, 2), neither at its centre
    assert place.depth_to_grid(crowded)[2, 2] == 7


def dataset(pictures):
    rows = [{"image": picture, "video_id": "a", "frame": i, "time_s": float(i)} for i, picture in enumerate(pictures)]
    return datasets.Dataset.from_list(rows).cast_column("image", datasets.Image())


def test_frames_lie_in_the_upper_left_corner():
    random = np.random.default_rng(0)
    pictures = [Image.fromarray(random.integers(0, 256, size, np.uint8)) for size in ((32, 48, 3), (48, 32, 3))]
    frames = CanvasFrames(dataset(pictures), Layout(39, 16))  # sqrt(32 * 48) is 39.19
    pixels = next(frames.batches([[0, 1]]))
    assert pixels.shape == (2, 3, 48, 48)
    assert frames.place(0).shown == (32, 48) and frames.place(1).shown == (48, 32)
    wanted = torch.from_numpy(np.array(pictures[0])).permute(2, 0, 1) / 255
    assert torch.equal(pixels[0, :, :32], wanted)
    assert not pixels[0, :, 32:].any()
    assert frames.inside([0])[0, 0].sum() == 32 * 48
    frames.keep([0, 1])
    assert torch.equal(next(frames.batches([[0, 1]])), pixels) and frames.kept.known.all()
    assert torch.equal(next(frames.batches([[0, 1]])), pixels)


def test_a_frame_that_is_no_picture_is_named(tmp_path):
    path = tmp_path / "broken.png"
    path.write_bytes(b"nothing")
    rows = [{"image": str(path), "video_id": "a", "frame": 0, "time_s": 0.0}]
    with pytest.raises(ValueError, match="broken.png: not a readable picture"):
        CanvasFrames(datasets.Dataset.from_list(rows).cast_column("image", datasets.Image()), Layout(32, 16))
