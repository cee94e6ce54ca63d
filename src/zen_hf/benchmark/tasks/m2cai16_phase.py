# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which of eight phases it is, every second, in the M2CAI 2016 workflow challenge."""

from ..metrics.phase_recognition.phase_recognition import PhaseRecognition
from ..readers.m2cai16 import PHASES, SOURCE, read_m2cai16
from ..task import TEMPORAL_HEADS, Target, Task, Transfer

TASK = Task(
    name="m2cai16_phase",
    source=SOURCE,
    reader=read_m2cai16,
    split="m2cai16_22_5_14",
    targets=(Target("phase", "single_label", PHASES, PhaseRecognition, score="f1_b"),),
    heads=TEMPORAL_HEADS,
    transfers=(Transfer("cholec80_phase", "phase", {name: name for name in PHASES[1:]}),),
    few_shot={2: (), 4: (), 8: ()},
    published={"videos": 41},
)
