# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Label-efficiency curves: the score over the number of training videos, with all of them at the end."""

import math
from collections.abc import Sequence
from html import escape

from zen_hf.pages.palette import colours

from .entries import Entry, Score
from .words import head_words, number

WIDTH, HEIGHT = 430, 300
LEFT, RIGHT, TOP, BOTTOM = 46, 16, 30, 44
DASHES = ("", "7 4", "2 3", "9 3 2 3")  # beside colours, so that lines differ without them


def label_efficiency(entries: Sequence[Entry], target: str) -> str:
    """One chart per split and head that was trained on few videos; nothing where there is none.

    Args:
        entries: results of one task, all protocols.
        target: name of the target.
    """
    few = [entry for entry in entries if entry.protocol == "few_shot"]
    heads = dict.fromkeys(
        (entry.tested_on, base) for entry in few for of in entry.heads_by_shots(target).values() for base in of
    )
    tint = colours(list(dict.fromkeys(entry.encoder for entry in entries)))
    charts = []
    for tested_on, head in heads:
        curves = {entry.encoder: curve(entry, entries, target, head) for entry in few if entry.tested_on == tested_on}
        curves = {encoder: points for encoder, points in curves.items() if points}
        if curves:
            charts.append(chart(f"{head_words(head)}, split {tested_on[0]}", curves, tint))
    return f"<div class=charts>{''.join(charts)}</div>" if charts else ""


def curve(few: Entry, entries: Sequence[Entry], target: str, head: str) -> dict[int | None, Score]:
    """{number of training videos, None for all: score} of one encoder, the end point from its frozen result."""
    points = {
        shots: of[head]
        for shots, of in few.heads_by_shots(target).items()
        if head in of and of[head].value is not None
    }
    for entry in entries:
        same = (entry.encoder, entry.tested_on, entry.protocol) == (few.encoder, few.tested_on, "frozen")
        score = entry.scores(target).get(head) if same else None
        if score is not None and score.value is not None:
            points[None] = score
    return points


def chart(title: str, curves: dict[str, dict[int | None, Score]], tint: dict[str, str]) -> str:
    """An SVG of one line and interval band per encoder; numbers of videos stand at equal distances."""
    shots = sorted({k for points in curves.values() for k in points}, key=lambda k: (k is None, k or 0))
    place = {k: LEFT + (i + 0.5) * (WIDTH - LEFT - RIGHT) / len(shots) for i, k in enumerate(shots)}
    ends = [end for points in curves.values() for score in points.values() for end in ends_of(score)]
    low, high, marks = axis(min(ends), max(ends))

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [f"<text class=title x={LEFT} y=18>{escape(title)}</text>"]
    for mark in marks:
        parts.append(f"<line class=grid x1={LEFT} x2={WIDTH - RIGHT} y1={y(mark):.1f} y2={y(mark):.1f} />")
        parts.append(f"<text x={LEFT - 6} y={y(mark) + 4:.1f} text-anchor=end>{mark:g}</text>")
    for k, x in place.items():
        parts.append(f"<text x={x:.1f} y={HEIGHT - BOTTOM + 18} text-anchor=middle>{'all' if k is None else k}</text>")
    parts.append(f"<text x={(LEFT + WIDTH - RIGHT) / 2} y={HEIGHT - 8} text-anchor=middle>training videos</text>")
    for index, (encoder, points) in enumerate(curves.items()):
        parts += line(encoder, points, place, y, tint[encoder], DASHES[index % len(DASHES)])
    names = "".join(
        f"<li><svg width=26 height=10><line x1=0 y1=5 x2=26 y2=5 stroke='{tint[encoder]}' stroke-width=2.5 "
        f"stroke-dasharray='{DASHES[i % len(DASHES)]}' /></svg>{escape(encoder)}</li>"
        for i, encoder in enumerate(curves)
    )
    return (
        f"<figure><svg class=chart viewBox='0 0 {WIDTH} {HEIGHT}' width={WIDTH} height={HEIGHT} role=img>"
        f"{''.join(parts)}</svg><ul class=classes>{names}</ul></figure>"
    )


def line(encoder: str, points: dict, place: dict, y, colour: str, dash: str) -> list[str]:
    """One encoder: band, line and dots; a dot says its numbers when pointed at."""
    ordered = [k for k in place if k in points]
    ends = {k: ends_of(points[k]) for k in ordered}
    outline = [(place[k], y(ends[k][1])) for k in ordered] + [(place[k], y(ends[k][0])) for k in reversed(ordered)]
    parts = [
        f"<polygon fill='{colour}' fill-opacity=.15 points='{' '.join(f'{a:.1f},{b:.1f}' for a, b in outline)}' />",
        f"<polyline fill=none stroke='{colour}' stroke-width=2 stroke-dasharray='{dash}' points='"
        + " ".join(f"{place[k]:.1f},{y(points[k].value):.1f}" for k in ordered)
        + "' />",
    ]
    for k in ordered:
        said = f"{encoder}, {'all' if k is None else k}: {number(points[k].value)} ({number(ends[k][0])} to {number(ends[k][1])})"
        parts.append(
            f"<circle fill='{colour}' cx={place[k]:.1f} cy={y(points[k].value):.1f} r=4><title>{escape(said)}</title></circle>"
        )
    return parts


def ends_of(score: Score) -> tuple[float, float]:
    """The interval of a score."""
    return (score.interval["low"], score.interval["high"]) if score.interval else (score.value, score.value)


def axis(low: float, high: float) -> tuple[float, float, list[float]]:
    """Ends and marks of an axis over some values: at most ten steps of a round size, none below 0.02."""
    steps = (size * 10.0**power for power in range(-2, 9) for size in (1, 2, 5))
    step = next(step for step in steps if step >= 0.02 and step * (4 if step < 0.1 else 11) > high - low)
    first = math.floor(low / step + 1e-9)
    last = max(math.ceil(high / step - 1e-9), first + 1)
    return first * step, last * step, [round(index * step, 2) for index in range(first, last + 1)]
