# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which instruments are in view (and, beside it, which phase it is) in the four validation videos of CholecTriplet2022."""

from ..metrics.phase_accuracy.phase_accuracy import PhaseAccuracy
from ..metrics.tool_map.tool_map import ToolMap
from ..readers.cholect50 import PHASES, TOOLS, read_cholect50
from ..task import Target, Task

TASK = Task(
    name="cholect50_tool",
    reader=read_cholect50,
    split="cholect50_val_leave_one_out",
    targets=(
        Target("tool", kind="multi_label", labels=TOOLS, metric=ToolMap, score="map"),
        Target("phase", kind="single_label", labels=PHASES, metric=PhaseAccuracy, score="accuracy"),
    ),
)
