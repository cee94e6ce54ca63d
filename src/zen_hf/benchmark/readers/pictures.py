# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The frames of a video that labels ask for: from the video itself, or from pictures that were extracted from it.

Extracted pictures come at one per second or at the video's own rate, numbered from 0 or from 1, or by the number of the
native frame. Which it is follows from the numbers and their count; where they fit none of these, label and picture would
silently come apart, and the folder is refused.
"""

import re
from pathlib import Path

from .frame_image import frame_reference, video_length

SUFFIXES = (".png", ".jpg", ".jpeg")
TRAILING_NUMBER = re.compile(r"(\d+)$")


def labelled_frames(
    video: Path, pictures: Path, wanted: list[int], labelled: int, fps: int, tolerance: int | None = None
) -> dict[int, str]:
    """Where to find the frames that labels ask for.

    Args:
        video: the video file; used where it exists.
        pictures: folder of extracted pictures, used where there is no video.
        wanted: indices of native frames, from 0, each a whole second or not.
        labelled: number of native frames that the label file covers.
        fps: native rate, frames per second.
        tolerance: by how many frames the labels may go past the end; by default one second. Labels past the end are
            dropped.

    Returns:
        Native frame index -> path of a picture, or reference to a moment of the video.

    Raises:
        FileNotFoundError: if there is neither video nor pictures.
        ValueError: if the labels go past the end by more than the tolerance, the video has another rate, or the
            pictures fit no known rate and numbering.
    """
    tolerance = fps if tolerance is None else tolerance
    if video.is_file():
        frames, rate = video_length(video)
        if abs(rate - fps) > 0.1:  # 59.94 goes as 60
            raise ValueError(f"{video} has {rate:.2f} frames per second, expected {fps}; use the official file.")
        require_covered(video, frames, labelled, tolerance)
        return {frame: frame_reference(video, frame / rate) for frame in wanted if frame < frames}
    if not pictures.is_dir():
        raise FileNotFoundError(f"neither the video {video} nor a folder {pictures} of its frames exists.")
    return _pictures_by_frame(pictures, wanted, labelled, fps, tolerance)


def require_covered(source: Path, frames: int, labelled: int, tolerance: int) -> None:
    """Refuse labels that go on after the end of what they label.

    Raises:
        ValueError: if they do, by more than `tolerance` frames.
    """
    if labelled > frames + tolerance:
        raise ValueError(
            f"{source} has {frames} frames but the label file has {labelled}: the labels are {labelled - frames} frames "
            f"longer (up to {tolerance} are a known defect). The video is cut short or another one; download it again."
        )


def numbered_pictures(folder: Path) -> dict[int, Path]:
    """Pictures of a folder by the number at the end of their names.

    Raises:
        ValueError: if there is none, one has no number, or two have the same.
    """
    pictures = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    found = {}
    for path in pictures:
        number = TRAILING_NUMBER.search(path.stem)
        if number is None:
            raise ValueError(f"{path}: the name of a frame must end in its number, such as 000012.png.")
        other = found.setdefault(int(number.group(1)), path)
        if other != path:
            raise ValueError(f"{folder}: {other.name} and {path.name} have the same number; keep one.")
    if not found:
        raise ValueError(f"{folder} holds no picture ({', '.join(SUFFIXES)}).")
    return found


def _pictures_by_frame(folder: Path, wanted: list[int], labelled: int, fps: int, tolerance: int) -> dict[int, str]:
    """Match pictures to native frames by their rate and numbering."""
    found = numbered_pictures(folder)
    first, last, count = min(found), max(found), len(found)
    seconds = -(-labelled // fps)
    whole = last - first + 1 == count  # no gap
    between = any(frame % fps for frame in wanted)  # pictures at one per second do not have these
    if first in (0, 1) and whole and abs(count - seconds) <= 1 and not between:  # one per second
        number_of = {frame: frame // fps + first for frame in wanted}
    elif first in (0, 1) and whole and abs(count - labelled) <= tolerance:  # every native frame
        number_of = {frame: frame + first for frame in wanted}
    elif first in (0, 1) and abs(count - seconds) <= 1 and not between and _steps_by(fps, found):
        number_of = {frame: frame + first for frame in wanted}  # one per second, by the number of the native frame
    else:
        raise ValueError(
            f"{folder}: {count} pictures numbered {first} to {last}{'' if whole else ' with gaps'} fit "
            f"{'not the ' if between else f'neither the {seconds} (1 per second) nor the '}{labelled} labelled frames "
            f"({fps} per second), numbered from 0 or 1. "
            "Complete the folder, or extract the video again at one of these rates."
        )
    return {frame: str(found[number]) for frame, number in number_of.items() if number in found}


def _steps_by(step: int, numbers: dict[int, Path]) -> bool:
    """Whether numbers are evenly `step` apart."""
    return sorted(numbers) == list(range(min(numbers), max(numbers) + 1, step))
