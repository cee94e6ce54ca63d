# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Frames of a video by time: exactly those asked for, with little more decoded than they need.

    with Video("operation.mp4") as video:
        for sampled in video.sample(fps=1.0):
            sampled.image, sampled.frame_index, sampled.time_s
        print(video.problems)

The packets are read once, without decoding, for the time of every frame (`video_index.py`). Wanted frames then form
runs: from a key frame up to the last packet that a wanted frame needs, before a later key frame makes a new beginning
cheaper. Within a run, frames on which no other depends are not decoded unless they are wanted; between runs, packets are
passed over, or the file is searched where there are many. What is given is the same to the pixel as if everything were
decoded.

A frame behind damaged data, up to the next key frame, shows remains of other frames: it is not given but reported.
"""

import bisect
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

import av
import numpy as np

from .video_index import NO_TIME, VideoError, moment, moments, open_video, read_index, words
from .video_picture import PictureMaker, upright_size

__all__ = ["SampledFrame", "Video", "VideoError"]

SKIPPING = ("h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4")  # whose decoders can leave out what nobody needs
LEAP = 500  # packets; passing over more than that takes longer than searching the file
FEW = 3  # packets; emptying the decoder to pass over no more than that is not worth it
TIE_S = 1e-9  # by less one frame is not nearer than another: 12.5 frames at 25 fps are no exact numbers
DAMAGED, NOTHING = "damaged, or behind damaged data", "the decoder gives nothing in its turn"
KEYS_BACK = 2  # how many key frames earlier decoding begins where the nearest does not give whole pictures


@dataclass(frozen=True)
class SampledFrame:
    """One frame of a video.

    Attributes:
        image: [H, W, 3] uint8, RGB, upright, deinterlaced.
        frame_index: its number in the order of showing, from 0.
        time_s: when it is shown, seconds from the first frame.
    """

    image: np.ndarray
    frame_index: int
    time_s: float


class Again(Exception):
    """The frames not yet given must be decoded anew, with one thread or from an earlier key frame."""


class Video:
    """A video file, open.

    Args:
        source: path, or a file object open for reading bytes.
        name: how messages call it; its path by default.
        threads: frames decoded at once; 0 for what ffmpeg takes for all cores. With 1, several videos side by side are
            decoded with the least work. The frames are the same.

    Attributes:
        times: [frames] float64, seconds from the first frame, in the order of showing.
        frame_count: number of frames.
        duration_s: time of the last frame and its share of a second.
        shown_s: the same without the pauses in which nothing was recorded.
        fps: frames per second, on average, without pauses.
        width: of the first picture, upright, px (stored pixels, which need not be square).
        height: likewise.
        codec: as ffmpeg calls it, such as `h264`.

    Raises:
        VideoError: if it cannot be opened, or not one frame can be decoded.
    """

    def __init__(self, source: str | Path | BinaryIO, name: str | None = None, threads: int = 0):
        """Read the index and decode the first frame."""
        self.source = source
        self.name = name if name is not None else str(getattr(source, "name", source))
        self.threads = threads
        self.container, self.stream = open_video(source, self.name, self.threads)
        try:
            self.codec = self.stream.codec_context.name
            self.index = read_index(self.container, self.stream, self.name)
            self.times, self.frame_count, self.fps = self.index.times, len(self.index.times), float(self.index.fps)
            self.duration_s = float(self.times[-1] + 1 / self.fps)
            self.shown_s = self.duration_s - self.index.paused_s
            self.to_picture = PictureMaker()
            self._damaged: dict[int, str] = {}  # packet -> what the decoder says
            self._lost: dict[int, str] = {}  # frame -> why it was not given
            self._sizes: dict[tuple[int, int], float] = {}  # size of a picture -> when it was first met
            self._shown: tuple[int, av.VideoFrame] | None = None
            self._keys_back, self._can_seek, self._reading = 0, len(self.index.parts) == 1, 0
            self._restart()
            self._decode_first()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a file object that was handed over stays open."""
        self._shown = None
        self.container.close()

    @property
    def problems(self) -> list[str]:
        """What the user should know of the file so far, without its name: its faults, and what is odd but was mended."""
        lines = self.faults + self.index.remarks
        for (height, width), time_s in list(self._sizes.items())[1:]:
            first = f"{self.height} x {self.width}"
            lines.append(f"pictures of {height} x {width} px from {moment(time_s)} on, of {first} px at first")
        return lines

    @property
    def faults(self) -> list[str]:
        """What could not be read so far, each with its first moment."""
        lines = list(self.index.problems)
        if self._damaged:
            at = [self._moment_of_packet(packet) for packet in sorted(self._damaged)]
            what = self._damaged[min(self._damaged)]
            lines.append(f"{counted(len(at), 'damaged packet')} (first at {at[0]}, last at {at[-1]}: {what})")
        for reason in sorted(set(self._lost.values())):
            lost = sorted(frame for frame, why in self._lost.items() if why == reason)
            at = moments([self.times[frame] for frame in lost])
            lines.append(f"{counted(len(lost), 'wanted frame')} not given: {reason} (at {at})")
        return lines

    def sample(self, fps: float = 1.0, start_s: float = 0.0, stop_s: float | None = None) -> Iterator[SampledFrame]:
        """The frames nearest to the moments k / fps, each at most once.

        Args:
            fps: moments per second.
            start_s: the first moment is at or after this, seconds from the first frame.
            stop_s: the last is before this; None for the end.

        Yields:
            Frames in the order of showing. Those that cannot be decoded are left out and told in `problems`.

        Raises:
            ValueError: if fps is not positive, or start_s is negative or not before stop_s.
        """
        yield from self.numbered(self.wanted(fps, start_s, stop_s))

    def wanted(self, fps: float, start_s: float = 0.0, stop_s: float | None = None) -> np.ndarray:
        """Numbers of the frames that `sample` gives if all can be decoded, rising.

        Frames are asked which moments they are nearest to, not moments for frames: a pause, or one wrong stamp, can hold
        more moments than fit into memory.
        """
        first, end = moment_numbers(fps, start_s, stop_s, self.duration_s)
        last = np.floor(
            ((self.times[:-1] + self.times[1:]) / 2 + TIE_S / 2) * fps
        )  # moment of each frame but the last
        return np.flatnonzero(np.diff(np.clip(last, first - 1, end - 1), prepend=first - 1, append=end - 1) > 0)

    def numbered(self, frames: np.ndarray) -> Iterator[SampledFrame]:
        """The frames with some rising numbers [n]; those that cannot be decoded are left out and told in `problems`."""
        for frame, decoded in self._decode(frames):
            yield self._sampled(frame, decoded)

    def at(self, time_s: float) -> SampledFrame:
        """The frame nearest to a time, seconds from the first frame.

        Raises:
            VideoError: if the video ends before or the frame cannot be decoded.
        """
        if not 0 <= time_s <= self.times[-1] + 0.5 / self.fps:
            raise VideoError(
                self.name, f"has no frame at {time_s:.2f} s; it ends before: choose 0 to {self.times[-1]:.2f} s."
            )
        for frame, decoded in self._decode(self.nearest(np.array([time_s]))):
            return self._sampled(frame, decoded)
        raise VideoError(self.name, f"has a frame at {time_s:.2f} s that cannot be decoded; choose another.")

    def nearest(self, times: np.ndarray) -> np.ndarray:
        """Numbers of the frames nearest to rising times [n], s, without repetition; of two as near, the earlier one."""
        after = np.clip(np.searchsorted(self.times, times), 1, max(self.frame_count - 1, 1))
        before = after - 1
        after = np.minimum(after, self.frame_count - 1)
        earlier = times - self.times[before] <= self.times[after] - times + TIE_S
        return np.unique(np.where(earlier, before, after))

    def _sampled(self, frame: int, decoded: av.VideoFrame) -> SampledFrame:
        self._sizes.setdefault(upright_size(decoded), float(self.times[frame]))
        return SampledFrame(self.to_picture(decoded), frame, float(self.times[frame]))

    def _decode_first(self) -> None:
        """Decode the first frame that can be; its size is the video's."""
        for start in range(0, self.frame_count, LEAP):
            for frame, decoded in self._decode(np.arange(start, min(start + LEAP, self.frame_count))):
                self._lost.clear()  # nobody asked for them yet
                self.height, self.width = upright_size(decoded)
                self._sizes[self.height, self.width] = float(self.times[frame])
                return
        reason = next(iter(self._damaged.values()), "the decoder gives no frame")
        raise VideoError(
            self.name, f"cannot be read as a video (none of {self.frame_count} frames can be decoded: {reason})."
        )

    def _decode(self, wanted: np.ndarray) -> Iterator[tuple[int, av.VideoFrame]]:
        """Wanted frames (rising numbers) with their pictures."""
        wanted = list(map(int, wanted))
        if wanted and self._shown is not None and self._shown[0] == wanted[0]:
            yield self._shown
            wanted = wanted[1:]
        given: set[int] = set()
        while wanted:
            try:
                for frame, decoded in self._runs(wanted):
                    given.add(frame)
                    if decoded is not None:
                        self._shown = frame, decoded
                        self._reading = reading = self._reading + 1
                        yield frame, decoded
                        if reading != self._reading:
                            raise RuntimeError(f"{self.name}: another reading began; open the video twice for two.")
                return
            except Again:
                wanted = [frame for frame in wanted if frame not in given]
                self._restart()

    def _runs(self, wanted: list[int]) -> Iterator[tuple[int, av.VideoFrame | None]]:
        """Every wanted frame, with None where it cannot be decoded."""
        if self.index.packet_of is None:
            yield from self._in_order(wanted)
            return
        keys, packets, parts = self.index.start_key, self.index.packet_of, self.index.parts.tolist()
        first = 0
        while first < len(wanted):
            end, after = packets[wanted[first]], first + 1
            place = bisect.bisect(parts, end)
            part_end = parts[place] if place < len(parts) else len(self.index.pts)
            while after < len(wanted) and keys[wanted[after]] <= end + FEW and keys[wanted[after]] < part_end:
                end, after = max(end, packets[wanted[after]]), after + 1
            yield from self._run(int(keys[wanted[first]]), int(end), wanted[first:after])
            first = after

    def _run(self, start: int, end: int, wanted: list[int]) -> Iterator[tuple[int, av.VideoFrame | None]]:
        """Decode the packets from `start` to `end`, of those that nobody needs only the wanted ones."""
        frame_of = {int(self.index.packet_of[frame]): frame for frame in wanted}
        self._go_to(self._earlier(start))
        codec, skipping = self.stream.codec_context, self.codec in SKIPPING
        missing, pts = dict.fromkeys(wanted), self.index.pts
        while self._next <= end or (self._next < len(pts) and pts[self._next] == NO_TIME):
            number, packet = self._read()
            if packet is None:
                break
            codec.skip_frame = "DEFAULT" if not skipping or number in frame_of else "NONREF"
            yield from self._given(self._feed(number, packet), frame_of, missing)
        yield from self._given(self._feed(self._next, None), frame_of, missing)
        if missing:
            self._begin_earlier(start)
        yield from self._not_given(list(missing), missing)

    def _given(self, decoded: list[av.VideoFrame], frame_of: dict[int, int], missing: dict[int, None]) -> Iterator:
        """Of decoded frames those that are wanted and sound."""
        for picture in decoded:
            frame = frame_of.get(picture.pts)
            if frame is None or frame not in missing:
                continue
            if picture.is_corrupt:
                self._damage(picture.pts, "parts of the picture are missing")
            elif frame != next(iter(missing)):
                self._begin_earlier(self.index.start_key[frame])
            # The decoder gives frames in the order of showing: those before this one do not come, or at a wrong time.
            yield from self._not_given([each for each in missing if each < frame], missing)
            if self._is_sound(frame):
                del missing[frame]
                yield frame, picture
            else:
                yield from self._not_given([frame], missing)

    def _not_given(self, frames: list[int], missing: dict[int, None]) -> Iterator[tuple[int, None]]:
        """Take down frames that do not come."""
        for frame in frames:
            del missing[frame]
            self._lost[frame] = NOTHING if self._is_sound(frame) else DAMAGED
            yield frame, None

    def _is_sound(self, frame: int) -> bool:
        """Whether nothing is damaged from the key frame up to a frame."""
        start, end = self.index.start_key[frame], self.index.packet_of[frame]
        return not any(start <= packet <= end for packet in self._damaged)

    def _begin_earlier(self, start: int) -> None:
        """Frames fail to come from a key frame on: where pictures are renewed bit by bit, all begin earlier."""
        if start > 0 and not self._keys_back and not any(packet >= start for packet in self._damaged):
            self._keys_back = KEYS_BACK
            raise Again

    def _earlier(self, start: int) -> int:
        """The key packet `keys_back` before one."""
        if not self._keys_back:
            return start
        part = int(self.index.parts[np.searchsorted(self.index.parts, start, side="right") - 1])
        return part + int(np.flatnonzero(self.index.is_key[part : start + 1])[-1 - self._keys_back :][0])

    def _damage(self, packet: int, what: str) -> None:
        """Take down a damaged packet; among threads it is not known which one it is."""
        if self.threads != 1:
            self.threads = 1
            raise Again
        self._damaged.setdefault(packet, what)

    def _feed(self, number: int, packet: av.Packet | None) -> list[av.VideoFrame]:
        """Give a packet to the decoder under its number, by which the frame is known; None asks for what is left."""
        if packet is not None:
            packet.pts, packet.dts = number, None
        try:
            return self.stream.codec_context.decode(packet)
        except EOFError:
            return []
        except av.FFmpegError as error:
            self._damage(min(number, len(self.index.pts) - 1), words(error))
            return []

    def _in_order(self, wanted: list[int]) -> Iterator[tuple[int, av.VideoFrame | None]]:
        """Decode from the beginning and count, where packets do not tell the order of showing."""
        if self._next:
            self._restart()
        targets, count, sound = iter(wanted), 0, True
        target = next(targets, None)
        while target is not None:
            number, packet = self._read()
            before = len(self._damaged)
            decoded = self._feed(number, packet)
            sound = sound and len(self._damaged) == before
            for picture in decoded:
                if picture.is_corrupt:
                    self._damage(picture.pts, "parts of the picture are missing")
                    sound = False
                if picture.key_frame and not picture.is_corrupt:
                    # A key frame is shown after all packets before it: counting begins anew where frames are lost.
                    count, sound = (count, True) if sound else (picture.pts, True)
                while target is not None and target < count:
                    self._lost[target] = DAMAGED
                    yield target, None
                    target = next(targets, None)
                if target == count:
                    if not sound:
                        self._lost[target] = DAMAGED
                    yield target, picture if sound else None
                    target = next(targets, None)
                count += 1
            if packet is None:
                break
        while target is not None:
            self._lost[target] = DAMAGED if self._damaged else NOTHING
            yield target, None
            target = next(targets, None)

    def _restart(self) -> None:
        """Open the file again, at its beginning."""
        self.container.close()
        self.container, self.stream = open_video(self.source, self.name, self.threads)
        self._packets, self._next, self._held = self.container.demux(self.stream), 0, None

    def _read(self) -> tuple[int, av.Packet | None]:
        """The next packet and its number; None at the end."""
        packet, self._held = self._held, None
        while packet is None:
            try:
                packet = next(self._packets, None)
            except av.FFmpegError:
                packet = None  # told by the index
            if packet is None or self._next >= len(self.index.pts):
                return self._next, None
            packet = packet if packet.size else None
        self._next += 1
        return self._next - 1, packet

    def _go_to(self, packet: int) -> None:
        """Bring the file to a packet and empty the decoder."""
        if self.stream.codec_context.is_open:
            self.stream.codec_context.flush_buffers()
        if not self._next <= packet <= self._next + LEAP:
            if self._can_seek and NO_TIME not in (self.index.pts[packet], self.index.dts[packet]):
                if not self._seek(packet):
                    self._restart()
            elif packet < self._next:
                self._restart()
        while self._next < packet and self._read()[1] is not None:
            pass

    def _seek(self, packet: int) -> bool:
        """Search the file for a key packet; whether it was found, by its times and its size."""
        pts, dts, size = (int(column[packet]) for column in (self.index.pts, self.index.dts, self.index.sizes))
        try:
            self.container.seek(min(pts, dts), stream=self.stream)
            self._packets = self.container.demux(self.stream)
            for _, found in zip(range(LEAP), self._packets, strict=False):
                if (found.pts, found.dts, found.size) == (pts, dts, size):
                    self._held, self._next = found, packet
                    return True
        except av.FFmpegError:
            pass
        self._can_seek = False  # the file's own index is wrong: it will be read from the beginning
        return False

    def _moment_of_packet(self, packet: int) -> str:
        if self.index.packet_of is None or self.index.pts[packet] == NO_TIME:
            return moment(self.times[min(packet, self.frame_count - 1)])
        ticks = self.index.pts[packet] - self.index.pts[self.index.packet_of[0]]
        return moment(max(float(ticks * self.stream.time_base), 0.0))


