# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Labels of frames, of one class or of several, as rows of 0 and 1."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class FrameLabels:
    """What a column says of frames.

    Attributes:
        values: 0 or 1 per class [F, L], float32; NaN in the rows of frames without a label.
        single: Whether a frame has exactly one class.
    """

    values: torch.Tensor
    single: bool

    @property
    def known(self) -> torch.Tensor:
        """Which frames have a label [F]."""
        return ~self.values.isnan().any(dim=1)


def read_labels(column: str, *parts: Sequence) -> list[FrameLabels]:
    """Labels of several parts of one dataset, over the classes of all of them.

    Args:
        column: Name of the column, for errors.
        parts: Per part a value for every frame: a class as text or as a number from 0; several classes as a list of
            texts, or as a list of 0 and 1 with a place for every class; None or -1 where there is no label.

    Raises:
        ValueError: If values are of several kinds or of none of these, or no frame has a label.
    """
    known = [value for part in parts for value in part if not missing(value)]
    kinds = {kind_of(value) for value in known}
    widths = {len(value) for value in known if kind_of(value) == "marks"}
    if len(kinds) != 1 or kinds == {"other"} or len(widths) > 1:
        example = ", ".join(dict.fromkeys(repr(value) for value in known[:3])) or "no label at all"
        raise ValueError(
            f"monitor.label_column {column!r} holds {example}; expected one kind of value in all frames: a text, an "
            "integer from 0, a list of texts, or lists of 0 and 1 of one length (None or -1: no label)"
        )
    kind = kinds.pop()
    if kind == "marks":
        classes = list(range(widths.pop()))
    else:
        classes = sorted({name for value in known for name in (value if kind == "names" else [value])})
    rows = [[marks(value, kind, classes) for value in part] for part in parts]
    return [FrameLabels(torch.tensor(part, dtype=torch.float32), kind in ("text", "number")) for part in rows]


def missing(value) -> bool:
    """Whether a frame has no label."""
    return value is None or (not isinstance(value, (list, str)) and value == -1)


def kind_of(value) -> str:
    """`"text"` or `"number"` of a class, `"names"` of classes, `"marks"` (0 or 1 per class) or `"other"`."""
    if isinstance(value, str):
        return "text"
    if isinstance(value, int) and value >= 0:
        return "number"
    if isinstance(value, list):
        if all(isinstance(name, str) for name in value):
            return "names"  # also of an empty list: a frame on which nothing is seen
        if all(isinstance(mark, int) and mark in (0, 1) for mark in value):
            return "marks"
    return "other"


def marks(value, kind: str, classes: list) -> list[float]:
    """0 or 1 for each class, NaN without a label."""
    if missing(value):
        return [float("nan")] * len(classes)
    if kind == "marks":
        return [float(mark) for mark in value]
    present = set(value) if kind == "names" else {value}
    return [float(name in present) for name in classes]
