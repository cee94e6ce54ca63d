# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Results of two encoders on real tasks with made-up videos, baselines and few-shot subsets among them."""

import json

import numpy as np
import pytest
from result_folders import made_up_truth, write_result

from zen_hf.benchmark.scoring import score_frames
from zen_hf.benchmark.task import load_task

TEMPORAL = ("linear", "linear_smoothed", "ms_tcn")


def change_summary(folder, change):
    path = folder / "summary.json"
    summary = json.loads(path.read_text())
    change(summary)
    path.write_text(json.dumps(summary))


def add_constants(folder, videos):
    """Scores of a draw and of the most frequent class, as the benchmark writes them."""

    def change(summary):
        target = load_task(summary["task"]).targets[0]
        truth = made_up_truth(target, videos)
        random = np.random.default_rng(0)
        drawn = {video: random.normal(size=(len(labels), len(target.labels))) for video, labels in truth.items()}
        first = {video: np.tile(np.arange(len(target.labels), 0, -1.0), (len(x), 1)) for video, x in drawn.items()}
        constant = "majority" if target.kind == "single_label" else "prevalence"
        scores = {"chance": score_frames(target, drawn, truth), constant: score_frames(target, first, truth)}
        summary["targets"][target.name]["constant"] = scores

    change_summary(folder, change)


@pytest.fixture
def summary_change():
    return change_summary


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """A suite: two encoders on phases (frozen with baselines, few-shot), one on tools and triplets. Not to be changed."""
    root = tmp_path_factory.mktemp("results")
    for number, model in enumerate(("zen", "other")):
        phase = root / model / "cholec80_phase"
        frozen = write_result(phase / "frozen", model=model, heads=TEMPORAL, skill=2 - number, seed=number)
        write_result(phase / "frozen" / "baselines" / "raw_pixels", model="raw pixels", heads=TEMPORAL, skill=0.2)
        write_result(phase / "frozen" / "baselines" / "random_trunk", model="random", heads=TEMPORAL, skill=0.4)
        shots = tuple(f"linear@{k}" for k in (2, 4))
        few = write_result(
            phase / "few_shot", protocol="few_shot", model=model, heads=shots, leakage="seen_unlabelled"
        )
        for folder in (frozen, few):
            add_constants(folder, 10)
    tool = write_result(root / "zen" / "cholec80_tool" / "frozen", "cholec80_tool", leakage="unknown", videos=4)
    add_constants(tool, 4)
    write_result(root / "zen" / "cholect50_triplet" / "frozen", "cholect50_triplet", leakage="seen_labelled", videos=3)
    return root
