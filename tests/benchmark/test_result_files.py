# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Results are found wherever they lie, and what is wrong with one is said with its file."""

import json

import numpy as np
import pytest
from result_folders import write_result

from zen_hf.benchmark import result_files
from zen_hf.benchmark.dense.pictures import unpacked
from zen_hf.benchmark.result_files import per_video_statistics, read_results
from zen_hf.benchmark.task import load_task


@pytest.fixture
def suite(tmp_path):
    write_result(tmp_path / "suite" / "cholec80_phase" / "frozen")
    write_result(tmp_path / "suite" / "cholec80_phase" / "frozen" / "baselines" / "raw_pixels", model="raw_pixels")
    write_result(tmp_path / "suite" / "cholec80_tool" / "few_shot", "cholec80_tool", "few_shot", heads=("linear@2",))
    return tmp_path / "suite"


def test_results_of_a_suite_with_their_baselines(suite):
    results = read_results([suite])
    assert [(r.task, r.protocol, r.baseline) for r in results] == [
        ("cholec80_phase", "frozen", None),
        ("cholec80_phase", "frozen", "raw_pixels"),
        ("cholec80_tool", "few_shot", None),
    ]
    [alone] = read_results([suite / "cholec80_tool" / "few_shot"])
    assert alone.encoder == "zen" and alone.flag == "clean" and alone.primary["head"] == "linear@2"
    assert len(read_results([suite, suite / "cholec80_tool"])) == 4
    assert alone.test_videos == [f"video{49 + index}" for index in range(10)]


@pytest.mark.parametrize("task", ["cholec80_phase", "cholec80_tool", "cholect50_triplet"])
def test_statistics_give_the_scores_that_were_stored(task, tmp_path):
    """From the summary, and for pooled AP from the logits: each run's score comes out again."""
    [result] = read_results([write_result(tmp_path / "result", task, videos=4)])
    target = load_task(task).targets[0]
    runs = per_video_statistics(result, target.name, "linear")
    assert len(runs) == 2
    for run, stored in zip(runs, result.runs(target.name, "linear"), strict=True):
        value = target.metric.score_of_weights(target.primary, run)(np.ones((1, 4)))[0]
        assert value == pytest.approx(stored["scores"][target.primary], abs=1e-12)


def test_predictions_are_read_when_asked_for(suite):
    result = read_results([suite])[0]
    logits, truth, times = result.logits("phase", "linear", 1), result.truth("phase"), result.times()
    assert sorted(logits) == sorted(truth) == sorted(times) == result.test_videos
    assert logits["video49"].shape == (40, 7) and truth["video50"].shape == times["video50"].shape == (43,)
    with pytest.raises(ValueError, match="no head 'ms_tcn' for target 'phase'; it has linear"):
        per_video_statistics(result, "phase", "ms_tcn")
    with pytest.raises(ValueError, match="no target 'tool'; it has phase"):
        per_video_statistics(result, "tool", "linear")
    with pytest.raises(ValueError, match=r"logits/phase/linear/2/\* does not match the test videos"):
        result.logits("phase", "linear", 2)


def test_what_is_wrong_is_named(tmp_path, suite):
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        read_results([tmp_path / "nowhere"])
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "summary.json").write_text('{"model": "a distilled student"}')
    with pytest.raises(FileNotFoundError, match="run: no result of `zen-hf benchmark` here or below"):
        read_results([tmp_path / "run"])
    folder = suite / "cholec80_tool" / "few_shot"
    (folder / "predictions.safetensors").write_bytes(b"0" * 20)
    [result] = read_results([folder])
    with pytest.raises(ValueError, match="predictions.safetensors: damaged"):
        per_video_statistics(result, "tool", "linear@2")
    (folder / "predictions.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="predictions.safetensors: missing beside its summary.json"):
        per_video_statistics(result, "tool", "linear@2")
    summary = json.loads((folder / "summary.json").read_text())
    (folder / "summary.json").write_text(json.dumps(summary | {"format": "zen-hf result 1"}))
    with pytest.raises(ValueError, match="format is 'zen-hf result 1'; expected 'zen-hf result 2'"):
        read_results([suite])
    (folder / "summary.json").write_text("{")
    with pytest.raises(ValueError, match="summary.json: not JSON"):
        read_results([suite])


def test_pictures_are_read_video_by_video(tmp_path, monkeypatch):
    [result] = read_results([write_result(tmp_path / "a", "dsad_semseg", videos=3)])
    read = []
    monkeypatch.setattr(result_files, "unpacked", lambda array: read.append(len(array)) or unpacked(array))
    stored = result.outputs("organs", "linear"), result.dense_truth("organs")
    assert not read and [list(of) for of in stored] == 2 * [["video49", "video50", "video51"]]
    assert len(stored[0]["video50"]) == len(stored[1]["video50"]) == 4 and len(read) == 2
    with pytest.raises(KeyError):
        stored[0]["video1"]
    with pytest.raises(ValueError, match="outputs/organs/other/0/.* does not match the test videos"):
        result.outputs("organs", "other")
