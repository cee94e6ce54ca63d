# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Files of questions about one frame, a line `question|answer` each, as several surgical datasets have them."""

import difflib
from pathlib import Path

import datasets

from .canonical import single_label


def question_columns(answers: tuple[str, ...]) -> dict[str, object]:
    """The label columns of a dataset of questions with a closed list of answers."""
    return {"question": datasets.Value("string"), "answer": single_label(answers)}


def read_question_lines(path: Path, answers: tuple[str, ...], dropped: tuple[str, ...] = ()) -> list[dict]:
    """Read the questions about one frame.

    Args:
        path: the file.
        answers: the closed list.
        dropped: answers whose questions the dataset's authors leave out.

    Returns:
        `question` and `answer` (its index) of each, sorted by question.

    Raises:
        ValueError: if a line has no answer, or one outside the list; the message names file, answer and list.
    """
    pairs = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        question, separator, answer = (part.strip() for part in line.partition("|"))
        if not (question and separator and answer):
            raise ValueError(f"{path}, line {number}: {line!r}, expected question|answer.")
        if answer in dropped:
            continue
        if answer not in answers:
            nearest = difflib.get_close_matches(answer, answers, n=1)
            hint = f" (did it mean {nearest[0]!r}?)" if nearest else ""
            raise ValueError(
                f"{path}, line {number}: the answer {answer!r} is outside the list{hint}; the {len(answers)} answers are: "
                f"{', '.join(answers)}. Use the official files."
            )
        pairs.append((question, answers.index(answer)))
    return [{"question": question, "answer": answer} for question, answer in sorted(pairs)]
