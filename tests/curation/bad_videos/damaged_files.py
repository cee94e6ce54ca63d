"""Files of another kind that are called videos, and videos that are cut off, damaged or lie about themselves."""

import gzip
import io
import struct
import tarfile
import tempfile
import wave
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from curation.bad_videos.case import FRAMES, Case, copy_packets, film, holding, image, noise
from data.films import box_at, damage_packets, write_film


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
    for name, content in contents.items():
        # Some builds of ffmpeg draw SVG.
        yield Case(f"other kind/{name}", holding(content), "either" if name == "drawing.mp4" else "refused")
    for format in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"):  # for ffmpeg a film of one frame
        yield Case(f"other kind/{format.lower()}.mp4", holding(image(format)), "frames")


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
        yield Case(f"playlist/{name}", holding(content), "refused")


def truncated() -> Iterator[Case]:
    """Recordings that stopped, and copies that were broken off."""
    fast = fast_start()
    for length in (4, 8, 32, 100, 1000):
        yield Case(f"truncated/after {length} bytes.mp4", holding(film()[:length]), "refused")
    for share in (10, 50, 90, 99):
        yield Case(f"truncated/{share} percent.mp4", holding(film()[: len(film()) * share // 100]), "refused")
    yield Case("truncated/all but a byte.mp4", holding(film()[:-1]), "frames")
    for share in (10, 50, 90):
        expected = "either" if share == 10 else "frames"  # part of one picture: decoders differ in what they complete
        yield Case(f"truncated/index first {share} percent.mp4", holding(fast[: len(fast) * share // 100]), expected)
    for suffix in (".mkv", ".avi", ".ts", ".mpg", ".mov"):
        codec = "mpeg2video" if suffix == ".mpg" else "mpeg4" if suffix == ".avi" else "h264"
        content = film(suffix, codec=codec)
        for share in (1, 10, 50, 95):
            cut = content[: len(content) * share // 100]
            if suffix in (".mpg", ".ts") and share < 50:
                expected = "either"  # part of one picture, as above
            else:
                expected = "frames" if share >= 50 and suffix != ".mov" else "refused"
            yield Case(f"truncated/{share} percent{suffix}", holding(cut), expected)
        # Of an mkv or avi file without its header versions look for a raw stream in other ways.
        expected = {".ts": "frames", ".mpg": "frames", ".mov": "refused"}.get(suffix, "either")
        yield Case(f"truncated/without its start{suffix}", holding(content[len(content) // 3 :]), expected)
    yield Case("truncated/half of a raw stream.h264", holding(film(".h264")[: len(film(".h264")) // 2]), "frames")


def fast_start() -> bytes:
    """A film with its index before its frames."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_film(Path(folder) / "film.mp4", frames=FRAMES, gop=6)
        quick = Path(folder) / "quick.mp4"
        with av.open(str(path)) as source, av.open(str(quick), "w", options={"movflags": "faststart"}) as target:
            copy_packets(source, target)
        return quick.read_bytes()


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

            # Of noise behind sound first bytes decoders make pictures or none.
            expected = "frames" if share < 100 else "either"
            yield Case(f"damaged/{codec} {share} percent of the packets{suffix}", packets, expected)
        middle = bytearray(content)
        start, end = len(content) * 4 // 10, len(content) * 6 // 10
        middle[start:end] = bytes(end - start)
        yield Case(f"damaged/{codec} a hole of zeros{suffix}", holding(bytes(middle)), "frames")
        middle[start:end] = noise(end - start, 9)
        yield Case(f"damaged/{codec} a fifth noise{suffix}", holding(bytes(middle)), "frames")
        doubled = content[:start] + content[start - 500 :]
        expected = "refused" if suffix in (".mp4", ".mov") else "frames"  # the index is not where the header says
        yield Case(f"damaged/{codec} 500 bytes twice{suffix}", holding(doubled), expected)
    for suffix in (".mp4", ".mkv", ".ts", ".avi"):
        content = np.frombuffer(film(suffix, codec="mpeg4" if suffix == ".avi" else "h264"), np.uint8)
        for rate in (10_000, 1_000, 100):
            random = np.random.default_rng(rate)
            flipped = content ^ np.where(random.random(len(content)) < 1 / rate, 1 << random.integers(8), 0).astype(
                np.uint8
            )
            # What is hit depends on the bytes that the encoder's version writes.
            yield Case(f"damaged/one byte in {rate} wrong{suffix}", holding(flipped.tobytes()), "either")


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
    yield Case("header/index twice.mp4", holding(mp4 + mp4[moov:]), "frames")
    yield Case("header/only the index.mp4", holding(mp4[:mdat] + mp4[moov:]), "refused")
    yield Case("header/two films in a row.mp4", holding(mp4 + film(frames=6)), "frames")
    yield Case("header/rubbish behind.mp4", holding(mp4 + noise(5000, 11)), "frames")
    for name, size in (("zero", 0), ("one", 1), ("seven", 7), ("huge", 2**31), ("beyond", 2**32 - 1)):
        yield Case(f"header/length of the frames {name}.mp4", patched(mp4, mdat, ">I", size), "refused")
        expected = "refused" if name in ("one", "seven") else "frames"  # 0 and too much stand for all up to the end
        yield Case(f"header/length of the index {name}.mp4", patched(mp4, moov, ">I", size), expected)
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
    refused = {"frames of size 0", "frames behind the end", "frames in the index", "unknown codec", "encrypted"}
    refused |= {"no video but sound"}
    # Versions differ in how much of a contradictory index they save, and in what an edit list of nothing shows.
    either = {"billions of frames", "no times", "billions of sizes", "first frame of a gigabyte", "wrong codec"}
    either |= {"starts after its end", "starts with a pause"}
    for name, (place, format, *values) in fields.items():
        expected = "refused" if name in refused else "either" if name in either else "frames"
        yield Case(f"header/{name}.mp4", patched(mp4, place, format, *values), expected)
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
        # Versions differ in what they do without a count of streams, with a size that no memory holds, and in whether
        # they look for frames that the index misplaces.
        either = name in ("no streams", "huge", "index that points nowhere")
        yield Case(f"header/{name}.avi", patched(avi, place, format, *values), "either" if either else "frames")
    ts = film(".ts")
    tables = (0, 4096)
    yield Case(
        "header/no program table.ts", holding(b"".join(p for p in packets_of(ts) if pid_of(p) not in tables)), "frames"
    )
    yield Case("header/shifted.ts", holding(ts[77:]), "frames")
    holes = b"".join(p for i, p in enumerate(packets_of(ts)) if i % 10 != 7)
    yield Case("header/every tenth packet lost.ts", holding(holes), "either")  # what is hit depends on the encoder
    mkv = film(".mkv")
    cues = mkv.rindex(b"\x1c\x53\xbb\x6b")
    yield Case("header/no index.mkv", holding(mkv[:cues]), "frames")
    yield Case(
        "header/unknown length.mkv", patched(mkv, mkv.index(b"\x18\x53\x80\x67") + 4, ">8B", 1, *[255] * 7), "frames"
    )
    yield Case("header/clock 0.mkv", patched(mkv, mkv.index(b"\x2a\xd7\xb1") + 4, ">3B", 0, 0, 0), "frames")
    yield Case("header/wrong codec.mkv", holding(mkv.replace(b"V_MPEG4/ISO/AVC", b"V_MPEGH/ISO/HEV")), "refused")


def packets_of(stream: bytes) -> list[bytes]:
    """Packets of a transport stream."""
    return [stream[place : place + 188] for place in range(0, len(stream), 188)]


def pid_of(packet: bytes) -> int:
    return struct.unpack_from(">H", packet, 1)[0] & 0x1FFF
