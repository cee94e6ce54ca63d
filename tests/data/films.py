# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Small films of synthetic surgery in which every picture carries its number, in all the shapes that real films have.

    from data.films import write_film, read_number

    write_film(path, frames=75, fps=25)                            # mp4, H.264, 2 B frames, a key frame every 12 frames
    write_film(path, codec="hevc", gop=250, size=(96, 128))        # suffix: .mp4 .mkv .avi .mov .mpg .ts .h264 ...
    write_film(path, times=[0.0, 0.04, 0.5])                       # variable frame rate: seconds of every frame
    write_film(path, metadata={"title": "Jane Doe"})               # what a recorder writes into the container
    write_film(path, numbers=[7, 7, 7])                            # which picture is shown when
    loop_film(source, path, 100)                                   # hours of film for little work
    cut_by_edit_list(path, 10, 20); rotate(path, 90); damage_packets(path, [30]); truncate(path, 0.5)

    assert read_number(frame) == 7                                 # ValueError where the bar code cannot be read

Codecs: h264, hevc, mpeg2video, mpeg4, mjpeg (pix_fmt="yuvj420p"), ffv1. Numbers go from 0 to 65535.
"""

import functools
import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from zen_hf.data.synthetic_surgery import SyntheticSurgery

ROWS, COLUMNS = 2, 12  # of the bar code: 16 bits of number and 8 of check
STRIP = 0.3  # share of the picture's height below that the bar code takes
ENCODERS = {"h264": "libx264", "hevc": "libx265"}
CLOCK = 90000  # ticks per second of films of variable frame rate; divides into the 1000 of mkv
SCENE = 25  # frames of one scene


@functools.lru_cache
def scene(index: int, size: tuple[int, int]) -> np.ndarray:
    """A drawn picture of an operation, [H, W, 3] uint8."""
    return SyntheticSurgery(seed=0, size=size, frames_per_video=8).video(0)[index % 8].image


def code_of(number: int) -> int:
    """The 24 bits of the bar code: the number and a check that a wrong reading does not pass."""
    return number << 8 | (number * 167 + (number >> 8) * 59 + 91) & 0xFF


def draw(number: int, size: tuple[int, int]) -> np.ndarray:
    """Picture `number`, [H, W, 3] uint8: a scene that moves sideways by 2 px per frame, above its number as a bar code."""
    height, width = size
    picture = np.roll(scene(number // SCENE, size), 2 * (number % SCENE), axis=1).copy()
    top, code = round(height * (1 - STRIP)), code_of(number)
    for bit in range(ROWS * COLUMNS):
        row, column = divmod(bit, COLUMNS)
        y = [top + (height - top) * edge // ROWS for edge in (row, row + 1)]
        x = [width * edge // COLUMNS for edge in (column, column + 1)]
        picture[y[0] : y[1], x[0] : x[1]] = 220 if code >> bit & 1 else 25
    return picture


def read_number(picture: np.ndarray) -> int:
    """The number that a picture [H, W, 3] of any size carries.

    Raises:
        ValueError: if there is no bar code: the picture is damaged, turned or cut.
    """
    grey = np.asarray(picture, np.float32).mean(axis=2)
    height, width = grey.shape
    top, code = height * (1 - STRIP), 0
    for bit in range(ROWS * COLUMNS):
        row, column = divmod(bit, COLUMNS)
        y = [round(top + (height - top) * (row + part) / ROWS) for part in (0.3, 0.7)]
        x = [round(width * (column + part) / COLUMNS) for part in (0.3, 0.7)]
        code |= int(grey[y[0] : y[1] + 1, x[0] : x[1] + 1].mean() > 122) << bit
    if code != code_of(code >> 8):
        raise ValueError(f"no bar code: read {code:06x}")
    return code >> 8


def write_film(
    path: str | Path,
    frames: int = 50,
    fps: float | Fraction = 25,
    size: tuple[int, int] = (96, 128),
    codec: str = "h264",
    gop: int = 12,
    b_frames: int = 2,
    times: Sequence[float] | None = None,
    numbers: Sequence[int] | None = None,
    interlaced: bool = False,
    metadata: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
    pix_fmt: str = "yuv420p",
    sound: bool = False,
    format: str | None = None,
    faststart: bool = False,
) -> Path:
    """Write a film; the suffix chooses the container.

    Args:
        path: the film.
        frames: how many, where neither `times` nor `numbers` say.
        fps: frames per second of a film of constant frame rate.
        size: (height, width), px, even.
        codec: see the module.
        gop: frames from one key frame to the next.
        b_frames: B frames in a row, where the codec has them.
        times: seconds of every frame, rising, not below 0 (variable frame rate).
        numbers: the number that each frame shows; 0, 1, 2, ... by default.
        interlaced: the first field, of the lower lines, is of the moment; the upper lines are those 3 frames later. The
            bar code is the same in both.
        metadata: of the container.
        options: of the encoder, such as {"crf": "30"}.
        pix_fmt: of the encoder.
        sound: whether there is a silent sound track too.
        format: of the container, where the suffix shall not choose.
        faststart: whether an mp4 file has its index before its pictures.
    """
    numbers = list(numbers if numbers is not None else range(len(times) if times is not None else frames))
    container_options = {"movflags": "+faststart"} if faststart else {}
    with av.open(str(path), "w", format=format, options=container_options) as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(ENCODERS.get(codec, codec), rate=Fraction(fps).limit_denominator(1001))
        stream.height, stream.width, stream.pix_fmt, stream.gop_size = *size, pix_fmt, gop
        stream.codec_context.thread_count = 1  # the same bytes everywhere
        stream.options = encoder_options(codec, gop, b_frames, interlaced) | (options or {})
        if codec not in ENCODERS:
            stream.bit_rate = 2_000_000
        if codec in ("mpeg2video", "mpeg4"):
            stream.max_b_frames = b_frames
        if times is not None:
            stream.codec_context.time_base = Fraction(1, CLOCK)
        converter = VideoReformatter()
        tick = Fraction(1, CLOCK) if times is not None else 1 / stream.codec_context.framerate
        track = container.add_stream("mp2" if str(path).endswith("mpg") else "aac", rate=44100) if sound else None
        for index, number in enumerate(numbers):
            picture = draw(number, size)
            if interlaced:
                upper = slice(0, round(size[0] * (1 - STRIP)), 2)
                picture[upper] = draw(number + 3, size)[upper]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame = converter.reformat(frame, format=pix_fmt, threads=1)
            frame.time_base = tick
            frame.pts = index if times is None else round(times[index] * CLOCK)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if track is not None:
            silence(container, track, times[-1] if times else len(numbers) / fps)
    return Path(path)


def encoder_options(codec: str, gop: int, b_frames: int, interlaced: bool) -> dict[str, str]:
    """What the encoder is told beside its common settings; key frames at the scenes' changes are never added."""
    if codec == "h264":
        threads = "threads=1:lookahead-threads=1:scenecut=0" + (":bff=1" if interlaced else "")
        return {"preset": "veryfast", "crf": "20", "bf": str(b_frames), "x264-params": threads}
    if codec == "hevc":
        settings = (
            f"log-level=none:pools=1:frame-threads=1:scenecut=0:keyint={gop}:min-keyint={gop}:bframes={b_frames}"
        )
        return {"preset": "ultrafast", "crf": "20", "x265-params": settings}
    return {"flags": "+ildct+ilme"} if interlaced else {}


