# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""When every frame of a video is shown, and where decoding can begin, read from its packets without decoding any."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from av.stream import Disposition

NO_TIME = np.iinfo(np.int64).min  # of a packet without a time stamp
TIMELESS = {("avi", "h264"), ("avi", "hevc")}  # what stands there as time of showing is the order of decoding
LATE_S = 1.0  # a header that promises this much more than there is is told


class VideoError(ValueError):
    """A video that cannot be read.

    Attributes:
        reason: what is wrong, without the video's name.
    """

    def __init__(self, name: str, reason: str):
        super().__init__(f"{name} {reason}")
        self.name, self.reason = name, reason

    def __reduce__(self):
        """Survive the way between processes."""
        return type(self), (self.name, self.reason)


def open_video(source: str | Path | BinaryIO, name: str, threads: int) -> tuple:
    """Open a video and its first stream of moving pictures.

    Args:
        source: path, or a file object open for reading bytes.
        name: how messages call it.
        threads: frames decoded at once; 1 for none beside another, 0 for what ffmpeg takes for all cores.

    Returns:
        Container and stream.

    Raises:
        VideoError: if there is no such file, it may not be read or it holds no moving pictures.
    """
    if isinstance(source, str | Path):
        source = f"file:{source}"  # a name such as "http:operation.mp4" stays the name of a file
    else:
        source.seek(0)
    try:
        container = av.open(source, metadata_errors="ignore")
    except av.FFmpegError as error:
        raise VideoError(name, f"cannot be read as a video ({words(error)}); download or export it again.") from error
    films = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not films or films[0].codec_context is None:
        container.close()
        raise VideoError(name, "cannot be read as a video (it has no moving pictures); is it a sound recording?")
    stream = films[0]
    stream.thread_type = "SLICE" if threads == 1 else "AUTO"
    stream.codec_context.thread_count = threads
    return container, stream


def words(error: av.FFmpegError) -> str:
    """What ffmpeg says, without the name of the file."""
    return error.strerror or type(error).__name__


@dataclass(frozen=True)
class VideoIndex:
    """The packets of a video in the order of the file, and the frames in the order of showing.

    Attributes:
        pts: [packets] int64, ticks; `NO_TIME` where a packet has none.
        dts: [packets] int64, likewise.
        sizes: [packets] int64, bytes.
        is_key: [packets] bool, whether decoding can begin there.
        packet_of: [frames] int64, the packet of every frame; None where only decoding tells the order.
        times: [frames] float64, seconds from the first frame, rising.
        start_key: [frames] int64, the last packet from which on decoding gives the frame.
        fps: frames per second, on average.
        problems: what is wrong with the file.
    """

    pts: np.ndarray
    dts: np.ndarray
    sizes: np.ndarray
    is_key: np.ndarray
    packet_of: np.ndarray | None
    times: np.ndarray
    start_key: np.ndarray
    fps: float
    problems: list[str]


def read_index(container: av.container.InputContainer, stream: av.VideoStream, name: str) -> VideoIndex:
    """Read all packets of a stream once.

    Raises:
        VideoError: if it has none.
    """
    rows, problems = [], []
    try:
        for packet in container.demux(stream):
            if packet.size:
                pts, dts = (NO_TIME if stamp is None else stamp for stamp in (packet.pts, packet.dts))
                rows.append((pts, dts, packet.size, packet.is_keyframe, packet.is_discard))
    except av.FFmpegError as error:
        problems.append(f"reading stops after {len(rows)} packets ({words(error)})")
    if not rows:
        raise VideoError(name, "cannot be read as a video (it holds no frame); download or export it again.")
    pts, dts, sizes, is_key, hidden = (np.array(column) for column in zip(*rows, strict=True))
    is_key[0] = True  # there is nothing before it
    frames, ticks = shown_frames(container.format.name, stream, pts, hidden)
    if frames is None:
        rate = float(stream.guessed_rate or stream.average_rate or 25)
        slots = dts if (dts != NO_TIME).all() and len(np.unique(dts)) == len(dts) else None
        times = np.arange(len(pts)) / rate if slots is None else np.sort(slots - slots.min()) * float(stream.time_base)
    else:
        times = (ticks - ticks[0]) * float(stream.time_base)
        rate = float(stream.average_rate or 25)
    if len(times) > 1 and times[-1] > 0:
        rate = (len(times) - 1) / times[-1]
    problems += missing_end(container, stream, len(rows), times[-1] + 1 / rate)
    keys = start_keys(pts, is_key, frames) if frames is not None else np.zeros(len(times), np.int64)
    return VideoIndex(pts, dts, sizes, is_key, frames, times, keys, rate, problems)


def shown_frames(format_name: str, stream: av.VideoStream, pts: np.ndarray, hidden: np.ndarray) -> tuple:
    """Packets of the shown frames in the order of showing, and their times in ticks; None if packets do not tell it.

    Frames outside the edit list (`hidden`) are never shown. A packet without a time among others that have one is the
    second field of the frame before it.
    """
    timed = pts != NO_TIME
    if (format_name, stream.codec_context.name) in TIMELESS or timed.mean() < 0.4:
        return None, None
    shown = np.flatnonzero(timed & ~hidden) if (timed & ~hidden).any() else np.flatnonzero(timed)
    order = shown[np.argsort(pts[shown], kind="stable")]
    return order, pts[order]


def start_keys(pts: np.ndarray, is_key: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """The last key packet from which on decoding gives each frame.

    A key frame in the middle of an open group of pictures is followed, in the file, by frames that are shown before it
    and need what is before it: they begin at the key frame before.
    """
    keys = np.flatnonzero(is_key & (pts != NO_TIME))
    keys = np.union1d(keys, [0])
    place = np.searchsorted(keys, frames, side="right") - 1
    leading = (pts[keys[place]] > pts[frames]) & (place > 0)
    place[leading] -= 1
    return keys[place]


def missing_end(container: av.container.InputContainer, stream: av.VideoStream, packets: int, end_s: float) -> list:
    """A line if the header promises more than the file holds."""
    if 0 < stream.frames <= packets:
        return []
    if stream.frames and "mp4" not in container.format.name:
        return [f"the file holds {packets} of the {stream.frames} frames that its header promises"]
    if stream.duration:  # of mp4 what its edit list shows, while its frames count those that are never shown, too
        promised = float(stream.duration * stream.time_base)
    elif container.duration and len(container.streams) == 1:
        promised = container.duration / av.time_base
        if "matroska" in container.format.name:  # whose header tells when the film ends, whenever it begins
            promised -= max(container.start_time or 0, 0) / av.time_base
    else:
        return []
    if promised <= end_s + LATE_S:
        return []
    return [f"the file ends at {moment(end_s)}, its header promises {moment(promised)}"]


def moment(seconds: float) -> str:
    """A time as 00:12:31."""
    whole = int(seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
