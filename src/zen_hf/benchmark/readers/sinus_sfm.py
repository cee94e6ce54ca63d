# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The sinus endoscopy sequence of DenseDescriptorLearning: `00002603.jpg` onwards, with a sparse COLMAP reconstruction.

    motion.yaml                  pose of every registered view: camera in world, so it is inverted here
    camera_intrinsics_per_view   focal length, x and y of the centre, in pixels of the original 1920 x 1080 (or fx, fy, x, y)
    structure.ply                points of the reconstruction
    view_indexes_per_point       -1, then the frames that see the point; and so on for every point
    visible_view_indexes         frames that have a pose, in the order of the poses

The depth of a frame is z in its camera of the points it sees, and known there alone (about 415 pixels). It has no unit: the
whole sequence is up to one scale. It shows one patient, so it is parted in time: a "video" is a segment such as "000-049",
counted from the first frame.

Reference: X. Liu et al., Extremely dense point correspondences using a learned feature descriptor, CVPR 2020, arXiv:2003.00619.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import datasets
import numpy as np
import yaml
from PIL import Image

from .canonical import canonical_dataset, frame_row, require_files
from .source import Source

FPS = 30
FIRST = 2603  # number of the first frame
ORIGINAL_WIDTH = 1920  # px that the intrinsics are given for
NEAREST, FARTHEST = 0.1, 50.0  # units of the reconstruction, whose points lie at 0.3 to 32.4
MOTION, INTRINSICS, STRUCTURE = "motion.yaml", "camera_intrinsics_per_view", "structure.ply"
VIEWS_OF_POINTS, VIEWS = "view_indexes_per_point", "visible_view_indexes"
FILES = (MOTION, INTRINSICS, STRUCTURE, VIEWS_OF_POINTS, VIEWS)
LAYOUT = f"NNNNNNNN.jpg beside {', '.join(FILES)}"


def patient(video: str) -> str:
    """The name in the leakage manifest of the one patient whom all segments show."""
    return "sinus_sfm:1"


SOURCE = Source(
    name="sinus_sfm",
    title="Sinus endoscopy with sparse depth",
    licence="research use (DenseDescriptorLearning-Pytorch)",
    fps=FPS,
    files=(),
    shared=(*FILES, "*.jpg"),
    ignored=("selected_indexes", "*mask*"),
    defects=(
        "one patient: segments of one sequence with gaps between the sides; scores say nothing about other patients",
        "depth is sparse and has no unit: metric errors are meaningless and not given",
        "poses are of the camera in the world; they are inverted",
        "a few points lie behind a camera that is said to see them, or outside its frame; they are left out there",
    ),
    patient=patient,
)


@dataclass(frozen=True)
class Reconstruction:
    """What COLMAP found.

    Args:
        views: [V] frames that have a pose.
        positions: [V, 3] of the cameras in the world.
        rotations: [V, 3, 3] from camera to world.
        intrinsics: [V, 4] fx, fy, cx, cy in pixels of the original.
        points: [P, 3] in the world.
        seen: for each frame the points that it sees.
    """

    views: np.ndarray
    positions: np.ndarray
    rotations: np.ndarray
    intrinsics: np.ndarray
    points: np.ndarray
    seen: dict[int, np.ndarray]

    def project(self, view: int) -> np.ndarray:
        """Project what a view sees.

        Args:
            view: position in `views`.

        Returns:
            [K, 3]: x and y in pixels of the original picture, and the depth along the axis of the camera.
        """
        world = self.points[self.seen.get(int(self.views[view]), np.zeros(0, int))]
        # Rows times the rotation from camera to world are columns times its inverse.
        camera = (world - self.positions[view]) @ self.rotations[view]
        fx, fy, cx, cy = self.intrinsics[view]
        depth = np.where(camera[:, 2] == 0, np.finfo(float).tiny, camera[:, 2])
        return np.stack([fx * camera[:, 0] / depth + cx, fy * camera[:, 1] / depth + cy, camera[:, 2]], 1)


def read_sinus_sfm(folder: Path, videos: list[str]) -> datasets.Dataset:
    """Read the registered frames of some segments with their sparse depth.

    Args:
        folder: the sequence.
        videos: segments to read, such as "000-049": first and last frame, counted from `FIRST`.

    Returns:
        Rows of `canonical_features` with `depth`, a cell for `read_sinus_depth` that holds the points themselves.

    Raises:
        FileNotFoundError: if a file or a frame is missing.
        ValueError: if the reconstruction is not of its format, a segment has no frame, or a frame sees no point.
    """
    folder = Path(folder)
    require_files(folder, list(FILES), LAYOUT)
    found, rows = read_reconstruction(folder), []
    numbers = found.views - FIRST
    for video in sorted(videos):
        first, last = (int(number) for number in video.split("-"))
        inside = np.flatnonzero((numbers >= first) & (numbers <= last))
        if not len(inside):
            raise ValueError(f"{folder}: no registered frame in the segment {video} (frames {FIRST + first} onwards).")
        names = [f"{found.views[view]:08d}.jpg" for view in inside]
        require_files(folder, names, LAYOUT)
        for view, name in zip(inside, names, strict=True):
            row = frame_row(str(folder / name), video, int(numbers[view]), FPS)
            rows.append(row | {"depth": _sparse_cell(found.project(view), folder / name)})
    return canonical_dataset(rows, {"depth": datasets.Value("string")})


