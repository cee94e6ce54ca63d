# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The truth of training frames on the grid they are trained on, read when it is first asked for and kept small.

A batch holds, by kind:

* segmentation: `classes` [B, h, w] int64, `IGNORE` unscored;
* partial: `present` and `known` [B, K, h, w] of bool;
* depth: `depth` [B, h, w] float32, 0 where nothing is known;
* instances: `masks` per frame [N, h, w] float32 and `classes` per frame [N] int64.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from faster_coco_eval.core import mask as run_lengths

from .canvas import Place
from .canvas_frames import CanvasFrames, KeptArrays
from .frame_truths import FrameTruths
from .pictures import IGNORE, DenseValue, Instances

KEPT_AS = {"segmentation": np.uint8, "partial": np.uint16, "depth": np.float32}


@dataclass(frozen=True)
class TruthBatch:
    """Truth of some frames on the grid; what a kind does not have is None."""

    classes: torch.Tensor | list[torch.Tensor] | None = None
    present: torch.Tensor | None = None
    known: torch.Tensor | None = None
    depth: torch.Tensor | None = None
    masks: list[torch.Tensor] | None = None

    def flipped(self, which: torch.Tensor) -> "TruthBatch":
        """The same with some frames mirrored left to right; `which` is [B] of bool."""

        def turned(values):
            if isinstance(values, torch.Tensor):
                return torch.where(which.view(-1, *[1] * (values.ndim - 1)), values.flip(-1), values)
            return values and [value.flip(-1) if turn else value for value, turn in zip(values, which, strict=True)]

        classes = self.classes if self.masks is not None else turned(self.classes)
        return TruthBatch(classes, turned(self.present), turned(self.known), turned(self.depth), turned(self.masks))

    def to(self, device: torch.device) -> "TruthBatch":
        """The same on a device."""

        def moved(values):
            if isinstance(values, list):
                return [value.to(device) for value in values]
            return None if values is None else values.to(device)

        return TruthBatch(*(moved(value) for value in vars(self).values()))


class CanvasTruths:
    """Truth of the frames of some videos on the grid.

    Args:
        kind: what batches hold; instances may be asked for as "segmentation", by `class_map`.
        classes: number of the target's labels.
        frames: the same frames, for their places.
        truths: row of `frames` -> (sequence of truths, index in it).
    """

    def __init__(
        self, kind: str, classes: int, frames: CanvasFrames, truths: dict[int, tuple[Sequence[DenseValue], int]]
    ):
        """Make room; nothing is read yet."""
        self.kind, self.classes, self.frames, self.truths = kind, classes, frames, truths
        self.instances, self.channels = {}, {}
        if kind != "instances":
            grid = frames.place(next(iter(truths))).grid
            self.place_of = {row: place for place, row in enumerate(truths)}
            self.kept = KeptArrays((len(truths), *grid), KEPT_AS[kind])

    def value(self, row: int) -> DenseValue:
        """Truth of one frame on the frame's own pixels."""
        sequence, index = self.truths[row]
        return sequence[index]

    def batch(self, rows: Sequence[int]) -> TruthBatch:
        """Truth of some frames on the grid."""
        rows = [int(row) for row in rows]
        if self.kind == "instances":
            found, columns = [self.instances_of(row) for row in rows], self.frames.place(rows[0]).grid[1]
            masks = [np.unpackbits(packed, axis=-1, count=columns) for packed, _ in found]
            return TruthBatch(
                classes=[torch.from_numpy(labels) for _, labels in found],
                masks=[torch.from_numpy(mask.astype(np.float32)) for mask in masks],
            )
        pictures = np.stack([self.picture(row) for row in rows])
        if self.kind == "segmentation":
            return TruthBatch(classes=torch.from_numpy(pictures.astype(np.int64)))
        if self.kind == "depth":
            return TruthBatch(depth=torch.from_numpy(pictures.copy()))
        channels = np.arange(self.classes)[:, None, None]
        present = (pictures[:, None] >> channels & 1).astype(bool)
        annotated = np.stack([np.isin(channels, self.channels[row]) for row in rows])  # [B, K, 1, 1]
        inside = np.stack([self.frames.place(row).inside(pictures.shape[1:]) for row in rows])[:, None]
        return TruthBatch(present=torch.from_numpy(present), known=torch.from_numpy(annotated & inside))

    def picture(self, row: int) -> np.ndarray:
        """Truth of one frame as one picture on the grid."""
        index = self.place_of[row]
        if self.kept.known[index]:
            return self.kept.values[index]
        value, place = self.value(row), self.frames.place(row)
        if self.kind == "depth":
            return self.kept.put(index, place.depth_to_grid(value))
        if self.kind == "partial":
            self.channels[row] = value.known
            return self.kept.put(index, place.to_grid(value.bits, 0))
        if isinstance(value, Instances):
            return self.kept.put(index, class_map(value, place))
        return self.kept.put(index, place.to_grid(value, IGNORE))

    def instances_of(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        """Masks of one frame on the grid, eight cells a byte, and their classes; what no cell shows is left out."""
        if row not in self.instances:
            value, place = self.value(row), self.frames.place(row)
            masks = [place.to_grid(mask, 0) for mask in masks_of(value)]
            shown = [index for index, mask in enumerate(masks) if mask.any()]
            stacked = np.stack([masks[index] for index in shown]) if shown else np.zeros((0, *place.grid), np.uint8)
            self.instances[row] = np.packbits(stacked, axis=-1), value.labels[shown].astype(np.int64)
        return self.instances[row]


def masks_of(value: Instances) -> list[np.ndarray]:
    """Masks [H, W] uint8 of a frame's instances; where boxes alone are known, the boxes filled."""
    if value.masks is not None:
        return [run_lengths.decode({"size": list(value.size), "counts": counts}) for counts in value.masks]
    found = []
    for left, top, width, height in value.boxes:
        mask = np.zeros(value.size, np.uint8)
        rows = slice(max(round(float(top)), 0), max(round(float(top + height)), round(float(top)) + 1))
        mask[rows, max(round(float(left)), 0) : max(round(float(left + width)), round(float(left)) + 1)] = 1
        found.append(mask)
    return found


def class_map(value: Instances, place: Place | None = None) -> np.ndarray:
    """Classes of a frame's instances as one picture: 0 where there is none, else 1 + the label; the smaller one on top.

    Args:
        value: the instances.
        place: gives the picture on the grid, with `IGNORE` beyond the frame; by default it lies on the frame's pixels.
    """
    masks = masks_of(value)
    picture = np.zeros(value.size, np.uint8)
    for index in sorted(range(len(masks)), key=lambda index: -int(masks[index].sum())):
        picture[masks[index] > 0] = 1 + value.labels[index]
    return picture if place is None else place.to_grid(picture, IGNORE)


def picked(truths: FrameTruths, places: Sequence[int]) -> FrameTruths:
    """Truth of some frames of a video."""
    return FrameTruths([truths.cells[place] for place in places], truths.read)


def spread(count: int, most: int) -> list[int]:
    """At most `most` of `count` indices, evenly."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)).tolist()
