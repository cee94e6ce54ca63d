# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Rectangles with straight, upright edges, which recorders draw and bodies do not have."""

import numpy as np
from scipy import ndimage

MOST_LINES = 10  # of each direction; more of them are texture
FILLED = 0.8  # of a straight edge, by edge pixels: behind the rest, both pictures are as bright
SLACK = 1  # px by which an edge may be off
WHOLE = 0.9  # of the picture: what is larger is the picture itself

Box = tuple[int, int, int, int]


def find_rectangles(flat_edges: np.ndarray, upright_edges: np.ndarray, within: Box, least: float) -> list[Box]:
    """Boxes x, y, width, height whose sides are straight edges, the largest first.

    The sides of the picture may stand for some of them: of two pictures side by side, only the line between them is
    drawn.

    Args:
        flat_edges: bool [H, W], where brightness changes from one row to the next but one.
        upright_edges: The same of columns.
        within: Box of the picture.
        least: Shortest side, as a share of the picture's.

    Returns:
        None of them is the picture itself.
    """
    left, top, width, height = within
    rows = straight_lines(flat_edges[top : top + height, left : left + width], least)
    columns = straight_lines(upright_edges[top : top + height, left : left + width].T, least)
    along_row = sums(flat_edges[top : top + height, left : left + width])
    along_column = sums(upright_edges[top : top + height, left : left + width].T)
    found = []
    for y0, y1 in spans(rows, height, least):
        for x0, x1 in spans(columns, width, least):
            flat = [share(along_row, y, x0, x1) for y in (y0, y1) if 0 < y < height]
            upright = [share(along_column, x, y0, y1) for x in (x0, x1) if 0 < x < width]
            whole = (y1 - y0) * (x1 - x0) > WHOLE * width * height
            if not whole and min(flat + upright, default=0.0) >= FILLED:
                found.append((left + x0, top + y0, x1 - x0, y1 - y0))
    return sorted(found, key=lambda box: -box[2] * box[3])


def straight_lines(edges: np.ndarray, least: float) -> list[int]:
    """Rows of an edge map [H, W] in which an edge runs straight for a share of the width, the longest first."""
    needed = max(8, round(least * edges.shape[1]))
    thick = ndimage.maximum_filter1d(edges.astype(np.float32), 1 + SLACK, axis=0)
    filled = ndimage.uniform_filter1d(thick, needed, axis=1, mode="constant") >= FILLED
    length = filled.sum(axis=1)
    lines = []
    for row in np.argsort(-length, kind="stable"):
        if length[row] == 0 or len(lines) == MOST_LINES:
            break
        if SLACK < row < len(length) - SLACK and all(abs(row - line) > 2 * SLACK for line in lines):
            lines.append(int(row))
    return lines


def sums(edges: np.ndarray) -> np.ndarray:
    """Edge pixels of each row up to each column, of edges thickened by the slack, [H, W + 1]."""
    thick = ndimage.maximum_filter1d(edges.astype(np.uint8), 1 + SLACK, axis=0)
    return np.pad(np.cumsum(thick, axis=1, dtype=np.int64), ((0, 0), (1, 0)))


def share(running: np.ndarray, row: int, begin: int, end: int) -> float:
    """How much of a row from one column to another is edge."""
    inset = min(2 * SLACK, (end - begin) // 4)  # corners may be round
    return (running[row, end - inset] - running[row, begin + inset]) / (end - begin - 2 * inset)


def spans(lines: list[int], length: int, least: float) -> list[tuple[int, int]]:
    """Pairs of lines, or of a line and an end of the picture, that are far enough apart."""
    ends = sorted({0, length, *lines})
    return [
        (begin, end)
        for number, begin in enumerate(ends)
        for end in ends[number + 1 :]
        if end - begin >= least * length
    ]
