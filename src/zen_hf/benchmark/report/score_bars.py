# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Bars of the primary scores with their intervals: a small chart per task, a bar per encoder."""

from html import escape

from .curves import axis, ends_of
from .standings import Standing, TaskRow, chance_of
from .words import LOWER, number

WIDTH, HEIGHT = 210, 180
LEFT, RIGHT, TOP, BOTTOM = 34, 6, 42, 8


def score_bars(standing: Standing, tint: dict[str, str]) -> str:
    """All tasks of a protocol.

    Args:
        standing: the tasks; an encoder without a result of one has no bar there, but keeps its place.
        tint: {encoder: colour}.
    """
    charts = [chart(row, standing.encoders, tint) for row in standing.rows if row.scores]
    if not charts:
        return ""
    names = "".join(f"<li><i style='background:{tint[name]}'></i>{escape(name)}</li>" for name in standing.encoders)
    note = f"<p class=note>Bars: score with its 95 % interval; dashed: the best baseline without a picture; ↓: {LOWER}.</p>"
    return f"<ul class=classes>{names}</ul><div class='charts bars-of-tasks'>{''.join(charts)}</div>{note}"


def chart(row: TaskRow, encoders: tuple[str, ...], tint: dict[str, str]) -> str:
    """An SVG of one task, from 0 up."""
    scores = row.scores
    ends = {name: ends_of(score) for name, score in scores.items()}
    chance = chance_of(row.entries[next(iter(scores))])
    low, high, marks = axis(0.0, max([high for _, high in ends.values()] + ([chance] if chance is not None else [])))
    marks = marks if len(marks) <= 6 else marks[:: -(-len(marks) // 6)]

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    differ = "" if row.comparable else "; heads differ"
    down = f"<tspan><title>{LOWER}</title>↓ </tspan>" if row.first.lower_is_better else ""
    parts = [
        f"<text class=name x=2 y=13>{escape(row.task)}</text>",
        f"<text class=mark x=2 y=27>{down}{escape(row.first.primary['name'])}{differ}</text>",
    ]
    for mark in marks:
        parts.append(f"<line class=grid x1={LEFT} x2={WIDTH - RIGHT} y1={y(mark):.1f} y2={y(mark):.1f} />")
        parts.append(f"<text class=mark x={LEFT - 4} y={y(mark) + 4:.1f} text-anchor=end>{mark:g}</text>")
    step = (WIDTH - LEFT - RIGHT) / len(encoders)
    for index, name in enumerate(encoders):
        if name not in scores:
            continue
        x, width, (bottom, top) = LEFT + step * (index + 0.15), 0.7 * step, ends[name]
        said = escape(f"{name}: {number(scores[name].value)} ({number(bottom)} to {number(top)})")
        height, middle = y(low) - y(scores[name].value), x + width / 2
        parts.append(
            f"<rect fill='{tint[name]}' x={x:.1f} y={y(scores[name].value):.1f} width={width:.1f} height={height:.1f}>"
            f"<title>{said}</title></rect>"
        )
        parts.append(f"<line class=whisker x1={middle:.1f} x2={middle:.1f} y1={y(bottom):.1f} y2={y(top):.1f} />")
    if chance is not None:
        parts.append(
            f"<line class=chance x1={LEFT} x2={WIDTH - RIGHT} y1={y(chance):.1f} y2={y(chance):.1f}>"
            f"<title>chance: {number(chance)}</title></line>"
        )
    return f"<svg class=chart viewBox='0 0 {WIDTH} {HEIGHT}' width={WIDTH} height={HEIGHT} role=img>{''.join(parts)}</svg>"
