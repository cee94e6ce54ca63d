# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The sinus sequence: points come back where a moving camera saw them, and real poses explain real pictures."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from zen_hf.benchmark.leakage import flag, head_training_data
from zen_hf.benchmark.miniatures.operation import draw_operation
from zen_hf.benchmark.readers.sinus_sfm import (
    FARTHEST,
    FIRST,
    NEAREST,
    read_reconstruction,
    read_sinus_depth,
    read_sinus_sfm,
    rotation_matrices,
)
from zen_hf.benchmark.split import load_split
from zen_hf.benchmark.task import load_task


@pytest.fixture
def copy(miniature, tmp_path):
    shutil.copytree(miniature("sinus_depth"), tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture(scope="module")
def real(shared_data):
    return shared_data / "sinus-sfm-381"


def test_depth_comes_back_through_world_and_camera(copy):
    """The miniature puts drawn depth into the world by random poses; what is read is that depth at those pixels."""
    dataset = read_sinus_sfm(copy, ["000-049"])
    assert dataset["frame"][:] == list(range(16))
    for row, scene in zip(dataset, draw_operation(0, 16, (36, 64), seed=0), strict=True):
        depth = read_sinus_depth(row["depth"])
        assert depth.shape == (36, 64) == row["image"].size[::-1] and np.count_nonzero(depth) == 40
        known = depth > 0
        np.testing.assert_allclose(depth[known], 0.1 * scene.depth_mm[known], rtol=1e-4)


def test_rotations():
    """A quarter turn around z, and any quaternion gives an orthonormal right-handed matrix."""
    quarter = rotation_matrices(np.array([[0, 0, 1, 1.0]]))[0]
    np.testing.assert_allclose(quarter @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    for matrix in rotation_matrices(np.random.default_rng(0).normal(size=(5, 4))):
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(matrix) == pytest.approx(1)


def test_the_nearest_point_of_a_pixel_counts():
    cell = json.dumps({"size": [2, 3], "points": [[1, 0, 5.0], [1, 0, 3.0], [2, 1, 4.0]]})
    np.testing.assert_array_equal(read_sinus_depth(cell), [[0, 3, 0], [0, 0, 4]])


def test_sides_have_gaps_between_them():
    fold = load_split("sinus_sfm_in_time").folds[0]
    spans = {side: [tuple(map(int, v.split("-"))) for v in videos] for side, videos in fold.sides.items()}
    edges = [(side, first, last) for side, parts in spans.items() for first, last in parts]
    for (side, _, last), (other, first, _) in zip(sorted(edges, key=lambda e: e[1]), edges[1:], strict=False):
        assert first - last - 1 == (0 if side == other else 20)
    assert edges[-1][2] == 380


def test_frame_that_sees_nothing(copy):
    path = copy / "view_indexes_per_point"
    path.write_text(path.read_text().replace(f"\n{FIRST}\n", f"\n{FIRST + 1}\n"))
    with pytest.raises(ValueError, match="00002603.jpg: empty depth: none of the 0 points"):
        read_sinus_sfm(copy, ["000-049"])


def test_bad_files(copy):
    with pytest.raises(ValueError, match="no registered frame in the segment 200-219"):
        read_sinus_sfm(copy, ["200-219"])
    (copy / "00002603.jpg").unlink()
    with pytest.raises(FileNotFoundError, match="1 of 16 files are missing .first: 00002603.jpg"):
        read_sinus_sfm(copy, ["000-049"])
    for name, message in (
        ("structure.ply", "not an ASCII PLY file"),
        ("view_indexes_per_point", "view_indexes_per_point is of 1 points"),
        ("camera_intrinsics_per_view", "reconstruction as expected .ValueError"),
        ("motion.yaml", "reconstruction as expected .TypeError|reconstruction as expected .KeyError"),
    ):
        content = (copy / name).read_text()
        (copy / name).write_text("-1\n3\n")
        with pytest.raises(ValueError, match=message):
            read_sinus_sfm(copy, ["000-049"])
        (copy / name).write_text(content)
    (copy / "motion.yaml").unlink()
    with pytest.raises(FileNotFoundError, match="motion.yaml"):
        read_sinus_sfm(copy, ["000-049"])


@pytest.mark.real
def test_real_points_lie_in_their_frames(real):
    """Of 159,000 seen points 99.9 % project into their frame and before its camera; with poses not inverted, a quarter."""
    found = read_reconstruction(real)
    assert len(found.views) == 381 and len(found.points) == 26_230

    def inside(projected):
        x, y, z = projected.T
        return (x > 0) & (x < 1920) & (y > 0) & (y < 1080) & (z > 0)

    shares = [inside(found.project(view)) for view in range(381)]
    assert np.mean(np.concatenate(shares)) > 0.999
    wrong = []
    for view in range(0, 381, 10):
        world = found.points[found.seen[int(found.views[view])]]
        x, y, z = (world @ found.rotations[view].T + found.positions[view]).T
        fx, fy, cx, cy = found.intrinsics[view]
        wrong.append(inside(np.stack([fx * x / z + cx, fy * y / z + cy, z], 1)))
    assert np.mean(np.concatenate(wrong)) < 0.4


@pytest.mark.real
def test_real_points_look_the_same_from_two_frames(real):
    """The picture around a point in one frame fits that around it four frames later, and no other point's there."""
    found = read_reconstruction(real)

    def patches(view, points):
        picture = np.asarray(Image.open(real / f"{found.views[view]:08d}.jpg").convert("L"), float)
        world = (found.points[points] - found.positions[view]) @ found.rotations[view]
        fx, fy, cx, cy = found.intrinsics[view]
        x = np.floor((fx * world[:, 0] / world[:, 2] + cx) / 4).astype(int).clip(4, 475)
        y = np.floor((fy * world[:, 1] / world[:, 2] + cy) / 4).astype(int).clip(4, 265)
        cut = np.stack([picture[r - 4 : r + 5, c - 4 : c + 5].ravel() for r, c in zip(y, x, strict=True)])
        cut -= cut.mean(1, keepdims=True)
        return cut / np.maximum(np.linalg.norm(cut, axis=1, keepdims=True), 1e-6)

    same, other = [], []
    for view in range(0, 370, 40):
        here, there = (found.seen[int(found.views[v])] for v in (view, view + 4))
        points = np.intersect1d(here, there)
        a, b = patches(view, points), patches(view + 4, points)
        same.append((a * b).sum(1))
        other.append((a * np.roll(b, 7, axis=0)).sum(1))
    assert np.median(np.concatenate(same)) > 0.8 > 0.4 > abs(np.median(np.concatenate(other)))


@pytest.mark.real
def test_real_task(real):
    task = load_task("sinus_depth")
    dataset = task.read(real)
    assert len(dataset) == task.published["frames"] == 341
    depths = [read_sinus_depth(cell) for cell in dataset["depth"]]
    known = np.concatenate([depth[depth > 0] for depth in depths])
    assert all(depth.shape == (270, 480) for depth in depths)
    assert NEAREST < known.min() and known.max() < FARTHEST  # nothing valid is cut
    assert 300 < len(known) / len(depths) < 500


def test_all_segments_show_one_patient():
    """An encoder that was trained on any segment has seen whom it is tested on."""
    task = load_task("sinus_depth")
    fold = load_split(task.split).folds[0]
    trained = head_training_data(task, fold.train)
    assert trained.labelled == ("sinus_sfm:1",)
    found = flag(trained, task, fold.test)
    assert (found.flag, found.why.split(" by ")[0]) == ("seen_labelled", "1 of 1 test patients seen with labels")
