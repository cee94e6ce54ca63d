# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Named lists of tasks, and where each finds its data below one root folder."""

from pathlib import Path

from .task import Task

WORKFLOW = (
    "cholec80_phase",
    "autolaparo_phase",
    "m2cai16_phase",
    "multibypass140_phase",
    "grasp_phase",
    "grasp_step",
    "sarrarp50_gesture",
    "cholec80_tool",
    "cholect50_triplet",
    "cholec80_cvs",
    "endoscapes_cvs",
)
DENSE = (
    "cholecseg8k_semseg",
    "dsad_semseg",
    "grasp_semseg",
    "grasp_det",
    "grasp_insseg",
    "hamlyn_depth",
    "scared_depth",
)
QUESTIONS = ("pitvqa_closed", "endovis18_vqa")
SUITES = {"workflow": WORKFLOW, "zen20": (*WORKFLOW, *DENSE, *QUESTIONS)}


def suite_tasks(name: str) -> tuple[str, ...]:
    """Names of the tasks of a suite.

    Raises:
        ValueError: if there is no such suite.
    """
    if name not in SUITES:
        raise ValueError(f"unknown suite {name!r}; the suites are: {', '.join(SUITES)}.")
    return SUITES[name]


def data_below(root: Path, task: Task) -> Path | None:
    """The folder of a task's dataset below a root that holds one folder per dataset, or None if it is not there."""
    folder = Path(root) / task.source.name
    return folder if folder.is_dir() else None
