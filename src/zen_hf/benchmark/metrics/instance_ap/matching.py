# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which detections of a video hit a true instance of their class, under the rules of COCO and of GraSP's authors.

COCO     detections in the order of their scores, 100 per frame and class at most; each takes the free instance of its
         class that it overlaps most, if by the threshold or more (of equals the last one), at ten thresholds
         (T.-Y. Lin et al., arXiv:1405.0312; `COCOeval.evaluateImg`, without crowds and areas)
GraSP    each detection looks at the one instance of its class that it overlaps most, taken or not, and hits it if the
         overlap is one half or more and it was not hit before (PASCAL VOC); for masks, its box must hit as well. Where
         one box is scored for several classes, its greatest score decides when it is its turn. A detection without
         width or height is left out. (N. Ayobi et al., arXiv:2401.11174; `tapis/evaluate` of the authors' code)

A frame is looked at once, for the overlaps of its masks (`seen_frame`); what hits is decided for all frames of a video
together, on the list of their pairs of a detection and an instance of its class (`match_frames`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from faster_coco_eval.core import mask as run_lengths

from zen_hf.benchmark.dense.pictures import Instances

OVERLAPS = np.linspace(0.5, 0.95, 10)
AVA = len(OVERLAPS)  # the column of GraSP's rule, behind those of COCO
MOST = 100  # detections per frame and class that COCO counts
HIT, FALSE, UNCOUNTED = 1, 0, -1


@dataclass(frozen=True)
class Frame:
    """What matching needs of one frame: its detections class by class, in each class from the highest score down.

    Args:
        labels: [D], classes of the detections.
        scores: [D].
        boxes: [D, 4].
        places: [D], how many detections of the class stand before.
        instances: [G, 4], true boxes.
        pairs: [2, P], every detection with every instance of its class, in the order of both.
        mask_overlaps: [P]; None where either side has no masks.
    """

    labels: np.ndarray
    scores: np.ndarray
    boxes: np.ndarray
    places: np.ndarray
    instances: np.ndarray
    pairs: np.ndarray
    mask_overlaps: np.ndarray | None


@dataclass(frozen=True)
class Matches:
    """The detections of several frames, one frame after the other, each in the order of `Frame`.

    Args:
        labels: [K], classes.
        scores: [K].
        boxes: [K, 11] int8, `HIT`, `FALSE` or `UNCOUNTED` at the ten overlaps of COCO and under GraSP's rule.
        masks: likewise by the overlap of masks; None where either side has none.
    """

    labels: np.ndarray
    scores: np.ndarray
    boxes: np.ndarray
    masks: np.ndarray | None


def seen_frame(predicted: Instances, truth: Instances) -> Frame:
    """Detections, pairs and overlaps of masks of one frame.

    Args:
        predicted: with scores.
        truth: without.
    """
    order = np.lexsort((-predicted.scores, predicted.labels))  # stable: equal scores in the order they came
    labels = predicted.labels[order]
    masked = all(each.masks is not None or not len(each.labels) for each in (predicted, truth))
    return Frame(
        labels=labels,
        scores=predicted.scores[order],
        boxes=predicted.boxes[order],
        places=np.arange(len(order)) - labels.searchsorted(labels),
        instances=truth.boxes,
        pairs=np.array((labels[:, None] == truth.labels).nonzero()),
        mask_overlaps=_mask_overlaps(predicted, order, truth) if masked else None,
    )


def _mask_overlaps(predicted: Instances, order: np.ndarray, truth: Instances) -> np.ndarray:
    """Intersection over union of the masks of every pair, class by class: detections in the given order."""
    sides = ({}, {})  # class -> run lengths
    for side, each, indices in zip(sides, (predicted, truth), (order.tolist(), range(len(truth.labels))), strict=True):
        labels, size = each.labels.tolist(), list(each.size)
        for index in indices:
            side.setdefault(labels[index], []).append({"size": size, "counts": each.masks[index]})
    overlaps = [
        np.ravel(run_lengths.iou(sides[0][label], sides[1][label], [0] * len(sides[1][label])))
        for label in sorted(sides[0].keys() & sides[1].keys())
    ]
    return np.concatenate(overlaps) if overlaps else np.zeros(0)


def match_frames(frames: Sequence[Frame], masked: bool) -> Matches:
    """Match the detections of a video.

    Args:
        frames: one or more, from `seen_frame`.
        masked: whether to match by masks as well.
    """
    labels, scores, boxes, places, instances = (
        np.concatenate([getattr(frame, name) for frame in frames])
        for name in ("labels", "scores", "boxes", "places", "instances")
    )
    sizes = np.array([(len(frame.labels), len(frame.instances)) for frame in frames])
    before = np.cumsum(sizes, axis=0) - sizes  # detections and instances of the frames before
    pairs = np.concatenate([frame.pairs + start[:, None] for frame, start in zip(frames, before, strict=True)], axis=1)
    turns = -_greatest_score_of_box(boxes, scores, np.repeat(np.arange(len(frames)), sizes[:, 0]))
    valid = (boxes[:, 2:] > 0).all(axis=1)

    def matches_of(overlaps: np.ndarray) -> np.ndarray:
        matches = np.zeros((len(labels), AVA + 1), np.int8)
        matches[:, :AVA] = _hits_of_coco(pairs, overlaps, places)
        matches[:, AVA] = _hits_of_ava(pairs, overlaps, turns, valid)
        matches[places >= MOST, :AVA] = UNCOUNTED
        return matches

    by_box = matches_of(box_overlaps(boxes[pairs[0]], instances[pairs[1]]))
    by_mask = matches_of(np.concatenate([frame.mask_overlaps for frame in frames])) if masked else None
    if masked:
        by_mask[:, AVA] &= by_box[:, AVA]
        by_mask[~valid, AVA] = UNCOUNTED
    by_box[~valid, AVA] = UNCOUNTED
    return Matches(labels, scores, by_box, by_mask)


def box_overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of pairs of boxes, [P, 4] each (left, top, width, height) -> [P]."""
    first, second = first.astype(float), second.astype(float)
    ends = np.minimum(first[:, :2] + first[:, 2:], second[:, :2] + second[:, 2:])
    both = np.maximum(ends - np.maximum(first[:, :2], second[:, :2]), 0).prod(axis=1)
    either = first[:, 2:].prod(axis=1) + second[:, 2:].prod(axis=1) - both
    return np.divide(both, either, out=np.zeros_like(both), where=either > 0)


def _hits_of_coco(pairs: np.ndarray, overlaps: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Pairs [2, P], their overlaps [P], places of the detections [D] -> [D, 10]."""
    hits = np.zeros((len(places), len(OVERLAPS)), np.int8)
    taken = np.zeros((pairs[1].max(initial=-1) + 1, len(OVERLAPS)), bool)
    chosen = np.flatnonzero((overlaps >= OVERLAPS[0]) & (places[pairs[0]] < MOST))
    detections, instances, overlaps = pairs[0, chosen], pairs[1, chosen], overlaps[chosen]
    order = np.lexsort((instances, overlaps, detections, places[detections]))  # of each detection, its best pair last
    detections, instances, overlaps = detections[order], instances[order], overlaps[order]
    rounds = np.unique(places[detections], return_index=True)[1].tolist()  # a class of a frame has one turn in each
    for start, stop in pairwise([*rounds, len(order)]):
        first = np.flatnonzero(np.diff(detections[start:stop], prepend=-1))  # pair of each detection
        free = (overlaps[start:stop, None] >= OVERLAPS) & ~taken[instances[start:stop]]
        best = np.maximum.reduceat(np.where(free, np.arange(start, stop)[:, None], -1), first, axis=0)
        detection, overlap = np.nonzero(best >= 0)
        hits[detections[start:stop][first[detection]], overlap] = HIT
        taken[instances[best[detection, overlap]], overlap] = True
    return hits


def _hits_of_ava(pairs: np.ndarray, overlaps: np.ndarray, turns: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Pairs [2, P], their overlaps [P]; of the detections, whose turn is first (lowest) and what has an area -> [D]."""
    hits = np.zeros(len(turns), np.int8)
    first = np.flatnonzero(np.diff(pairs[0], prepend=-1))  # pair of each detection
    best = np.lexsort((pairs[1], -overlaps, pairs[0]))[first]
    best = best[(overlaps[best] >= OVERLAPS[0]) & valid[pairs[0, best]]]
    best = best[np.argsort(turns[pairs[0, best]], kind="stable")]
    first = np.unique(pairs[1, best], return_index=True)[1]  # who looks at an instance first
    hits[pairs[0, best[first]]] = HIT
    return hits


def _greatest_score_of_box(boxes: np.ndarray, scores: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Of every detection, the greatest score that its box has in its frame under any class, [D]."""
    order = np.lexsort((*boxes.T, frames))
    new = np.append(True, (np.diff(boxes[order], axis=0) != 0).any(axis=1) | (np.diff(frames[order]) != 0))[
        : len(order)
    ]
    greatest = np.full(new.sum(), -np.inf)
    box = np.empty(len(order), int)
    box[order] = np.cumsum(new) - 1
    np.maximum.at(greatest, box, scores)
    return greatest[box]
