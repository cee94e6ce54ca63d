# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Tables of scores: every task, protocol and encoder with its baselines, and the heads of each side by side."""

from collections.abc import Sequence
from html import escape

from ..statistics import FEW_UNITS
from .entries import Entry, Score
from .words import BASELINES, FLAGS, badge, head_words, interval_html, metric_words, number_html

COLUMNS = (
    "Protocol",
    "Encoder",
    "Head",
    "Score",
    "95 % interval",
    "0 to 1",
    "Test videos",
    "Over runs",
    "Leakage",
    "Chance",
    "Majority or prevalence",
    "Raw pixels",
    "Random trunk",
)

PICTURE = 90  # width of an interval's picture, pixels


def overview(entries: Sequence[Entry]) -> str:
    """The table of task x protocol x encoder, one group of rows per task and test videos, with its legend."""
    lines = ["<div class=wide><table class=scores><thead><tr>" + "".join(f"<th>{name}</th>" for name in COLUMNS)]
    lines.append("</tr></thead>")
    for task in dict.fromkeys(entry.task for entry in entries):
        of_task = [entry for entry in entries if entry.task == task]
        for tested_on in dict.fromkeys(entry.tested_on for entry in of_task):
            together = [entry for entry in of_task if entry.tested_on == tested_on]
            lines.append(f"<tbody><tr class=task><th colspan={len(COLUMNS)}>{task_line(together[0])}</th></tr>")
            lines += [overview_row(entry, score) for entry in together for score in entry.primary_scores]
            lines.append("</tbody>")
    return "\n".join([*lines, "</table></div>", legend()])


def task_line(entry: Entry) -> str:
    """A task with its metric and split, as the heading of rows that can be compared."""
    origin = entry.summary["split"]["origin"]
    mini = " " + badge("miniature", "miniature", MINIATURE) if entry.miniature else ""
    return (
        f"<a href='#{escape(entry.task)}'>{escape(entry.task)}</a>{mini} <span class=note>{escape(entry.primary['target'])}: "
        f"<b>{escape(entry.primary['name'])}</b> ({escape(metric_words(entry.primary['name']))}); split "
        f"{escape(entry.split)}, {escape(origin)}</span>"
    )


MINIATURE = (
    "synthetic pictures in the dataset's layout: shows that the machine works, says nothing about the real task"
)


def overview_row(entry: Entry, score: Score) -> str:
    """One encoder under one protocol."""
    baselines = entry.baselines_of(score)
    leakage, size = entry.summary["leakage"], f"{entry.summary['image_size']} px"
    cells = [
        escape(entry.protocol),
        escape(entry.encoder) + ("" if size in entry.encoder else f" <span class=note>{size}</span>"),
        escape(head_words(score.head)),
        f"<b>{number_html(score.value)}</b>",
        interval_html(score.interval),
        interval_picture(score, baselines),
        videos_html(entry.test_videos),
        spread_html(score),
        badge(leakage["flag"], leakage["flag"], leakage["why"]),
        *(number_html(value) if name in baselines else "–" for name, value in padded(baselines).items()),
    ]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def padded(baselines: dict[str, float | None]) -> dict[str, float | None]:
    """The baselines in the order of the columns, None for those that were not run."""
    return {name: baselines.get(name) for name in BASELINES}


def videos_html(count: int) -> str:
    """The number of test videos, marked where an interval over them is too narrow."""
    if count >= FEW_UNITS:
        return str(count)
    why = f"fewer than {FEW_UNITS} test videos: the interval is too narrow"
    return f"{count} {badge('warning', 'few', why)}"


def spread_html(score: Score) -> str:
    """Standard deviation over seeds or subsets, apart from the interval over videos."""
    if score.spread is None:
        return "–"
    kind = score.runs[0]["run"].split()[0]  # "seed 0", "subset 0"
    if score.spread["std"] is None:
        return f"one {escape(kind)}"
    return f"± {number_html(score.spread['std'])} <span class=note>{len(score.runs)} {escape(kind)}s</span>"


