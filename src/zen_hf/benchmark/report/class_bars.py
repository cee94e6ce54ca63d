# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Scores of every class as bars, each encoder beside the others, with how frequent the class is."""

from collections.abc import Sequence
from html import escape

import numpy as np

from .entries import Entry, Score
from .palette import colours
from .words import badge, head_words, number_html

RARE = 0.01  # share of test frames
RARELY = "in fewer than 1 % of the test frames: the score hangs on few of them"


def class_table(entries: Sequence[Entry], target: str) -> str:
    """A row per class, a bar per encoder, for one head of each.

    Args:
        entries: results of one task, protocol and split.
        target: name of the target.
    """
    labels = entries[0].summary["targets"][target]["labels"]
    shown = {entry.encoder: drawn_score(entry, target) for entry in entries}
    first = next(iter(shown.values()))
    values = {encoder: class_scores(score, len(labels)) for encoder, score in shown.items()}
    frames, share = class_frames(first)
    tint = colours(list(values))
    lines = ["<div class=wide><table class=bars><thead><tr><th>Class</th><th>Test frames</th><th>Share</th>"]
    lines += [f"<th>{escape(encoder)}</th>" for encoder in values] + ["</tr></thead><tbody>"]
    absent = []
    for index, label in enumerate(labels):
        if frames[index] == 0:
            absent.append(label)
            continue
        rare = f" {badge('warning', 'rare', RARELY)}" if share[index] < RARE else ""
        lines.append(f"<tr><td>{escape(label)}{rare}</td><td>{frames[index]}</td><td>{share[index]:.1%}</td>")
        lines += [f"<td>{bar(by_class[index], tint[encoder])}</td>" for encoder, by_class in values.items()]
        lines.append("</tr>")
    missing = (
        f"<p class=note>Without a test frame, hence without a score: {escape(', '.join(absent))}.</p>"
        if absent
        else ""
    )
    ranked = class_metric(first)[0].startswith("ap_")
    constant = " A constant score has the share of positive frames as its average precision." if ranked else ""
    head = f"<p>{escape(class_metric(first)[1])}, {escape(head_words(first.head))}; mean over runs.{constant}</p>"
    return "\n".join([head, *lines, "</tbody></table></div>", missing])


def drawn_score(entry: Entry, target: str) -> Score:
    """The head of the primary score where the target has it, else its first one; with the most training videos."""
    of_head = [score for score in entry.primary_scores if score.target == target]
    return of_head[-1] if of_head else next(iter(entry.scores(target).values()))


def class_metric(score: Score) -> tuple[str, str]:
    """Where a metric's result holds the scores per class, and what they are called."""
    if not score.metric.startswith("map_"):
        return "f1_b", "F1 of each class, mean over the videos that hold it"
    order = score.metric.removeprefix("map_")
    order = order.replace("class_mean", "class_video_mean").replace("global", "class_global")
    order = order if "class_" in order else order.replace("video_mean", "class_video_mean")
    words = "frames of all videos ranked together" if order.endswith("global") else "mean over the videos that hold it"
    return f"ap_{order}", f"Average precision of each class, {words}"


def class_scores(score: Score, classes: int) -> list[float | None]:
    """The score of every class, mean over runs; None where it is undefined."""
    key, _ = class_metric(score)
    runs = [(run["scores"] if key.startswith("ap_") else run["scores"]["per_class"])[key] for run in score.runs]
    return [
        None if any(run[index] is None for run in runs) else float(np.mean([run[index] for run in runs]))
        for index in range(classes)
    ]


def class_frames(score: Score) -> tuple[list[int], list[float]]:
    """Test frames that hold each class, and their share of all."""
    per_video = score.runs[0]["scores"]["per_video"].values()
    component = score.metric.split("_")[1]  # of a triplet metric: map_ivt_class_mean
    parts = [video.get(component, video) for video in per_video]
    counts = sum(
        np.array(part["positives"] if "positives" in part else np.sum(part["confusion"], axis=1)) for part in parts
    )
    return counts.tolist(), (counts / sum(part["frames"] for part in parts)).tolist()


def bar(value: float | None, colour: str) -> str:
    """A number beside a bar from 0 to 1."""
    if value is None:
        return "undefined"
    return f"<span class=bar><i style='width:{100 * value:.1f}%;background:{colour}'></i></span>{number_html(value)}"
