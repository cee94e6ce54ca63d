# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""One frame per second out of a film, beside the usual OpenCV loop that reads every frame and keeps every 25th.

    pip install -e . opencv-python-headless
    python perf/video_decoding.py              # shapes and ratios: about 5 minutes on two quiet cores
    python perf/video_decoding.py --memory     # resident memory along a film of 4 hours
    python perf/video_decoding.py --quick      # shows that it runs, measures nothing

Every film is made here: pictures of synthetic surgery, enlarged, moving, with a sensor's noise; 25 frames per second.
Ten seconds are encoded and repeated without encoding them again. In every round both sides sample the same film one
after the other, each with its own default number of threads: a ratio is the median over rounds of the pairs' ratios of
time, above 1 where ours is faster. Both must give the same number of frames, and pictures that agree.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from zen_hf.data.synthetic_surgery import SyntheticSurgery
from zen_hf.data.video_sampling import Video

FPS = 25
LARGE, MIDDLE = (1080, 1920), (720, 1280)
FAST = {"preset": "veryfast"}  # encodes sooner; groups of pictures and B frames, 3 by default, are what counts here


@dataclass(frozen=True)
class Shape:
    """Container, codec and groups of pictures of a film."""

    name: str
    suffix: str
    codec: str
    options: dict
    gop: int
    b_frames: int = 3
    size: tuple[int, int] = MIDDLE


SHAPES = [
    Shape("1080p mp4 H.264, GOP 250, 3 B frames", ".mp4", "libx264", FAST, 250, size=LARGE),
    Shape("1080p mp4 H.264, a recorder's GOP of 1 s", ".mp4", "libx264", {**FAST, "bf": "0"}, 25, size=LARGE),
    Shape("720p mov H.264, GOP of 2 s, 2 B frames", ".mov", "libx264", {**FAST, "bf": "2"}, 50),
    Shape("720p mkv H.264, GOP 250, no B frames", ".mkv", "libx264", {**FAST, "bf": "0"}, 250),
    Shape("720p mp4 H.265, GOP 250", ".mp4", "libx265", {"preset": "ultrafast", "x265-params": "log-level=none"}, 250),
    Shape("720p mpg MPEG-2, GOP 12", ".mpg", "mpeg2video", {}, 12, 2),
    Shape("720p avi MPEG-4, GOP 250, no B frames", ".avi", "mpeg4", {}, 250, 0),
    Shape("720p avi H.264, GOP of 2 s", ".avi", "libx264", FAST, 50),
]


