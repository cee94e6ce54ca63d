# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""How far every pixel is, in mm, in the rectified Hamlyn sequences."""

from ..metrics.depth_errors.depth_errors import DepthErrors
from ..readers.hamlyn import FARTHEST, NEAREST, SOURCE, read_hamlyn, read_hamlyn_depth
from ..task import DEPTH_HEADS, Target, Task, Transfer

TASK = Task(
    name="hamlyn_depth",
    source=SOURCE,
    reader=read_hamlyn,
    split="hamlyn_13_3_6",
    other_splits=("hamlyn_14_to_24_apart",),
    targets=(
        Target(
            "depth",
            "depth",
            (),
            DepthErrors,
            score="abs_rel_median_scaled",
            read=read_hamlyn_depth,
            settings={"nearest": NEAREST, "farthest": FARTHEST, "metric_scale": True},
            lower_is_better=True,
        ),
    ),
    heads=DEPTH_HEADS,
    transfers=(Transfer("scared_depth", "depth", {}),),
    few_shot={2: (), 4: ()},
    published={"videos": 22},
)
