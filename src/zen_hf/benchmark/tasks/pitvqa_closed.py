# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Questions about a frame of a pituitary operation, with 59 answers, in PitVQA."""

from ..metrics.closed_answers.closed_answers import ClosedAnswers
from ..readers.pitvqa import ANSWERS, SOURCE, TYPES, read_pitvqa
from ..task import ANSWER_HEADS, Target, Task

TASK = Task(
    name="pitvqa_closed",
    source=SOURCE,
    reader=read_pitvqa,
    split="pitvqa_17_3_5",
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
    few_shot={4: (), 8: ()},
    published={"videos": 25},
    question="question",
)
