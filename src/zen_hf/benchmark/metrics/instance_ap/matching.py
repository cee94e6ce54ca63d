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
    if not len(predicted.labels):
        nothing = np.zeros((0, AVA + 1), np.int8)
        return Matches(np.zeros(0, int), np.zeros(0), nothing, nothing)
    greatest = _greatest_score_of_box(predicted)
    found = [_match_class(predicted, truth, label, greatest) for label in sorted(set(predicted.labels.tolist()))]
    return Matches(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _match_class(predicted: Instances, truth: Instances, label: int, greatest: np.ndarray) -> tuple[np.ndarray, ...]:
    detections, instances = np.flatnonzero(predicted.labels == label), np.flatnonzero(truth.labels == label)
    detections = detections[np.argsort(-predicted.scores[detections], kind="stable")]
    turns = np.argsort(-greatest[detections], kind="stable")
    valid = (predicted.boxes[detections, 2:] > 0).all(axis=1)
    overlaps = box_overlaps(predicted.boxes[detections], truth.boxes[instances])
    hit = _hits_of_ava(overlaps, turns, valid)
    boxes = np.column_stack([_hits_of_coco(overlaps), np.where(valid, hit, UNCOUNTED)])
    masks = np.full_like(boxes, UNCOUNTED)
    if _has_masks(predicted) and _has_masks(truth):
        overlaps = mask_overlaps(predicted, detections, truth, instances)
        masks = np.column_stack(
            [_hits_of_coco(overlaps), np.where(valid, hit & _hits_of_ava(overlaps, turns, valid), UNCOUNTED)]
        )
    return np.full(len(detections), label), predicted.scores[detections], boxes, masks


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


def _hits_of_coco(overlaps: np.ndarray) -> np.ndarray:
    """[D, G], detections in the order of their scores -> [D, 10]."""
    hits = np.full((len(overlaps), len(OVERLAPS)), FALSE, np.int8)
    hits[MOST:] = UNCOUNTED
    if not overlaps.size:
        return hits
    taken = np.zeros((len(OVERLAPS), overlaps.shape[1]), bool)
    rows, last = np.arange(len(OVERLAPS)), overlaps.shape[1] - 1
    for detection in np.flatnonzero(overlaps[:MOST].max(axis=1) >= OVERLAPS[0]):
        free = np.where(taken, -1.0, overlaps[detection])
        best = last - free[:, ::-1].argmax(axis=1)
        hit = free[rows, best] >= OVERLAPS
        taken[rows[hit], best[hit]] = True
        hits[detection] = hit
    return hits


def _hits_of_ava(overlaps: np.ndarray, turns: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """[D, G] and the order of the detections' turns [D] -> [D] bool."""
    hits = np.zeros(len(overlaps), bool)
    if not overlaps.size:
        return hits
    best = overlaps.argmax(axis=1)
    enough = (overlaps[np.arange(len(overlaps)), best] >= OVERLAPS[0]) & valid
    queue = turns[enough[turns]]
    _, first = np.unique(best[queue], return_index=True)  # of each instance, the first that looks at it
    hits[queue[first]] = True
    return hits


def _greatest_score_of_box(predicted: Instances) -> np.ndarray:
    """Of every detection, the greatest score that its box has under any class, [K]."""
    _, box = np.unique(predicted.boxes, axis=0, return_inverse=True)
    greatest = np.full(len(predicted.boxes), -np.inf)
    np.maximum.at(greatest, box.ravel(), predicted.scores)
    return greatest[box.ravel()]


def _has_masks(instances: Instances) -> bool:
    return instances.masks is not None or not len(instances.labels)
