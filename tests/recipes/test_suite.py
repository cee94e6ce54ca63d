# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""One command: all twenty tasks of `zen20` under all five protocols, on miniatures in the official layouts.

The eleven tasks of workflow and the nine others are two tests, so that two workers share them.
"""

import json
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertModel, BertTokenizer
from typer.testing import CliRunner

from zen_hf import ZenConfig, ZenModel
from zen_hf.benchmark.evaluation import PROTOCOLS
from zen_hf.benchmark.suites import DENSE, QUESTIONS, SUITES, WORKFLOW
from zen_hf.benchmark.task import load_task
from zen_hf.cli import app
from zen_hf.modeling.image_processor_zen import zen_image_processor


@pytest.fixture
def model(tmp_path):
    torch.manual_seed(1)  # not the seed of the untrained baseline
    config = ZenConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, patch_size=16, image_size=64
    )
    ZenModel(config).save_pretrained(tmp_path / "model")
    zen_image_processor(config).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def text_encoder(tmp_path):
    """A tiny BERT that knows letters."""
    folder = tmp_path / "bert"
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters), "?", "-"]
    BertTokenizer(vocab={word: index for index, word in enumerate(words)}).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    BertModel(config).save_pretrained(folder)
    return folder


def run(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done.output


def require_results(results: Path, tasks: tuple[str, ...]) -> None:
    """A defined score for every task and protocol, with its baselines."""
    for task in tasks:
        for protocol in PROTOCOLS:
            folder = results / task / protocol
            result = json.loads((folder / "summary.json").read_text())
            assert (result["task"], result["protocol"]) == (task, protocol)
            assert result["primary"]["value"] is not None, f"{task}, {protocol}"
            for baseline in ("raw_pixels", "random_trunk"):
                beside = json.loads((folder / "baselines" / baseline / "summary.json").read_text())
                assert beside["primary"]["name"] == result["primary"]["name"]


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_eleven_tasks_of_workflow_under_five_protocols(tmp_path, model):
    run("miniature", "workflow", "--out", tmp_path / "datasets")
    command = ["benchmark", "--model", model, "--suite", "workflow", "--protocol", "all", "--seeds", 1]
    command += ["--data", tmp_path / "datasets", "--out", tmp_path / "results", "--cache", tmp_path / "cache"]
    assert "absent" not in run(*command)
    require_results(tmp_path / "results", WORKFLOW)
    run("report", tmp_path / "results", "--out", tmp_path / "page")
    text = (tmp_path / "page" / "index.html").read_text()
    assert all(task in text for task in WORKFLOW)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_other_nine_under_five_protocols(tmp_path, model, text_encoder):
    """The data of the first eleven is not there: they are absent, and nothing of them is zero."""
    others, data = (*DENSE, *QUESTIONS), tmp_path / "datasets"
    for source, task in {load_task(name).source.name: name for name in reversed(others)}.items():
        run("miniature", task, "--out", data / source, "--seconds", 8)
    command = ["benchmark", "--model", model, "--suite", "zen20", "--protocol", "all", "--seeds", 1]
    command += ["--data", data, "--out", tmp_path / "results", "--cache", tmp_path / "cache"]
    command += ["--text-encoder", text_encoder, "--tuning", "epochs=1", "--dense", "steps=6"]
    command += ["--dense", "checkpoints=1", "--dense", "width=16", "--dense", "queries=5"]
    plan = run(*command, "--dry-run")
    assert "9 of 20 tasks can run" in plan
    assert not (tmp_path / "results").exists()
    printed = run(*command)
    absent = [task for task in WORKFLOW if f"{task}, frozen: no score: absent" in printed]
    assert len(absent) == len([task for task in WORKFLOW if not task.startswith("grasp")])  # its frames serve five tasks
    require_results(tmp_path / "results", others)
    for task in set(SUITES["zen20"]) - set(others):
        assert not (tmp_path / "results" / task / "frozen").exists() or task.startswith("grasp")
    run("report", tmp_path / "results", "--out", tmp_path / "page", "--data", data)
    text = (tmp_path / "page" / "index.html").read_text()
    assert all(task in text for task in SUITES["zen20"])
    instances = json.loads((tmp_path / "results/grasp_insseg/frozen/summary.json").read_text())
    boxes = json.loads((tmp_path / "results/grasp_det/frozen/summary.json").read_text())
    runs = [result["targets"]["instances"]["heads"]["mask2former"]["runs"] for result in (instances, boxes)]
    assert runs[0][0]["scores"]["mask_ap_global"] == runs[1][0]["scores"]["mask_ap_global"]  # one training serves both