def read_reconstruction(folder: Path) -> Reconstruction:
    """Read the five files.

    Raises:
        ValueError: if one is not of its format, or their counts differ.
    """
    try:
        views = np.loadtxt(folder / VIEWS, dtype=int, ndmin=1)
        # libyaml's loader where there is one: the plain one takes seconds.
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        poses = yaml.load((folder / MOTION).read_text(), loader)["poses[]"]
        poses = [poses[f"poses[{index}]"] for index in range(len(poses))]
        positions = np.array([[float(pose["position"][axis]) for axis in "xyz"] for pose in poses])
        quaternions = np.array([[float(pose["orientation"][axis]) for axis in "xyzw"] for pose in poses])
        intrinsics = np.loadtxt(folder / INTRINSICS).reshape(len(views), -1)
        points = _read_points(folder / STRUCTURE)
        listed = np.loadtxt(folder / VIEWS_OF_POINTS, dtype=int, ndmin=1)
        if len(poses) != len(views):
            raise ValueError(f"{MOTION} has {len(poses)} poses, {VIEWS} {len(views)} views")
        if intrinsics.shape[1] not in (3, 4):
            raise ValueError(f"{INTRINSICS} has {intrinsics.shape[1]} values per view, expected 3 or 4")
        if np.count_nonzero(listed == -1) != len(points):
            raise ValueError(
                f"{VIEWS_OF_POINTS} is of {np.count_nonzero(listed == -1)} points, {STRUCTURE} has {len(points)}"
            )
    except (ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise ValueError(
            f"{folder} does not hold a reconstruction as expected ({type(error).__name__}: {error}): {LAYOUT}."
        ) from error
    point = np.cumsum(listed == -1) - 1
    frames, point = listed[listed != -1], point[listed != -1]
    order = np.argsort(frames, kind="stable")
    frames, starts = np.unique(frames[order], return_index=True)
    seen = dict(zip(frames.tolist(), np.split(point[order], starts[1:]), strict=True))
    focal = intrinsics if intrinsics.shape[1] == 4 else intrinsics[:, [0, 0, 1, 2]]
    return Reconstruction(views, positions, rotation_matrices(quaternions), focal, points, seen)


def rotation_matrices(quaternions: np.ndarray) -> np.ndarray:
    """Rotation matrices [N, 3, 3] of quaternions [N, 4] in the order x, y, z, w, of any length above 0."""
    x, y, z, w = (quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def _read_points(path: Path) -> np.ndarray:
    """Vertices [P, 3] of an ASCII PLY file."""
    lines = path.read_text().splitlines()
    if "end_header" not in lines or "format ascii 1.0" not in lines:
        raise ValueError(f"{path.name} is not an ASCII PLY file")
    vertices = next(int(line.split()[2]) for line in lines if line.startswith("element vertex"))
    start = lines.index("end_header") + 1
    return np.array([line.split()[:3] for line in lines[start : start + vertices]], float).reshape(vertices, 3)


def _sparse_cell(projected: np.ndarray, frame: Path) -> str:
    """The cell of a frame: its size, and column, row and depth of each of its points."""
    with Image.open(frame) as picture:
        width, height = picture.size
    # The centre of COLMAP's first pixel is at 0.5.
    column, row = np.floor(projected[:, :2] * (width / ORIGINAL_WIDTH)).astype(int).T
    depth = projected[:, 2]
    kept = (depth > 0) & (column >= 0) & (column < width) & (row >= 0) & (row < height)
    if not kept.any():
        raise ValueError(f"{frame}: empty depth: none of the {len(depth)} points that it sees lies inside it.")
    values = [
        [int(c), int(r), float(f"{d:.5g}")] for c, r, d in zip(column[kept], row[kept], depth[kept], strict=True)
    ]
    return json.dumps({"size": [height, width], "points": values}, separators=(",", ":"))


def read_sinus_depth(cell: str) -> np.ndarray:
    """Sparse depth of a frame.

    Args:
        cell: of the column `depth`.

    Returns:
        [H, W] float32 in units of the reconstruction, 0 where no point is seen; the nearest one where several fall on a pixel.
    """
    content = json.loads(cell)
    column, row, depth = np.array(content["points"]).T
    truth = np.full(content["size"], np.inf, np.float32)
    np.minimum.at(truth, (row.astype(int), column.astype(int)), depth.astype(np.float32))
    return np.where(np.isfinite(truth), truth, np.float32(0))
