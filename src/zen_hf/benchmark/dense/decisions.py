# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""From what a network gives for one frame to a prediction on the frame's own pixels, of depth on fewer."""

from collections.abc import Sequence

import numpy as np
import torch
from faster_coco_eval.core import mask as run_lengths
from scipy import ndimage

from .canvas import Place, Size
from .pictures import DenseValue, Instances

MOST_INSTANCES = 100  # of a frame, as the COCO metric counts
LEAST_SCORE = 0.01  # weaker detections cost time and change no average precision that matters
LEAST_SHARE = 5e-4  # of the frame's pixels: smaller components are noise


def decided(kind: str, values: torch.Tensor, place: Place, nearest: float = 0.0, farthest: float = 0.0) -> DenseValue:
    """The prediction of a kind from values on any grid over the canvas.

    Args:
        kind: of the target. For "instances" the values are log-probabilities of the background and the classes.
        values: logits [K, rows, columns]; of "depth" the logarithm of depth, [1, rows, columns].
        place: where the frame lies.
        nearest: least depth that can be predicted, in the target's unit.
        farthest: greatest.
    """
    if kind == "depth":
        depth = place.to_frame(values.float().exp().clamp(nearest, farthest), place.halved)[0]
        return depth.cpu().numpy()
    native = place.to_native(values)
    if kind == "segmentation":
        return native.argmax(dim=0).to(torch.uint8).cpu().numpy()
    if kind == "instances":
        return components(native.softmax(dim=0).cpu().numpy())
    bits = (native > 0).cpu().numpy().astype(np.uint16) << np.arange(len(native), dtype=np.uint16)[:, None, None]
    return np.bitwise_or.reduce(bits, axis=0)


def components(probabilities: np.ndarray) -> Instances:
    """Connected regions of one class as instances, scored by the mean probability of their class.

    Args:
        probabilities: of the background and every class, [1 + classes, H, W].
    """
    winners, masks, labels, scores = probabilities.argmax(axis=0), [], [], []
    least = LEAST_SHARE * winners.size
    for label in np.unique(winners[winners > 0]):
        regions, count = ndimage.label(winners == label, np.ones((3, 3)))
        sizes = np.bincount(regions.ravel(), minlength=count + 1)
        means = ndimage.mean(probabilities[label], regions, np.arange(count + 1))
        for region in range(1, count + 1):
            if sizes[region] >= least:
                masks.append(regions == region)
                labels.append(int(label) - 1)
                scores.append(float(means[region]))
    return as_instances(winners.shape, masks, labels, scores)


def from_queries(class_logits: torch.Tensor, mask_logits: torch.Tensor, place: Place) -> Instances:
    """Instances of a Mask2Former head: each query with each class, scored by class probability times mask confidence.

    B. Cheng et al., "Masked-attention Mask Transformer for Universal Image Segmentation", arXiv:2112.01527, section 3.3.

    Args:
        class_logits: [queries, classes + 1]; the last is "no object".
        mask_logits: [queries, rows, columns] over the canvas.
        place: where the frame lies.
    """
    masks = place.to_native(mask_logits).float()
    inside = masks > 0
    areas = inside.flatten(1).sum(dim=1)
    confidence = (masks.sigmoid() * inside).flatten(1).sum(dim=1) / areas.clamp(min=1)
    scores = class_logits.float().softmax(dim=1)[:, :-1] * confidence[:, None]  # [queries, classes]
    scores[areas == 0] = 0
    order = scores.flatten().argsort(descending=True, stable=True)[:MOST_INSTANCES]
    order = order[scores.flatten()[order] >= LEAST_SCORE].cpu()
    queries, labels = order // scores.shape[1], order % scores.shape[1]
    return as_instances(
        place.native,
        list(inside.cpu().numpy()),
        labels.tolist(),
        scores.flatten().cpu()[order].tolist(),
        queries.tolist(),
    )


def as_instances(
    size: Size,
    masks: Sequence[np.ndarray],
    labels: Sequence[int],
    scores: Sequence[float],
    mask_of: Sequence[int] | None = None,
) -> Instances:
    """The strongest instances, their masks as run lengths and their boxes around them.

    Args:
        size: height and width of the frame.
        masks: [H, W] of bool each.
        labels: one per instance.
        scores: one per instance, in [0, 1].
        mask_of: number of each instance's mask; by default they go together.
    """
    mask_of = range(len(masks)) if mask_of is None else mask_of
    kept = sorted(range(len(scores)), key=lambda index: -scores[index])[:MOST_INSTANCES]
    coded = {
        number: run_lengths.encode(np.asfortranarray(masks[number], dtype=np.uint8))
        for number in sorted({mask_of[index] for index in kept})
    }
    coded_kept = [coded[mask_of[index]] for index in kept]
    boxes = np.array([run_lengths.toBbox(code) for code in coded_kept], np.float32).reshape(-1, 4)
    return Instances(
        size=tuple(size),
        boxes=boxes,
        labels=np.array([labels[index] for index in kept], np.int64),
        masks=tuple(code["counts"] for code in coded_kept),
        scores=np.array([scores[index] for index in kept], np.float32),
    )
