# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows of (frame, question) as unique frames and unique questions, so that each is encoded once.

A row of a question-answering dataset is a question about a frame. The same frame stands in many rows, and the same question
in many more.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import datasets
import numpy as np

from ..exam import Exam, FoldLabels
from ..task import Target


@dataclass(frozen=True)
class QuestionRows:
    """What the rows of one video ask, in their order.

    Args:
        frame: place of the row's frame among the video's unique frames, [rows].
        question: place of its question among all questions, [rows].
    """

    frame: np.ndarray
    question: np.ndarray


@dataclass(frozen=True)
class AskedFrames:
    """The rows of an exam, taken apart.

    Args:
        frames: one canonical row per frame, those of a video in the order in which they first occur.
        questions: every question once, sorted.
        rows: what is asked, by video.
    """

    frames: datasets.Dataset
    questions: tuple[str, ...]
    rows: dict[str, QuestionRows]


@dataclass(frozen=True)
class AskedVideo:
    """Questions about one video, with what is known of its frames and of the answers.

    Args:
        video: its id.
        rows: the questions.
        tokens: patch tokens of its unique frames, [frames, tokens, channels]; None for a head that sees no picture.
        labels: index of the answer of every row; None where it is to be predicted.
    """

    video: str
    rows: QuestionRows
    tokens: np.ndarray | None = None
    labels: np.ndarray | None = None


def answer_target(exam: Exam) -> Target:
    """What a question-answering task predicts.

    Raises:
        ValueError: if the task asks no question, or has anything but one target with a fixed list of answers.
    """
    task = exam.task
    kinds = [target.kind for target in task.targets]
    if task.question is None or kinds != ["single_label"]:
        raise ValueError(
            f"{task.name} has the question column {task.question!r} and targets of kind {kinds}; question answering "
            "expects a question column and one target of kind 'single_label'."
        )
    return task.targets[0]


def take_apart(exam: Exam) -> AskedFrames:
    """Unique frames and questions of an exam; a frame is one value of `frame` in one video.

    Raises:
        ValueError: if a question is missing or empty.
    """
    column = exam.task.question
    videos, numbers, texts = (exam.frames[name][:] for name in ("video_id", "frame", column))
    empty = [row for row, text in enumerate(texts) if not (text or "").strip()]
    if empty:
        raise ValueError(
            f"{exam.task.name}: {len(empty)} of {len(texts)} rows have no question (first: row {empty[0]}, video "
            f"{videos[empty[0]]!r}); mend the reader's column {column!r}."
        )
    questions = sorted(set(texts))
    places = {text: place for place, text in enumerate(questions)}
    first_rows, seen, found = [], {}, {}  # seen: video -> frame number -> place among the video's frames
    for row, (video, number, text) in enumerate(zip(videos, numbers, texts, strict=True)):
        frames, rows = seen.setdefault(video, {}), found.setdefault(video, ([], []))
        if number not in frames:
            frames[number] = len(frames)
            first_rows.append(row)
        rows[0].append(frames[number])
        rows[1].append(places[text])
    unique = exam.frames.select(first_rows).select_columns(["image", "video_id", "frame", "time_s"])
    rows = {video: QuestionRows(np.array(frame), np.array(question)) for video, (frame, question) in found.items()}
    return AskedFrames(unique, tuple(questions), rows)


def asked_hash(apart: AskedFrames, labels: FoldLabels) -> str:
    """SHA-256 over the questions about a fold's videos."""
    digest = hashlib.sha256(json.dumps(apart.questions).encode())
    for video in labels.fold.videos:
        rows = apart.rows[video]
        digest.update(json.dumps([video, rows.frame.tolist(), rows.question.tolist()]).encode())
    return digest.hexdigest()


def asked(
    labels: dict[str, np.ndarray], rows: dict[str, QuestionRows], tokens: dict[str, np.ndarray] | None = None
) -> list[AskedVideo]:
    """Videos with their questions, truth and, where given, patch tokens.

    Raises:
        ValueError: if a video has another number of questions than of answers.
    """
    for video, truth in labels.items():
        if len(truth) != len(rows[video].question):
            raise ValueError(
                f"video {video!r} has {len(rows[video].question)} questions and {len(truth)} answers; expected as many "
                "of both."
            )
    return [
        AskedVideo(video, rows[video], None if tokens is None else tokens[video], truth)
        for video, truth in labels.items()
    ]


def nearest_question(question: str, known: Sequence[str]) -> str | None:
    """The known question that shares the most words with another: the same template, asked of another thing.

    Share of common words among all words of both (P. Jaccard, 1901); the first in the alphabet of equally near ones.

    Args:
        question: what is asked.
        known: the others.

    Returns:
        The question itself, if it is known; None if no known one shares a word with it.
    """
    words = words_of(question)

    def likeness(other: str) -> float:
        return len(words & words_of(other)) / len(words | words_of(other))

    related = [other for other in sorted(known) if words & words_of(other)]
    return question if question in known else max(related, key=likeness, default=None)


def words_of(text: str) -> set[str]:
    """Its words, whatever their case."""
    return set(re.findall(r"\w+", text.lower()))


def joined_rows(videos: Iterable[AskedVideo]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of several videos as one: frames counted over all videos, questions, answers."""
    videos, start, frames = list(videos), 0, []
    for video in videos:
        frames.append(video.rows.frame + start)
        start += int(video.rows.frame.max()) + 1 if video.tokens is None else len(video.tokens)
    questions = np.concatenate([video.rows.question for video in videos])
    return np.concatenate(frames), questions, np.concatenate([video.labels for video in videos])
