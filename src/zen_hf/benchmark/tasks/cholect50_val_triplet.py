# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which action triplets are seen in the four validation videos of CholecTriplet2022, leaving each patient out in turn."""

from dataclasses import replace

from .cholect50_triplet import TASK as CHOLECT50

TASK = replace(
    CHOLECT50,
    name="cholect50_val_triplet",
    split="cholect50_val_leave_one_out",
    other_splits=(),
    few_shot={1: (), 2: ()},
    published={"videos": 4, "frames": 1008},
)
