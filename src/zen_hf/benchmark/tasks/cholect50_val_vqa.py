# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Questions that the labels of four videos of CholecT50 answer, leaving each patient out in turn."""

from ..metrics.closed_answers.closed_answers import ClosedAnswers
from ..readers.cholect50 import SOURCE
from ..readers.cholect50_questions import ANSWERS, TYPES, read_cholect50_questions
from ..task import ANSWER_HEADS, Target, Task

TASK = Task(
    name="cholect50_val_vqa",
    source=SOURCE,
    reader=read_cholect50_questions,
    split="cholect50_val_leave_one_out",
    targets=(
        Target(
            "answer",
            "single_label",
            ANSWERS,
            ClosedAnswers,
            score="macro_f1",
            headline="macro_f1_global",  # as the field reports it: over the answers that occur in the test
            settings={"types": TYPES},
        ),
    ),
    heads=ANSWER_HEADS,
    few_shot={1: (), 2: ()},
    published={"videos": 4},
    question="question",
)
