# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Scores of every class as bars, each encoder beside the others, with how frequent the class is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from zen_hf.pages.palette import colours

from ..task import DENSE
from .entries import Entry, Score
from .words import badge, head_words, number_html

RARE = 0.01  # share of test frames
Values = list[float | None]


@dataclass(frozen=True)
class ClassMeasure:
    """One score per class.

    Args:
        words: what it is.
        of_run: from all scores of a run to those of the classes; None where undefined.
        unit: that ends numbers; without one, scores lie in [0, 1].
    """

    words: str
    of_run: Callable[[dict], Values]
    unit: str = ""


@dataclass(frozen=True)
class ClassCounts:
    """How frequent classes are in the test.

    Args:
        counted: what was counted, "test frames".
        counts: of each class.
        total: of which shares are taken.
    """

    counted: str
    counts: list[int]
    total: int


def class_table(entries: Sequence[Entry], target: str) -> str:
    """A row per class, a bar per encoder, for one head of each; a table per measure. Empty for depth, which has no class.

    Args:
        entries: results of one task, protocol and split.
        target: name of the target.
    """
    about = entries[0].summary["targets"][target]
    shown = {entry.encoder: drawn_score(entry, target) for entry in entries}
    first = next(iter(shown.values()))
    if not about["labels"]:
        return ""
    counts = class_counts(first, about["kind"], entries[0].question is not None)
    tables = [
        bars_table(measure, about["labels"], counts, shown)
        for measure in class_measures(first, about["kind"], entries[0].question is not None)
    ]
    named = list(enumerate(about["labels"]))[about["kind"] == "segmentation" :]  # its first class is the background
    absent = [label for index, label in named if counts.counts[index] == 0]
    what = counts.counted.lower().removesuffix("s")
    missing = f"<p class=note>Without a {what} and left out: {escape(', '.join(absent))}.</p>"
    return "\n".join([*tables, missing if absent else ""])


def type_table(entries: Sequence[Entry], target: str) -> str:
    """A row per type of question, a bar per encoder; empty where the task has no types."""
    shown = {entry.encoder: drawn_score(entry, target) for entry in entries}
    videos = next(iter(shown.values())).runs[0]["scores"]["per_video"].values()
    types = list(next(iter(videos))["types"])
    if not types:
        return ""
    asked = [sum(video["types"][name][1] for video in videos) for name in types]
    measure = ClassMeasure(
        "Share of the questions of each type answered right, all videos together",
        lambda scores: [scores[f"accuracy_{name}_global"] for name in types],
    )
    return bars_table(measure, types, ClassCounts("Test questions", asked, sum(asked)), shown, "Type")


def bars_table(
    measure: ClassMeasure, labels: list[str], counts: ClassCounts, shown: dict[str, Score], what: str = "Class"
) -> str:
    """One measure of all classes that occur.

    Args:
        measure: of the classes.
        labels: names of the classes.
        counts: how frequent they are.
        shown: {encoder: one of its scores, whose runs are averaged}.
        what: heading of the names.
    """
    values = {encoder: mean_over_runs(measure, score) for encoder, score in shown.items()}
    known = [value for of_encoder in values.values() for value in of_encoder if value is not None]
    longest = max(known, default=1.0) or 1.0 if measure.unit else 1.0
    tint = colours(list(values))
    rarely = f"in fewer than 1 % of the {counts.counted.lower()}: the score hangs on few of them"
    lines = [f"<p>{escape(measure.words)}, {escape(head_words(next(iter(shown.values())).head))}; mean over runs.</p>"]
    lines.append(
        f"<div class=wide><table class=bars><thead><tr><th>{what}</th><th>{counts.counted}</th><th>Share</th>"
    )
    lines += [f"<th>{escape(encoder)}</th>" for encoder in values] + ["</tr></thead><tbody>"]
    for index, label in enumerate(labels):
        if counts.counts[index] == 0:
            continue
        share = counts.counts[index] / counts.total
        rare = f" {badge('warning', 'rare', rarely)}" if share < RARE else ""
        lines.append(f"<tr><td>{escape(label)}{rare}</td><td>{counts.counts[index]}</td><td>{share:.1%}</td>")
        lines += [
            f"<td>{bar(of_encoder[index], tint[encoder], longest, measure.unit)}</td>"
            for encoder, of_encoder in values.items()
        ]
        lines.append("</tr>")
    return "\n".join([*lines, "</tbody></table></div>"])


