# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which of eight suturing gestures it is, ten times a second, in SAR-RARP50."""

from ..metrics.phase_recognition.phase_recognition import PhaseRecognition
from ..readers.sarrarp50 import GESTURES, SOURCE, read_sarrarp50
from ..task import TEMPORAL_HEADS, Target, Task

TASK = Task(
    name="sarrarp50_gesture",
    source=SOURCE,
    reader=read_sarrarp50,
    split="sarrarp50_35_5_10",
    targets=(
        Target(
            "gesture",
            "single_label",
            GESTURES,
            PhaseRecognition,
            score="sqrt_accuracy_segment_f1_10",
            headline="sqrt_of_means_accuracy_segment_f1_10",  # how the challenge ranks
        ),
    ),
    heads=TEMPORAL_HEADS,
    few_shot={4: (), 8: ()},
    published={"videos": 50},
)
