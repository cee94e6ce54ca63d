# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which of seven instruments every pixel shows, every 35 s, in GraSP."""

from ..metrics.semantic_segmentation.semantic_segmentation import SemanticSegmentation
from ..readers.grasp_instances import CLASSES, SOURCE, read_grasp_semantic, read_semantic
from ..task import MASK_HEADS, Target, Task

TASK = Task(
    name="grasp_semseg",
    source=SOURCE,
    reader=read_grasp_semantic,
    split="grasp_6_2_5",
    targets=(
        Target(
            "semantic",
            "segmentation",
            CLASSES,
            SemanticSegmentation,
            score="dice",
            headline="dice_class_mean",
            read=read_semantic,
            settings={"classes": len(CLASSES)},
        ),
    ),
    heads=MASK_HEADS,
    few_shot={1: (), 2: (), 4: ()},
    published={"videos": 13, "frames": 3_449, "test": 1_125},
)
