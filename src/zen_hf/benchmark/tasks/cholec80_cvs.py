# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which of three criteria of the critical view of safety are achieved, before the first clip, in Cholec80-CVS."""

from ..metrics.binary_decisions.binary_decisions import BinaryDecisions
from ..metrics.multilabel_map.multilabel_map import MultilabelMap
from ..readers.cholec80_cvs import CRITERIA, SOURCE, read_cholec80_cvs
from ..task import Target, Task, Transfer

TASK = Task(
    name="cholec80_cvs",
    source=SOURCE,
    reader=read_cholec80_cvs,
    split="cholec80_cvs_50_15_15",
    targets=(
        Target(
            "cvs", "multi_label", CRITERIA, MultilabelMap, score="map", headline="map_global", also=(BinaryDecisions,)
        ),
    ),
    transfers=(Transfer("endoscapes_cvs", "cvs", {name: name for name in CRITERIA}),),
    few_shot={12: (), 25: ()},  # a quarter and half of the training videos
    published={"videos": 80, "frames": 62_760, "train": 43_850, "val": 9_615, "test": 9_295},
)
