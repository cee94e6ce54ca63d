# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What a dense target's truth and prediction are for one frame, and the bytes they are kept as.

    kind            truth                                            prediction
    segmentation    [H, W] uint8, class index; `IGNORE` unscored     [H, W] uint8, class index
    partial         `PartialMask`: which channels were annotated     [H, W] uint16, bit k set where channel k is on
    instances       `Instances` without scores                       `Instances` with scores
    depth           [H, W] float32, 0 where nothing is known         [h, w] float32, above 0

Class 0 of `segmentation` is the background, which no mean over classes counts. Everything lies on the pixels of the frame as
its dataset hands it out, but predicted depth: its [h, w], of any size, covers the same frame from edge to edge, and whoever
compares it with a truth resizes it bilinearly.
"""

import io
import json
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image

IGNORE = 255


@dataclass(frozen=True)
class PartialMask:
    """Truth of an image of which some classes alone were annotated.

    Args:
        bits: [H, W] uint16; bit k is set where channel k is present.
        known: channels that were annotated; of the others nothing is known.
    """

    bits: np.ndarray
    known: tuple[int, ...]


@dataclass(frozen=True)
class Instances:
    """The instances of one frame.

    Args:
        size: (height, width) of the frame in pixels.
        boxes: [K, 4] float32, left, top, width, height in pixels.
        labels: [K] int64, index in the target's labels.
        masks: compressed COCO run lengths ("counts") of each instance on `size`; None where boxes alone are known.
        scores: [K] float32 in [0, 1]; None for truth.
    """

    size: tuple[int, int]
    boxes: np.ndarray
    labels: np.ndarray
    masks: tuple[bytes, ...] | None = None
    scores: np.ndarray | None = None


DenseValue = np.ndarray | PartialMask | Instances


def to_bytes(kind: str, value: DenseValue) -> bytes:
    """The bytes that are kept of one frame's truth or prediction; depth is rounded to half precision.

    Args:
        kind: of the target.
        value: truth or prediction, as the table at the head of this file says.
    """
    if kind == "segmentation":
        return _png(np.asarray(value, np.uint8))
    if kind == "partial":
        if isinstance(value, PartialMask):
            return bytes([len(value.known), *value.known]) + _png(np.asarray(value.bits, np.uint16))
        return b"\0" + _png(np.asarray(value, np.uint16))
    if kind == "depth":
        depth = np.asarray(value, np.float16)
        return np.array(depth.shape, "<u4").tobytes() + zlib.compress(depth.tobytes(), 1)
    content = {
        "size": list(value.size),
        "boxes": np.asarray(value.boxes, float).round(3).tolist(),
        "labels": np.asarray(value.labels).tolist(),
        "masks": None if value.masks is None else [mask.decode("ascii") for mask in value.masks],
        "scores": None if value.scores is None else np.asarray(value.scores, float).tolist(),
    }
    return zlib.compress(json.dumps(content).encode(), 1)


def from_bytes(kind: str, content: bytes) -> DenseValue:
    """What `to_bytes` made bytes of."""
    if kind == "segmentation":
        return _array(content)
    if kind == "partial":
        known, bits = tuple(content[1 : 1 + content[0]]), _array(content[1 + content[0] :])
        return PartialMask(bits, known) if known else bits
    if kind == "depth":
        shape = np.frombuffer(content[:8], "<u4")
        return np.frombuffer(zlib.decompress(content[8:]), np.float16).reshape(shape).astype(np.float32)
    content = json.loads(zlib.decompress(content))
    return Instances(
        size=tuple(content["size"]),
        boxes=np.array(content["boxes"], np.float32).reshape(-1, 4),
        labels=np.array(content["labels"], np.int64),
        masks=None if content["masks"] is None else tuple(mask.encode("ascii") for mask in content["masks"]),
        scores=None if content["scores"] is None else np.array(content["scores"], np.float32),
    )


def packed(contents: list[bytes]) -> np.ndarray:
    """Several pieces of bytes as one array [bytes] uint8, so that a tensor file can hold them."""
    lengths = np.array([len(contents), *map(len, contents)], "<u8")
    return np.frombuffer(lengths.tobytes() + b"".join(contents), np.uint8)


def unpacked(array: np.ndarray) -> list[bytes]:
    """The pieces that `packed` joined."""
    content = array.tobytes()
    count = int(np.frombuffer(content[:8], "<u8")[0])
    ends = 8 * (count + 1) + np.cumsum(np.frombuffer(content[8 : 8 * (count + 1)], "<u8")).astype(int)
    starts = [8 * (count + 1), *ends.tolist()]
    return [content[start:end] for start, end in zip(starts, ends.tolist(), strict=False)]


def _png(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, format="PNG", compress_level=1)
    return file.getvalue()


def _array(content: bytes) -> np.ndarray:
    picture = np.array(Image.open(io.BytesIO(content)))
    return picture if picture.dtype == np.uint8 else picture.astype(np.uint16)
