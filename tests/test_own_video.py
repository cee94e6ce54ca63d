# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""`docs/own-video.md`, run as it is written: from a folder of videos to the page about benchmark results."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from datasets import load_dataset
from own_task import add_hospital_phase
from transformers import AutoModel

import zen_hf
from zen_hf.benchmark.leakage import flag
from zen_hf.benchmark.trained_on import training_data_of

PAGE = Path(__file__).parents[1] / "docs" / "own-video.md"
PACKAGE = Path(zen_hf.__file__).parents[1]

pytestmark = pytest.mark.slow


def command_folder(folder: Path) -> Path:
    """A folder with a `zen-hf` that is this code, whatever is installed, and this Python beside it."""
    folder.mkdir()
    for name, arguments in {"zen-hf": "-m zen_hf.cli", "python": ""}.items():
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        script.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def chain(tmp_path_factory) -> Path:
    """The folder in which all commands of the page were run, in their order."""
    root = tmp_path_factory.mktemp("own-video")
    work = root / "work"
    work.mkdir()
    environment = os.environ | {
        "PATH": f"{command_folder(root / 'bin')}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(PACKAGE), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
    }
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert [kind for kind, _ in blocks] == ["sh", "sh", "yaml", "sh", "sh", "sh"]
    for kind, text in blocks:
        if kind == "yaml":
            (work / "own-video.yaml").write_text(text)
            continue
        done = subprocess.run(["sh", "-e"], input=text, cwd=work, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{text}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return work


def test_the_dataset_has_frames_of_every_video_and_no_name(chain):
    rows = load_dataset(str(chain / "frames"))
    videos = {split: set(frames["video_id"]) for split, frames in rows.items()}
    assert videos.keys() == {"train", "validation"} and not videos["train"] & videos["validation"]
    assert len(videos["train"] | videos["validation"]) == 6
    assert set(rows["train"]["procedure"]) == {"cholecystectomy"}
    assert (chain / "frames" / "statistics.html").is_file() and (chain / "frames" / "contact_sheet.jpg").is_file()
    for file in (chain / "frames").rglob("*"):
        assert not file.is_file() or b"video41" not in file.read_bytes(), f"{file} holds the name of a film"


def test_the_student_saw_the_training_split_and_loads(chain):
    model = AutoModel.from_pretrained(chain / "runs" / "own" / "model")
    with torch.no_grad():
        summary = model(torch.rand(2, 3, 64, 64)).pooler_output
    assert summary.shape == (2, 96) and summary.isfinite().all()
    train = load_dataset(str(chain / "frames"), split="train")
    run = json.loads((chain / "runs" / "own" / "summary.json").read_text())
    assert run["videos"] == sorted(set(train["video_id"])) and run["frames"] == len(train)


def test_films_have_features_and_the_search_a_page(chain):
    index = json.loads((chain / "features" / "index.json").read_text())
    assert not index["failed"]
    assert len(list((chain / "features" / "features").glob("*.safetensors"))) == 6
    page = (chain / "nearest.html").read_text()
    assert page.count("<figure>") == 12 and set(re.findall(r"<b>(\w+)</b>", page)) <= set(index["videos"])


def test_scores_carry_a_flag_of_their_own_patients(chain):
    result = json.loads((chain / "results" / "summary.json").read_text())
    assert result["leakage"] == {"flag": "clean", "why": "no test patient is in what was trained on"}
    assert {path.name for path in (chain / "results" / "baselines").iterdir()} == {"raw_pixels", "random_trunk"}
    stated = json.loads((chain / "runs" / "own" / "model" / "training_data.json").read_text())
    assert stated["complete"] and [frames["patients_of"] for frames in stated["frames"]] == ["own"]
    assert "clean" in (chain / "report" / "report.md").read_text()
    assert (chain / "report" / "index.html").is_file()


def test_a_task_over_own_patients_is_unknown_to_the_student(chain, tmp_path, monkeypatch):
    task = add_hospital_phase(tmp_path, monkeypatch)
    leakage = flag(training_data_of(str(chain / "runs" / "own" / "model")), task, ["case09", "case10"])
    assert leakage.flag == "unknown" and "2 of 2 test patients may be among the patients without names" in leakage.why
