# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which detections of a frame hit a true instance of their class, under the rules of COCO and of GraSP's authors.

COCO     detections in the order of their scores, 100 per frame and class at most; each takes the free instance of its
         class that it overlaps most, if by the threshold or more (of equals the last one), at ten thresholds
         (T.-Y. Lin et al., arXiv:1405.0312; `COCOeval.evaluateImg`, without crowds and areas)
GraSP    each detection looks at the one instance of its class that it overlaps most, taken or not, and hits it if the
         overlap is one half or more and it was not hit before (PASCAL VOC); for masks, its box must hit as well. Where
         one box is scored for several classes, its greatest score decides when it is its turn. A detection without
         width or height is left out. (N. Ayobi et al., arXiv:2401.11174; `tapis/evaluate` of the authors' code)
"""

from dataclasses import dataclass

import numpy as np
from faster_coco_eval.core import mask as run_lengths

from zen_hf.benchmark.dense.pictures import Instances

OVERLAPS = np.linspace(0.5, 0.95, 10)
AVA = len(OVERLAPS)  # the column of GraSP's rule, behind those of COCO
MOST = 100  # detections per frame and class that COCO counts
HIT, FALSE, UNCOUNTED = 1, 0, -1


@dataclass(frozen=True)
class Matches:
    """The detections of one frame, class by class, in each class from the highest score down.

    Args:
        labels: [K], classes.
        scores: [K].
        boxes: [K, 11] int8, `HIT`, `FALSE` or `UNCOUNTED` at the ten overlaps of COCO and under GraSP's rule.
        masks: likewise by the overlap of masks; all `UNCOUNTED` where either side has none.
    """

    labels: np.ndarray
    scores: np.ndarray
    boxes: np.ndarray
    masks: np.ndarray


def match_frame(predicted: Instances, truth: Instances) -> Matches:
    """Match the detections of one frame.

    Args:
        predicted: with scores.
        truth: without.
    """
    order = np.lexsort((-predicted.scores, predicted.labels))  # stable: equal scores in the order they came
    labels, sizes = predicted.labels[order], predicted.boxes[order, 2:]
    place = np.arange(len(order)) - np.searchsorted(labels, labels)  # in its class
    valid, masked = (sizes > 0).all(axis=1), _has_masks(predicted) and _has_masks(truth)
    boxes = np.full((len(order), AVA + 1), FALSE, np.int8)
    masks = np.full_like(boxes, FALSE if masked else UNCOUNTED)
    greatest = _greatest_score_of_box(predicted)[order]
    overlaps = box_overlaps(predicted.boxes[order], truth.boxes)
    for label in set(labels.tolist()) & set(truth.labels.tolist()):
        detections, instances = np.flatnonzero(labels == label), np.flatnonzero(truth.labels == label)
        turns = np.argsort(-greatest[detections], kind="stable")
        of_class = overlaps[detections][:, instances]
        boxes[detections] = _hits(of_class, turns, valid[detections])
        if masked:
            of_class = mask_overlaps(predicted, order[detections], truth, instances)
            masks[detections] = _hits(of_class, turns, valid[detections])
            masks[detections, AVA] &= boxes[detections, AVA]
    for matches in (boxes, masks):
        matches[place >= MOST, :AVA] = UNCOUNTED
        matches[~valid, AVA] = UNCOUNTED
    return Matches(labels, predicted.scores[order], boxes, masks)


def box_overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes [D, 4] and [G, 4] (left, top, width, height) -> [D, G]."""
    first, second = first.astype(float)[:, None], second.astype(float)[None]
    ends = np.minimum(first[..., :2] + first[..., 2:], second[..., :2] + second[..., 2:])
    sides = np.maximum(ends - np.maximum(first[..., :2], second[..., :2]), 0)
    both = sides.prod(axis=-1)
    either = first[..., 2:].prod(axis=-1) + second[..., 2:].prod(axis=-1) - both
    return np.divide(both, either, out=np.zeros_like(both), where=either > 0)


def mask_overlaps(predicted: Instances, detections: np.ndarray, truth: Instances, instances: np.ndarray) -> np.ndarray:
    """Intersection over union of masks -> [D, G]."""
    if not len(detections) or not len(instances):
        return np.zeros((len(detections), len(instances)))
    first, second = (
        [{"size": list(each.size), "counts": each.masks[index]} for index in chosen]
        for each, chosen in ((predicted, detections), (truth, instances))
    )
    return np.asarray(run_lengths.iou(first, second, [0] * len(second)), float)


def _hits(overlaps: np.ndarray, turns: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """`HIT` or `FALSE` of one class: overlaps [D, G], the order of the turns [D], what has an area [D] -> [D, 11]."""
    return np.column_stack([_hits_of_coco(overlaps[:MOST], len(overlaps)), _hits_of_ava(overlaps, turns, valid)])


def _hits_of_coco(overlaps: np.ndarray, detections: int) -> np.ndarray:
    """The first detections [D, G], in the order of their scores -> [detections, 10]."""
    hits = np.zeros((detections, len(OVERLAPS)), np.int8)
    if overlaps.shape[1] == 1:  # the usual case: the first that reaches an overlap hits
        reached = overlaps >= OVERLAPS
        hits[: len(overlaps)] = reached & (reached.cumsum(axis=0) == 1)
        return hits
    taken = np.zeros((len(OVERLAPS), overlaps.shape[1]), bool)
    rows, last = np.arange(len(OVERLAPS)), overlaps.shape[1] - 1
    for detection in np.flatnonzero(overlaps.max(axis=1) >= OVERLAPS[0]):
        free = np.where(taken, -1.0, overlaps[detection])
        best = last - free[:, ::-1].argmax(axis=1)
        hit = free[rows, best] >= OVERLAPS
        taken[rows[hit], best[hit]] = True
        hits[detection] = hit
    return hits


def _hits_of_ava(overlaps: np.ndarray, turns: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Overlaps [D, G], detections in any order -> [D]."""
    hits = np.zeros(len(overlaps), np.int8)
    best, taken = overlaps.argmax(axis=1), set()
    enough = (overlaps.max(axis=1) >= OVERLAPS[0]) & valid
    for detection in turns[enough[turns]]:
        hits[detection] = best[detection] not in taken
        taken.add(best[detection])
    return hits


def _greatest_score_of_box(predicted: Instances) -> np.ndarray:
    """Of every detection, the greatest score that its box has under any class, [K]."""
    _, box = np.unique(predicted.boxes, axis=0, return_inverse=True)
    greatest = np.full(len(predicted.boxes), -np.inf)
    np.maximum.at(greatest, box.ravel(), predicted.scores)
    return greatest[box.ravel()]


def _has_masks(instances: Instances) -> bool:
    return instances.masks is not None or not len(instances.labels)
