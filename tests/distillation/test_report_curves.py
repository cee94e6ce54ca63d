# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Charts from a log: what belongs together, what an older log lacks, and a resumed run."""

from zen_hf.distillation.report_curves import monitor_panels, training_panels


def test_an_older_log_has_fewer_charts():
    lines = [{"event": "start"}, {"step": 5, "lr": 0.1, "vit/patch_mse": 0.9, "data_wait": 0.4, "gradient_norm": None}]
    assert training_panels(lines, ["vit", "cnn"]) == [
        ("losses of vit", {"patch_mse": ([5], [0.9])}),
        ("learning rate", {"lr": ([5], [0.1])}),
        ("share of time", {"waiting for data": ([5], [0.4])}),
    ]
    assert monitor_panels(lines, ["vit"]) == []


def test_sources_time_and_memory_have_charts_and_readings_are_no_losses():
    step = {"step": 5, "source/a/b": 1.0, "source/c": 2.0, "teacher_time": 0.3, "student_time": 0.2, "memory_gb": 7.0}
    reading = {"event": "monitor", "step": 5, "vit/ridge_patch_fvu@32": 0.6}
    assert training_panels([step, reading], ["vit"]) == [
        ("loss per source", {"a/b": ([5], [1.0]), "c": ([5], [2.0])}),
        ("share of time", {"teachers": ([5], [0.3]), "student": ([5], [0.2])}),
        ("memory in GB", {"memory_gb": ([5], [7.0])}),
    ]


def test_readings_are_grouped_by_what_they_say():
    reading = {
        "vit/head_patch_fvu@32": 0.9,
        "vit/head_patch_fvu_pos@32": 0.95,
        "vit/ridge_patch_fvu@32": 0.8,
        "vit/untrained_ridge_patch_fvu@32": 0.99,
        "vit/resolution_ratio@32": 1.0,
        "rank_me/student": 3.0,
        "knn/student": 0.5,
        "knn/vit": 0.7,
        "retention/knn": 0.6,
    }
    lines = [{"event": "monitor", "step": step} | reading for step in (10, 20)]
    steps = [10, 20]
    assert monitor_panels(lines, ["vit"]) == [
        ("FVU of vit: patches", {"head 32 px": (steps, [0.9] * 2), "ridge 32 px": (steps, [0.8] * 2)}),
        ("patch FVU over its best size", {"vit 32 px": (steps, [1.0] * 2)}),
        ("effective rank of summaries", {"student": (steps, [3.0] * 2)}),
        ("nearest neighbours", {"student": (steps, [0.5] * 2), "vit": (steps, [0.7] * 2)}),
        ("retention", {"knn": (steps, [0.6] * 2)}),
    ]


def test_steps_that_a_resumed_run_took_again_count_once():
    lines = [{"step": 10, "lr": 1.0}, {"step": 20, "lr": 2.0}, {"step": 10, "lr": 3.0}]
    assert training_panels(lines, []) == [("learning rate", {"lr": ([10, 20], [3.0, 2.0])})]
