# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Masks of rigid instruments, one by one, in EndoVis 2015, leaving each surgery out in turn."""

from ..metrics.instance_ap.instance_ap import InstanceAP
from ..readers.endovis15 import INSTRUMENTS, SOURCE, read_endovis15_instances, read_instances
from ..task import INSTANCE_HEADS, Target, Task

TASK = Task(
    name="endovis15_insseg",
    source=SOURCE,
    reader=read_endovis15_instances,
    split="endovis15_leave_one_out",
    # Each surgery has a head of its own, whose scores have no common order: AP is that of each surgery, then their mean.
    targets=(
        Target(
            "instances",
            "instances",
            INSTRUMENTS,
            InstanceAP,
            score="mask_ap",
            read=read_instances,
            settings={"classes": len(INSTRUMENTS)},
        ),
    ),
    heads=INSTANCE_HEADS | {"frozen": ("linear", "mask2former")},
    few_shot={1: ()},
    published={"videos": 3, "frames": 120},
)
