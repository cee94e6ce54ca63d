# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""From a decoded frame to the picture that a viewer sees: one moment, upright, RGB."""

import math
from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import VideoReformatter


class PictureMaker:
    """Turns the decoded frames of one video into arrays.

    Matrix and range of the colours are those that the frame carries (BT.601 and limited range where it says nothing,
    as ffmpeg does). Pictures keep their stored pixels: non-square ones are not stretched.
    """

    def __init__(self):
        self.to_rgb = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        """Return the picture, [H, W, 3] uint8 RGB, contiguous."""
        turns, mirrored = orientation(frame)
        if frame.interlaced_frame:
            frame = one_field(frame)
        # Its default, a thread per core for a millisecond of work, takes longer where cores are busy.
        image = self.to_rgb.reformat(frame, format="rgb24", threads=1).to_ndarray()
        if turns or mirrored:
            image = np.ascontiguousarray(np.rot90(image[:, ::-1] if mirrored else image, turns))
        return image


def one_field(frame: av.VideoFrame) -> av.VideoFrame:
    """The moment of one field: its lines stay, those between are interpolated along edges.

    ffmpeg's `estdif` looks at this frame alone. `yadif` and `bwdif` need the frames before and after it, which are not
    decoded when one frame per second is wanted; given a frame alone, they leave it as it is.
    """
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format.name, time_base=Fraction(1, 1000)
    )
    filters = [source, graph.add("estdif", "mode=frame:deint=all"), graph.add("buffersink")]
    for before, after in zip(filters, filters[1:], strict=False):
        before.link_to(after)
    graph.configure()
    graph.push(frame)
    graph.push(None)
    return graph.pull()


def orientation(frame: av.VideoFrame) -> tuple[int, bool]:
    """Quarter turns against the clock, and whether the picture is mirrored left to right before them.

    Angles between are rounded to the nearest quarter: a camera's sensor knows no others.
    """
    try:
        matrix = frame.side_data.get("DISPLAYMATRIX")
    except (
        ValueError
    ):  # PyAV lists what else is with the frame, and cannot name EXIF data; then only the angle is known
        return round(frame.rotation / 90) % 4, False
    if matrix is None:
        return 0, False
    a, b, _, c, d, *_ = np.frombuffer(bytes(matrix), np.int32).astype(float)
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    return round(-math.atan2(b, a) / (math.pi / 2)) % 4, mirrored


def upright_size(frame: av.VideoFrame) -> tuple[int, int]:
    """Height and width of the picture, px."""
    turned = orientation(frame)[0] % 2
    return (frame.width, frame.height) if turned else (frame.height, frame.width)