def pictures(count: int, size: tuple[int, int], seed: int = 0) -> Iterator[np.ndarray]:
    """Pictures of one operation, [H, W, 3] uint8: a camera that moves slowly, and noise."""
    height, width = size
    random = np.random.default_rng(seed)
    surgery = SyntheticSurgery(seed=seed, size=(height // 4, width // 4), frames_per_video=400).video(0)
    noise = random.normal(0, 2.0, (height + 64, width + 64)).round().astype(np.int16)
    noise = np.repeat(noise[..., None], 3, axis=2)
    for number in range(count):
        large = cv2.resize(surgery[number].image, (width, height), interpolation=cv2.INTER_CUBIC)
        y, x = random.integers(0, 64, 2)
        yield cv2.add(large, noise[y : y + height, x : x + width], dtype=cv2.CV_8U)


def encode(path: Path, shape: Shape, frames: Iterator[np.ndarray]) -> None:
    """Write a film."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(shape.codec, rate=FPS, options=shape.options)
        stream.height, stream.width = shape.size
        stream.pix_fmt, stream.gop_size = "yuv420p", shape.gop
        if not shape.codec.startswith("lib"):
            stream.bit_rate, stream.max_b_frames = 8_000_000, shape.b_frames
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def repeat(source: Path, path: Path, repeats: int) -> None:
    """Write the packets of a film again and again."""
    with av.open(str(source)) as container, av.open(str(path), "w") as longer:
        stream = container.streams.video[0]
        copy = longer.add_stream_from_template(stream)
        packets = [packet for packet in container.demux(stream) if packet.size]
        frame = round(Fraction(1, FPS) / stream.time_base)
        data = [(bytes(p), p.pts, p.dts, p.is_keyframe) for p in packets]
        for number in range(repeats):
            for content, pts, dts, is_key in data:
                packet = av.Packet(content)
                packet.stream, packet.time_base, packet.is_keyframe = copy, stream.time_base, is_key
                packet.pts, packet.dts = (stamp + number * len(data) * frame for stamp in (pts, dts))
                longer.mux(packet)


def usual(path: Path) -> list[np.ndarray]:
    """Every 25th frame, read as tutorials do."""
    capture, kept, number = cv2.VideoCapture(str(path)), [], 0
    while True:
        good, frame = capture.read()
        if not good:
            break
        if number % FPS == 0:
            kept.append(small(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)))
        number += 1
    capture.release()
    return kept


def ours(path: Path) -> list[np.ndarray]:
    """One frame per second."""
    with Video(path) as video:
        kept = [small(frame.image) for frame in video.sample(1.0)]
        assert not video.problems, video.problems
    return kept


def small(frame: np.ndarray) -> np.ndarray:
    """A copy of some pixels, so that hours of frames fit into memory."""
    return frame[::16, ::16].copy()


def compare(path: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of both sides in every round, ours first in every other."""
    seconds = {usual: [], ours: []}
    for number in range(rounds):
        found = {}
        for side in (usual, ours) if number % 2 else (ours, usual):
            start = time.perf_counter()
            found[side] = side(path)
            seconds[side].append(time.perf_counter() - start)
        assert len(found[ours]) == len(found[usual]), (len(found[ours]), len(found[usual]))
        apart = np.abs(np.array(found[ours], np.float32) - np.array(found[usual], np.float32)).mean()
        assert apart < 2, f"the pictures differ by {apart:.1f} grey levels"
    return seconds[usual], seconds[ours]


def ratios(shapes: list[Shape], seconds: int, rounds: int) -> None:
    """Print a line per shape."""
    print(f"{FPS} frames/s, {seconds} s, {rounds} rounds, {os.cpu_count()} cores; seconds of film per second")
    print(f"{'':44s} {'OpenCV':>7s} {'ours':>7s} {'ratio':>7s}")
    with tempfile.TemporaryDirectory() as folder:
        for index, shape in enumerate(shapes):
            once, film = (Path(folder, f"{index}-{part}{shape.suffix}") for part in ("once", "film"))
            encode(once, shape, pictures(10 * FPS, shape.size))
            repeat(once, film, seconds // 10)
            with Video(film) as video:
                assert np.allclose(video.times, np.arange(seconds * FPS) / FPS, atol=0.0011), (
                    "not the film that was meant"
                )
            slow, fast = compare(film, rounds)
            pairs = sorted(a / b for a, b in zip(slow, fast, strict=True))
            shown = [seconds / statistics.median(each) for each in (slow, fast)]
            print(
                f"{shape.name:44s} {shown[0]:7.1f} {shown[1]:7.1f} {statistics.median(pairs):6.2f}x"
                f"  ({pairs[0]:.2f} to {pairs[-1]:.2f}; {film.stat().st_size * 8e-6 / seconds:.1f} Mbit/s)",
                flush=True,
            )
            once.unlink(), film.unlink()


def memory(hours: float, size: tuple[int, int]) -> None:
    """Print the resident memory at quarters of a long film."""
    with tempfile.TemporaryDirectory() as folder:
        once, film = Path(folder, "once.mp4"), Path(folder, "film.mp4")
        encode(once, replace(SHAPES[1], size=size), pictures(10 * FPS, size))
        repeat(once, film, round(hours * 360))
        with Video(film) as video:
            print(f"{size[1]} x {size[0]} px, {hours:g} hours, {video.frame_count} frames, 1 frame/s")
            print(f"  opened {resident():7.1f} MB")
            total, next_quarter = round(hours * 3600), 0
            for number, _ in enumerate(video.sample(1.0)):
                if number >= next_quarter * (total - 1) / 4:
                    print(f"  {25 * next_quarter:4d} % {resident():9.1f} MB", flush=True)
                    next_quarter += 1


def resident() -> float:
    """Resident memory of this process, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60, help="length of the films; a multiple of 10")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", metavar="WORDS", help="shapes whose line has these words, such as avi")
    parser.add_argument("--memory", action="store_true", help="measure memory and not time")
    parser.add_argument("--hours", type=float, default=4.0, help="length of the film for --memory")
    parser.add_argument("--quick", action="store_true", help="tiny films")
    arguments = parser.parse_args()
    shapes = [shape for shape in SHAPES if arguments.only in shape.name]
    if not shapes:
        parser.error(f"no shape has {arguments.only!r} in its line; expected words of {[s.name for s in SHAPES]}")
    if arguments.memory:
        memory(0.1 if arguments.quick else arguments.hours, (270, 480))
    elif arguments.quick:
        ratios([replace(shape, size=(240, 320)) for shape in shapes], 10, 1)
    else:
        ratios(shapes, arguments.seconds, arguments.rounds)


if __name__ == "__main__":
    main()
