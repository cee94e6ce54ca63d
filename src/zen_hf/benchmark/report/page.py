# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""One self-contained HTML page about benchmark results: scores, curves, pictures, classes, and how it was measured."""

from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from itertools import groupby

from zen_hf.pages.palette import COLOURS
from zen_hf.pages.style import STYLE

from ..task import DENSE
from .all_tasks import all_tasks
from .class_bars import class_table, type_table
from .confusion import confusion_table, counted_rows
from .curves import label_efficiency
from .dataset_frames import DatasetFrames
from .entries import Entry
from .gallery import gallery
from .measured import measured
from .questions import questions
from .ribbons import ribbons
from .tables import MINIATURE, heads_table, overview
from .words import PROTOCOLS, primary_words

TITLE = "Benchmark results"


def results_page(entries: Sequence[Entry], frames: DatasetFrames | None = None) -> str:
    """The page.

    Args:
        entries: of `entries_of`, sorted by task and protocol.
        frames: of the datasets, to be shown beside predictions; None for a page without a frame.

    Raises:
        ValueError: if predictions are damaged, or the frames are not those of a result.
    """
    tasks = {task: list(of_task) for task, of_task in groupby(entries, key=lambda entry: entry.task)}
    of_tasks = [task_section(task, of_task, frames) for task, of_task in tasks.items()]
    shows_frames = frames is not None and frames.found  # known once all are drawn
    sections = [f"<h1>{TITLE}</h1>", introduction(entries, shows_frames), all_tasks(entries)]
    sections += ["<h2 id=results>All results</h2>", overview(entries), *of_tasks]
    sections += ["<h2 id=measured>How it was measured</h2>", *(measured(entry) for entry in entries)]
    head = (
        "<meta charset=utf-8><meta name=viewport content='width=device-width'><meta name=color-scheme content='light dark'>"
        f"<title>{TITLE}</title><style>{STYLE}</style>"
    )
    body = "\n".join(sections)
    return f"<!doctype html>\n<html lang=en><head>{head}</head>\n<body>\n{body}\n</body></html>\n"


def introduction(entries: Sequence[Entry], shows_frames: bool) -> str:
    """What is on the page, and warnings where results are of no real surgery and where it shows frames."""
    protocols = list(dict.fromkeys(entry.protocol for entry in entries))
    counts = {
        "task": len({entry.task for entry in entries}),
        "encoder": len({entry.encoder for entry in entries}),
        "protocol": len(protocols),
    }
    said = ", ".join(f"{count} {name}{'s' if count != 1 else ''}" for name, count in counts.items())
    items = "".join(f"<li>{escape(PROTOCOLS.get(protocol, protocol))}</li>" for protocol in protocols)
    small = sum(entry.miniature for entry in entries)
    warning = f"<p class=alarm>{small} of {len(entries)} results are of miniatures: {MINIATURE}.</p>" if small else ""
    warning += f"<p class=alarm>{FRAMES}</p>" if shows_frames else ""
    return f"<p>{said}.</p>{warning}<p>Protocols:</p><ul>{items}</ul>"


FRAMES = (
    "This page shows frames of the datasets, which may be of patients: keep it as their licences say, and pass it on to nobody "
    "who may not see them. Without --data the same page holds no frame."
)


def task_section(task: str, entries: list[Entry], frames: DatasetFrames | None) -> str:
    """All about one task."""
    parts = [f"<section><h2 id='{escape(task)}'>{escape(task)}</h2>"]
    if any(entry.miniature for entry in entries):
        parts.append(f"<p class=alarm>Miniature: {MINIATURE}.</p>")
    for target in entries[0].summary["targets"]:
        parts.append(target_section(target, entries, frames))
    return "\n".join([*parts, "</section>"])


def target_section(target: str, entries: list[Entry], frames: DatasetFrames | None) -> str:
    """Scores, curves, pictures, classes and confusions of one target of a task."""
    about = entries[0].summary["targets"][target]
    said = primary_words(about["primary"], about.get("lower_is_better", False))
    parts = [
        f"<h3>{escape(target)}</h3><p><b>{escape(about['primary'])}</b>: {escape(said)}.</p>",
        heads_table(entries, target),
    ]
    if curves := label_efficiency(entries, target):
        parts += ["<h4>Label efficiency</h4>", CURVES, curves]
    for title, picture in pictures_of(about["kind"], entries[0].question is not None, frames).items():
        parts += by_protocol(title, entries, target, picture)
    return "\n".join(parts)


def pictures_of(kind: str, asks: bool, frames: DatasetFrames | None) -> dict[str, Callable[[list[Entry], str], str]]:
    """The pictures and tables of a kind of target, by title; `asks` says whether a row is a question about a frame."""
    if kind in DENSE:
        return {"Pictures": partial(gallery, frames=frames), "Classes": class_table}
    if asks:
        answers = {"Questions and answers": partial(questions, frames=frames), "Types of questions": type_table}
        return answers | {"Confusions": confusions, "Answers": class_table}
    return ({"Ribbons": ribbons, "Confusions": confusions} if kind == "single_label" else {}) | {
        "Classes": class_table
    }


CURVES = (
    "<p class=note>Mean over subsets of training videos; the band is the 95 % interval over test videos. “All” is the frozen "
    "protocol, which also chooses its settings on validation videos.</p>"
)


LISTS = ("Ribbons", "Confusions", "Classes", "Answers")  # with a row or colour per class


def by_protocol(title: str, entries: list[Entry], target: str, picture) -> list[str]:
    """A picture for every protocol and split, the first one open unless it lists many classes, the others folded away."""
    many = len(entries[0].summary["targets"][target]["labels"]) > len(COLOURS)
    parts, long = [], many and title in LISTS
    for _, group in groupby(entries, key=lambda entry: (entry.protocol, entry.tested_on)):
        shown = list(group)
        words = f"{title}: {shown[0].protocol}, split {shown[0].split}, {shown[0].test_videos} test videos"
        opened = "" if parts or long else " open"
        if content := picture(shown, target):
            parts.append(f"<details{opened}><summary>{escape(words)}</summary>{content}</details>")
    return parts


def confusions(entries: list[Entry], target: str) -> str:
    """The confusion matrices of all encoders of one protocol."""
    counted = counted_rows(entries[0])
    note = (
        f"<p class=note>Per cent of each true class's {counted}, over all test videos; point at a cell for the number of "
        f"{counted} (mean over runs). Striped: no test {counted.removesuffix('s')} of the class.</p>"
    )
    return note + "<div class=charts>" + "".join(confusion_table(entry, target) for entry in entries) + "</div>"
