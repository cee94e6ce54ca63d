# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The quickstart on a budget of seconds: the same path, what it leaves behind, and the lines that it prints."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from zen_hf.modeling import ZenModel
from zen_hf.modeling.frame_encoder import FrameEncoder
from zen_hf.recipes.quickstart import QuickstartBudget, findings, quickstart

SOURCE = Path(__file__).resolve().parents[2] / "src"


def tiny_budget(**changes) -> QuickstartBudget:
    sizes = {
        "teacher_videos": 2,
        "unlabelled_videos": 2,
        "probe_videos": 3,
        "test_videos": 2,
        "frames_per_video": 8,
        "probe_frames_per_video": 6,
        "teacher_steps": {"what": 2, "where": 2, "far": 2},
        "student_steps": 3,
        "teacher_batch_size": 4,
        "student_batch_size": 4,
        "student_size": 32,
        "student_layers": 1,
    }
    return QuickstartBudget(**(sizes | changes))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run: its folder, its summary and what it printed."""
    out = tmp_path_factory.mktemp("quickstart") / "run"
    capture = pytest.MonkeyPatch()
    printed = []
    capture.setattr("builtins.print", lambda *values, **_: printed.append(" ".join(map(str, values))))
    try:
        summary = quickstart(out, seed=3, budget=tiny_budget())
    finally:
        capture.undo()
    return out, summary, printed


def test_every_model_is_probed_for_every_skill(finished):
    out, summary, _ = finished
    assert list(summary["scores"]) == [
        "raw pixels",
        "random trunk",
        "teacher 'what'",
        "teacher 'where'",
        "teacher 'far'",
        "student",
    ]
    for row in summary["scores"].values():
        assert list(row) == ["what", "where", "far"] and all(isinstance(score, float) for score in row.values())
    scores = summary["scores"]
    for skill, kept in summary["retention"].items():
        random, teacher = scores["random trunk"][skill], scores[f"teacher '{skill}'"][skill]
        assert random + kept * (teacher - random) == pytest.approx(scores["student"][skill])
    assert json.loads((out / "summary.json").read_text())["scores"] == scores


def test_run_folder_is_complete_and_the_cache_is_gone(finished):
    out, _, _ = finished
    names = {path.name for path in out.iterdir()}
    assert names == {
        ".lock",
        "config.yaml",
        "environment.json",
        "log.jsonl",
        "summary.json",
        "report.html",
        "frames.parquet",
        "teachers",
        "distillation",
        "student",
    }
    assert "student_steps: 3" in (out / "config.yaml").read_text()
    stages = [json.loads(line)["stage"] for line in (out / "log.jsonl").read_text().splitlines()]
    assert len(stages) == len(set(stages)) == 7  # rendering, three teachers, distillation, probes, report


def test_report_shows_pictures_and_refers_to_nothing_outside(finished):
    out, summary, _ = finished
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") > 40
    assert not re.search(r'(src|href)="(?!data:image/png;base64,)', page)
    for score in summary["scores"]["student"].values():
        assert f"{score:.3f}" in page


def test_printed_lines_load_the_student_in_a_fresh_process(finished):
    out, _, printed = finished
    lines = printed[-1]
    assert len(lines.splitlines()) == 3
    code = (
        lines
        + "\nimport torch\nprint(type(model).__name__, model(torch.ones(1, 3, 64, 64)).pooler_output.sum().item())"
    )
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    name, value = done.stdout.split()
    expected = ZenModel.from_pretrained(out / "student")(torch.ones(1, 3, 64, 64)).pooler_output.sum()
    assert name == "ZenModel" and float(value) == pytest.approx(expected.item(), abs=1e-4)


def test_teachers_are_ordinary_folders_of_three_architectures(finished):
    out, _, _ = finished
    kinds = {}
    for folder in (out / "teachers").iterdir():
        encoder = FrameEncoder.from_pretrained(str(folder))
        kinds[folder.name] = type(encoder.model).__name__, encoder.stride
    assert kinds == {"what": ("RegNetModel", 8), "where": ("ResNetModel", 8), "far": ("ViTModel", 16)}


def test_same_seed_same_scores_and_single_teacher_students_beside_them(finished, tmp_path):
    _, summary, _ = finished
    again = quickstart(tmp_path / "again", seed=3, single_teachers=True, budget=tiny_budget())
    for name, row in summary["scores"].items():
        assert again["scores"][name] == pytest.approx(row, abs=1e-5), name
    assert set(again["scores"]) - set(summary["scores"]) == {
        f"student of {skill} alone" for skill in ("what", "where", "far")
    }


def test_a_folder_with_a_finished_run_is_refused(finished):
    out, _, _ = finished
    before = (out / "summary.json").read_bytes()
    with pytest.raises(FileExistsError, match="already holds a finished run"):
        quickstart(out)
    assert (out / "summary.json").read_bytes() == before


def test_findings_claim_only_what_the_scores_show():
    scores = {
        "random trunk": {"what": 0.2, "where": 0.1, "far": 0.0},
        "teacher 'what'": {"what": 0.6, "where": 0.15, "far": 0.1},
        "teacher 'where'": {"what": 0.3, "where": 0.5, "far": 0.3},
        "teacher 'far'": {"what": 0.2, "where": 0.2, "far": 0.8},
        "student": {"what": 0.5, "where": 0.42, "far": 0.7},
    }
    text = findings(scores, {"what": 0.75, "where": 0.8, "far": 0.875})
    assert "75% or more" in text
    assert "teacher 'what' by itself reaches 12% of the margin for" in text
    assert "student of" not in text
