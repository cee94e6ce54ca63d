"""Damaged, odd and hostile files and names, as a hospital's disk holds them: `make_bad_videos(folder)`.

Each case is one file (or link, pipe, folder ...) with what must come of it:

* `frames`: there is a picture in it that every player shows, so at least one frame;
* `refused`: no video, so a reason in words and no frame;
* `either`: whatever the decoder makes of it, but frames or a reason, and nothing else.
"""

import functools
import gzip
import io
import os
import socket
import struct
import tarfile
import tempfile
import wave
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from data.films import box_at, cut_by_edit_list, damage_packets, draw, rotate, write_film
from PIL import Image

FRAMES = 24


@dataclass(frozen=True)
class Case:
    """A file below the folder, how it is made, and what must come of it."""

    name: str
    make: Callable[[Path], object]
    expected: str = "either"


def make_bad_videos(folder: Path) -> list[Case]:
    """Write all cases below a folder."""
    made = [case for group in groups() for case in group()]
    for case in made:
        path = folder / case.name
        path.parent.mkdir(parents=True, exist_ok=True)
        case.make(path)
    return made


def groups() -> tuple[Callable[[], Iterator[Case]], ...]:
    """All cases by what is wrong with them, each case under a name of its own."""
    return (
        no_videos,
        playlists,
        truncated,
        damaged,
        wrong_headers,
        without_pictures,
        odd_times,
        odd_pictures,
        odd_names,
        no_files,
    )


def holding(content: bytes) -> Callable[[Path], object]:
    """What makes a file with these bytes."""
    return lambda path: path.write_bytes(content)


@functools.cache
def film(suffix: str = ".mp4", frames: int = FRAMES, **options) -> bytes:
    """The bytes of a small film."""
    with tempfile.TemporaryDirectory() as folder:
        return write_film(Path(folder) / f"film{suffix}", frames=frames, gop=6, **options).read_bytes()


def noise(length: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).bytes(length)


