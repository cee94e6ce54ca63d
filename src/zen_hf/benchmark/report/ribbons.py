# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Phase ribbons: what was the case and what each head said, along the time of a video."""

from collections.abc import Sequence
from html import escape

import numpy as np

from zen_hf.pages.palette import colours

from .entries import Entry
from .words import head_words, number

SHOWN_VIDEOS = 3
WIDTH = 1000  # units along a video; a segment is at least one tenth of a unit
MINUTE_STEPS = (1 / 12, 1 / 6, 0.5, 1, 2, 5, 10, 15, 30, 60)  # minutes between two marks


def ribbons(entries: Sequence[Entry], target: str) -> str:
    """Ribbons of some test videos for every encoder of one protocol, or a note where predictions are missing.

    Args:
        entries: results of one task, protocol and split.
        target: name of a single-label target.
    """
    labels = entries[0].summary["targets"][target]["labels"]
    stored, notes = [entry for entry in entries if entry.has_predictions], missing_note(entries, "ribbons")
    if not stored:
        return notes
    said = {
        row_name(entry, head, stored): predicted(entry, target, head)
        for entry in stored
        for head in drawn_heads(entry, target)
    }
    rows = {"truth": stored[0].result.truth(target)} | said
    times = stored[0].result.times()
    pictures = "\n".join(
        video_ribbons(video, why, {name: classes[video] for name, classes in rows.items()}, times[video], labels)
        for video, why in chosen_videos(stored[0], target).items()
    )
    return f"{legend(colours(labels))}\n{pictures}{notes}"


def missing_note(entries: Sequence[Entry], what: str) -> str:
    """Which encoders have no pictures for want of predictions; empty where all have some."""
    return "".join(
        f"<p class=note>No {what} of {escape(entry.encoder)}: {escape(str(entry.result.folder))} holds no predictions.</p>"
        for entry in entries
        if not entry.has_predictions
    )


def row_name(entry: Entry, head: str, entries: Sequence[Entry]) -> str:
    """What a ribbon is called: its head, and its encoder where there are several; a long name is cut at its end."""
    return head_words(head) if len(entries) == 1 else f"{head_words(head)}: {entry.encoder}"


def predicted(entry: Entry, target: str, head: str) -> dict[str, np.ndarray]:
    """The class that the first run of a head predicts for every frame of every test video."""
    return {video: logits.argmax(axis=1) for video, logits in entry.result.logits(target, head, 0).items()}


def chosen_videos(entry: Entry, target: str) -> dict[str, str]:
    """The worst, the median and the best test video by the first drawn head, each with a word on why it is shown."""
    of_target = entry.summary["targets"][target]
    head = entry.scores(target)[drawn_heads(entry, target)[0]]
    by_video = {video: of[of_target["score"]] for video, of in head.runs[0]["scores"]["per_video"].items()}
    ranked = sorted((video for video, value in by_video.items() if value is not None), key=by_video.get)
    places = {0: "lowest", len(ranked) // 2: "median", len(ranked) - 1: "highest"}
    if len(ranked) <= SHOWN_VIDEOS:
        places = dict.fromkeys(range(len(ranked)), "")
    score = f"{of_target['score']} of {entry.encoder}, {head_words(head.head)}"
    return {
        ranked[place]: f"{why} {score}: {number(by_video[ranked[place]])}".strip() for place, why in places.items()
    }


def video_ribbons(video: str, why: str, rows: dict[str, np.ndarray], time: np.ndarray, labels: list[str]) -> str:
    """One video: named ribbons above an axis of minutes.

    Args:
        video: its id.
        why: what is said beside it.
        rows: {name: class index of every frame}, the truth first.
        time: seconds of every frame.
        labels: names of the classes.
    """
    lines = [
        f"<figure class=ribbons><figcaption><b>{escape(video)}</b> <span class=note>{escape(why)}</span></figcaption>"
    ]
    for name, classes in rows.items():
        label = f"<span class=name title='{escape(name)}'>{escape(name)}</span>"
        lines.append(f"<div class=row>{label}{ribbon(classes, time, labels)}</div>")
    lines.append(f"<div class=row><span class=name>minutes</span>{minutes(time)}</div></figure>")
    return "\n".join(lines)


def drawn_heads(entry: Entry, target: str) -> list[str]:
    """Raw, smoothed and temporal heads, without the attentive ones; of a few-shot result those with the most videos."""
    largest = list(entry.heads_by_shots(target).values())[-1]
    return [score.head for score in largest.values() if not score.head.startswith("attentive")] or [
        score.head for score in largest.values()
    ]


def ribbon(classes: np.ndarray, time: np.ndarray, labels: list[str]) -> str:
    """Classes along time as an SVG of one path per class.

    Args:
        classes: class index of every frame, [frames].
        time: seconds of every frame, ascending, [frames].
        labels: names of the classes.
    """
    colour = list(colours(labels).values())
    starts = np.flatnonzero(np.diff(classes, prepend=-1))
    edges = np.append(frame_edges(time)[starts], 1.0) * WIDTH
    paths: dict[int, list[str]] = {}
    for start, left, right in zip(starts, edges, edges[1:], strict=False):
        width = f"{max(right - left, 0.1):.1f}"
        paths.setdefault(int(classes[start]), []).append(f"M{left:.1f} 0h{width}v1h-{width}z")
    drawn = "".join(
        f"<path fill='{colour[index]}' d='{''.join(segments)}'><title>{escape(labels[index])}</title></path>"
        for index, segments in sorted(paths.items())
    )
    return f"<svg class=ribbon viewBox='0 0 {WIDTH} 1' preserveAspectRatio=none>{drawn}</svg>"


def frame_edges(time: np.ndarray) -> np.ndarray:
    """Where each frame begins, as a share of the video, which ends one median step after its last frame."""
    step = float(np.median(np.diff(time))) if len(time) > 1 else 1.0
    return (time - time[0]) / (time[-1] - time[0] + step)


def minutes(time: np.ndarray) -> str:
    """An axis of minutes under the ribbons, with at most ten marks."""
    step_s = float(np.median(np.diff(time))) if len(time) > 1 else 1.0
    whole = (float(time[-1] - time[0]) + step_s) / 60
    step = next((step for step in MINUTE_STEPS if whole / step <= 10), MINUTE_STEPS[-1])
    marks = []
    for index in range(int(whole / step) + 1):
        words = f"{index * step:g}" if step >= 0.5 else f"{index * step:.2f}"
        marks.append(f"<span style='left:{100 * index * step / whole:.2f}%'>{words}</span>")
    return f"<span class=minutes>{''.join(marks)}</span>"


def legend(tint: dict[str, str]) -> str:
    """The name of every class beside its colour."""
    items = "".join(f"<li><i style='background:{colour}'></i>{escape(label)}</li>" for label, colour in tint.items())
    return f"<ul class=classes>{items}</ul>"
