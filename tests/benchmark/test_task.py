# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Tasks are found by name, every one is well formed and reads its miniature, and adding one needs no registry."""

import json
import re
from dataclasses import replace
from pathlib import Path

import evaluate
import numpy as np
import pytest

import zen_hf.benchmark.miniatures.write as write_module
import zen_hf.benchmark.task as task_module
import zen_hf.benchmark.tasks as tasks
from zen_hf.benchmark.dense.pictures import IGNORE, Instances, PartialMask
from zen_hf.benchmark.doctor import PATIENT_UNITS, classes_shown
from zen_hf.benchmark.miniatures.write import write_miniature
from zen_hf.benchmark.split import load_split, split_hash
from zen_hf.benchmark.task import FRAME_HEADS, load_task, task_names

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "add-a-task.md"
WITH_MINIATURE = [name for name in task_names() if name != "cholect50_tool"]  # whose videos are CholecT50's


@pytest.mark.parametrize("name", task_names())
def test_task_is_well_formed(name):
    task = load_task(name)
    assert task.name == name
    for target in task.targets:
        least = {"depth": 0, "instances": 1}.get(target.kind, 2)
        assert len(set(target.labels)) == len(target.labels) >= least
        assert issubclass(target.metric, evaluate.Metric)
        assert target.is_dense == (target.read is not None)
    assert set(task.heads) == set(FRAME_HEADS) and all(task.heads.values())
    for split in map(load_split, (task.split, *task.other_splits)):
        assert split.unit in (*PATIENT_UNITS, "sequence", "segment of one patient's sequence")
        for fold in split.folds:
            patients = [{task.source.patient(video) for video in side} for side in fold.sides.values()]
            if split.unit == "segment of one patient's sequence":
                assert len(set.union(*patients)) == 1
            else:
                assert sum(map(len, patients)) == len(set.union(*patients)) == len(fold.videos)
    for transfer in task.transfers:
        source = next(target for target in load_task(transfer.task).targets if target.name == transfer.target)
        assert source.kind == task.targets[0].kind
        assert set(transfer.labels) <= set(source.labels)
        assert set(transfer.labels.values()) <= set(task.targets[0].labels)
    train = set(load_split(task.split).folds[0].train)
    for size, subsets in task.few_shot.items():
        assert size < len(train)
        assert all(len(set(subset)) == size and set(subset) <= train for subset in subsets)
    if "videos" in task.published:
        assert task.published["videos"] == len(load_split(task.split).videos)
    if "train" in task.published:
        assert sum(task.published[side] for side in ("train", "val", "test")) == task.published["frames"]


