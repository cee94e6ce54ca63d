# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Where two shifted crops overlap (shift-equivariant patch losses of C-RADIOv4, arXiv 2601.17237)."""

import torch


def overlap(tokens: torch.Tensor, grid: tuple[int, int], offset: tuple[int, int], of_teacher: bool) -> torch.Tensor:
    """The tokens that student and teacher both see, each in its own crop of the frame, for any loss of patches.

    What a teacher writes at fixed positions of its grid, whatever the frame shows, falls on other tokens of the
    student at every offset, and so cannot be learnt.

    Args:
        tokens: Values per token of one of the two crops [B, h * w, ...].
        grid: Rows and columns (h, w) of both crops.
        offset: `(dy, dx)`, the teacher's crop minus the student's in whole tokens, positive down and to the right: the
            student's token (y, x) shows what the teacher's token (y - dy, x - dx) does.
        of_teacher: Whether the tokens are the teacher's.

    Returns:
        The (h - |dy|)(w - |dx|) tokens of the overlap [B, n, ...], in row-major order.

    Raises:
        ValueError: If the tokens do not fill the grid, or the crops do not overlap.
    """
    (height, width), (dy, dx) = grid, offset
    if tokens.shape[1] != height * width:
        raise ValueError(f"{tokens.shape[1]} tokens do not fill a grid of {height} x {width}")
    if abs(dy) >= height or abs(dx) >= width:
        raise ValueError(
            f"offset ({dy}, {dx}) leaves no overlap on a grid of {height} x {width} tokens; "
            f"draw |dy| < {height} and |dx| < {width}"
        )
    if of_teacher:
        dy, dx = -dy, -dx
    rows, columns = (slice(max(d, 0), size + min(d, 0)) for d, size in ((dy, height), (dx, width)))
    return tokens.unflatten(1, grid)[:, rows, columns].flatten(1, 2)
