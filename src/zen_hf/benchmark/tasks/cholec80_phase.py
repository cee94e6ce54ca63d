# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which of seven phases it is, every second, in Cholec80."""

from ..metrics.phase_recognition.phase_recognition import PhaseRecognition
from ..readers.cholec80 import FEW_SHOT, PHASES, SOURCE, read_cholec80_phases
from ..task import TEMPORAL_HEADS, Target, Task, Transfer

TASK = Task(
    name="cholec80_phase",
    source=SOURCE,
    reader=read_cholec80_phases,
    split="cholec80_40_8_32",
    other_splits=("cholec80_40_40", "cholec80_32_8_40"),
    targets=(Target("phase", "single_label", PHASES, PhaseRecognition, score="f1_b"),),
    heads=TEMPORAL_HEADS,
    transfers=(
        Transfer("m2cai16_phase", "phase", {"TrocarPlacement": "Preparation"} | {name: name for name in PHASES}),
    ),
    few_shot=FEW_SHOT,
    published={"videos": 80, "frames": 184_498},
)
