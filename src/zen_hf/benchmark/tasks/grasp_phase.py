# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which of eleven phases of a prostatectomy it is, every second, in GraSP."""

from ..metrics.multilabel_map.multilabel_map import MultilabelMap
from ..metrics.phase_recognition.phase_recognition import PhaseRecognition
from ..readers.grasp import PHASES, SOURCE, read_grasp
from ..task import TEMPORAL_HEADS, Target, Task

TASK = Task(
    name="grasp_phase",
    source=SOURCE,
    reader=read_grasp,
    split="grasp_6_2_5",
    # map_global is the score of the authors (arXiv:2401.11174): AP of all test frames, mean over classes.
    targets=(Target("phase", "single_label", PHASES, PhaseRecognition, score="f1_b", also=(MultilabelMap,)),),
    heads=TEMPORAL_HEADS,
    few_shot={1: (), 2: (), 4: ()},
    published={"videos": 13, "frames": 116_516, "test": 42_897},
)
