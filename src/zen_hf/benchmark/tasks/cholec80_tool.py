# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which of seven tools are in view, every second, in Cholec80."""

from ..metrics.multilabel_map.multilabel_map import MultilabelMap
from ..readers.cholec80 import FEW_SHOT, SOURCE, TOOLS, read_cholec80_tools
from ..task import Target, Task

TASK = Task(
    name="cholec80_tool",
    source=SOURCE,
    reader=read_cholec80_tools,
    split="cholec80_40_8_32",
    other_splits=("cholec80_40_40", "cholec80_32_8_40"),
    targets=(Target("tool", "multi_label", TOOLS, MultilabelMap, score="map", headline="map_global"),),
    few_shot=FEW_SHOT,
    published={"videos": 80, "frames": 184_498},
)
