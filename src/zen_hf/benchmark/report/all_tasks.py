# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""All tasks in one place, at the top of the page: a table per protocol, mean ranks, normalised scores, radar and bars."""

from collections.abc import Sequence
from html import escape

from zen_hf.pages.palette import colours

from .entries import Entry
from .radar import radars
from .score_bars import score_bars
from .standings import HEADS_DIFFER, SUITE, Standing, TaskRow, absent_tasks, primary_score, standings
from .tables import MINIATURE
from .words import LOWER, PROTOCOLS, badge, head_words, interval_html, number_html, primary_words


def all_tasks(entries: Sequence[Entry]) -> str:
    """The section; empty where the page has one task alone.

    Args:
        entries: of `entries_of`.
    """
    if len({entry.task for entry in entries}) < 2:
        return ""
    tint = colours(list(dict.fromkeys(entry.encoder for entry in entries)))
    parts = ["<section><h2 id=all-tasks>All tasks</h2>", absent_note(entries)]
    parts += [protocol_section(standing, tint) for standing in standings(entries)]
    return "\n".join([*parts, "</section>"])


def absent_note(entries: Sequence[Entry]) -> str:
    """Which tasks of the suite have no result: absent, and part of no mean."""
    absent = absent_tasks(entries)
    if not absent:
        return f"<p class=note>All tasks of the suite {SUITE} have a result.</p>"
    return (
        f"<p class=note>Absent: {len(absent)} tasks of the suite {SUITE} have no result here and count in no mean: "
        f"{escape(', '.join(absent))}.</p>"
    )


def protocol_section(standing: Standing, tint: dict[str, str]) -> str:
    """Table, means and pictures of one protocol."""
    encoders = "".join(f"<th>{escape(encoder)}</th>" for encoder in standing.encoders)
    lines = [
        f"<h3>{escape(standing.protocol)}</h3><p class=note>{escape(PROTOCOLS.get(standing.protocol, ''))}</p>",
        f"<div class=wide><table class='scores tasks'><thead><tr><th>Task</th>{encoders}</tr></thead><tbody>",
        *(task_line(row, standing.encoders) for row in standing.rows),
        "</tbody><tfoot>",
        mean_line(
            f"Mean rank, {counted(standing.common)}",
            standing.mean_ranks,
            standing.encoders,
            "1 is best; over the tasks of which all encoders have a score by heads of one kind",
        ),
        mean_line(
            f"Mean normalised score, {counted(standing.normalisable)}",
            standing.mean_normalised,
            standing.encoders,
            "0 is chance, 1 the best encoder of the page that is no ZEN, on each task",
        ),
        "</tfoot></table></div>",
        f"<p class=note>{escape(normalised_note(standing))}</p>",
        f"<div class=charts>{radars(standing, tint)}</div>",
        score_bars(standing, tint),
    ]
    return "\n".join(lines)


def task_line(row: TaskRow, encoders: Sequence[str]) -> str:
    """One task: a score per encoder, or that it is absent."""
    primary, lower = row.first.primary, row.first.lower_is_better
    down = f" <span title='{LOWER}'>↓ {LOWER}</span>" if lower else ""
    mini = " " + badge("miniature", "miniature", MINIATURE) if row.first.miniature else ""
    said = primary_words(primary["name"], lower)
    name = (
        f"<a href='#{escape(row.first.task)}'>{escape(row.task)}</a>{mini}<br>"
        f"<span class=note title='{escape(said)}'>{escape(primary['name'])}{down}</span>"
    )
    return f"<tr><td>{name}</td>" + "".join(f"<td>{cell(row, encoder)}</td>" for encoder in encoders) + "</tr>"


def cell(row: TaskRow, encoder: str) -> str:
    """Score, interval, leakage and normalised score of one encoder on one task."""
    if encoder not in row.entries:
        return "<span class=note>absent</span>"
    entry = row.entries[encoder]
    score, leakage = primary_score(entry), entry.summary["leakage"]
    said = head_words(score.head)
    parts = [f"<b title='{escape(said, quote=True)}'>{number_html(score.value)}</b>"]
    parts.append(badge(leakage["flag"], leakage["flag"], leakage["why"]))
    if entry.primary.get("diagnostic", False):
        parts.append(badge("warning", "diagnostic", "uses the task's training labels; in no rank and no mean"))
    parts.append(f"<br><span class=note>{interval_html(score.interval)}</span>")
    if len(row.heads) > 1:
        parts.append(f"<br><span class=note>{escape(said)}</span>")
    if found := row.normalised(encoder):
        parts.append(f"<br><span class=note>normalised {number_html(found[0])}</span>")
    return " ".join(parts)


def counted(rows: Sequence[TaskRow]) -> str:
    """A number of tasks."""
    return f"{len(rows)} task{'s' if len(rows) != 1 else ''}"


def mean_line(title: str, means: dict[str, float], encoders: Sequence[str], why: str) -> str:
    """A mean over tasks per encoder; dashes where there is none."""
    cells = "".join(f"<td>{number_html(means[name]) if name in means else '–'}</td>" for name in encoders)
    return f"<tr><th>{escape(title)}<br><span class=note>{escape(why)}</span></th>{cells}</tr>"


def normalised_note(standing: Standing) -> str:
    """What counts in no mean for its heads, and what the normalised scores lie between, or why there are none."""
    apart = [row.task for row in standing.shared if not row.comparable]
    heads = f"{HEADS_DIFFER}: {', '.join(apart)}. " if apart else ""
    references = dict.fromkeys(row.reference for row in standing.rows if row.reference is not None)
    if not references:
        return f"{heads}No normalised score: no result of an encoder that is no ZEN is here to be the reference."
    left = [row.task for row in standing.common if row not in standing.normalisable]
    without = (
        f" Not normalised, for want of a chance, of a reference, or of a reference above chance: {', '.join(left)}."
        if left
        else ""
    )
    return (
        f"{heads}Normalised: (score - chance) / (reference - chance). The reference of a task is its best encoder here that is no "
        f"ZEN, of {', '.join(references)}; chance is the best baseline without a picture. Ranks and means hold "
        f"results of every leakage flag.{without}"
    )
