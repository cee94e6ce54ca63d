# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What can be scored of a dense target without a look at the picture: chance, and the most frequent answer.

"majority" says what training frames show most often at each place (class or channel), the median depth there, or the one
most frequent class with its median box. "chance" draws classes of coarse cells by their training frequency, shuffles the median
depths of the coarse places, or takes the instances of a training frame at random.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from faster_coco_eval.core import mask as run_lengths

from ..exam import Exam, FoldLabels, Predictions
from ..feature_cache import undecoded
from ..task import Target
from .canvas import Size
from .canvas_frames import native_sizes
from .pictures import DenseValue, Instances, PartialMask, to_bytes
from .truths import spread

CELLS = 16  # rows and columns of the coarse grid
MOST_FRAMES = 500  # of the training videos, evenly over each, that are looked at


def predict_without_pictures(exam: Exam, target: Target) -> list[Predictions]:
    """Predictions for all test videos from the training truth alone: "chance" and "majority".

    Args:
        exam: the task's data.
        target: one of its dense targets.
    """
    videos = np.array(exam.frames["video_id"][:])
    chance, best = {}, {}
    for number, fold in enumerate(exam.folds):
        random = np.random.default_rng(number)
        summary = SUMMARIES[target.kind](target, some_truths(fold, target))
        for video in fold.fold.test:
            sizes = native_sizes(undecoded(exam.frames.select(np.flatnonzero(videos == video))))
            same = {size: to_bytes(target.kind, summary.majority(size)) for size in sorted(set(sizes))}
            best[video] = [same[size] for size in sizes]
            chance[video] = [to_bytes(target.kind, summary.chance(size, random)) for size in sizes]
    return [
        Predictions(target.name, "chance", "drawn", chance, []),
        Predictions(target.name, "majority", "constant", best, []),
    ]


