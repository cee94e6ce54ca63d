# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A student of private videos, benchmarked over private patients: its results do not claim that it never saw them."""

import json

import pytest
import torch
from own_task import add_hospital_phase

from zen_hf import ZenConfig, ZenModel
from zen_hf.benchmark.miniatures.write import write_miniature
from zen_hf.benchmark.trained_on import UNTRAINED, distilled_on
from zen_hf.data.frame_sources import FrameSource
from zen_hf.modeling.image_processor_zen import zen_image_processor
from zen_hf.recipes.benchmark import benchmark, plan_benchmark


@pytest.fixture()
def student(tmp_path) -> str:
    """A folder as `zen-hf distill` leaves it, after frames of one's own and a teacher that saw nothing."""
    torch.manual_seed(0)
    folder = tmp_path / "student"
    sizes = {"hidden_size": 24, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = ZenConfig(**sizes, patch_size=16, image_size=32)
    ZenModel(config).save_pretrained(folder)
    zen_image_processor(config).save_pretrained(folder)
    columns = {"source": ["frames", "frames"], "video_id": ["4f0c", "77aa"]}
    stated = distilled_on([FrameSource(path="frames", patients_of="own")], columns, {"teacher": UNTRAINED})
    (folder / "training_data.json").write_text(json.dumps(stated.as_dict()))
    return str(folder)


def test_the_flag_of_a_task_over_own_patients(student, tmp_path, monkeypatch):
    task = add_hospital_phase(tmp_path, monkeypatch)
    write_miniature(task, tmp_path / "hospital", train=1, test=1, seconds=8, size=32)

    def leakage_of(name: str, **changes) -> dict:
        settings = {"tasks": ["hospital_phase"], "protocols": ["frozen"], "heads": ["linear"], "seeds": 1}
        settings |= {"data": tmp_path / "hospital", "cache_dir": tmp_path / "cache", "baselines": False}
        benchmark(plan_benchmark(model=student, out=tmp_path / name, **settings | changes))
        return json.loads((tmp_path / name / "summary.json").read_text())["leakage"]

    found = leakage_of("unknown")
    assert found["flag"] == "unknown"
    assert "1 of 1 test patients may be among the patients without names" in found["why"]
    stated = json.loads((tmp_path / "student" / "training_data.json").read_text())
    stated["frames"][0]["patients_of"] = "other:our-films"
    (tmp_path / "statement.json").write_text(json.dumps(stated))
    assert leakage_of("stated", trained_on=tmp_path / "statement.json")["flag"] == "clean"
    stated["patients"]["unlabelled"] = ["hospital:case09"]
    (tmp_path / "statement.json").write_text(json.dumps(stated))
    assert leakage_of("seen", trained_on=tmp_path / "statement.json")["flag"] == "seen_unlabelled"
