"""One bad file, and the bytes that many of them begin with."""

import functools
import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from data.films import draw, write_film
from PIL import Image

FRAMES = 24


@dataclass(frozen=True)
class Case:
    """A file below the folder, how it is made, and what must come of it."""

    name: str
    make: Callable[[Path], object]
    expected: str


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


def copy_packets(source, target, change=lambda packet, index: packet) -> None:
    """Write the packets of a film into another container, each as `change` returns it, if it does."""
    stream = source.streams.video[0]
    copy = target.add_stream_from_template(stream)
    for index, packet in enumerate(packet for packet in source.demux(stream) if packet.size):
        packet = change(packet, index)
        if packet is not None:
            packet.stream = copy
            target.mux(packet)
