# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""How far every pixel is, in mm, in SCARED; no animal is on two sides."""

from ..metrics.depth_errors.depth_errors import DepthErrors
from ..readers.scared import FARTHEST, NEAREST, SOURCE, read_scared, read_scared_depth
from ..task import DEPTH_HEADS, Target, Task, Transfer

TASK = Task(
    name="scared_depth",
    source=SOURCE,
    reader=read_scared,
    split="scared_6_1_2",
    targets=(
        Target(
            "depth",
            "depth",
            (),
            DepthErrors,
            score="abs_rel_median_scaled",
            read=read_scared_depth,
            settings={"nearest": NEAREST, "farthest": FARTHEST, "metric_scale": True},
            lower_is_better=True,
        ),
    ),
    heads=DEPTH_HEADS,
    transfers=(Transfer("hamlyn_depth", "depth", {}),),
    few_shot={2: (), 4: ()},
    published={"videos": 9, "frames": 17_607},
)
