# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Shaft and manipulator of rigid instruments, pixel by pixel, in EndoVis 2015, leaving each surgery out in turn."""

from ..metrics.semantic_segmentation.semantic_segmentation import SemanticSegmentation
from ..readers.endovis15 import PARTS, SOURCE, read_endovis15_parts, read_parts
from ..task import MASK_HEADS, Target, Task

TASK = Task(
    name="endovis15_semseg",
    source=SOURCE,
    reader=read_endovis15_parts,
    split="endovis15_leave_one_out",
    targets=(
        Target(
            "semantic",
            "segmentation",
            PARTS,
            SemanticSegmentation,
            score="dice",
            headline="dice_class_mean",
            read=read_parts,
            settings={"classes": len(PARTS)},
        ),
    ),
    heads=MASK_HEADS,
    few_shot={1: ()},
    published={"videos": 3, "frames": 120},
)
