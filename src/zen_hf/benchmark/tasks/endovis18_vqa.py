# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Questions about a frame of a robotic nephrectomy, with 18 answers, in EndoVis18-VQA."""

from ..metrics.closed_answers.closed_answers import ClosedAnswers
from ..readers.endovis18_vqa import ANSWERS, SOURCE, TYPES, read_endovis18_vqa
from ..task import ANSWER_HEADS, Target, Task

TASK = Task(
    name="endovis18_vqa",
    source=SOURCE,
    reader=read_endovis18_vqa,
    split="endovis18_vqa_9_2_3",
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
    few_shot={2: (), 4: ()},
    published={"videos": 14},
    question="question",
)
