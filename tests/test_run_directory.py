# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A run's folder tells the whole story of the run, refuses to mix two, and never holds half a file."""

import errno
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy
import pytest
import torch
import yaml

from zen_hf.run_directory import RunDirectory


@dataclass
class Optimizer:
    lr: float = 1e-3


@dataclass
class Config:
    output: Path
    optimizer: Optimizer = field(default_factory=Optimizer)
    names: list[str] = field(default_factory=lambda: ["a", "b"])


def names(folder: Path) -> list[str]:
    found = (str(path.relative_to(folder)) for path in folder.rglob("*"))
    return sorted(name for name in found if name != ".lock")


def lines(run: RunDirectory) -> list[dict]:
    return [json.loads(line) for line in (run.path / "log.jsonl").read_text().splitlines()]


def test_a_whole_run(tmp_path):
    run = RunDirectory.create(tmp_path / "deep" / "run", Config(Path("x")), seed=3)
    run.log(step=1, loss=torch.tensor(0.5), rate=numpy.float32(0.25), teachers={"a": 1.5})
    run.log(step=2, loss=float("nan"), rate=float("inf"))
    assert names(run.path) == ["config.yaml", "environment.json", "log.jsonl"]
    run.finish({"score": 0.5, "undefined": float("nan")})

    assert yaml.safe_load((run.path / "config.yaml").read_text()) == {
        "output": "x",
        "optimizer": {"lr": 0.001},
        "names": ["a", "b"],
    }
    environment = json.loads((run.path / "environment.json").read_text())
    assert environment["seed"] == 3
    assert environment["packages"]["torch"] == torch.__version__
    first, second = lines(run)
    assert (first["step"], first["loss"], first["rate"], first["teachers"]) == (1, 0.5, 0.25, {"a": 1.5})
    assert second["loss"] is None and second["rate"] is None and "NaN" not in (run.path / "log.jsonl").read_text()
    assert json.loads((run.path / "summary.json").read_text()) == {"score": 0.5, "undefined": None}


def test_unloggable_value_is_named(tmp_path):
    run = RunDirectory.create(tmp_path / "run", {}, seed=0)
    with pytest.raises(TypeError, match="losses.a is a set"):
        run.log(losses={"a": {1}})
    assert not (run.path / "log.jsonl").exists()


def test_finished_run_is_refused(tmp_path):
    run = RunDirectory.create(tmp_path / "run", {"a": 1}, seed=0)
    run.finish({})
    for resume in (False, True):
        with pytest.raises(FileExistsError, match="already holds a finished run"):
            RunDirectory.create(run.path, {"a": 1}, seed=0, resume=resume)
    with pytest.raises(ValueError, match=r"another configuration: a \(was 1, now 2\)"):
        RunDirectory.create(run.path, {"a": 2}, seed=0, resume=True)


def test_unfinished_run_needs_resume_and_the_same_configuration(tmp_path):
    run = RunDirectory.create(tmp_path / "run", Config(Path("x")), seed=0, resume=True)  # nothing there: a fresh start
    run.log(step=1)
    with open(run.path / "log.jsonl", "a") as file:
        file.write('{"step": 2, "lo')  # killed in the middle of a line
    before = {name: (run.path / name).read_bytes() for name in names(run.path)}
    with pytest.raises(FileExistsError, match="holds an unfinished run; resume it"):
        RunDirectory.create(run.path, Config(Path("x")), seed=0)
    other = Config(Path("x"), Optimizer(lr=1e-2), names=["a"])
    with pytest.raises(ValueError, match=r"names.1 \(was b, now unset\), optimizer.lr \(was 0.001, now 0.01\), seed"):
        RunDirectory.create(run.path, other, seed=1, resume=True)
    assert {name: (run.path / name).read_bytes() for name in names(run.path)} == before

    again = RunDirectory.create(run.path, Config(Path("x")), seed=0, resume=True)
    again = RunDirectory.create(run.path, Config(Path("x")), seed=0, resume=True)
    again.log(step=2)
    assert [line["step"] for line in lines(again)] == [1, 2]
    environment = json.loads((run.path / "environment.json").read_text())
    times = [start["time"] for start in [*environment["earlier_starts"], environment]]
    assert len(times) == 3 and times == sorted(times)


def test_strange_folders(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError, match="is a file"):
        RunDirectory.create(tmp_path / "file", {}, seed=0)
    (tmp_path / "log.jsonl").write_text("")
    with pytest.raises(ValueError, match="cannot resume, config.yaml"):
        RunDirectory.create(tmp_path, {}, seed=0, resume=True)


def test_other_processes_write_nothing(tmp_path):
    run = RunDirectory.create(tmp_path / "run", {}, seed=0, is_main_process=False)
    run.log(step=1)
    run.finish({})
    assert names(tmp_path) == []


def test_too_little_space_leaves_nothing(tmp_path):
    with pytest.raises(OSError, match="MB free, the run needs") as caught:
        RunDirectory.create(tmp_path / "run", {}, seed=0, min_free_bytes=2**60)
    assert caught.value.errno == errno.ENOSPC
    assert names(tmp_path) == []


def test_disk_full_while_writing_leaves_nothing(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        RunDirectory.create(tmp_path / "run", {}, seed=0)
    assert names(tmp_path) == []


def test_a_run_that_another_process_writes_to_is_refused_until_that_one_is_gone(tmp_path, monkeypatch):
    monkeypatch.setattr("zen_hf.run_directory.PATIENCE", 0.2)
    holder = (
        "import sys, time; from pathlib import Path; from zen_hf.run_directory import RunDirectory;"
        "run = RunDirectory.create(Path(sys.argv[1]), {'a': 1}, 0); print('holds it', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", holder, str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline().strip() == "holds it"
        with pytest.raises(FileExistsError, match="another process is writing to this run"):
            RunDirectory.create(tmp_path / "run", {"a": 1}, 0, resume=True)
        other.kill()
    RunDirectory.create(tmp_path / "run", {"a": 1}, 0, resume=True).log(alive=True)
