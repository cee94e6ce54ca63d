# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Masks of seven kinds of instruments, every 35 s, in GraSP: the same models as `grasp_det`, judged by their masks."""

from dataclasses import replace

from .grasp_det import TASK as DETECTION

TASK = replace(
    DETECTION,
    name="grasp_insseg",
    targets=(replace(DETECTION.targets[0], score="mask_ap", headline="mask_ap_global"),),
)
