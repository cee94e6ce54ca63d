# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Tasks are found by name, and every one is well formed."""

import evaluate
import pytest

from zen_hf.benchmark.split import load_split
from zen_hf.benchmark.task import load_task, task_names


@pytest.mark.parametrize("name", task_names())
def test_task_is_well_formed(name):
    task = load_task(name)
    assert task.name == name
    assert load_split(task.split).videos
    for target in task.targets:
        assert len(set(target.labels)) == len(target.labels) > 1
        assert issubclass(target.metric, evaluate.Metric)
        assert target.primary == f"{target.score}_video_mean"


@pytest.mark.parametrize("name", ["cholect50_tols", "../tasks/cholect50_tool", ""])
def test_unknown_task_names_the_known_ones(name):
    with pytest.raises(ValueError, match="known tasks are: .*cholect50_tool"):
        load_task(name)


def test_unknown_task_names_the_nearest_one():
    with pytest.raises(ValueError, match="unknown task 'cholect50_tols': did you mean 'cholect50_tool'?"):
        load_task("cholect50_tols")