def interval_picture(score: Score, baselines: dict[str, float | None]) -> str:
    """A score and its interval on a line from 0 to 1, with a mark for the best baseline."""
    if score.value is None:
        return ""
    known = {name: value for name, value in baselines.items() if value is not None}
    best = max(known, key=known.get, default=None)
    parts = [f"<line class=axis x1=0 y1=8 x2={PICTURE} y2=8 />"]
    if best is not None:
        name = escape(best.replace("_", " "))
        x = PICTURE * known[best]
        parts.append(f"<line class=base x1={x:.1f} y1=1 x2={x:.1f} y2=15><title>best baseline: {name}</title></line>")
    if score.interval is not None:
        low, high = PICTURE * score.interval["low"], PICTURE * score.interval["high"]
        parts.append(f"<line class=range x1={low:.1f} y1=8 x2={high:.1f} y2=8 />")
    parts.append(f"<circle class=point cx={PICTURE * score.value:.1f} cy=8 r=2.5 />")
    return f"<svg class=interval width={PICTURE} height=16 role=img aria-hidden=true>{''.join(parts)}</svg>"


def legend() -> str:
    """What flags, marks and baselines mean."""
    flags = " ".join(f"<li>{badge(name, name)} {escape(words)}</li>" for name, words in FLAGS.items())
    names = {"constant": "Majority or prevalence"}
    baselines = " ".join(
        f"<li><b>{names.get(name, name.replace('_', ' ').capitalize())}</b>: {escape(words)}</li>"
        for name, words in BASELINES.items()
    )
    return (
        "<p class=note>Intervals: bootstrap over test videos, 95 %. “Over runs” is the standard deviation over the seeds of "
        "the head, or over the subsets of training videos; it is no part of the interval. In the picture the dot is the "
        "score, the bar its interval, the upright mark the best baseline. Overlapping intervals do not decide between two "
        "encoders: <code>zen-hf compare</code> does, video by video.</p>"
        f"<div class=columns><div><p>Leakage</p><ul>{flags}</ul></div><div><p>Baselines</p><ul>{baselines}</ul></div></div>"
    )


def heads_table(entries: Sequence[Entry], target: str) -> str:
    """Every head of a target side by side: raw, smoothed and temporal scores of each encoder and protocol.

    Args:
        entries: results of one task.
        target: name of the target.
    """
    tables = []
    for group in (
        [e for e in entries if e.protocol != "zero_shot"],
        [e for e in entries if e.protocol == "zero_shot"],
    ):
        rows = [(entry, shots, of_row) for entry in group for shots, of_row in entry.heads_by_shots(target).items()]
        columns = sorted(dict.fromkeys(base for *_, of_row in rows for base in of_row), key=column_order)
        if not columns:
            continue
        lines = ["<div class=wide><table class=scores><thead><tr><th>Protocol</th><th>Encoder</th>"]
        lines += [f"<th>{escape(head_words(base))}</th>" for base in columns] + ["</tr></thead><tbody>"]
        for entry, shots, of_row in rows:
            few = f", {shots} video{'s' if shots > 1 else ''}" if shots else ""
            cells = "".join(f"<td>{with_interval(of_row.get(base))}</td>" for base in columns)
            lines.append(f"<tr><td>{escape(entry.protocol)}{few}</td><td>{escape(entry.encoder)}</td>{cells}</tr>")
        tables.append("\n".join([*lines, "</tbody></table></div>"]))
    return "\n".join(tables)


def column_order(base: str) -> tuple:
    """Raw heads each followed by their smoothed variant, the temporal head last."""
    return (base == "ms_tcn", base.removesuffix("_smoothed") != "linear", base.removesuffix("_smoothed"), base)


def with_interval(score: Score | None) -> str:
    """A score above its interval."""
    if score is None:
        return "–"
    return f"{number_html(score.value)}<br><span class=note>{interval_html(score.interval)}</span>"
