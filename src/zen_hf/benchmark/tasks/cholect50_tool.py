# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which instruments are in view (and, beside it, which phase it is) in the four validation videos of CholecTriplet2022."""

from ..metrics.multilabel_map.multilabel_map import MultilabelMap
from ..metrics.phase_recognition.phase_recognition import PhaseRecognition
from ..readers.cholect50 import PHASES, SOURCE, TOOLS, read_cholect50
from ..task import TEMPORAL_HEADS, Target, Task

TASK = Task(
    name="cholect50_tool",
    source=SOURCE,
    reader=read_cholect50,
    split="cholect50_val_leave_one_out",
    targets=(
        Target("tool", kind="multi_label", labels=TOOLS, metric=MultilabelMap, score="map"),
        Target("phase", kind="single_label", labels=PHASES, metric=PhaseRecognition, score="accuracy"),
    ),
    heads=TEMPORAL_HEADS,
    few_shot={1: (), 2: ()},
    published={"videos": 4, "frames": 1008},
)
