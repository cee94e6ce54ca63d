"""Videos whose streams, times or pictures are odd."""

import functools
import io
import struct
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from curation.bad_videos.case import FRAMES, Case, copy_packets, film, holding, image
from data.films import box_at, cut_by_edit_list, rotate, write_film

DVD = {"codec": "mpeg2video", "format": "vob"}


def without_pictures() -> Iterator[Case]:
    """Containers without a picture in motion."""
    for name, codec in (("sound.mp4", "aac"), ("sound.mkv", "mp2"), ("sound.mpg", "mp2"), ("sound.avi", "mp2")):
        yield Case(f"no pictures/{name}", functools.partial(write_sound, codec=codec), "refused")
    mp3 = functools.partial(write_sound, codec="libmp3lame", format="mp3")
    yield Case("no pictures/sound of the other kind.mp4", mp3, "refused")
    yield Case("no pictures/sound with a cover.mp4", functools.partial(mp3, cover=True), "refused")
    yield Case("no pictures/subtitles.mkv", write_subtitles, "refused")
    for suffix in (".mp4", ".mkv", ".avi", ".ts"):
        yield Case(f"no pictures/no frames{suffix}", write_nothing, "refused")
    yield Case("no pictures/only the start of frames.mp4", write_empty_packets, "refused")


def write_sound(path: Path, codec: str, format: str | None = None, cover: bool = False) -> None:
    """A second of silence, with a picture of a cover before it if asked for."""
    file = io.BytesIO()
    with av.open(file if cover else str(path), "w", format=format) as container:
        stream = container.add_stream(codec, rate=44100)
        for _ in range(40):
            size = stream.codec_context.frame_size or 1152
            shape = (2, size) if stream.codec_context.format.is_planar else (1, 2 * size)
            kind = {"flt": np.float32, "s16": np.int16, "s32": np.int32}[stream.codec_context.format.name[:3]]
            frame = av.AudioFrame.from_ndarray(np.zeros(shape, kind), stream.codec_context.format.name, "stereo")
            frame.sample_rate = 44100
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    if cover:
        picture = b"\0image/jpeg\0\x03\0" + image("JPEG")
        frame = b"APIC" + struct.pack(">I", len(picture)) + b"\0\0" + picture
        size = bytes((len(frame) >> shift) & 127 for shift in (21, 14, 7, 0))
        path.write_bytes(b"ID3\x03\0\0" + size + frame + file.getvalue())


def write_subtitles(path: Path) -> None:
    """A container with subtitles alone."""
    text = b"1\n00:00:00,000 --> 00:00:02,000\nTrocar\n\n2\n00:00:03,000 --> 00:00:04,000\nClip\n\n"
    with av.open(io.BytesIO(text), format="srt") as source, av.open(str(path), "w") as target:
        stream = source.streams.subtitles[0]
        copy = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.size:
                packet.stream = copy
                target.mux(packet)


def write_nothing(path: Path) -> None:
    """A container with a stream of pictures that has none."""
    with av.open(io.BytesIO(film())) as source, av.open(str(path), "w") as target:
        target.add_stream_from_template(source.streams.video[0])
        target.start_encoding()


def write_empty_packets(path: Path) -> None:
    """Frames of which the first five bytes are left."""

    def start(packet, index):
        short = av.Packet(bytes(packet)[:5])
        short.pts, short.dts, short.time_base, short.is_keyframe = packet.pts, packet.dts, packet.time_base, index == 0
        return short

    with av.open(io.BytesIO(film())) as source, av.open(str(path), "w") as target:
        copy_packets(source, target, start)


