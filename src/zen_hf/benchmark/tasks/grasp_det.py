# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Boxes of seven kinds of instruments, every 35 s, in GraSP."""

from ..metrics.instance_ap.instance_ap import InstanceAP
from ..readers.grasp_instances import INSTRUMENTS, SOURCE, read_grasp_instances, read_instances
from ..task import INSTANCE_HEADS, Target, Task

TASK = Task(
    name="grasp_det",
    source=SOURCE,
    reader=read_grasp_instances,
    split="grasp_6_2_5",
    targets=(
        Target(
            "instances",
            "instances",
            INSTRUMENTS,
            InstanceAP,
            score="box_ap",
            headline="box_ap_global",
            read=read_instances,
            settings={"classes": len(INSTRUMENTS)},
        ),
    ),
    heads=INSTANCE_HEADS,
    few_shot={1: (), 2: (), 4: ()},
    published={"videos": 13, "frames": 3_449, "test": 1_125},
)
