# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""HD95: how far the boundaries of two masks lie apart, for all classes of a picture at once.

A pixel of a mask is on its boundary if one of its four neighbours is not in the mask, or lies outside the picture (the
mask minus its erosion by a cross, as in MONAI). The directed distance is the 95th percentile, over the boundary pixels of
one mask, of the distance to the nearest boundary pixel of the other; HD95 is the greater of the two directed distances.
Other libraries take the 95th percentile of both sets together, which is another number.
"""

import numpy as np
from scipy.spatial import cKDTree

PERCENTILE = 0.95


def hd95_maxdir(predicted: np.ndarray, truth: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """HD95 of several classes in pixels, the greater of the two directed distances.

    Args:
        predicted: [H, W] uint8, the class of every pixel.
        truth: [H, W] uint8, likewise.
        classes: [K], to measure; each occurs in at least one of the two.

    Returns:
        [K]; the picture's diagonal where a class is in one of the two alone.
    """
    height, width = truth.shape
    edges = _edges(predicted), _edges(truth)
    shared = edges[0] & edges[1] & (predicted == truth)  # at distance 0 both ways: never looked up
    points = [_points_of(picture, edge & ~shared) for picture, edge in zip((predicted, truth), edges, strict=True)]
    common = _points_of(truth, shared)
    distances = np.full(len(classes), np.hypot(height, width))
    for index, label in enumerate(classes):
        first, second, both = (each.get(label) for each in (*points, common))
        if _joined(first, both) is not None and _joined(second, both) is not None:
            distances[index] = max(_directed(first, second, both), _directed(second, first, both))
    return distances


def _edges(picture: np.ndarray) -> np.ndarray:
    """Pixels on the boundary of their own class, [H, W]."""
    edges = np.zeros(picture.shape, bool)
    edges[0] = edges[-1] = edges[:, 0] = edges[:, -1] = True
    changes = picture[1:] != picture[:-1]
    edges[1:] |= changes
    edges[:-1] |= changes
    changes = picture[:, 1:] != picture[:, :-1]
    edges[:, 1:] |= changes
    edges[:, :-1] |= changes
    return edges


def _points_of(picture: np.ndarray, chosen: np.ndarray) -> dict[int, np.ndarray]:
    """Places of the chosen pixels of every class, {class: [n, 2]}."""
    places = np.flatnonzero(chosen)
    labels = picture.ravel()[places]
    order = np.argsort(labels, kind="stable")
    found, starts = np.unique(labels[order], return_index=True)
    coordinates = np.stack(np.divmod(places[order], picture.shape[1]), axis=1).astype(float)
    return dict(zip(found.tolist(), np.split(coordinates, starts[1:]), strict=True)) if len(found) else {}


def _directed(sources: np.ndarray | None, targets: np.ndarray | None, both: np.ndarray | None) -> float:
    """95th percentile, linearly interpolated, of the distances of `sources` and `both` to `targets` and `both`."""
    zeros = 0 if both is None else len(both)
    unshared = 0 if sources is None else len(sources)
    rank = PERCENTILE * (zeros + unshared - 1)
    if rank <= zeros - 1:
        return 0.0
    tree = cKDTree(_joined(targets, both), balanced_tree=False, compact_nodes=False, leafsize=32)
    distances = np.sort(tree.query(sources)[0])
    below = int(rank)
    low, high = (distances[at - zeros] if at >= zeros else 0.0 for at in (below, min(below + 1, zeros + unshared - 1)))
    return float(low + (rank - below) * (high - low))


def _joined(first: np.ndarray | None, second: np.ndarray | None) -> np.ndarray | None:
    parts = [part for part in (first, second) if part is not None]
    return np.concatenate(parts) if parts else None