@pytest.mark.parametrize("name", WITH_MINIATURE)
def test_every_task_reads_its_miniature(name, miniature):
    """One canonical form, every side there, and (but for the rare triplets) every class."""
    task, folder = load_task(name), miniature(name)
    dataset, split = task.read(folder), task.split_in(folder)
    assert split.name == f"{load_split(task.split).name} (miniature)"
    assert sorted(set(dataset["video_id"])) == split.videos
    assert dataset.column_names[:4] == ["image", "video_id", "frame", "time_s"]
    assert 64 in dataset[len(dataset) // 2]["image"].size
    assert all(fold.train and fold.test for fold in split.folds)
    for video in split.videos:
        times = [time for time, other in zip(dataset["time_s"], dataset["video_id"], strict=True) if other == video]
        assert times == (sorted(times) if task.question else sorted(set(times))) and times[0] >= 0
    if not name.endswith("_triplet") and not task.question:  # a few seconds have not every answer
        for side, videos in split.folds[0].sides.items():
            for target in task.targets:
                truth = [x for x, v in zip(dataset[target.name], dataset["video_id"], strict=True) if v in videos]
                if target.is_dense:
                    held = len({label for cell in truth for label in classes_shown(target.read(cell))})
                elif target.kind == "multi_label":
                    held = np.any(truth, axis=0).sum()
                else:
                    held = len(np.unique(truth))
                assert held == len(target.labels) or not videos, (side, target.name)


@pytest.mark.parametrize("name", WITH_MINIATURE)
def test_metric_of_every_target_takes_its_labels(name, miniature):
    """Perfect predictions get the highest score under the names that the task asks for."""
    task = load_task(name)
    dataset = task.read(miniature(name))
    for target in task.targets:
        truth, groups = dataset[target.name][:], dataset["video_id"][:]
        if target.is_dense:
            truth = [target.read(cell) for cell in truth]
            statistics = target.metric.video_statistics(map(perfect, truth), truth, groups, **target.settings)
            result = target.metric.summarise(statistics)
        else:
            settings = {"predictions": truth, "references": truth, "groups": groups, **target.settings}
            settings |= {"num_classes": len(target.labels)} if task.question else {}
            result = target.metric(keep_in_memory=True).compute(**settings)
        best = 0.0 if target.lower_is_better else 1.0
        assert result[target.primary] == pytest.approx(best)
        assert result[f"{target.score}_video_mean"] == pytest.approx(best)
        assert all(target.score in video for video in result["per_video"].values())


def perfect(truth):
    """What would be predicted by a head that knows the truth."""
    if isinstance(truth, Instances):
        return replace(truth, scores=np.ones(len(truth.labels), np.float32))
    if isinstance(truth, PartialMask):
        return truth.bits
    return np.maximum(truth, 1e-3) if truth.dtype.kind == "f" else np.where(truth == IGNORE, 0, truth)


def test_a_task_is_one_file_and_one_split(tmp_path, monkeypatch):
    """The two files that docs/add-a-task.md shows, laid beside the others, are a task."""
    shown = DOCUMENT.read_text()
    split = json.loads(re.search(r"```json\n(.*?)```", shown, re.DOTALL).group(1))
    (tmp_path / f"{split['name']}.json").write_text(json.dumps(split | {"sha256": split_hash(split)}))
    code = re.search(r"```python\n(.*?)```", shown, re.DOTALL).group(1)
    (tmp_path / "hospital_phase.py").write_text(code.replace("from ..", "from zen_hf.benchmark."))
    monkeypatch.setattr(tasks, "__path__", [*tasks.__path__, str(tmp_path)])
    for module in (task_module, write_module):
        monkeypatch.setattr(module, "load_split", lambda name: load_split(name, tmp_path))

    assert "hospital_phase" in task_names()
    task = load_task("hospital_phase")
    write_miniature(task, tmp_path / "mini", train=1, test=1, seconds=7)
    dataset = task.read(tmp_path / "mini")
    assert sorted(set(dataset["video_id"])) == ["case01", "case07", "case09"] and len(dataset) == 21
    assert task.source.patient("case01") == "hospital:case01"


def test_other_splits():
    task = load_task("cholec80_phase")
    assert len(load_split(task.with_split("cholec80_40_40").split).folds[0].test) == 40
    with pytest.raises(ValueError, match="no split 'cholect50_cv'; it has cholec80_40_8_32, cholec80_40_40"):
        task.with_split("cholect50_cv")


def test_miniature_of_another_dataset(miniature):
    with pytest.raises(ValueError, match="is a miniature of endoscapes, expected cholec80"):
        load_task("cholec80_phase").read(miniature("endoscapes_cvs"))


def test_patients_have_one_name_in_all_datasets():
    """What the reference of the suite says of the overlaps, counted from the splits."""

    def patients(name, side="test", split=None):
        task = load_task(name)
        fold = load_split(split or task.split).folds[0]
        return {task.source.patient(video) for video in fold.sides[side]}

    cholect50 = {load_task("cholect50_triplet").source.patient(v) for v in load_split("cholect50_cv").videos}
    assert len(cholect50 & patients("cholec80_phase", split="cholec80_40_40")) == 22
    assert len(patients("cholec80_cvs") & patients("cholec80_phase", "train")) == 12
    assert len(patients("cholec80_phase") & patients("cholec80_cvs", "train")) == 23
    assert len(patients("cholec80_phase") & patients("cholec80_cvs", "val")) == 6
    endoscapes = load_task("endoscapes_cvs")
    shared = {v for v in load_split(endoscapes.split).videos if endoscapes.source.patient(v).startswith("cholec80")}
    assert len(shared) == 6 and not shared & set(load_split(endoscapes.split).folds[0].test)
    assert not patients("cholect50_triplet", split="cholect50_challenge") & {f"cholec80:{i}" for i in range(1, 81)}


@pytest.mark.parametrize("name", ["cholect50_tols", "../tasks/cholect50_tool", ""])
def test_unknown_task_names_the_known_ones(name):
    with pytest.raises(ValueError, match="known tasks are: .*cholect50_tool"):
        load_task(name)


def test_unknown_task_names_the_nearest_one():
    with pytest.raises(ValueError, match=re.escape("unknown task 'cholect50_tols': did you mean 'cholect50_tool'?")):
        load_task("cholect50_tols")
