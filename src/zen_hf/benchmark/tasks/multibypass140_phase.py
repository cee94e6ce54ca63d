# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which of twelve phases of a gastric bypass it is, every second, in the two centres of MultiBypass140."""

from ..metrics.phase_recognition.phase_recognition import PhaseRecognition
from ..readers.multibypass140 import PHASES, SOURCE, read_multibypass140
from ..task import TEMPORAL_HEADS, Target, Task

TASK = Task(
    name="multibypass140_phase",
    source=SOURCE,
    reader=read_multibypass140,
    split="multibypass140_80_20_40",
    other_splits=(
        "multibypass140_bern_fold1",
        "multibypass140_bern_to_strasbourg",
        "multibypass140_strasbourg_to_bern",
    ),
    targets=(Target("phase", "single_label", PHASES, PhaseRecognition, score="f1_b"),),
    heads=TEMPORAL_HEADS,
    few_shot={2: (), 4: (), 8: ()},
    published={"videos": 140},
)
