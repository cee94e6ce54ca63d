# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""SCARED in the layout of AF-SfMLearner: `dataset3/keyframe4/image_02/data/0000000390.png`, with the frame lists beside it.

Each dataset is one pig, each keyframe a place that the camera starts from. `splits/endovis/{train,val,test}_files.txt` (from
the AF-SfMLearner repository; they are not ours to hand out) list 17,607 frames, one per line: `dataset3/keyframe4 390 l`.
Frame 390 has the truth `scene_points000389.tiff`, in `image_02/data/groundtruth/` or as handed out in `data/scene_points/`:
three float32 per pixel (x, y, z in mm), the left eye above the right one.

The lists part keyframes, not animals: their 551 test frames show the seven pigs that also train. Here the frames of all three
lists are read and a video is a pig, so that no animal is on two sides; scores are not those of the published split.

Reference: M. Allan et al., arXiv:2101.01133; S. Shao et al., AF-SfMLearner, Medical Image Analysis 77 (2022) 102338.
"""

import re
from pathlib import Path

import av
import datasets
import numpy as np

from .canonical import canonical_dataset, frame_row, require_files
from .depth_map import cell_paths, checked_depth, depth_cell
from .source import Source

FPS = 25
NEAREST, FARTHEST = 1e-3, 150.0  # mm
LISTS = tuple(f"splits/endovis/{side}_files.txt" for side in ("train", "val", "test"))
LINE = re.compile(r"(dataset\d+)/keyframe(\d+)\s+(\d+)\s+([lr])")
KEYFRAME = 10_000  # keyframe 4, frame 390 is frame 40390 of its pig
TRUTHS = ("image_02/data/groundtruth", "data/scene_points")
FROM_0 = "the original folders of dataset8 and dataset9 count from keyframe_0, the lists from keyframe1: name them so"
LAYOUT = "datasetN/keyframeM/image_02/data/ with pictures and scene points, and the lists of AF-SfMLearner in splits/endovis/"


def patient(video: str) -> str:
    """The name that this pig has in the leakage manifest."""
    return f"scared:{int(video.removeprefix('dataset'))}"


SOURCE = Source(
    name="scared",
    title="SCARED",
    licence="challenge terms of EndoVis 2019: research only",
    fps=FPS,
    files=("{video}/keyframe*/scene_points*.tiff",),
    pictures=("{video}/keyframe*/image_02/data/*.png", "{video}/keyframe*/image_02/data/*.jpg"),
    shared=LISTS,
    ignored=(
        "splits/*",
        "*/image_03/*",
        "*/frame_data/*",
        "*.mp4",
        "*.yaml",
        "*.obj",
        "*_depth_map.tiff",
        "*Left_Image.png",
        "*Right_Image.png",
        "*.tar.gz",
    ),
    defects=(
        "truth of the original release (not the corrected one of arXiv:2605.16628, SCARED-C): away from the first frame of "
        "each keyframe it follows the robot's kinematics and drifts; never compare scores of the two",
        "the published lists have every test animal in training: here a video is an animal",
        FROM_0,
        "the calibration of dataset4 and dataset5 is known to be wrong; they train, they do not test",
    ),
    patient=patient,
)


def read_scared(folder: Path, videos: list[str]) -> datasets.Dataset:
    """Read the listed left frames of some pigs with where their depth lies.

    Args:
        folder: the data with the lists.
        videos: ids of the pigs to read, such as "dataset3".

    Returns:
        Rows of `canonical_features` with `depth`, a cell for `read_scared_depth`; `frame` is keyframe * 10,000 + number, so
        `time_s` orders the frames of a pig and tells no time between keyframes.

    Raises:
        FileNotFoundError: if a list, a picture or a scene point file is missing.
        ValueError: if a list is not of its format, or a pig has no frame in it.
    """
    folder = Path(folder)
    require_files(folder, list(LISTS), LAYOUT)
    wanted = set(videos)
    listed = sorted({entry for name in LISTS for entry in _read_list(folder / name) if entry[0] in wanted})
    lacking = sorted(wanted - {video for video, _, _ in listed})
    if lacking:
        raise ValueError(
            f"{folder}: {lacking[0]} has no frame in the lists of splits/endovis; give the official lists."
        )
    rows, absent = [], []
    for video, keyframe, number in listed:
        home = folder / video / f"keyframe{keyframe}"
        picture = _first(home / "image_02/data", (f"{number:010d}.png", f"{number:010d}.jpg"))
        truth = _first(home, tuple(f"{place}/scene_points{number - 1:06d}.tiff" for place in TRUTHS))
        absent += [path for path in (picture, truth) if not path.is_file()]
        row = frame_row(str(picture), video, KEYFRAME * keyframe + number, FPS)
        rows.append(row | {"depth": depth_cell(picture, truth)})
    if absent:
        raise FileNotFoundError(
            f"{folder}: {len(absent)} files of {len(rows)} listed frames are missing (first: "
            f"{absent[0].relative_to(folder)}); expected {LAYOUT}. Complete the download ({FROM_0})."
        )
    return canonical_dataset(rows, {"depth": datasets.Value("string")})


def _read_list(path: Path) -> list[tuple[str, int, int]]:
    """Pig, keyframe and frame of every line."""
    found = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = LINE.fullmatch(line.strip())
        if line.strip() and (match is None or match[4] != "l"):
            raise ValueError(f"{path}, line {number}: {line!r}, expected a left frame as 'dataset3/keyframe4 390 l'.")
        if match:
            found.append((match[1], int(match[2]), int(match[3])))
    return found


def _first(folder: Path, names: tuple[str, ...]) -> Path:
    """The first of some files that exists, or the first of all, which does not."""
    paths = [folder / name for name in names]
    return next((path for path in paths if path.is_file()), paths[0])


def read_scared_depth(cell: str) -> np.ndarray:
    """Depth of a left frame.

    Args:
        cell: of the column `depth`.

    Returns:
        [H, W] float32 in mm, 0 where unknown or out of range.

    Raises:
        ValueError: if the file holds no scene points, has another size than two frames, or is empty.
    """
    frame, file = cell_paths(cell)
    try:
        with av.open(str(file)) as container:
            picture = next(container.decode(video=0))
    except (av.FFmpegError, StopIteration, IndexError) as error:
        raise ValueError(f"{file} cannot be decoded ({type(error).__name__}: {error}); download it again.") from error
    if picture.format.name not in ("rgbf32le", "rgbf32be"):
        raise ValueError(
            f"{file} holds pixels of the kind {picture.format.name}, expected scene points: a TIFF of three float32."
        )
    points = picture.to_ndarray()  # [2 H, W, 3]: left eye above right eye
    return checked_depth(points[: len(points) // 2, :, 2], file, frame, NEAREST, FARTHEST)