def drawn_score(entry: Entry, target: str) -> Score:
    """The head of the primary score where the target has it, else its first one; with the most training videos."""
    of_head = [score for score in entry.primary_scores if score.target == target]
    return of_head[-1] if of_head else next(iter(entry.scores(target).values()))


def class_measures(score: Score, kind: str, questions: bool) -> list[ClassMeasure]:
    """What is known of every class, by the metric of the target."""
    if kind in ("segmentation", "partial"):
        return [
            ClassMeasure(
                "Dice of each class, mean over the images whose truth holds it", lambda run: run["dice_class"]
            ),
            ClassMeasure(
                "HD95 of each class in pixels (lower is better), the image's diagonal where it is missed or made up",
                lambda run: run["hd95_maxdir_class"],
                unit=" px",
            ),
        ]
    if kind == "instances":
        which = score.metric.split("_")[0]  # box_ap_global
        name = f"AP (overlaps of 50 to 95 %) of the {'boxes' if which == 'box' else 'masks'} of each class"
        if score.metric.endswith("_global"):
            return [ClassMeasure(f"{name}, all videos together", lambda run: run[f"{which}_ap_class_global"])]
        return [
            ClassMeasure(
                f"{name}, mean over the videos that hold it", lambda run: mean_over_videos(run, f"{which}_ap_class")
            )
        ]
    if questions:
        return [ClassMeasure("F1 of each answer, all videos together", lambda run: run["f1_class_global"])]
    if not score.metric.startswith("map_"):
        words = "F1 of each class, mean over the videos that hold it"
        return [ClassMeasure(words, lambda run: run["per_class"]["f1_b"])]
    order = score.metric.removeprefix("map_")
    order = order.replace("class_mean", "class_video_mean").replace("global", "class_global")
    order = order if "class_" in order else order.replace("video_mean", "class_video_mean")
    how = "frames of all videos ranked together" if order.endswith("global") else "mean over the videos that hold it"
    words = f"Average precision of each class, {how}; that of a constant score is the share of positive frames"
    return [ClassMeasure(words, lambda run: run[f"ap_{order}"])]


def mean_over_videos(scores: dict, name: str) -> Values:
    """Mean of every class over the videos where it is defined."""
    table = [video[name] for video in scores["per_video"].values()]
    columns = [[value for value in column if value is not None] for column in zip(*table, strict=True)]
    return [float(np.mean(column)) if column else None for column in columns]


def mean_over_runs(measure: ClassMeasure, score: Score) -> Values:
    """The measure of every class, mean over runs; None where a run has none."""
    columns = zip(*(measure.of_run(run["scores"]) for run in score.runs), strict=True)
    return [None if None in column else float(np.mean(column)) for column in columns]


def class_counts(score: Score, kind: str, questions: bool) -> ClassCounts:
    """How often each class occurs in the test."""
    per_video = list(score.runs[0]["scores"]["per_video"].values())
    if kind == "instances":
        counts = np.sum([video["instances"] for video in per_video], axis=0)
        return ClassCounts("Test instances", counts.tolist(), int(counts.sum()))
    frames = sum(video["frames"] for video in per_video if "frames" in video)
    if kind in DENSE:
        counts = np.sum([video["images"]["truth"] for video in per_video], axis=0)
        return ClassCounts("Test images", counts.tolist(), frames)
    component = score.metric.split("_")[1]  # of a triplet metric: map_ivt_class_mean
    parts = [video.get(component, video) for video in per_video]
    counts = sum(
        np.array(part["positives"] if "positives" in part else np.sum(part["confusion"], axis=1)) for part in parts
    )
    counted = "Test questions" if questions else "Test frames"
    return ClassCounts(counted, counts.tolist(), sum(part["frames"] for part in parts))


def bar(value: float | None, colour: str, longest: float = 1.0, unit: str = "") -> str:
    """A number beside a bar from 0 to the longest one's value."""
    if value is None:
        return "undefined"
    width = 100 * value / longest
    return f"<span class=bar><i style='width:{width:.1f}%;background:{colour}'></i></span>{number_html(value)}{unit}"
