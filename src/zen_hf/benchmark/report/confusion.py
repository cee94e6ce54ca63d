# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Confusion matrices of single-label targets: which class was taken for which."""

from html import escape

import numpy as np

from .class_bars import drawn_score
from .entries import Entry
from .words import head_words


def confusion_table(entry: Entry, target: str) -> str:
    """Share of each true class's frames by predicted class, summed over test videos, mean over runs.

    Args:
        entry: the result.
        target: name of a single-label target.
    """
    labels, score = entry.summary["targets"][target]["labels"], drawn_score(entry, target)
    counts = summed(score.runs)
    total = counts.sum(axis=1, keepdims=True)
    lines = [
        f"<figure><figcaption><b>{escape(entry.encoder)}</b> <span class=note>{escape(head_words(score.head))}</span></figcaption>"
    ]
    lines.append("<table class=confusion><thead><tr><th>true, predicted →</th>")
    lines += [f"<th title='{escape(label)}'><span>{escape(label)}</span></th>" for label in labels]
    lines.append("</tr></thead><tbody>")
    for row, label in enumerate(labels):
        cells = "".join(
            cell(counts[row, column], total[row, 0], label, other, counted_rows(entry))
            for column, other in enumerate(labels)
        )
        lines.append(f"<tr><th title='{escape(label)}'>{escape(label)}</th>{cells}</tr>")
    return "\n".join([*lines, "</tbody></table></figure>"])


def counted_rows(entry: Entry) -> str:
    """What a row of the data is: a frame, or a question about one."""
    return "questions" if entry.question is not None else "frames"


def summed(runs: list[dict]) -> np.ndarray:
    """Frames by true class (row) and predicted class, of all videos, mean over runs, [classes, classes]."""
    return np.mean(
        [np.sum([video["confusion"] for video in run["scores"]["per_video"].values()], axis=0) for run in runs], axis=0
    )


def cell(count: float, total: float, true: str, predicted: str, counted: str) -> str:
    """A cell: per cent of the row on a tint, the number of what was counted when pointed at; empty rows are hatched."""
    if total == 0:
        return "<td class=empty></td>"
    share = float(count / total)
    said = f"{true} taken for {predicted}: {count:g} of {total:g} {counted}"
    words = f"{100 * share:.0f}" if share >= 0.005 else ""
    tone = "dark" if share > 0.5 else "light"
    return f"<td class={tone} style='--share:{share:.3f}' title='{escape(said)}'><data value={share!r}>{words}</data></td>"
