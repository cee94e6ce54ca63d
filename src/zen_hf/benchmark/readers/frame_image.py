# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A frame as a picture file or as a moment of a video, decoded when it is looked at.

A moment of a video is written as a media fragment, `videos/video01.mp4#t=12.000000`: the file and the time in seconds.
The canonical datasets hold such references; nothing is extracted to disk. Frames asked for in the order of time are
decoded in one pass; any other order seeks.

Reference: W3C, Media Fragments URI 1.0, section 4.2.1 (temporal dimension).
"""

import functools
import os
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import av
import datasets
import PIL.Image
import pyarrow as pa
from datasets.features.features import register_feature

from zen_hf.data.video_index import open_video
from zen_hf.data.video_picture import PictureMaker

MARK = "#t="
FEW_CORES = 4
OPEN_VIDEOS = 16  # at once; each holds decoded frames, which of a large film take tens of MB
SEEK_SECONDS = 20.0  # a leap farther ahead than this seeks; a nearer frame is reached by decoding on


def frame_reference(path: Path | str, time_s: float) -> str:
    """Write down a moment of a video; `time_s` in seconds from its first frame."""
    return f"{path}{MARK}{time_s:.6f}"


def split_reference(reference: str) -> tuple[str, float | None]:
    """Path and time of a reference; the time is None where the path is a picture."""
    path, mark, seconds = reference.rpartition(MARK)
    return (path, float(seconds)) if mark else (reference, None)


def open_frame(reference: str) -> PIL.Image.Image:
    """Open a picture file, or decode the frame that a video shows at a time.

    Args:
        reference: path of a picture, or what `frame_reference` returned.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the video cannot be decoded or ends before that time.
        PIL.UnidentifiedImageError: if the file is no picture.
    """
    path, time_s = split_reference(reference)
    if time_s is None:
        return PIL.Image.open(path)
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such video.")
    return _decoder(path, os.getpid(), threading.get_ident()).at(time_s)


def video_length(path: Path) -> tuple[int, float]:
    """Number of frames of a video, and how many it shows per second, as its container says.

    Raises:
        ValueError: if it cannot be opened as a video.
    """
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            rate = float(stream.average_rate)
            seconds = stream.duration * stream.time_base if stream.duration else container.duration / av.time_base
            return stream.frames or round(float(seconds) * rate), rate
    except (av.FFmpegError, IndexError, TypeError) as error:
        raise ValueError(f"{path} cannot be read as a video ({error}); download it again.") from error


class VideoDecoder:
    """The frames of one video by time, going on from the last one where that is nearer than a seek.

    Nothing is read beforehand, so that one frame of a large file comes soon; `zen_hf.data.Video`, which reads the times
    of all frames first, is for sampling a whole video.

    On the way to the wanted frame, frames of H.264 on which no other frame depends are not decoded: what is shown is the
    same to the pixel, for about two thirds of the work where half of the frames are such.

    Args:
        path: the video.
    """

    def __init__(self, path: str):
        """Open the video; nothing is decoded yet."""
        self.path = path
        # Decoding several frames at once costs a fifth more work: worth it where cores would be idle.
        self.container, self.stream = open_video(path, path, threads=0 if (os.cpu_count() or 1) > FEW_CORES else 1)
        self.start = float((self.stream.start_time or 0) * self.stream.time_base)
        self.half_frame = 0.5 / float(self.stream.average_rate)
        self.frames, self.shown, self.earliest = None, None, 0.0
        self.to_picture = PictureMaker()

    def at(self, time_s: float) -> PIL.Image.Image:
        """The frame whose time is nearest to `time_s` (seconds from the first frame): RGB, upright, of one moment."""
        try:
            frame = self._find(time_s)
        except av.FFmpegError as error:
            self.frames = None  # the next one seeks
            raise ValueError(f"{self.path}: the frame at {time_s:.2f} s cannot be decoded ({error}).") from error
        return PIL.Image.fromarray(self.to_picture(frame))

    def _find(self, time_s: float) -> av.VideoFrame:
        self.earliest = time_s - self.half_frame
        shown = self._time(self.shown) if self.shown is not None else 0.0
        if self.frames is None or not shown - self.half_frame <= time_s <= shown + SEEK_SECONDS:
            offset = int((self.start + time_s) / self.stream.time_base)
            self.container.seek(max(offset, 0), stream=self.stream)  # to the key frame at or before
            self.frames, self.shown = self._decode(), None
        while self.shown is None or self._time(self.shown) < self.earliest:
            following = next(self.frames, None)
            if following is None:
                self.frames = None
                raise ValueError(f"{self.path} has no frame at {time_s:.2f} s; it ends before.")
            self.shown = following
        return self.shown

    def _decode(self) -> Iterator[av.VideoFrame]:
        """Frames from here on; of those before `earliest`, at least all on which others depend."""
        codec = self.stream.codec_context
        for packet in self.container.demux(self.stream):
            passed = packet.pts is not None and self._time(packet) < self.earliest
            codec.skip_frame = "NONREF" if passed and codec.name == "h264" else "DEFAULT"
            yield from packet.decode()

    def _time(self, stamped: av.VideoFrame | av.Packet) -> float:
        return float(stamped.pts * stamped.time_base) - self.start


@functools.lru_cache(maxsize=OPEN_VIDEOS)
def _decoder(path: str, process: int, thread: int) -> VideoDecoder:
    """One open video per process and thread: a decoder has a position, and does not survive a fork."""
    return VideoDecoder(path)


@dataclass
class FrameImage:
    """Column of frames that are picture files or moments of videos; decodes to a PIL picture.

    Stored as `datasets.Image` stores its cells; cast it to `datasets.Image(decode=False)` to get
    `{"path": reference, "bytes": None}` for `open_frame`.
    """

    decode: bool = True
    id: str | None = field(default=None, repr=False)
    dtype: ClassVar[str] = "PIL.Image.Image"
    pa_type: ClassVar[pa.DataType] = datasets.Image.pa_type
    _type: str = field(default="FrameImage", init=False, repr=False)

    def __call__(self) -> pa.DataType:
        """Type of a cell in Arrow."""
        return self.pa_type

    def encode_example(self, value) -> dict:
        """Turn a path, reference or picture into a cell."""
        return datasets.Image().encode_example(value)

    def cast_storage(self, storage: pa.Array) -> pa.StructArray:
        """Turn an Arrow array of paths or cells into cells."""
        return datasets.Image().cast_storage(storage)

    def decode_example(self, value: dict, token_per_repo_id: dict | None = None) -> PIL.Image.Image:
        """Decode one cell."""
        if value["bytes"] is None and split_reference(value["path"])[1] is not None:
            return open_frame(value["path"])
        return datasets.Image().decode_example(value, token_per_repo_id)


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # datasets calls its hook experimental
    register_feature(FrameImage, "FrameImage")  # so that a dataset that was saved can be loaded again