def image(format: str, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(draw(3, (96, 128))).save(file, format, **options)
    return file.getvalue()


def no_videos() -> Iterator[Case]:
    """Files of another kind that are called videos."""
    sound = io.BytesIO()
    with wave.open(sound, "wb") as wav:
        wav.setparams((1, 2, 8000, 0, "NONE", ""))
        wav.writeframes(bytes(16000))
    packed, archive, table = io.BytesIO(), io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("film.mp4", film())
    with tarfile.open(fileobj=archive, mode="w") as file:
        entry = tarfile.TarInfo("film.mp4")
        entry.size = len(film())
        file.addfile(entry, io.BytesIO(film()))
    pq.write_table(pa.table({"video": [1, 2]}), table)
    contents = {
        "nothing.mp4": b"",
        "one byte.mp4": b"\0",
        "zeros.mp4": bytes(2**20),
        "ones.mkv": b"\xff" * 2**18,
        "noise.mp4": noise(2**18),
        "noise.ts": noise(2**18, 1),
        "noise.mpg": noise(2**18, 2),
        "noise after a signature.mkv": b"\x1a\x45\xdf\xa3" + noise(2**16, 3),
        "noise after a signature.avi": b"RIFF\x00\x10\x00\x00AVI LIST" + noise(2**16, 4),
        "noise after a signature.mp4": b"\x00\x00\x00\x18ftypmp42" + noise(2**16, 5),
        "text.mp4": b"Operation of 3 May: no recording, the camera failed.\n" * 50,
        "text in utf-16.mp4": ("Operation\n" * 50).encode("utf-16"),
        "web page.mp4": b"<!DOCTYPE html><html><head><title>404</title></head><body>Not found</body></html>" * 9,
        "settings.mp4": b'{"recorder": "OR-7", "codec": "h264"}',
        "xml.mp4": b'<?xml version="1.0"?><recording><device>OR-7</device></recording>',
        "document.mp4": b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n",
        "program.mp4": b"MZ\x90\0" + bytes(56) + b"\x80\0\0\0" + noise(4096, 6),
        "dicom.mp4": bytes(128) + b"DICM" + noise(4096, 7),
        "zip.mp4": packed.getvalue(),
        "gzip.mp4": gzip.compress(film(), mtime=0),
        "tar.mp4": archive.getvalue(),
        "parquet.mp4": table.getvalue(),
        "wave.mp4": sound.getvalue(),
        "subtitles.mp4": b"1\n00:00:00,000 --> 00:00:02,000\nTrocar\n\n" * 9,
        "drawing.mp4": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9"/></svg>',
        "apple double.mp4": b"\0\x05\x16\x07\0\x02\0\0Mac OS X        " + bytes(200),
    }
    pictures = ("text.mp4", "subtitles.mp4", "drawing.mp4", "gzip.mp4", "tar.mp4", "zip.mp4", "text in utf-16.mp4")
    for name, content in contents.items():
        either = name in pictures or "noise" in name  # ffmpeg shows text as a picture, and finds a film in an archive
        yield Case(f"other kind/{name}", holding(content), "either" if either else "refused")
    for format in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"):
        yield Case(f"other kind/{format.lower()}.mp4", holding(image(format)))


def playlists() -> Iterator[Case]:
    """Texts that ask a player to open other files, or to wait for the network."""
    contents = {
        "hls of a file.mp4": b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n/etc/hostname\n#EXT-X-ENDLIST\n",
        "hls of an address.mp4": b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/1.ts\n#EXT-X-ENDLIST\n",
        "hls without an end.mp4": b"#EXTM3U\n#EXT-X-TARGETDURATION:600\n#EXT-X-MEDIA-SEQUENCE:0\n",
        "concat.mp4": b"ffconcat version 1.0\nfile /etc/hostname\nfile ../other.mp4\n",
        "dash.mp4": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="dynamic"><Period/></MPD>',
        "session.mp4": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
        b"a=rtpmap:96 H264/90000\n",
        "redirect.mp4": b"RTSPtextrtsp://127.0.0.1:9/stream\n",
        "smooth.mp4": b'<SmoothStreamingMedia MajorVersion="2" Duration="0"></SmoothStreamingMedia>',
        "filter.mp4": b"# lavfi\ntestsrc=size=128x96\n",
    }
    for name, content in contents.items():
        yield Case(f"playlist/{name}", holding(content), "refused" if name != "filter.mp4" else "either")


def truncated() -> Iterator[Case]:
    """Recordings that stopped, and copies that were broken off."""
    fast = fast_start()
    for length in (4, 8, 32, 100, 1000):
        yield Case(f"truncated/after {length} bytes.mp4", holding(film()[:length]), "refused")
    for share in (10, 50, 90, 99):
        yield Case(f"truncated/{share} percent.mp4", holding(film()[: len(film()) * share // 100]))
    yield Case("truncated/all but a byte.mp4", holding(film()[:-1]))
    for share in (10, 50, 90):
        expected = "either" if share == 10 else "frames"
        yield Case(f"truncated/index first {share} percent.mp4", holding(fast[: len(fast) * share // 100]), expected)
    for suffix in (".mkv", ".avi", ".ts", ".mpg", ".mov"):
        codec = "mpeg2video" if suffix == ".mpg" else "mpeg4" if suffix == ".avi" else "h264"
        content = film(suffix, codec=codec)
        for share in (1, 10, 50, 95):
            sound = share >= 50 and suffix != ".mov"
            cut = content[: len(content) * share // 100]
            yield Case(f"truncated/{share} percent{suffix}", holding(cut), "frames" if sound else "either")
        yield Case(f"truncated/without its start{suffix}", holding(content[len(content) // 3 :]))
    yield Case("truncated/half of a raw stream.h264", holding(film(".h264")[: len(film(".h264")) // 2]), "frames")


def fast_start() -> bytes:
    """A film with its index before its frames."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_film(Path(folder) / "film.mp4", frames=FRAMES, gop=6)
        quick = Path(folder) / "quick.mp4"
        with av.open(str(path)) as source, av.open(str(quick), "w", options={"movflags": "faststart"}) as target:
            copy_packets(source, target)
        return quick.read_bytes()


def copy_packets(source, target, change=lambda packet, index: packet) -> None:
    """Write the packets of a film into another container, each as `change` returns it, if it does."""
    stream = source.streams.video[0]
    copy = target.add_stream_from_template(stream)
    for index, packet in enumerate(packet for packet in source.demux(stream) if packet.size):
        packet = change(packet, index)
        if packet is not None:
            packet.stream = copy
            target.mux(packet)


def damaged() -> Iterator[Case]:
    """Films with wrong bytes in them."""
    kinds = [(".mp4", "h264"), (".mkv", "hevc"), (".mp4", "mpeg2video"), (".avi", "mpeg4"), (".mov", "mjpeg")]
    for suffix, codec in kinds:
        pixels = {"pix_fmt": "yuvj420p"} if codec == "mjpeg" else {}
        content = film(suffix, codec=codec, **pixels)
        for share in (5, 25, 100):
            chosen = range(3, FRAMES, max(1, round(100 / share))) if share < 100 else range(FRAMES)

            def packets(path, content=content, chosen=chosen):
                path.write_bytes(content)
                damage_packets(path, [index for index in chosen if index < FRAMES - 2 or len(chosen) == FRAMES])

            yield Case(
                f"damaged/{codec} {share} percent of the packets{suffix}",
                packets,
                "frames" if share == 5 else "either",
            )
        middle = bytearray(content)
        start, end = len(content) * 4 // 10, len(content) * 6 // 10
        middle[start:end] = bytes(end - start)
        yield Case(f"damaged/{codec} a hole of zeros{suffix}", holding(bytes(middle)))
        middle[start:end] = noise(end - start, 9)
        yield Case(f"damaged/{codec} a fifth noise{suffix}", holding(bytes(middle)))
        doubled = content[:start] + content[start - 500 :]
        yield Case(f"damaged/{codec} 500 bytes twice{suffix}", holding(doubled))
    for suffix in (".mp4", ".mkv", ".ts", ".avi"):
        content = np.frombuffer(film(suffix, codec="mpeg4" if suffix == ".avi" else "h264"), np.uint8)
        for rate in (10_000, 1_000, 100):
            random = np.random.default_rng(rate)
            flipped = content ^ np.where(random.random(len(content)) < 1 / rate, 1 << random.integers(8), 0).astype(
                np.uint8
            )
            yield Case(f"damaged/one byte in {rate} wrong{suffix}", holding(flipped.tobytes()))


def patched(content: bytes, place: int, format: str, *values: int) -> Callable[[Path], object]:
    """A file with numbers written over its bytes."""
    data = bytearray(content)
    struct.pack_into(format, data, place, *values)
    return holding(bytes(data))


def wrong_headers() -> Iterator[Case]:
    """Containers whose fields contradict their content."""
    mp4 = film()
    track = (b"moov", b"trak")
    table = (*track, b"mdia", b"minf", b"stbl")
    moov, mdat = mp4.index(b"moov") - 4, mp4.index(b"mdat") - 4
    yield Case("header/no index.mp4", holding(mp4[:moov]), "refused")
    yield Case("header/index twice.mp4", holding(mp4 + mp4[moov:]))
    yield Case("header/only the index.mp4", holding(mp4[:mdat] + mp4[moov:]))
    yield Case("header/two films in a row.mp4", holding(mp4 + film(frames=6)), "frames")
    yield Case("header/rubbish behind.mp4", holding(mp4 + noise(5000, 11)), "frames")
    for name, size in (("zero", 0), ("one", 1), ("seven", 7), ("huge", 2**31), ("beyond", 2**32 - 1)):
        yield Case(f"header/length of the frames {name}.mp4", patched(mp4, mdat, ">I", size))
        yield Case(f"header/length of the index {name}.mp4", patched(mp4, moov, ">I", size))
    fields = {
        "clock of the film 0": (box_at(mp4, b"moov", b"mvhd") + 12, ">I", 0),
        "clock of the track 0": (box_at(mp4, *track, b"mdia", b"mdhd") + 12, ">I", 0),
        "clock of the track 1": (box_at(mp4, *track, b"mdia", b"mdhd") + 12, ">I", 1),
        "clock of the track huge": (box_at(mp4, *track, b"mdia", b"mdhd") + 12, ">I", 2**32 - 1),
        "length of the track 0": (box_at(mp4, *track, b"mdia", b"mdhd") + 16, ">I", 0),
        "length of the track huge": (box_at(mp4, *track, b"mdia", b"mdhd") + 16, ">I", 2**32 - 1),
        "frames of no duration": (box_at(mp4, *table, b"stts") + 12, ">I", 0),
        "frames of 19 hours": (box_at(mp4, *table, b"stts") + 12, ">I", 2**30),
        "billions of frames": (box_at(mp4, *table, b"stts") + 8, ">I", 2**32 - 1),
        "no times": (box_at(mp4, *table, b"stts") + 4, ">I", 0),
        "billions of sizes": (box_at(mp4, *table, b"stsz") + 8, ">I", 2**31 - 1),
        "first frame of a gigabyte": (box_at(mp4, *table, b"stsz") + 12, ">I", 2**30),
        "frames of size 0": (box_at(mp4, *table, b"stsz") + 8, ">I", 0),
        "frames behind the end": (box_at(mp4, *table, b"stco") + 8, ">I", len(mp4) + 100),
        "frames in the index": (box_at(mp4, *table, b"stco") + 8, ">I", moov),
        "no key frames": (box_at(mp4, *table, b"stss") + 4, ">I", 0),
        "wrong key frames": (box_at(mp4, *table, b"stss") + 8, ">4I", 4, 9, 16, 21),
        "65535 px": (box_at(mp4, *table, b"stsd") + 8 + 8 + 24, ">2H", 65535, 65535),
        "0 px": (box_at(mp4, *table, b"stsd") + 8 + 8 + 24, ">2H", 0, 0),
        "unknown codec": (box_at(mp4, *table, b"stsd") + 12, ">4s", b"zzzz"),
        "encrypted": (box_at(mp4, *table, b"stsd") + 12, ">4s", b"encv"),
        "wrong codec": (box_at(mp4, *table, b"stsd") + 12, ">4s", b"hvc1"),
        "no video but sound": (box_at(mp4, *track, b"mdia", b"hdlr") + 8, ">4s", b"soun"),
        "starts after its end": (box_at(mp4, *track, b"edts", b"elst") + 12, ">i", 2**30),
        "lasts for ever": (box_at(mp4, *track, b"edts", b"elst") + 8, ">I", 2**32 - 1),
        "starts with a pause": (box_at(mp4, *track, b"edts", b"elst") + 12, ">i", -1),
    }
    for name, (place, format, *values) in fields.items():
        yield Case(f"header/{name}.mp4", patched(mp4, place, format, *values))
    avi = film(".avi", codec="mpeg4")
    main, stream, index = avi.index(b"avih") + 8, avi.index(b"strh") + 8, avi.index(b"idx1")
    yield Case("header/no index.avi", holding(avi[:index]), "frames")
    for name, place, format, *values in (
        ("0 frames per second", stream + 20, "<2I", 1, 0),
        ("frames of no time", stream + 20, "<2I", 0, 25),
        ("1000 frames per second", stream + 20, "<2I", 1, 1000),
        ("a frame per hour", stream + 20, "<2I", 3600, 1),
        ("billions of frames", stream + 32, "<I", 2**32 - 1),
        ("starts in a year", stream + 28, "<I", 2**31),
        ("length 0", 4, "<I", 0),
        ("length beyond", 4, "<I", 2**32 - 1),
        ("no streams", main + 24, "<I", 0),
        ("huge", avi.index(b"strf") + 12, "<2i", 100_000, 100_000),
        ("upside down", avi.index(b"strf") + 16, "<i", -96),
        ("index that points nowhere", index + 8, "<12I", *[2**30] * 12),
    ):
        yield Case(f"header/{name}.avi", patched(avi, place, format, *values))
    ts = film(".ts")
    yield Case(
        "header/no program table.ts", holding(b"".join(p for p in packets_of(ts) if pid_of(p) not in (0, 4096)))
    )
    yield Case("header/shifted.ts", holding(ts[77:]), "frames")
    yield Case(
        "header/every tenth packet lost.ts", holding(b"".join(p for i, p in enumerate(packets_of(ts)) if i % 10 != 7))
    )
    mkv = film(".mkv")
    cues = mkv.rindex(b"\x1c\x53\xbb\x6b")
    yield Case("header/no index.mkv", holding(mkv[:cues]), "frames")
    yield Case(
        "header/unknown length.mkv", patched(mkv, mkv.index(b"\x18\x53\x80\x67") + 4, ">8B", 1, *[255] * 7), "frames"
    )
    yield Case("header/clock 0.mkv", patched(mkv, mkv.index(b"\x2a\xd7\xb1") + 4, ">3B", 0, 0, 0))
    yield Case("header/wrong codec.mkv", holding(mkv.replace(b"V_MPEG4/ISO/AVC", b"V_MPEGH/ISO/HEV")))


def packets_of(stream: bytes) -> list[bytes]:
    """Packets of a transport stream."""
    return [stream[place : place + 188] for place in range(0, len(stream), 188)]


def pid_of(packet: bytes) -> int:
    return struct.unpack_from(">H", packet, 1)[0] & 0x1FFF


def without_pictures() -> Iterator[Case]:
    """Containers without a picture in motion."""
    for name, codec in (("sound.mp4", "aac"), ("sound.mkv", "mp2"), ("sound.mpg", "mp2"), ("sound.avi", "mp2")):
        yield Case(f"no pictures/{name}", functools.partial(write_sound, codec=codec), "refused")
    mp3 = functools.partial(write_sound, codec="libmp3lame", format="mp3")
    yield Case("no pictures/sound of the other kind.mp4", mp3, "refused")
    yield Case("no pictures/sound with a cover.mp4", functools.partial(mp3, cover=True))
    yield Case("no pictures/subtitles.mkv", write_subtitles, "refused")
    for suffix in (".mp4", ".mkv", ".avi", ".ts"):
        yield Case(f"no pictures/no frames{suffix}", write_nothing, "refused")
    yield Case("no pictures/only the start of frames.mp4", write_empty_packets)


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
            yield Case(f"times/{name}{suffix}", functools.partial(write_shifted, change=change))
    strange = {
        "all the same": lambda time, index: 0.0,
        "backwards": lambda time, index: -time,
        "in pairs": lambda time, index: index // 2 * 0.08,
        "at random": lambda time, index: float(np.random.default_rng(index).integers(0, 100)),
        "back to 0 in the middle": lambda time, index: index % 12 / 25,
        "near the end of time": lambda time, index: 1e13 + time,
    }
    for name, change in strange.items():
        yield Case(f"times/{name}.mkv", functools.partial(write_strange, change=change))
        yield Case(f"times/{name}.mp4", functools.partial(write_block_times, change=change))
    yield Case("times/none.h264", lambda path: write_film(path, frames=FRAMES), "frames")
    yield Case("times/raw stream.mp4", holding(film(".h264")), "frames")
    yield Case("times/two recordings in a row.ts", holding(film(".ts") + film(".ts", frames=30)), "frames")
    yield Case("times/two codecs in a row.ts", holding(film(".ts") + film(".ts", codec="mpeg2video")))


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
        yield Case(f"pictures/{codec} {depth}.avi", functools.partial(write_plain, codec=codec, pix_fmt=depth))
    yield Case(
        "pictures/interlaced.mpg", lambda path: write_film(path, FRAMES, codec="mpeg2video", interlaced=True), "frames"
    )
    yield Case("pictures/other size in the middle.ts", holding(film(".ts") + film(".ts", size=(160, 96))), "frames")
    yield Case(
        "pictures/other size in the middle.h264", holding(film(".h264") + film(".h264", size=(64, 64))), "frames"
    )
    motion = film(".mjpeg", codec="mjpeg", pix_fmt="yuvj420p")
    yield Case("pictures/other size in the middle.mjpeg", holding(motion + image("JPEG") + motion[: len(motion) // 2]))
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


NAMES = (
    "Öperation 手術 ñ.mp4",
    "Cafe\u0301.mp4",
    "two\nlines.mp4",
    "\r\t\x1b[31m.mp4",
    " spaces .mp4",
    "-vf.mp4",
    "--help.mp4",
    "quotes ' \" `.mp4",
    "[bold]markup[/bold].mp4",
    ":skull: ${HOME} $(id) ; rm.mp4",
    "percent %03d %s %n.mp4",
    "back\\slash.mp4",
    "concat:a|b.mp4",
    "http:__host.mp4",
    "pipe:0.mp4",
    "stars * ? [x].mp4",
    "right\u202eto left.mp4",
    "invisible\u200b\u2028.mp4",
    "🫁 .mp4",
    "CON.mp4",
    "mp4.mp4.mp4",
    "many.dots.in.a.name.MP4",
    "x" * 251 + ".mp4",
    "caf\udce9.mp4",
    "/".join(["deep"] * 40) + "/film.mp4",
)


def odd_names() -> Iterator[Case]:
    """Sound films, each its own, whose names are the trouble."""
    for number, name in enumerate(NAMES):
        numbers = tuple(range(100 * number, 100 * number + 12))
        yield Case(f"name {number}/{name}", functools.partial(write_film, numbers=numbers), "frames")
    for number in (1, 2, 3):
        numbers = range(5000 + 100 * number, 5012 + 100 * number)
        yield Case(f"folder {number}/case.mp4", functools.partial(write_film, numbers=numbers), "frames")
    for number in (1, 2):
        yield Case(f"copies/{number}.mp4", functools.partial(write_film, numbers=range(6000, 6012)), "frames")


def no_files() -> Iterator[Case]:
    """What stands in a folder and is no file."""
    yield Case("no file/film behind a link.mp4", linked, "frames")
    yield Case("no file/second name.mp4", hard_linked, "frames")
    yield Case("no file/link to nothing.mp4", lambda path: path.symlink_to("nowhere.mp4"), "refused")
    yield Case("no file/link to itself.mp4", lambda path: path.symlink_to(path.name), "refused")
    yield Case("no file/endless.mp4", lambda path: path.symlink_to("/dev/zero"), "refused")
    yield Case("no file/swallows all.mp4", lambda path: path.symlink_to("/dev/null"), "refused")
    yield Case("no file/.hidden.mp4", functools.partial(write_film, numbers=range(7300, 7312)), "refused")
    yield Case("no file/folder.mp4", lambda path: path.mkdir(), "refused")
    yield Case("no file/pipe.mp4", lambda path: os.mkfifo(path), "refused")
    yield Case("no file/socket.mp4", bind_socket, "refused")
    yield Case("no file/forbidden.mp4", forbidden)
    yield Case("no file/loop/up.mp4", lambda path: path.symlink_to(path.parent), "refused")


def linked(path: Path) -> None:
    target = path.with_name(".hidden film")
    write_film(target, numbers=range(7000, 7012), format="mp4")
    path.symlink_to(target.name)


def hard_linked(path: Path) -> None:
    write_film(path, numbers=range(7100, 7112))
    os.link(path, path.with_name("first name.mp4"))


def forbidden(path: Path) -> None:
    """A film that only the administrator reads."""
    write_film(path, numbers=range(7200, 7212))
    path.chmod(0)


def bind_socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # names of sockets are short
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)
