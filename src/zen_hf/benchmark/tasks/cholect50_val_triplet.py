# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Triplets, their parts and the phase in the four validation videos of CholecTriplet2022, leaving each patient out in turn."""

from dataclasses import replace

from ..metrics.phase_recognition.phase_recognition import PhaseRecognition
from ..readers.cholect50 import PHASES
from ..task import TEMPORAL_HEADS, Target
from .cholect50_triplet import TASK as CHOLECT50

TASK = replace(
    CHOLECT50,
    name="cholect50_val_triplet",
    split="cholect50_val_leave_one_out",
    other_splits=(),
    targets=(*CHOLECT50.targets, Target("phase", "single_label", PHASES, PhaseRecognition, score="accuracy")),
    heads=TEMPORAL_HEADS,
    few_shot={1: (), 2: ()},
    published={"videos": 4, "frames": 1008},
)
