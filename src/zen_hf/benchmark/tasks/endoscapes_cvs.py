# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which of three criteria of the critical view of safety are achieved, every 5 s, in Endoscapes-CVS201."""

from ..metrics.binary_decisions.binary_decisions import BinaryDecisions
from ..metrics.multilabel_map.multilabel_map import MultilabelMap
from ..readers.endoscapes import CRITERIA, SOURCE, read_endoscapes_cvs
from ..task import Target, Task, Transfer

TASK = Task(
    name="endoscapes_cvs",
    source=SOURCE,
    reader=read_endoscapes_cvs,
    split="endoscapes_cvs201",
    targets=(
        Target(
            "cvs", "multi_label", CRITERIA, MultilabelMap, score="map", headline="map_global", also=(BinaryDecisions,)
        ),
    ),
    transfers=(Transfer("cholec80_cvs", "cvs", {name: name for name in CRITERIA}),),
    few_shot={15: (), 30: ()},  # 12.5 % and 25 % of the training videos; the official lists lie in the download alone
    published={"videos": 201, "frames": 11_090, "train": 6_960, "val": 2_331, "test": 1_799},
)
