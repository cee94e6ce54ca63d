# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""From a decoded frame to the square of pixels that encoders see: one way for curation, extraction and the benchmark.

The whole field of view goes to every encoder, so that none misses a tool that a centre crop would cut away; the aspect ratio
changes alike for all. The filter is the antialiased bicubic one of Pillow, computed by torch on bytes in the order in which
decoders hand them out: the same picture in a fraction of the time (`perf/frame_pixels.py`). No value of a reduced frame differs
by more than one grey level; of an enlarged one with hard edges, fewer than one in 10,000 differ by two.
"""

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    import torch

# Features are kept under this name: a new rule needs a new one.
FRAME_TO_PIXELS = "rgb, whole frame resized to a square, antialiased bicubic on bytes by torch, [0, 1]"


def frame_to_square(frame: np.ndarray | Image.Image, image_size: int) -> np.ndarray:
    """A frame as the bytes of a square, by the rule `FRAME_TO_PIXELS`.

    It runs in the thread that calls it and starts no other, so many frames can be made side by side.

    Args:
        frame: RGB, uint8 [H, W, 3], or any picture of Pillow's.
        image_size: Side of the square, in px.

    Returns:
        RGB, uint8 [3, image_size, image_size].

    Raises:
        ValueError: If an array is not uint8 [H, W, 3].

    Example:
        >>> frame_to_square(np.zeros((1080, 1920, 3), np.uint8), 224).shape
        (3, 224, 224)
    """
    if isinstance(frame, Image.Image):
        frame = np.array(frame if frame.mode == "RGB" else frame.convert("RGB"))
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        raise ValueError(f"a frame is {frame.dtype} {list(frame.shape)}; expected RGB bytes, uint8 [height, width, 3]")
    import torch  # takes seconds, and who decodes for no encoder needs none of it

    if not frame.flags.writeable or any(stride < 0 for stride in frame.strides):  # torch wants neither
        frame = frame.copy()
    planes = torch.from_numpy(frame).permute(2, 0, 1)[None]  # [1, 3, H, W], still interleaved in memory
    square = torch.nn.functional.interpolate(planes, (image_size, image_size), mode="bicubic", antialias=True)
    return np.ascontiguousarray(square[0].numpy())


def to_unit_range(squares: np.ndarray, device: "torch.device | str" = "cpu") -> "torch.Tensor":
    """Bytes as the pixels that a `FrameEncoder` takes; the same numbers on every device.

    Args:
        squares: uint8 [..., 3, S, S].
        device: Where they go, as bytes.

    Returns:
        float32 of the same shape, in [0, 1].
    """
    import torch

    # by NumPy: torch brings up threads of its own in every thread that calls it
    if torch.device(device).type == "cpu":
        return torch.from_numpy(squares / np.float32(255))
    highest = torch.tensor(255.0, device=device)  # a GPU multiplies by the rounded inverse of a plain number
    return torch.from_numpy(squares).to(device).float() / highest
