# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which of twelve structures and instruments every pixel shows, in CholecSeg8k."""

from ..metrics.semantic_segmentation.semantic_segmentation import SemanticSegmentation
from ..readers.cholecseg8k import CLASSES, FEW_SHOT, SOURCE, read_cholecseg8k, read_watershed
from ..task import MASK_HEADS, Target, Task

TASK = Task(
    name="cholecseg8k_semseg",
    source=SOURCE,
    reader=read_cholecseg8k,
    split="cholecseg8k_13_2_2",
    other_splits=("cholecseg8k_4fold",),
    targets=(
        Target(
            "semantic",
            "segmentation",
            CLASSES,
            SemanticSegmentation,
            score="dice",
            headline="dice_class_mean",
            read=read_watershed,
            settings={"classes": len(CLASSES)},
        ),
    ),
    heads=MASK_HEADS,
    few_shot=FEW_SHOT,
    published={"videos": 17, "frames": 8_080},
)
