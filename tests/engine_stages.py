# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Stages for the tests of engines, in a module that worker processes can import."""

import contextlib
import errno
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from zen_hf.engines.stage import Stage


@dataclass(frozen=True)
class Video:
    """An item: so many chunks come of it."""

    name: str
    chunks: int


@dataclass(frozen=True)
class Chunk:
    """A result: some pixels of a video."""

    video: str
    number: int
    pixels: np.ndarray = field(repr=False, default=None)
    words: str = ""


@dataclass(frozen=True)
class Decode:
    """Builds a stage from videos to chunks; some videos do harm.

    Args:
        notes: Folder in which calls leave their traces.
        size: Bytes of a chunk.
        seconds: Time for each chunk.
        harm: What happens at which video: "kill" kills the worker at the second chunk of the first attempt, "poison"
            in every attempt, "hang" goes on no more in every attempt, "hang once" in the first one, "raise" raises an
            exception, "full" that of a full disk, "kill parent" kills the process that runs the worker.
    """

    notes: Path
    size: int = 1000
    seconds: float = 0.0
    harm: dict[str, str] = field(default_factory=dict)

    def __call__(self):
        (self.notes / f"built-decode-{os.getpid()}").touch()
        return self.chunks

    def chunks(self, video: Video):
        harm = self.harm.get(video.name)
        attempt = len(list(self.notes.glob(f"attempt-{video.name}-*")))
        (self.notes / f"attempt-{video.name}-{attempt}").write_text(str(os.getpid()))
        for number in range(video.chunks):
            if number == 1 and (harm == "poison" or (harm == "kill" and not attempt)):
                os.kill(os.getpid(), signal.SIGKILL)
            if number == 1 and harm == "kill parent" and not attempt:
                os.kill(os.getppid(), signal.SIGKILL)
                time.sleep(60)  # this process must end with its parent
            if number == 1 and (harm == "hang" or (harm == "hang once" and not attempt)):
                time.sleep(1000)
            if number == 1 and harm == "raise":
                raise ValueError(f"no frame {number}")
            if number == 1 and harm == "full":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f"{video.name}.parquet")
            time.sleep(self.seconds)
            (self.notes / f"made-{video.name}-{number}").touch()
            seed = sum(video.name.encode()) * 1000 + number
            yield Chunk(video.name, number, np.random.default_rng(seed).integers(0, 256, self.size, np.uint8))


@dataclass(frozen=True)
class Encode:
    """Builds a stage from chunks to (video, number, sum of pixels, words)."""

    notes: Path
    seconds: float = 0.0

    def __call__(self):
        (self.notes / f"built-encode-{os.getpid()}-{time.monotonic_ns()}").touch()
        return self.encode

    def encode(self, chunk: Chunk):
        time.sleep(self.seconds)
        (self.notes / f"encoded-{chunk.video}-{chunk.number}").touch()
        return [(chunk.video, chunk.number, 0 if chunk.pixels is None else int(chunk.pixels.sum()), chunk.words)]


@dataclass(frozen=True)
class Broken:
    """Builds no stage, or one whose results cannot be pickled."""

    how: str

    def __call__(self):
        if self.how == "raise":
            raise OSError("no weights there")
        if self.how == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        return lambda video: [lambda: video]


def count_up(video: Video):
    """Results that are pairs of name and number."""
    for number in range(video.chunks):
        yield video.name, number


def build_count_up():
    """Builds the stage of `count_up`."""
    return count_up


def traces(notes: Path, what: str) -> list[str]:
    """Names of the traces of one kind, without the kind."""
    return sorted(file.name.removeprefix(f"{what}-") for file in notes.glob(f"{what}-*"))


def alive(notes: Path) -> list[int]:
    """Processes that built a stage and have not ended."""
    built = [int(name.split("-")[1]) for name in traces(notes, "built")]
    return [pid for pid in built if pid != os.getpid() and running(pid)]


def running(pid: int) -> bool:
    """Whether a process lives; one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def parent_of(pid: int) -> int:
    """The process that a process runs below; 0 of one that has ended."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def runs_below(pid: int, ancestor: int) -> bool:
    """Whether a process is a child of another one, or a child's child."""
    while pid > 1 and pid != ancestor:
        pid = parent_of(pid)
    return pid == ancestor


def end(pid: int) -> None:
    """Kills a process, if it has not ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def wait_until(condition, seconds: float = 30) -> bool:
    """Whether the condition came true in time."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return bool(condition())


def run_for_ever(notes: str, busy_s: float = 0.0) -> None:
    """A run that others end, while it waits for results or while their consumer is busy."""
    from zen_hf.engines.local import LocalEngine

    for _ in LocalEngine().run([Video(f"v{n}", 100_000) for n in range(2)], stages(Path(notes), seconds=0.05)):
        time.sleep(busy_s)


def no_chunk(video: Video, words: str):
    """Takes the place of a lost video."""
    return [Chunk(video.name, -1, None, words)]


def stages(notes: Path, decoders: int = 2, encoders: int = 1, lost=no_chunk, **options) -> list[Stage]:
    """Decodes and encodes."""
    encode_s = options.pop("encode_s", 0.0)
    return [
        Stage("decode", Decode(notes, **options), workers=decoders, cpus=0.5, lost=lost),
        Stage("encode", Encode(notes, encode_s), workers=encoders, cpus=0.5),
    ]


def plain_loop(videos: list[Video], pipeline: list[Stage]) -> list:
    """What the stages make of the videos, one after the other."""
    items = videos
    for stage in pipeline:
        function = stage.build()
        items = [result for item in items for result in function(item)]
    return items
