# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""SAR-RARP50 as its authors hand it out: folders `video_NN/` below `train1/`, `train2/` and `test/`.

    video_01/video_left.avi        60 frames per second
    video_01/action_discrete.txt   frame,action without header: a row every 6 frames (10 per second), from 0

Some operations come in parts, `video_11_1/` and `video_11_2/`: they are one video here, `video_11`, whose later part goes
on where the earlier one ends. In place of the film, the pictures that the authors' toolkit unpacks, `rgb/000000006.png`
(named by the frame), will do. Frames are taken at every labelled row, 10 per second.

Reference: D. Psychogyios et al., SAR-RARP50, arXiv:2401.00496.
"""

import re
from pathlib import Path

import datasets

from .canonical import canonical_dataset, frame_row, single_label
from .frame_image import frame_reference, video_length
from .pictures import numbered_pictures, require_covered
from .source import Source

FPS, STEP = 60, 6
GESTURES = (
    "other",
    "picking up the needle",
    "positioning the needle tip",
    "pushing the needle through the tissue",
    "pulling the needle out of the tissue",
    "tying a knot",
    "cutting the suture",
    "returning or dropping the needle",
)
FOLDERS = ("train1", "train2", "train", "test")
LABELS, FILM = "action_discrete.txt", "video_left.avi"
LAYOUT = f"train1/, train2/ and test/, each with video_NN/{FILM} and video_NN/{LABELS}"


def patient(video: str) -> str:
    """The name that this patient has in the leakage manifest."""
    return f"sarrarp50:{int(video.removeprefix('video_'))}"


SOURCE = Source(
    name="sarrarp50",
    title="SAR-RARP50",
    licence="CC BY-NC-SA 4.0",
    fps=FPS,
    files=tuple(
        f"{folder}/{{video}}{part}/{name}" for folder in FOLDERS for part in ("", "_[0-9]") for name in (FILM, LABELS)
    ),
    pictures=tuple(f"{folder}/{{video}}{part}/rgb/*" for folder in FOLDERS for part in ("", "_[0-9]")),
    ignored=("*/action_continuous.txt", "*/segmentation/*"),
    defects=("operations in several parts (video_11_1, video_11_2) are read as one video",),
    patient=patient,
)


def read_sarrarp50(folder: Path, videos: list[str]) -> datasets.Dataset:
    """Read videos at 10 frames per second with the gesture.

    Args:
        folder: the download.
        videos: ids of the videos to read, such as "video_01".

    Returns:
        Rows of `canonical_features` with `gesture`, an index into `GESTURES`.

    Raises:
        FileNotFoundError: if a video, its label file or its film is missing.
        ValueError: if a label file is not of this format, or film and labels do not fit.
    """
    folder = Path(folder)
    parts = {video: _parts(folder, video) for video in videos}
    absent = sorted(video for video, found in parts.items() if not found)
    if absent:
        raise FileNotFoundError(
            f"{folder}: {len(absent)} of {len(videos)} videos are missing (first: {absent[0]}); expected {LAYOUT}. "
            "Give the folder of the official download, and complete it."
        )
    rows = []
    for video in sorted(videos):
        offset = 0
        for part in parts[video]:
            gestures = read_gestures(part / LABELS)
            for frame, image in _locate(part, gestures).items():
                rows.append(frame_row(image, video, offset + frame, FPS) | {"gesture": gestures[frame]})
            offset += max(gestures) + STEP
    return canonical_dataset(rows, {"gesture": single_label(GESTURES)})


def read_gestures(path: Path) -> dict[int, int]:
    """Gesture by native frame, from rows `frame,action`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if rows are not of this form, do not step by 6 frames from 0, or name an unknown action.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; expected {LAYOUT}.")
    found = {}
    for number, line in enumerate(filter(str.strip, path.read_text().splitlines()), 1):
        cells = line.split(",")
        if len(cells) != 2 or not all(cell.strip().isdigit() for cell in cells):
            raise ValueError(f"{path}: line {number} is {line!r}, expected frame,action; download it again.")
        frame, gesture = map(int, cells)
        if frame != STEP * len(found):
            raise ValueError(f"{path}: line {number} is of frame {frame}, expected {STEP * len(found)}.")
        if gesture >= len(GESTURES):
            raise ValueError(f"{path}: unknown action {gesture} at frame {frame}; expected 0 to {len(GESTURES) - 1}.")
        found[frame] = gesture
    if not found:
        raise ValueError(f"{path} is empty; download it again.")
    return found


def _parts(folder: Path, video: str) -> list[Path]:
    """The folders of a video, in order: one, or its numbered parts."""
    name = re.compile(rf"{re.escape(video)}(_\d+)?")
    found = [path for side in FOLDERS if (folder / side).is_dir() for path in (folder / side).iterdir()]
    return sorted((path for path in found if path.is_dir() and name.fullmatch(path.name)), key=lambda path: path.name)


def _locate(part: Path, gestures: dict[int, int]) -> dict[int, str]:
    """Where the labelled frames of one part are."""
    film, labelled = part / FILM, max(gestures) + 1
    if film.is_file():
        frames, rate = video_length(film)
        if abs(rate - FPS) > 0.1:  # 59.94 goes as 60
            raise ValueError(f"{film} has {rate:.2f} frames per second, expected {FPS}; use the official file.")
        require_covered(film, frames, labelled, FPS)
        return {frame: frame_reference(film, frame / rate) for frame in gestures if frame < frames}
    if not (part / "rgb").is_dir():
        raise FileNotFoundError(f"neither the film {film} nor a folder {part / 'rgb'} of its frames exists.")
    pictures = numbered_pictures(part / "rgb")
    absent = [frame for frame in gestures if frame not in pictures]
    if len(absent) > FPS // STEP or any(frame < max(pictures) for frame in absent):
        raise ValueError(
            f"{part / 'rgb'}: {len(absent)} of {len(gestures)} labelled frames are missing (first: {absent[0]:09d}); "
            "unpack the film again at 10 Hz, named by the frame."
        )
    return {frame: str(pictures[frame]) for frame in gestures if frame in pictures}
