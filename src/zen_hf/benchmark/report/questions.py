# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Some test questions with the true answer and what each encoder said."""

from collections.abc import Sequence
from html import escape

import numpy as np

from .class_bars import drawn_score
from .dataset_frames import DatasetFrames, without_frames
from .drawn_pictures import WIDTH, frame_picture, image_tag
from .entries import Entry
from .ribbons import missing_note, predicted
from .words import head_words

SHOWN_QUESTIONS = 10
NARROW = 2  # pictures beside questions are drawn at one part in so many


def questions(entries: Sequence[Entry], target: str, frames: DatasetFrames | None) -> str:
    """A row per question: truth and answers of every encoder of one protocol; its words and frame need the data.

    Args:
        entries: results of one task, protocol and split.
        target: name of the target that holds the answers.
        frames: of the datasets; None for answers without questions.

    Raises:
        ValueError: if predictions are damaged, or the data are not those of the result.
    """
    stored, notes = [entry for entry in entries if entry.has_predictions], missing_note(entries, "answers")
    if not stored:
        return notes
    labels = stored[0].summary["targets"][target]["labels"]
    truth = stored[0].result.truth(target)
    said = {entry.encoder: predicted(entry, target, drawn_score(entry, target).head) for entry in stored}
    rows = frames.of(stored[0]) if frames is not None else None
    titles = ["Frame", "Question"] if rows is not None else ["Video"]
    lines = ["<div class=wide><table class=scores><thead><tr>"]
    lines += [f"<th>{escape(title)}</th>" for title in (*titles, "Truth", *said)] + ["</tr></thead><tbody>"]
    for video, index in chosen_rows({video: len(answers) for video, answers in truth.items()}):
        right = int(truth[video][index])
        cells = [escape(video)]
        if rows is not None:
            row = rows.row(video, index)
            small = frame_picture(row["image"])[::NARROW, ::NARROW]
            cells = [
                image_tag(small, escape(f"frame of {video}", quote=True), True, WIDTH // NARROW)
                + f"<br><span class=note>{escape(video)}</span>",
                escape(row[rows.question]),
            ]
        cells.append(f"<b>{escape(labels[right])}</b>")
        cells += [answer(labels, right, int(of_encoder[video][index])) for of_encoder in said.values()]
        lines.append("<tr class=answers>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    head = head_words(drawn_score(stored[0], target).head)
    why = ""
    if rows is None:
        why = f" Without questions and frames, which results do not hold: {escape(without_frames(stored[0], frames))}."
    note = f"<p class=note>First run, {escape(head)}; questions at equal steps through the test videos.{why}</p>"
    return "\n".join([note, *lines, "</tbody></table></div>", notes])


def chosen_rows(rows: dict[str, int]) -> list[tuple[str, int]]:
    """Video and row of questions at equal steps through all of them.

    Args:
        rows: {video: number of its questions}.
    """
    every = [(video, index) for video in sorted(rows) for index in range(rows[video])]
    wanted = np.linspace(0, len(every) - 1, min(SHOWN_QUESTIONS, len(every))).round().astype(int)
    return [every[place] for place in wanted]


def answer(labels: list[str], right: int, said: int) -> str:
    """An answer with a mark: right or wrong."""
    mark = "<span class=right title=right>✓</span>" if said == right else "<span class=wrong title=wrong>✗</span>"
    return f"{mark} {escape(labels[said])}"
