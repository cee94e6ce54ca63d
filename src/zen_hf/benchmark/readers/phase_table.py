# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Tables of frame labels as Cholec80 and M2CAI16 write them: a header, then one tab-separated row per frame."""

from pathlib import Path


def read_phase_table(path: Path, phases: tuple[str, ...], first: int = 0) -> list[int]:
    """Phase of every row of a table `Frame<tab>Phase`.

    Args:
        path: the file.
        phases: their names, in the order of the indices returned.
        first: number of the first row.

    Raises:
        ValueError: if the file has another form, rows do not count up from `first`, or a phase is unknown.
    """
    found = []
    for frame, (name,) in _rows(path, ("Phase",)):
        expected = len(found) + first
        if frame != expected:
            raise ValueError(f"{path}: line {len(found) + 2} is of frame {frame}, expected {expected}: rows count up.")
        if name not in phases:
            raise ValueError(f"{path}: unknown phase {name!r} at frame {frame}; expected one of {', '.join(phases)}.")
        found.append(phases.index(name))
    return found


def read_tool_table(path: Path, tools: tuple[str, ...]) -> dict[int, list[int]]:
    """Tools in view from a table `Frame<tab>tool<tab>tool...` of 0 and 1.

    Args:
        path: the file.
        tools: names that the header must have, in this order.

    Returns:
        Native frame index -> 0/1 per tool, for the frames that the table has.

    Raises:
        ValueError: if the file has another form, a frame is there twice, or a value is neither 0 nor 1.
    """
    found = {}
    for frame, values in _rows(path, tools):
        if frame in found or not set(values) <= {"0", "1"}:
            raise ValueError(f"{path}: frame {frame} has {values}, expected one row of 0 or 1 for each of {tools}.")
        found[frame] = [int(value) for value in values]
    return found


def _rows(path: Path, columns: tuple[str, ...]) -> list[tuple[int, list[str]]]:
    """Frame index and cells of every row."""
    try:
        lines = path.read_text().split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a text file; download it again.") from error
    header = lines[0].split()
    if header != ["Frame", *columns]:
        raise ValueError(f"{path}: the header is {header}, expected {['Frame', *columns]}; download it again.")
    rows = [line.split() for line in lines[1:] if line.strip()]
    bad = [number for number, row in enumerate(rows, 2) if len(row) != 1 + len(columns) or not row[0].isdigit()]
    if bad or not rows:
        raise ValueError(
            f"{path}: {f'line {bad[0]} is {lines[bad[0] - 1]!r}' if bad else 'no row'}, expected a frame number and "
            f"{len(columns)} values; download it again."
        )
    return [(int(row[0]), row[1:]) for row in rows]