def some_truths(fold: FoldLabels, target: Target) -> Iterator[DenseValue]:
    """Truth of up to `MOST_FRAMES` training frames, one at a time."""
    by_video = fold.train[target.name]
    share = max(1, MOST_FRAMES // len(by_video))
    for video in sorted(by_video):
        for index in spread(len(by_video[video]), share):
            yield by_video[video][index]


def coarse(size: Size) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of the pixels at the centres of the coarse cells."""
    return tuple(((np.arange(CELLS) + 0.5) * side / CELLS).astype(int) for side in size)


def enlarged(cells: np.ndarray, size: Size) -> np.ndarray:
    """Coarse cells on the pixels of a frame, each a block."""
    rows, columns = (np.arange(side) * CELLS // side for side in size)
    return cells[np.ix_(rows, columns)]


class ClassPlaces:
    """How often each class is at each coarse place of the training masks."""

    def __init__(self, target: Target, truths: Iterable[np.ndarray]):
        counts = np.zeros((len(target.labels), CELLS, CELLS))
        for truth in truths:
            cells = truth[np.ix_(*coarse(truth.shape))]
            for label in range(len(target.labels)):
                counts[label] += cells == label
        self.counts, self.shares = counts, counts.sum(axis=(1, 2)) / max(counts.sum(), 1)

    def majority(self, size: Size) -> np.ndarray:
        """The most frequent class of every place."""
        return enlarged(self.counts.argmax(axis=0).astype(np.uint8), size)

    def chance(self, size: Size, random: np.random.Generator) -> np.ndarray:
        """Classes drawn by their frequency over all places."""
        shares = self.shares if self.shares.any() else None
        return enlarged(random.choice(len(self.shares), (CELLS, CELLS), p=shares).astype(np.uint8), size)


class ChannelPlaces:
    """How often each annotated channel is at each coarse place."""

    def __init__(self, target: Target, truths: Iterable[PartialMask]):
        found, known = np.zeros((len(target.labels), CELLS, CELLS)), np.zeros(len(target.labels))
        for truth in truths:
            cells = truth.bits[np.ix_(*coarse(truth.bits.shape))]
            for channel in truth.known:
                found[channel] += cells >> channel & 1
                known[channel] += 1
        self.shares = found / np.maximum(known, 1)[:, None, None]

    def majority(self, size: Size) -> np.ndarray:
        """The channels that are there more often than not; where one never is, at its most frequent place."""
        most = self.shares.max(axis=(1, 2), keepdims=True)
        return self.joined((self.shares > 0.5) | ((most <= 0.5) & (self.shares == most) & (most > 0)), size)

    def chance(self, size: Size, random: np.random.Generator) -> np.ndarray:
        """Channels drawn by their frequency over all places."""
        means = self.shares.mean(axis=(1, 2), keepdims=True)
        return self.joined(random.random(self.shares.shape) < means, size)

    @staticmethod
    def joined(channels: np.ndarray, size: Size) -> np.ndarray:
        """Channels of coarse cells as bits of pixels."""
        bits = channels.astype(np.uint16) << np.arange(len(channels), dtype=np.uint16)[:, None, None]
        return enlarged(np.bitwise_or.reduce(bits, axis=0), size)


class DepthPlaces:
    """Median training depth of every coarse place; of one that never has any, the median of all."""

    def __init__(self, target: Target, truths: Iterable[np.ndarray]):
        values = [[] for _ in range(CELLS * CELLS)]
        for truth in truths:
            rows, columns = np.nonzero(truth)
            places = rows * CELLS // truth.shape[0] * CELLS + columns * CELLS // truth.shape[1]
            order = np.argsort(places, kind="stable")
            found, starts = np.unique(places[order], return_index=True)
            depths = np.split(truth[rows, columns][order], starts[1:])
            for place, depth in zip(found, depths, strict=False):
                values[place].append(float(np.median(depth)))
        everything = [value for place in values for value in place]
        if not everything:
            raise ValueError(f"{target.name}: no training frame has any known depth; mend its reader.")
        middle = np.median(everything)
        self.cells = np.array([np.median(place) if place else middle for place in values], np.float32)

    def majority(self, size: Size) -> np.ndarray:
        """The median depth of every place."""
        return enlarged(self.cells.reshape(CELLS, CELLS), size)

    def chance(self, size: Size, random: np.random.Generator) -> np.ndarray:
        """The same depths at shuffled places."""
        return enlarged(random.permutation(self.cells).reshape(CELLS, CELLS), size)


class TrainingInstances:
    """The boxes and classes of training instances, as shares of their frame."""

    def __init__(self, target: Target, truths: Iterable[Instances]):
        self.frames = [(truth.boxes / np.tile(truth.size[::-1], 2), truth.labels) for truth in truths]
        labels = np.concatenate([labels for _, labels in self.frames])
        if not len(labels):
            raise ValueError(f"{target.name}: no training frame has an instance; mend its reader.")
        boxes = np.concatenate([boxes for boxes, _ in self.frames])
        self.label = int(np.bincount(labels).argmax())
        self.box, self.share = np.median(boxes[labels == self.label], axis=0), float((labels == self.label).mean())

    def majority(self, size: Size) -> Instances:
        """The most frequent class in its median box."""
        return self.placed(self.box[None], np.array([self.label]), np.array([self.share]), size)

    def chance(self, size: Size, random: np.random.Generator) -> Instances:
        """The instances of a training frame, with random scores."""
        boxes, labels = self.frames[random.integers(len(self.frames))]
        return self.placed(boxes, labels, random.random(len(labels)), size)

    @staticmethod
    def placed(boxes: np.ndarray, labels: np.ndarray, scores: np.ndarray, size: Size) -> Instances:
        """Boxes on a frame, filled as masks."""
        boxes = (boxes * np.tile(size[::-1], 2)).astype(np.float32)
        masks = []
        for left, top, width, height in boxes:
            mask = np.zeros(size, np.uint8, order="F")
            mask[round(float(top)) : round(float(top + height)), round(float(left)) : round(float(left + width))] = 1
            masks.append(run_lengths.encode(mask)["counts"])
        return Instances(tuple(size), boxes, labels.astype(np.int64), tuple(masks), scores.astype(np.float32))


SUMMARIES = {
    "segmentation": ClassPlaces,
    "partial": ChannelPlaces,
    "depth": DepthPlaces,
    "instances": TrainingInstances,
}