def odd_times() -> Iterator[Case]:
    """Clocks that jump, stand still, run backwards or count from the distant past."""
    jump = [index / 25 for index in range(12)] + [36_000 + index / 25 for index in range(12)]
    uneven = [0.0, 0.001, 0.5, 0.501, 0.502, 3.0, 3.04, 9.0]
    yield Case("times/uneven.mp4", lambda path: write_film(path, times=uneven), "frames")
    yield Case("times/a gap of ten hours.mkv", lambda path: write_film(path, times=jump), "frames")
    hours = [index / 25 + 3600 * (index // 4) for index in range(12)]
    yield Case("times/gaps of an hour.mp4", lambda path: write_film(path, times=hours), "frames")
    yield Case("times/a frame per hour.mkv", lambda path: write_film(path, times=[0.0, 3600.0, 7200.0]), "frames")
    yield Case("times/1000 frames per second.mp4", lambda path: write_film(path, frames=50, fps=1000), "frames")
    yield Case(
        "times/a frame in ten seconds.mp4", lambda path: write_film(path, frames=5, fps=Fraction(1, 10)), "frames"
    )
    shifts = {
        "from minus ten seconds": lambda time, index: time - 10,
        "from a day on": lambda time, index: time + 86_400,
        "from a century on": lambda time, index: time + 3.2e9,
    }
    for name, change in shifts.items():
        for suffix in (".mkv", ".ts", ".avi"):
            expected = "either" if suffix == ".avi" else "frames"  # muxers write nothing of such times, or all
            yield Case(f"times/{name}{suffix}", functools.partial(write_shifted, change=change), expected)
    strange = {
        "all the same": lambda time, index: 0.0,
        "backwards": lambda time, index: -time,
        "in pairs": lambda time, index: index // 2 * 0.08,
        "at random": lambda time, index: float(np.random.default_rng(index).integers(0, 100)),
        "back to 0 in the middle": lambda time, index: index % 12 / 25,
        "near the end of time": lambda time, index: 1e13 + time,
    }
    for name, change in strange.items():
        yield Case(f"times/{name}.mkv", functools.partial(write_strange, change=change), "frames")
        # By times so far from their place versions take other frames for those outside the edit list.
        expected = "frames" if name in ("all the same", "in pairs", "back to 0 in the middle") else "either"
        yield Case(f"times/{name}.mp4", functools.partial(write_block_times, change=change), expected)
    yield Case("times/none.h264", lambda path: write_film(path, frames=FRAMES), "frames")
    yield Case("times/raw stream.mp4", holding(film(".h264")), "frames")
    yield Case("times/two recordings in a row.ts", holding(film(".ts") + film(".ts", frames=30)), "frames")
    yield Case("times/two codecs in a row.ts", holding(film(".ts") + film(".ts", codec="mpeg2video")), "frames")
    yield Case(
        "times/three recordings in a row.vob", holding(film(".vob", **DVD) + 2 * film(".vob", 30, **DVD)), "frames"
    )


def write_shifted(path: Path, change: Callable) -> None:
    """A film without B frames whose frames have other times, as far as its container can say them."""
    with av.open(io.BytesIO(film(b_frames=0))) as source, av.open(str(path), "w") as target:

        def moved(packet, index):
            time = change(float(packet.pts * packet.time_base), index)
            packet.pts = packet.dts = round(time / packet.time_base)
            return packet

        try:
            copy_packets(source, target, moved)
        except av.FFmpegError:  # the muxer refuses; what it wrote until then is a case of its own
            pass
    if not path.stat().st_size:
        path.write_bytes(b"refused")


def write_strange(path: Path, change: Callable) -> None:
    """A Matroska film whose blocks are patched, since no muxer would write such times."""
    content = bytearray(film(".mkv", b_frames=0))
    place, index = content.find(b"\xa3", content.index(b"\x1f\x43\xb6\x75")), 0
    while place >= 0:  # a simple block: id, size, track 1, time of 16 bits
        for width in (1, 2, 4, 8):
            head = place + 1 + width
            if content[head : head + 1] == b"\x81" and content[place + 1] & (0x80 >> (width - 1)):
                time = round(change(index / 25, index) * 1000)
                struct.pack_into(">h", content, head + 1, max(-32768, min(32767, time)))
                index += 1
                break
        place = content.find(b"\xa3", place + 1)
    path.write_bytes(content)


def write_block_times(path: Path, change: Callable) -> None:
    """A film whose index shows frames at other times: its offsets of composition are patched."""
    content = bytearray(film())
    place = box_at(bytes(content), b"moov", b"trak", b"mdia", b"minf", b"stbl", b"ctts") + 4
    count = struct.unpack_from(">I", content, place)[0]
    clock = struct.unpack_from(">I", content, box_at(bytes(content), b"moov", b"trak", b"mdia", b"mdhd") + 12)[0]
    for index in range(count):
        offset = round((change(index / 25, index) - index / 25) * clock)
        struct.pack_into(">i", content, place + 8 + 8 * index, max(-(2**31), min(2**31 - 1, offset)))
    path.write_bytes(content)


def odd_pictures() -> Iterator[Case]:
    """Pictures of unusual size, depth and number."""
    for count in (1, 2, 3):
        yield Case(f"pictures/{count} alone.mp4", functools.partial(write_film, frames=count), "frames")
    yield Case("pictures/1 alone.avi", lambda path: write_film(path, frames=1, codec="mpeg4"), "frames")
    colours = {"black": (0, 0, 0), "white": (255, 255, 255), "blue": (0, 0, 255), "grey": (128, 128, 128)}
    for name, colour in colours.items():
        yield Case(f"pictures/only {name}.mp4", functools.partial(write_plain, colour=colour), "frames")
    yield Case("pictures/one for ever.mp4", lambda path: write_film(path, numbers=[5] * 75), "frames")
    for height, width in ((1, 1), (2, 2), (1, 400), (400, 2), (97, 131), (15, 17)):
        yield Case(f"pictures/{width}x{height}.mkv", functools.partial(write_plain, size=(height, width)), "frames")
    for height, width in ((16, 4096), (4096, 16), (96, 130)):
        yield Case(f"pictures/{width}x{height}.mp4", functools.partial(write_plain, size=(height, width)), "frames")
    for depth in ("yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "gray"):
        yield Case(f"pictures/{depth}.mp4", functools.partial(write_film, frames=12, pix_fmt=depth), "frames")
    for depth in ("rgb48le", "gbrp10le", "gray16le", "yuva420p", "bgra", "yuv410p"):
        yield Case(f"pictures/{depth}.mkv", functools.partial(write_plain, pix_fmt=depth), "frames")
    for codec, depth in (("rawvideo", "bgr8"), ("rawvideo", "monow"), ("rawvideo", "rgb555le"), ("png", "rgba")):
        yield Case(
            f"pictures/{codec} {depth}.avi", functools.partial(write_plain, codec=codec, pix_fmt=depth), "frames"
        )
    yield Case(
        "pictures/interlaced.mpg", lambda path: write_film(path, FRAMES, codec="mpeg2video", interlaced=True), "frames"
    )
    yield Case("pictures/other size in the middle.ts", holding(film(".ts") + film(".ts", size=(160, 96))), "frames")
    yield Case(
        "pictures/other size in the middle.h264", holding(film(".h264") + film(".h264", size=(64, 64))), "frames"
    )
    motion = film(".mjpeg", codec="mjpeg", pix_fmt="yuvj420p")
    yield Case(
        "pictures/other size in the middle.mjpeg",
        holding(motion + image("JPEG") + motion[: len(motion) // 2]),
        "frames",
    )
    yield Case(
        "pictures/ten sizes.h264",
        holding(b"".join(film(".h264", 2, size=(64 + 16 * i, 96)) for i in range(10))),
        "frames",
    )
    yield Case(
        "pictures/other codec in the middle.mpg", holding(film(".mpg", codec="mpeg2video") + film(".h264")), "frames"
    )
    for degrees in (90, 180, 270):
        yield Case(
            f"pictures/turned by {degrees}.mp4",
            functools.partial(then, change=lambda p, d=degrees: rotate(p, d)),
            "frames",
        )
    yield Case(
        "pictures/cut by an edit list.mp4",
        functools.partial(then, change=lambda p: cut_by_edit_list(p, 7, 9)),
        "frames",
    )
    yield Case("pictures/two films side by side.mkv", write_two_streams, "frames")
    yield Case("pictures/sound first.mp4", lambda path: write_film(path, FRAMES, sound=True), "frames")


def then(path: Path, change: Callable[[Path], object]) -> None:
    """A small film that is changed."""
    path.write_bytes(film())
    change(path)


def write_plain(
    path: Path, colour=(200, 90, 80), size=(96, 128), codec="ffv1", pix_fmt="bgr0", frames: int = 12
) -> None:
    """A film of one colour."""
    if path.suffix == ".mp4":
        codec, pix_fmt = "libx264", "yuv420p"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = *size, pix_fmt
        for index in range(frames):
            picture = np.full((*size, 3), colour, np.uint8)
            picture[: index * size[0] // frames // 2] //= 2  # so that two films of one colour differ
            frame = av.VideoFrame.from_ndarray(picture if colour != (0, 0, 0) else picture * 0, "rgb24")
            frame = frame.reformat(format=pix_fmt)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write_two_streams(path: Path) -> None:
    """Two films in one container, as of two cameras."""
    with (
        av.open(io.BytesIO(film())) as one,
        av.open(io.BytesIO(film(size=(64, 64)))) as two,
        av.open(str(path), "w") as target,
    ):
        pairs = [
            (source.streams.video[0], target.add_stream_from_template(source.streams.video[0]))
            for source in (one, two)
        ]
        for source, copy in pairs:
            for packet in source.container.demux(source):
                if packet.size:
                    packet.stream = copy
                    target.mux(packet)
