# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Radar charts of normalised scores: an axis per task or per family of tasks, a line per encoder."""

import math
from html import escape

import numpy as np

from .curves import DASHES
from .standings import Standing
from .words import number

WIDTH, HEIGHT, RADIUS = 640, 500, 175
ENDS = (1.25, 2.0)  # least and most that an axis holds, in normalised scores; what lies beyond is drawn at its end
RINGS = (0.5, 1.0)
LABEL = 1.07  # where names stand, as a share of the axis
MANY = 12  # axes from which on names stand along them, and axes are `REACH` as long
REACH = 0.72
AXES = 3  # fewer make no area


def radars(standing: Standing, tint: dict[str, str]) -> str:
    """One chart over families and one over tasks, each where it has three axes or more.

    Args:
        standing: tasks of one protocol; those with a normalised score of every encoder are drawn.
        tint: {encoder: colour}.
    """
    rows = standing.normalisable
    by_task = {row.task: {name: row.normalised(name)[0] for name in standing.encoders} for row in rows}
    by_family: dict[str, dict[str, float]] = {}
    for family in dict.fromkeys(row.family for row in rows):
        of_family = [by_task[row.task] for row in rows if row.family == family]
        by_family[family] = {name: float(np.mean([each[name] for each in of_family])) for name in standing.encoders}
    charts = {"Families of tasks, mean normalised score": by_family, "Tasks, normalised score": by_task}
    return "".join(radar(title, axes, tint) for title, axes in charts.items() if len(axes) >= AXES)


def radar(title: str, axes: dict[str, dict[str, float]], tint: dict[str, str]) -> str:
    """An SVG.

    Args:
        title: above it.
        axes: {name of the axis: {encoder: normalised score}}.
        tint: {encoder: colour}.
    """
    most = max(value for of_axis in axes.values() for value in of_axis.values())
    top = min(max(most, ENDS[0]), ENDS[1])
    reach = REACH if len(axes) > MANY else 1.0
    angles = {name: 2 * math.pi * index / len(axes) for index, name in enumerate(axes)}
    parts = [f"<text class=title x=8 y=18>{escape(title)}</text>"]
    for ring in RINGS:
        outline = " ".join(place(angle, reach * ring / top) for angle in angles.values())
        parts.append(f"<polygon class=grid fill=none points='{outline}' />")
    for name, angle in angles.items():
        x, y = place(angle, reach).split(",")
        parts.append(f"<line class=grid x1={WIDTH / 2} y1={HEIGHT / 2 + 8} x2={x} y2={y} />")
        parts.append(label(name, angle, reach))
    encoders = list(next(iter(axes.values())))
    for index, encoder in enumerate(encoders):
        outline = " ".join(place(angles[name], reach * min(axes[name][encoder] / top, 1)) for name in axes)
        dash = DASHES[index % len(DASHES)]
        parts.append(
            f"<polygon fill='{tint[encoder]}' fill-opacity=.08 stroke='{tint[encoder]}' stroke-width=2 "
            f"stroke-dasharray='{dash}' points='{outline}' />"
        )
        for name in axes:
            x, y = place(angles[name], reach * min(axes[name][encoder] / top, 1)).split(",")
            said = escape(f"{encoder}, {name}: {number(axes[name][encoder])}")
            parts.append(f"<circle fill='{tint[encoder]}' cx={x} cy={y} r=3.5><title>{said}</title></circle>")
    for ring in RINGS:
        x, y = place(0, reach * ring / top).split(",")
        parts.append(f"<text class=mark x={float(x) + 4:.1f} y={float(y) - 3:.1f}>{ring:g}</text>")
    names = "".join(
        f"<li><svg width=26 height=10><line x1=0 y1=5 x2=26 y2=5 stroke='{tint[encoder]}' stroke-width=2.5 "
        f"stroke-dasharray='{DASHES[index % len(DASHES)]}' /></svg>{escape(encoder)}</li>"
        for index, encoder in enumerate(encoders)
    )
    return (
        f"<figure><svg class=chart viewBox='0 0 {WIDTH} {HEIGHT}' width={WIDTH} height={HEIGHT} role=img>{''.join(parts)}</svg>"
        f"<ul class=classes>{names}</ul><figcaption class=note>Centre: chance or below; ring 1: the best encoder that is no ZEN.</figcaption>"
        "</figure>"
    )


def label(name: str, angle: float, reach: float) -> str:
    """The name of an axis at its end: level, or along the axis where there are many."""
    x, y = (float(each) for each in place(angle, reach * LABEL).split(","))
    side = math.sin(angle)
    turn = ""
    if reach < 1:
        degrees = math.degrees(angle) + (-90 if side >= 0 else 90)
        turn = f" transform='rotate({degrees:.1f} {x:.1f} {y:.1f})'"
    anchor = "middle" if not turn and abs(side) < 0.1 else "start" if side >= 0 else "end"
    return f"<text x={x:.1f} y={y:.1f} dy=4 text-anchor={anchor}{turn}>{escape(name)}</text>"


def place(angle: float, share: float) -> str:
    """A point at a share of the axis of that angle, "x,y" in the chart; below 0 it is the centre."""
    length = RADIUS * max(share, 0.0)
    return f"{WIDTH / 2 + length * math.sin(angle):.1f},{HEIGHT / 2 + 8 - length * math.cos(angle):.1f}"