def silence(container: av.container.OutputContainer, track: av.AudioStream, seconds: float) -> None:
    """Fill a sound track."""
    samples = track.codec_context.frame_size or 1024
    for start in range(0, int(seconds * 44100), samples):
        sound = av.AudioFrame.from_ndarray(np.zeros((2, samples), np.float32), format="fltp", layout="stereo")
        sound.sample_rate, sound.pts = 44100, start
        for converted in av.AudioResampler(track.codec_context.format, "stereo", 44100).resample(sound):
            container.mux(track.encode(converted))


def loop_film(source: str | Path, path: str | Path, repeats: int, start_s: float = 0.0, step: int = 1) -> Path:
    """Show a film again and again without encoding it again: frame i shows number i modulo its length.

    Args:
        source: film whose first frame is a key frame and whose GOPs are closed, of constant frame rate.
        path: the longer film.
        repeats: how often.
        start_s: time of the first frame in the file.
        step: every frame is shown for this many times its duration.
    """
    with av.open(str(source)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        first, base = min(packet.pts for packet in packets), stream.time_base
        last = max(packet.pts for packet in packets)
        length = (last - first) * len(packets) // (len(packets) - 1)
        data = [(bytes(packet), packet.pts - first, packet.dts - first, packet.is_keyframe) for packet in packets]
        with av.open(str(path), "w") as longer:
            copy = longer.add_stream_from_template(stream)
            for repeat in range(repeats):
                for content, pts, dts, is_key in data:
                    packet = av.Packet(content)
                    packet.stream, packet.time_base, packet.is_keyframe = copy, base, is_key
                    shift = repeat * length
                    packet.pts = (pts + shift) * step + round(start_s / base)
                    packet.dts = (dts + shift) * step + round(start_s / base)
                    longer.mux(packet)
    return Path(path)


def join(sources: Sequence[str | Path], path: str | Path) -> Path:
    """Show films one after the other in one file without encoding them again: .ts or .h264 alone, as their sources are.

    The decoder learns of a change of size from the packets, as from a recorder that was switched over.
    """
    if str(path).endswith(".h264"):
        Path(path).write_bytes(b"".join(Path(source).read_bytes() for source in sources))
        return Path(path)
    shift = 0
    with av.open(str(path), "w") as joined:
        copy = None
        for source in sources:
            with av.open(str(source)) as container:
                stream = container.streams.video[0]
                copy = copy or joined.add_stream_from_template(stream)
                packets = [packet for packet in container.demux(stream) if packet.size]
                first = min(packet.pts for packet in packets)
                stamps = [(packet.pts - first + shift, packet.dts - first + shift) for packet in packets]
                for packet, (pts, dts) in zip(packets, stamps, strict=True):
                    again = av.Packet(bytes(packet))
                    again.stream, again.time_base, again.is_keyframe = copy, stream.time_base, packet.is_keyframe
                    again.pts, again.dts = pts, dts
                    joined.mux(again)
                last = max(pts for pts, _ in stamps)
                shift = last + (last - shift) // (len(packets) - 1)
    return Path(path)


def box_at(data: bytes, *names: bytes) -> int:
    """Where the content of a box of an mp4 file begins, down a way of names."""
    start, end = 0, len(data)
    for name in names:
        while start < end:
            size, found = struct.unpack_from(">I4s", data, start)
            if size == 1:
                size = struct.unpack_from(">Q", data, start + 8)[0]
            if found == name:
                start, end = start + 8, start + size
                break
            start += size
        else:
            raise ValueError(f"no box {name!r}")
    return start


def cut_by_edit_list(path: str | Path, first: int, frames: int, fps: float = 25) -> None:
    """Let an mp4 file with B frames show only `frames` frames from `first` on, by its edit list; no packet is removed."""
    data = bytearray(Path(path).read_bytes())
    movie = struct.unpack_from(">I", data, box_at(data, b"moov", b"mvhd") + 12)[0]
    media = struct.unpack_from(">I", data, box_at(data, b"moov", b"trak", b"mdia", b"mdhd") + 12)[0]
    entry = box_at(data, b"moov", b"trak", b"edts", b"elst") + 8
    shown_from = struct.unpack_from(">Ii", data, entry)[1]
    struct.pack_into(">Ii", data, entry, round(frames / fps * movie), shown_from + round(first / fps * media))
    Path(path).write_bytes(data)


def rotate(path: str | Path, degrees: int) -> None:
    """Tell an mp4 or mov file to be shown turned clockwise by 90, 180 or 270 degrees; the pixels stay."""
    cosine, sine = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    matrix = [cosine << 16, sine << 16, 0, -sine << 16, cosine << 16, 0, 0, 0, 1 << 30]
    data = bytearray(Path(path).read_bytes())
    struct.pack_into(">9i", data, box_at(data, b"moov", b"trak", b"tkhd") + 40, *matrix)
    Path(path).write_bytes(data)


def damage(path: str | Path, start: float, end: float, seed: int = 0) -> None:
    """Overwrite the bytes from a share of the file to another by noise."""
    data = bytearray(Path(path).read_bytes())
    first, last = int(start * len(data)), int(end * len(data))
    data[first:last] = np.random.default_rng(seed).bytes(last - first)
    Path(path).write_bytes(data)


def damage_packets(path: str | Path, damaged: Sequence[int], seed: int = 0) -> None:
    """Overwrite packets of a film (numbers in the order of the file) by noise, except for their first 16 bytes.

    So the container stays sound: those can be its own.
    """
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data, random = bytearray(Path(path).read_bytes()), np.random.default_rng(seed)
    for place, size in (places[index] for index in damaged):
        data[place + 16 : place + size] = random.bytes(max(size - 16, 0))
    Path(path).write_bytes(data)


def truncate(path: str | Path, share: float) -> None:
    """Keep the first share of a file's bytes."""
    data = Path(path).read_bytes()
    Path(path).write_bytes(data[: int(share * len(data))])
