# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""How far the points of a reconstruction are, up to one scale, in a sinus endoscopy that is parted in time."""

from ..metrics.depth_errors.depth_errors import DepthErrors
from ..readers.sinus_sfm import FARTHEST, NEAREST, SOURCE, read_sinus_depth, read_sinus_sfm
from ..task import DEPTH_HEADS, Target, Task

TASK = Task(
    name="sinus_depth",
    source=SOURCE,
    reader=read_sinus_sfm,
    split="sinus_sfm_in_time",
    targets=(
        Target(
            "depth",
            "depth",
            (),
            DepthErrors,
            score="abs_rel_median_scaled",
            read=read_sinus_depth,
            settings={"nearest": NEAREST, "farthest": FARTHEST, "metric_scale": False},
            lower_is_better=True,
        ),
    ),
    heads=DEPTH_HEADS,
    few_shot={1: (), 2: ()},
    published={"videos": 7, "frames": 341},
)
