# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Tables of scores: every task, protocol and encoder with its baselines, and the heads of each side by side."""

from collections.abc import Sequence
from html import escape

from ..statistics import FEW_UNITS
from .entries import Entry, Score
from .words import BASELINES, FLAGS, QUESTIONS, badge, head_words, interval_html, number_html, primary_words

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
)
TITLES = {"constant": "Majority or prevalence", "question_majority": "Majority by question"}

PICTURE = 90  # width of an interval's picture, pixels


def overview(entries: Sequence[Entry]) -> str:
    """The table of task x protocol x encoder, one group of rows per task and test videos, with its legend."""
    shown = shown_baselines(entries)
    columns = [*COLUMNS, *(TITLES.get(name, name.replace("_", " ").capitalize()) for name in shown)]
    lines = ["<div class=wide><table class=scores><thead><tr>" + "".join(f"<th>{name}</th>" for name in columns)]
    lines.append("</tr></thead>")
    for task in dict.fromkeys(entry.task for entry in entries):
        of_task = [entry for entry in entries if entry.task == task]
        for tested_on in dict.fromkeys(entry.tested_on for entry in of_task):
            together = [entry for entry in of_task if entry.tested_on == tested_on]
            lines.append(f"<tbody><tr class=task><th colspan={len(columns)}>{task_line(together[0])}</th></tr>")
            lines += [overview_row(entry, score, shown) for entry in together for score in entry.primary_scores]
            lines.append("</tbody>")
    return "\n".join([*lines, "</table></div>", legend(shown)])


def shown_baselines(entries: Sequence[Entry]) -> list[str]:
    """The baselines that have a column: those of questions only where a task asks some."""
    found = {name for entry in entries for score in entry.primary_scores for name in entry.baselines_of(score)}
    return [name for name in BASELINES if name in found or name not in QUESTIONS]


def task_line(entry: Entry) -> str:
    """A task with its metric and split, as the heading of rows that can be compared."""
    origin = entry.summary["split"]["origin"]
    mini = " " + badge("miniature", "miniature", MINIATURE) if entry.miniature else ""
    return (
        f"<a href='#{escape(entry.task)}'>{escape(entry.task)}</a>{mini} <span class=note>{escape(entry.primary['target'])}: "
        f"<b>{escape(entry.primary['name'])}</b> "
        f"({escape(primary_words(entry.primary['name'], entry.lower_is_better))}); split "
        f"{escape(entry.split)}, {escape(origin)}</span>"
    )


MINIATURE = (
    "synthetic pictures in the dataset's layout: shows that the machine works, says nothing about the real task"
)


def overview_row(entry: Entry, score: Score, shown: Sequence[str]) -> str:
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
        *(number_html(baselines[name]) if name in baselines else "–" for name in shown),
    ]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


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
    """A score and its interval on a line from 0 to 1, where errors above 1 end too, with a mark for the best baseline."""
    if score.value is None:
        return ""

    def place(value: float) -> float:
        return PICTURE * min(value, 1)

    best = score.best_of(baselines)
    parts = [f"<line class=axis x1=0 y1=8 x2={PICTURE} y2=8 />"]
    if best is not None:
        name = escape(best.replace("_", " "))
        x = place(baselines[best])
        parts.append(f"<line class=base x1={x:.1f} y1=1 x2={x:.1f} y2=15><title>best baseline: {name}</title></line>")
    if score.interval is not None:
        low, high = place(score.interval["low"]), place(score.interval["high"])
        parts.append(f"<line class=range x1={low:.1f} y1=8 x2={high:.1f} y2=8 />")
    parts.append(f"<circle class=point cx={place(score.value):.1f} cy=8 r=2.5 />")
    return f"<svg class=interval width={PICTURE} height=16 role=img aria-hidden=true>{''.join(parts)}</svg>"


def legend(shown: Sequence[str]) -> str:
    """What flags, marks and the shown baselines mean."""
    flags = " ".join(f"<li>{badge(name, name)} {escape(words)}</li>" for name, words in FLAGS.items())
    baselines = " ".join(
        f"<li><b>{TITLES.get(name, name.replace('_', ' ').capitalize())}</b>: {escape(BASELINES[name])}</li>"
        for name in shown
    )
    return (
        "<p class=note>Intervals: bootstrap over test videos, 95 %. “Over runs” is the standard deviation over the seeds of "
        "the head, or over the subsets of training videos; it is no part of the interval. In the picture the dot is the "
        "score, the bar its interval, the upright mark the best baseline; an error above 1 stands at the end. Overlapping intervals do not decide between two "
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
