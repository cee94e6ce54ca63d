# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""One command: all eleven tasks of the suite `workflow` under all five protocols, on miniatures in the official layouts."""

import json

import pytest
import torch
from typer.testing import CliRunner

from zen_hf import ZenConfig, ZenModel
from zen_hf.benchmark.evaluation import PROTOCOLS
from zen_hf.benchmark.suites import SUITES
from zen_hf.cli import app
from zen_hf.modeling.image_processor_zen import zen_image_processor


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_eleven_tasks_under_five_protocols(tmp_path):
    torch.manual_seed(1)  # not the seed of the untrained baseline
    config = ZenConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, patch_size=16, image_size=64
    )
    ZenModel(config).save_pretrained(tmp_path / "model")
    zen_image_processor(config).save_pretrained(tmp_path / "model")
    made = CliRunner().invoke(app, ["miniature", "workflow", "--out", str(tmp_path / "datasets")])
    assert made.exit_code == 0, made.output
    command = ["benchmark", "--model", str(tmp_path / "model"), "--suite", "workflow", "--protocol", "all"]
    command += ["--data", str(tmp_path / "datasets"), "--out", str(tmp_path / "results"), "--seeds", "1"]
    command += ["--cache", str(tmp_path / "cache")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "absent" not in done.output
    for task in SUITES["workflow"]:
        for protocol in PROTOCOLS:
            folder = tmp_path / "results" / task / protocol
            result = json.loads((folder / "summary.json").read_text())
            assert (result["task"], result["protocol"]) == (task, protocol)
            assert result["primary"]["value"] is not None, f"{task}, {protocol}"
            for baseline in ("raw_pixels", "random_trunk"):
                beside = json.loads((folder / "baselines" / baseline / "summary.json").read_text())
                assert beside["primary"]["name"] == result["primary"]["name"]
    page = CliRunner().invoke(app, ["report", str(tmp_path / "results"), "--out", str(tmp_path / "page")])
    assert page.exit_code == 0, page.output
    text = (tmp_path / "page" / "index.html").read_text()
    assert all(task in text for task in SUITES["workflow"])
