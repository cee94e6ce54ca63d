# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""One command: all twenty tasks of `zen20` under all five protocols, on miniatures in the official layouts.

They are two tests, so that two workers share them.
"""

import json
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertModel, BertTokenizer
from typer.testing import CliRunner

from zen_hf import ZenConfig, ZenModel
from zen_hf.benchmark.evaluation import PROTOCOLS
from zen_hf.benchmark.suites import SUITES, WORKFLOW
from zen_hf.benchmark.task import load_task
from zen_hf.benchmark.vqa import train as training
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


FIRST = tuple(
    name for name in WORKFLOW if not name.startswith("grasp")
)  # GraSP's frames serve five tasks: all in one test
SECOND = tuple(name for name in SUITES["zen20"] if name not in FIRST)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_nine_tasks_of_workflow_under_five_protocols(tmp_path, model):
    run("miniature", "workflow", "--out", tmp_path / "datasets")
    command = ["benchmark", "--model", model, "--protocol", "all", "--seeds", 1]
    command += [part for name in FIRST for part in ("--task", name)]
    command += ["--data", tmp_path / "datasets", "--out", tmp_path / "results", "--cache", tmp_path / "cache"]
    assert "no score" not in run(*command)
    require_results(tmp_path / "results", FIRST)
    run("report", tmp_path / "results", "--out", tmp_path / "page")
    text = (tmp_path / "page" / "index.html").read_text()
    assert all(task in text for task in FIRST)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_other_eleven_under_five_protocols(tmp_path, model, text_encoder, monkeypatch):
    """The data of nine tasks is not there: they are absent, and nothing of them is zero."""
    monkeypatch.setattr(training, "STEPS", 40)  # of the fusion; its length is no setting
    data, results = tmp_path / "datasets", tmp_path / "results"
    for source, task in {load_task(name).source.name: name for name in SECOND}.items():
        run("miniature", task, "--out", data / source, "--seconds", 12)
    command = ["benchmark", "--model", model, "--suite", "zen20", "--protocol", "all", "--seeds", 1]
    command += ["--data", data, "--out", results, "--cache", tmp_path / "cache", "--text-encoder", text_encoder]
    command += ["--tuning", "epochs=1", "--dense", "steps=6", "--dense", "checkpoints=1"]
    command += ["--dense", "width=32", "--dense", "queries=5"]
    assert "11 of 20 tasks can run" in run(*command, "--dry-run")
    assert not results.exists()
    printed = run(*command)
    assert [name for name in SUITES["zen20"] if f"{name}, frozen: no score: absent" in printed] == list(FIRST)
    assert not any((results / name).exists() for name in FIRST)
    require_results(results, SECOND)
    run("report", results, "--out", tmp_path / "page", "--data", data)
    text = (tmp_path / "page" / "index.html").read_text()
    assert all(name in text for name in SUITES["zen20"])
    scores = [
        json.loads((results / task / "frozen" / "summary.json").read_text())["targets"]["instances"]["heads"]
        for task in ("grasp_det", "grasp_insseg")
    ]
    masks = [heads["mask2former"]["runs"][0]["scores"]["mask_ap_global"] for heads in scores]
    assert masks[0] == masks[1]  # one training serves both
