# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Frames of a video or of a folder of pictures, in batches.

for batch in zen_hf.data.frames("operation.mp4", fps=1):
    batch.images, batch.time_s, batch.frame_index
"""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from .video_sampling import SampledFrame, Video, VideoError, sample_times

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class FrameBatch:
    """Frames of one size, in the order of showing.

    Attributes:
        images: [B, H, W, 3] uint8, RGB, upright.
        time_s: [B] float64, seconds from the first frame.
        frame_index: [B] int64, number of each frame in its video, or of each picture in its folder, from 0.
    """

    images: np.ndarray
    time_s: np.ndarray
    frame_index: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


def frames(
    path: str | Path | BinaryIO,
    fps: float = 1.0,
    batch_size: int = 32,
    start_s: float = 0.0,
    stop_s: float | None = None,
    on_error: str = "raise",
) -> Iterator[FrameBatch]:
    """The frames of a video nearest to the moments k / fps, in batches.

    Args:
        path: video; or folder of pictures, which are taken in the order of their names as frames of one second each
            (picture i is shown at i s), so that with fps=1 every picture is given.
        fps: frames per second.
        batch_size: frames per batch; a batch ends earlier where the size of the pictures changes, and at the end.
        start_s: where to begin, seconds from the first frame.
        stop_s: before which to stop; None for the end.
        on_error: `"raise"` stops at the end if a wanted frame could not be decoded or the file is damaged;
            `"skip"` leaves such frames out and warns.

    Yields:
        Batches. Those before a damaged frame are given in any case.

    Raises:
        VideoError: if the video cannot be read, or with `"raise"` a part of it.
        FileNotFoundError: if there is no such path, or the folder holds no picture.
        ValueError: if an argument is out of its range.
    """
    if on_error not in ("raise", "skip"):
        raise ValueError(f"on_error is {on_error!r}; expected 'raise' or 'skip'")
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; expected 1 or more frames")
    if isinstance(path, str | Path) and not Path(path).exists():
        raise FileNotFoundError(f"{path}: no such video or folder of pictures.")
    sample_times(fps, start_s, stop_s, 0.0)  # complains before anything is opened
    if isinstance(path, str | Path) and Path(path).is_dir():
        return batches(folder_frames(Path(path), fps, start_s, stop_s, on_error), batch_size)
    return batches(video_frames(path, fps, start_s, stop_s, on_error), batch_size)


def batches(sampled: Iterable[SampledFrame], batch_size: int) -> Iterator[FrameBatch]:
    """Frames gathered by size."""
    kept: list[SampledFrame] = []
    error = None
    sampled = iter(sampled)
    while error is None:
        try:
            frame = next(sampled, None)
        except VideoError as raised:
            frame, error = None, raised  # after what could be read
        if kept and (frame is None or len(kept) == batch_size or frame.image.shape != kept[0].image.shape):
            yield FrameBatch(
                np.stack([each.image for each in kept]),
                np.array([each.time_s for each in kept], np.float64),
                np.array([each.frame_index for each in kept], np.int64),
            )
            kept = []
        if frame is None:
            break
        kept.append(frame)
    if error is not None:
        raise error


def video_frames(path, fps: float, start_s: float, stop_s: float | None, on_error: str) -> Iterator[SampledFrame]:
    """Frames of a video, then a complaint about what could not be read."""
    with Video(path) as video:
        yield from video.sample(fps, start_s, stop_s)
        complain(video.name, video.faults, on_error)


def folder_frames(
    folder: Path, fps: float, start_s: float, stop_s: float | None, on_error: str
) -> Iterator[SampledFrame]:
    """Pictures of a folder, one second each."""
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in PICTURES and file.is_file())
    if not files:
        raise FileNotFoundError(f"{folder}: no pictures; expected files that end in {', '.join(PICTURES)}.")
    times, faults = sample_times(fps, start_s, stop_s, float(len(files))), []
    for index in np.unique(np.minimum(np.ceil(times - 0.5 - 1e-9), len(files) - 1).astype(int)):
        try:
            with Image.open(files[index]) as picture:
                image = np.asarray(picture.convert("RGB"))
        except (OSError, SyntaxError, UnidentifiedImageError) as error:
            faults.append(f"{files[index].name}: {error}")
            continue
        yield SampledFrame(image, int(index), float(index))
    complain(str(folder), faults, on_error)


def complain(name: str, faults: list[str], on_error: str) -> None:
    """Raise or warn."""
    if faults and on_error == "raise":
        raise VideoError(name, f'could not be read completely: {"; ".join(faults)}; pass on_error="skip" to go on.')
    if faults:
        warnings.warn(f"{name}: {'; '.join(faults)}", stacklevel=2)
