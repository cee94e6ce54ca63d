# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Where the one labelled organ of eleven is, pixel by pixel, in DSAD."""

from ..metrics.semantic_segmentation.semantic_segmentation import SemanticSegmentation
from ..readers.dsad import ORGANS, SOURCE, read_dsad, read_organ
from ..task import MASK_HEADS, Target, Task

TASK = Task(
    name="dsad_semseg",
    source=SOURCE,
    reader=read_dsad,
    split="dsad_21_3_8",
    targets=(
        Target(
            "organs",
            "partial",
            ORGANS,
            SemanticSegmentation,
            score="dice",
            headline="dice_class_mean",
            read=read_organ,
            settings={"classes": len(ORGANS)},
        ),
    ),
    heads=MASK_HEADS,
    few_shot={2: (), 4: (), 8: ()},
    published={"videos": 32, "frames": 13_195},
)
