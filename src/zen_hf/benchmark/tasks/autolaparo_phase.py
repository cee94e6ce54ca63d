# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which of seven phases of a hysterectomy it is, every second, in AutoLaparo."""

from ..metrics.phase_recognition.phase_recognition import PhaseRecognition
from ..readers.autolaparo import PHASES, SOURCE, read_autolaparo
from ..task import TEMPORAL_HEADS, Target, Task

TASK = Task(
    name="autolaparo_phase",
    source=SOURCE,
    reader=read_autolaparo,
    split="autolaparo_10_4_7",
    targets=(Target("phase", "single_label", PHASES, PhaseRecognition, score="f1_b"),),
    heads=TEMPORAL_HEADS,
    few_shot={1: (), 2: (), 4: ()},
    published={"videos": 21, "frames": 83_243},
)
