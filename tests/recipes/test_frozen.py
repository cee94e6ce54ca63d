# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""`zen-hf benchmark --protocol frozen`, from an encoder's folder and a miniature of synthetic surgery to `summary.json`."""

import json
import shutil

import datasets
import pytest
import torch
from transformers import Dinov2Config, Dinov2Model

from zen_hf.benchmark.readers.cholect50 import canonical_features, write_cholect50
from zen_hf.data.synthetic_surgery import synthetic_dataset
from zen_hf.recipes.frozen import frozen, print_scores

VIDEOS = ("VID68", "VID70", "VID73", "VID74")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Four synthetic operations of ten frames in the official layout of CholecT50."""
    scenes = synthetic_dataset(num_videos=4, frames_per_video=10, size=48)
    rows = [
        {
            "image": scene["image"],
            "video_id": VIDEOS[index // 10],
            "frame": 5 * (index % 10),
            "tool": [int(tool in scene["instruments"]) for tool in range(6)],
            "phase": min(scene["phase"], 6),
        }
        for index, scene in enumerate(scenes)
    ]
    folder = tmp_path_factory.mktemp("cholect50")
    write_cholect50(datasets.Dataset.from_list(rows, features=canonical_features()), folder)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model")
    config = Dinov2Config(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14)
    Dinov2Model(config).save_pretrained(folder)
    processing = {"image_processor_type": "BitImageProcessor", "image_mean": [0.5] * 3, "image_std": [0.25] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(processing | {"size": {"height": 28, "width": 28}}))
    return str(folder)


@pytest.fixture(scope="module")
def finished(data, model, tmp_path_factory):
    """One run, and what it returned."""
    folder = tmp_path_factory.mktemp("finished")
    return folder / "run", frozen(model, "cholect50_tool", data, folder / "run", seed=1, cache_dir=folder / "features")


def test_run_directory_holds_the_result(finished, model):
    run, result = finished
    summary = json.loads((run / "summary.json").read_text())
    assert summary["primary_metric"] == result["primary_metric"]
    assert (summary["seed"], summary["image_size"], summary["model"]) == (1, 28, model)
    assert 0 < summary["targets"]["tool"]["scores"]["map_video_mean"] <= 1
    assert summary["targets"]["tool"]["folds"][0]["features"] == 64  # summary and mean patch
    events = [json.loads(line)["event"] for line in (run / "log.jsonl").read_text().splitlines()]
    assert events == ["start", "scored", "scored"]


def test_table_shows_patients_mean_and_baseline(finished, capsys):
    print_scores(finished[1])
    printed = capsys.readouterr().out
    for word in (*VIDEOS, "map_video_mean", "accuracy_video_mean", "prevalence", "majority", "mean", "spread"):
        assert word in printed
    assert f"{finished[1]['primary_metric']['value']:.3f}" in printed


def test_finished_run_is_left_alone(finished, data, model):
    with pytest.raises(FileExistsError, match="already holds a finished run"):
        frozen(model, "cholect50_tool", data, finished[0], seed=1)


def break_frame(data):
    (data / "videos" / "VID70" / "000005.png").write_text("no picture")


def lose_frame(data):
    (data / "videos" / "VID70" / "000005.png").unlink()


@pytest.mark.parametrize(
    ("spoil", "arguments", "error", "message"),
    [
        (None, {"task": "cholec50_tool"}, ValueError, "did you mean 'cholect50_tool'"),
        (None, {"image_size": 30}, ValueError, "image size 30 .* stride 14: use 28 or 42"),
        (None, {"data": "nowhere"}, FileNotFoundError, "4 of 4 label files are missing"),
        (None, {"model": "nowhere"}, FileNotFoundError, "nowhere"),
        (break_frame, {}, ValueError, r"1 of 40 frames are not readable pictures \(first: .*000005.png\)"),
        (lose_frame, {}, FileNotFoundError, "VID70: 1 of 10 labelled frames are missing"),
    ],
)
def test_bad_input_leaves_nothing_behind(data, model, tmp_path, spoil, arguments, error, message):
    if spoil:
        data = shutil.copytree(data, tmp_path / "data")
        spoil(data)
    settings = {"model": model, "task": "cholect50_tool", "data": data, "cache_dir": tmp_path / "features"} | arguments
    with pytest.raises(error, match=message):
        frozen(out=tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists() and not (tmp_path / "features").exists()


def test_interrupted_run_goes_on_and_ends_alike(finished, data, model, tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    settings = {"model": model, "task": "cholect50_tool", "data": data, "out": tmp_path / "run", "seed": 1}
    settings["cache_dir"] = tmp_path / "features"
    with monkeypatch.context() as patch:
        patch.setattr("zen_hf.recipes.frozen.evaluate_frozen", interrupt)
        with pytest.raises(KeyboardInterrupt):
            frozen(**settings)
    assert not (tmp_path / "run" / "summary.json").exists()
    with pytest.raises(ValueError, match="image_size"):
        frozen(**settings, image_size=42)
    assert frozen(**settings) == finished[1]


@pytest.mark.real
@pytest.mark.slow
def test_real_teacher_on_real_frames(shared_data, shared_teachers, tmp_path):
    result = frozen(
        str(shared_teachers / "mobilenet-v2"),
        "cholect50_tool",
        shared_data / "cholect50-val",
        tmp_path / "run",
        image_size=224,
        cache_dir=tmp_path / "features",
    )
    tool, phase = result["targets"]["tool"], result["targets"]["phase"]
    assert 0.45 < tool["scores"]["map_video_mean"] < 0.6
    assert 0.15 < tool["scores"]["prevalence_video_mean"] < 0.25
    assert phase["scores"]["accuracy_video_mean"] > phase["baseline"]["scores"]["accuracy_video_mean"] + 0.1
