# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""When every frame of a video is shown, and where decoding can begin, read from its packets without decoding any."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from av.stream import Disposition

from .video_clock import on_one_clock, pauses

NO_TIME = np.iinfo(np.int64).min  # of a packet without a time stamp
WRAPPING = ("mpegts", "mpeg")  # containers whose clock has 33 bits
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
        pts: [packets] int64, ticks on one clock; `NO_TIME` where a packet has none.
        dts: [packets] int64, ticks as in the file.
        sizes: [packets] int32, bytes.
        is_key: [packets] bool, whether decoding can begin there.
        parts: [parts] int64, first packets of the parts that the file was joined from; nothing is decoded across.
        packet_of: [frames] int32, the packet of every frame; None where only decoding tells the order.
        times: [frames] float64, seconds from the first frame, rising.
        start_key: [frames] int32, the last packet from which on decoding gives the frame.
        fps: frames per second, on average, without pauses.
        paused_s: seconds in which nothing was recorded.
        problems: what is wrong with the file.
        remarks: what was mended or is odd, while every frame is there.
    """

    pts: np.ndarray
    dts: np.ndarray
    sizes: np.ndarray
    is_key: np.ndarray
    parts: np.ndarray
    packet_of: np.ndarray | None
    times: np.ndarray
    start_key: np.ndarray
    fps: float
    paused_s: float
    problems: list[str]
    remarks: list[str]


def read_index(container: av.container.InputContainer, stream: av.VideoStream, name: str) -> VideoIndex:
    """Read all packets of a stream once.

    Raises:
        VideoError: if it has none.
    """
    (pts, dts, sizes, is_key, hidden), problems = read_packets(container, stream)
    if not len(pts):
        raise VideoError(name, "cannot be read as a video (it holds no frame); download or export it again.")
    is_key[0] = True  # there is nothing before it
    tick_s, rate = float(stream.time_base), float(stream.average_rate or 25)
    shown = shown_packets(container.format.name, stream, pts, hidden)
    if shown is None:
        rate, parts, frames, begins = float(stream.guessed_rate or rate), np.zeros(1, np.int64), None, []
        slots = dts if (dts != NO_TIME).all() and len(np.unique(dts)) == len(dts) else None
        times = np.arange(len(pts)) / rate if slots is None else np.sort(slots - slots.min()) * tick_s
        keys = np.zeros(len(times), np.int32)
    else:
        wraps = container.format.name in WRAPPING
        pts, parts = on_one_clock(pts, dts, is_key, shown, wraps, 1 / tick_s, 1 / (rate * tick_s))
        is_key[parts] = True
        frames = shown[np.argsort(pts[shown], kind="stable")].astype(np.int32)
        times = (pts[frames] - pts[frames[0]]) * tick_s
        begins = times[np.searchsorted(shown, parts[1:])]
        keys = start_keys(pts, is_key, parts, frames)
    before = pauses(times)
    recorded_s = times[-1] - (times[before + 1] - times[before]).sum()
    if recorded_s > 0:
        rate = (len(times) - 1 - len(before)) / recorded_s
    paused_s = float(times[-1] - recorded_s - len(before) / rate)
    if len(parts) == 1:  # else what stands there as length comes from stamps that start again
        problems += missing_end(container, stream, len(pts), times[-1] + 1 / rate)
    remarks = clock_remarks(begins, times, before)
    return VideoIndex(pts, dts, sizes, is_key, parts, frames, times, keys, rate, paused_s, problems, remarks)


def read_packets(container: av.container.InputContainer, stream: av.VideoStream) -> tuple[tuple, list[str]]:
    """Columns of all packets: pts, dts, size, whether decoding can begin there, whether it is never shown; and problems.

    Numbers go into arrays at once: as Python's own they would take 26 MB per hour of film.
    """
    columns = array("q"), array("q"), array("i"), bytearray(), bytearray()
    add_pts, add_dts, add_size, add_key, add_hidden = (column.append for column in columns)
    problems = []
    try:
        for packet in container.demux(stream):
            if size := packet.size:
                pts, dts = packet.pts, packet.dts
                add_pts(NO_TIME if pts is None else pts)
                add_dts(NO_TIME if dts is None else dts)
                add_size(size)
                add_key(packet.is_keyframe)
                add_hidden(packet.is_discard)
    except av.FFmpegError as error:
        problems.append(f"reading stops after {len(columns[0])} packets ({words(error)})")
    kinds = np.int64, np.int64, np.int32, bool, bool
    return tuple(np.frombuffer(column, kind) for column, kind in zip(columns, kinds, strict=True)), problems


def shown_packets(format_name: str, stream: av.VideoStream, pts: np.ndarray, hidden: np.ndarray) -> np.ndarray | None:
    """Packets of the shown frames in the order of the file; None if packets do not tell the order of showing.

    Frames outside the edit list (`hidden`) are never shown. A packet without a time among others that have one is the
    second field of the frame before it.
    """
    timed = pts != NO_TIME
    if (format_name, stream.codec_context.name) in TIMELESS or timed.mean() < 0.4:
        return None
    return np.flatnonzero(timed & ~hidden) if (timed & ~hidden).any() else np.flatnonzero(timed)


def start_keys(pts: np.ndarray, is_key: np.ndarray, parts: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """The last key packet from which on decoding gives each frame.

    A key frame in the middle of an open group of pictures is followed, in the file, by frames that are shown before it
    and need what is before it: they begin at the key frame before.
    """
    keys = np.flatnonzero(is_key & (pts != NO_TIME)).astype(np.int32)
    keys = np.union1d(keys, parts.astype(np.int32))
    place = np.searchsorted(keys, frames, side="right") - 1
    leading = (pts[keys[place]] > pts[frames]) & ~np.isin(keys, parts)[place]
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


def clock_remarks(begins: Sequence[float], times: np.ndarray, before: np.ndarray) -> list[str]:
    """Lines on the moments at which the file's clock starts again, and on the frames before which it stood still."""
    lines = []
    if len(begins):
        what = "its clock starts again, as of parts that were joined: they are shown one after the other"
        lines.append(f"{what} (from {moments(begins)} on)")
    if len(before):
        longest = (times[before + 1] - times[before]).max()
        what = f"nothing is recorded for up to {moment(longest)} (after {moments(times[before])})"
        lines.append(what)
    return lines


def moments(seconds: Sequence[float]) -> str:
    """The first of some times."""
    return ", ".join(dict.fromkeys(map(moment, seconds[:3]))) + (" ..." if len(seconds) > 3 else "")


def moment(seconds: float) -> str:
    """A time as 00:12:31."""
    whole = int(seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