def sample_times(fps: float, start_s: float, stop_s: float | None, duration_s: float) -> np.ndarray:
    """The moments k / fps from `start_s` up to before `stop_s` or the end, s.

    Raises:
        ValueError: if there can be none.
    """
    return np.arange(*moment_numbers(fps, start_s, stop_s, duration_s)) / fps


def moment_numbers(fps: float, start_s: float, stop_s: float | None, duration_s: float) -> tuple[int, int]:
    """The first k and the one behind the last of the moments k / fps, as `sample_times` has them."""
    if not 0 < fps < math.inf:
        raise ValueError(f"fps is {fps}; expected a positive number of frames per second")
    if not 0 <= start_s < math.inf:
        raise ValueError(f"start_s is {start_s}; expected 0 or more seconds from the first frame")
    if stop_s is not None and not start_s < stop_s:
        raise ValueError(f"stop_s is {stop_s}; expected more than start_s ({start_s}), or None for the end")
    stop_s = duration_s if stop_s is None else min(stop_s, duration_s)
    tolerance = 1e-9  # a start of 0.3 s is moment 3 of 10 per second
    first = math.ceil(start_s * fps - tolerance)
    return first, max(math.ceil(stop_s * fps - tolerance), first)


def counted(number: int, what: str) -> str:
    """Such as `3 wanted frames`."""
    return f"{number} {what}{'s' if number != 1 else ''}"
