# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The rectified Hamlyn sequences of Endo-Depth-and-Motion: `rectified01/image01/*.jpg` beside `rectified01/depth01/*.png`.

A depth map is a grey PNG of 16 bits in whole millimetres, 0 where the stereo matcher (Libelas) found nothing: it is not
measured, so it is a pseudo truth, and it counts from 1 to 300 mm. Mirrors call the folders `color` and `depth`, or hold each
sequence in a second folder of the same name; both are read. Of each pair the left picture alone is used.

Neighbouring frames are almost equal, and there are 90,000: every tenth is read, the frames whose number is a multiple of 10.

Reference: D. Recasens et al., Endo-Depth-and-Motion, IEEE RA-L 6 (2021) 7225; D. Stoyanov et al. and P. Mountney et al.
recorded the videos.
"""

from pathlib import Path

import datasets
import numpy as np
from PIL import Image

from .canonical import canonical_dataset, frame_row
from .depth_map import cell_paths, checked_depth, depth_cell
from .pictures import numbered_pictures
from .source import Source

FPS = 25  # nominal: the recordings differ, and no label depends on it
STEP = 10
NEAREST, FARTHEST = 1.0, 300.0  # mm
FOLDERS = (("image01", "depth01"), ("color", "depth"))
LAYOUT = "rectifiedNN/image01 with depth01, or rectifiedNN/color with depth"


def patient(video: str) -> str:
    """The name that this sequence has in the leakage manifest; whose it is was not published."""
    return f"hamlyn:{int(video.removeprefix('rectified'))}"


SOURCE = Source(
    name="hamlyn",
    title="Hamlyn (rectified)",
    licence="none stated for the videos; the rectified release is GPL-3.0: treat as research only",
    fps=FPS,
    files=("{video}/*depth01/*.png", "{video}/*depth/*.png"),
    pictures=("{video}/*image01/*.jpg", "{video}/*image01/*.png", "{video}/*color/*.jpg", "{video}/*color/*.png"),
    ignored=("*image02/*", "*depth02/*", "*intrinsics.txt", "*extrinsics.txt", "calibration/*"),
    defects=(
        "there are 22 sequences (no 02, 03, 07, 10, 13); a mirror with fewer is refused, naming the absent one",
        "the depth comes from stereo matching, not from a sensor",
        "14 to 24 were recorded with one calibration and may show one operation, which the split by sequence parts; "
        "hamlyn_14_to_24_apart trains on all of them",
        "rectification left black borders in 14 to 27; only pixels with depth count",
        f"every frame is there, one in {STEP} is read",
    ),
    patient=patient,
)


def read_hamlyn(folder: Path, videos: list[str]) -> datasets.Dataset:
    """Read every tenth left frame of some sequences with where its depth lies.

    Args:
        folder: the download.
        videos: ids of the sequences to read, such as "rectified01".

    Returns:
        Rows of `canonical_features` with `depth`, a cell for `read_hamlyn_depth`.

    Raises:
        FileNotFoundError: if a sequence or a depth map is missing.
        ValueError: if pictures are not numbered, or none is a multiple of ten.
    """
    rows = []
    for video in sorted(videos):
        pictures, depths = _folders_of(Path(folder) / video)
        frames = {n: path for n, path in numbered_pictures(pictures).items() if n % STEP == 0}
        truths = numbered_pictures(depths)
        if not frames:
            raise ValueError(
                f"{pictures}: no frame has a number that is a multiple of {STEP}; keep the official names."
            )
        lacking = sorted(frames.keys() - truths.keys())
        if lacking:
            raise FileNotFoundError(
                f"{depths}: {len(lacking)} of {len(frames)} frames have no depth map (first: that of "
                f"{frames[lacking[0]].name}); complete the download."
            )
        rows += [
            frame_row(str(path), video, n, FPS) | {"depth": depth_cell(path, truths[n])}
            for n, path in sorted(frames.items())
        ]
    return canonical_dataset(rows, {"depth": datasets.Value("string")})


def _folders_of(sequence: Path) -> tuple[Path, Path]:
    """Folders of a sequence's left pictures and of their depth."""
    for home in (sequence, sequence / sequence.name):
        for pictures, depths in FOLDERS:
            if (home / pictures).is_dir() and (home / depths).is_dir():
                return home / pictures, home / depths
    present = sorted(path.name for path in sequence.parent.glob("rectified*")) if sequence.parent.is_dir() else []
    raise FileNotFoundError(
        f"{sequence}: the sequence is missing or has another layout; expected {LAYOUT}. {len(present)} sequences are "
        f"there{': ' if present else ''}{', '.join(present)}. Complete the download."
    )


def read_hamlyn_depth(cell: str) -> np.ndarray:
    """Depth of a frame.

    Args:
        cell: of the column `depth`.

    Returns:
        [H, W] float32 in mm, 0 where unknown or out of range.

    Raises:
        ValueError: if the file is not a 16-bit grey PNG, has another size than its frame, or is empty.
    """
    frame, file = cell_paths(cell)
    with Image.open(file) as picture:
        if picture.mode not in ("I;16", "I;16B", "I"):
            raise ValueError(
                f"{file} has the mode {picture.mode!r}, expected a grey PNG of 16 bits that holds millimetres. Pictures of "
                "depth for the eye are no labels; give the official files."
            )
        depth = np.asarray(picture, np.float32)
    return checked_depth(depth, file, frame, NEAREST, FARTHEST)
