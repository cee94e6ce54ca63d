# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Boxes of six instruments in the validation videos of CholecTriplet2022, leaving each patient out in turn."""

from ..metrics.instance_ap.instance_ap import InstanceAP
from ..readers.cholect50 import SOURCE, TOOLS
from ..readers.cholect50_boxes import read_boxes, read_cholect50_boxes
from ..task import INSTANCE_HEADS, Target, Task

TASK = Task(
    name="cholect50_val_det",
    source=SOURCE,
    reader=read_cholect50_boxes,
    split="cholect50_val_leave_one_out",
    # Each patient has a head of its own, whose scores have no common order: AP is that of each patient, then their mean.
    targets=(
        Target(
            "instances",
            "instances",
            TOOLS,
            InstanceAP,
            score="box_ap50",
            read=read_boxes,
            settings={"classes": len(TOOLS)},
        ),
    ),
    heads=INSTANCE_HEADS,
    few_shot={1: (), 2: ()},
    published={"videos": 4, "frames": 1_008},
)
