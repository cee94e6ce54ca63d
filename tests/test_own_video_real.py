# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The chain of `docs/own-video.md` on films made of real frames: curated, distilled on, benchmarked."""

import json
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from datasets import load_dataset
from PIL import Image
from transformers import AutoModel

pytestmark = [pytest.mark.real, pytest.mark.slow]

PATIENTS = ("VID68", "VID70", "VID73")  # VID74 is seen by nobody
SECONDS, FPS = 60, 5


@pytest.fixture(scope="module")
def films(shared_data, tmp_path_factory) -> Path:
    """A film of each patient: frames of the operation in their order, each shown for a second."""
    folder = tmp_path_factory.mktemp("films")
    for patient in PATIENTS:
        frames = sorted((shared_data / "cholect50-val" / "videos" / patient).glob("*.jpg"))
        evenly = np.linspace(0, len(frames) - 1, SECONDS).round().astype(int)
        write_film(folder / f"{patient}.mp4", [np.asarray(Image.open(frames[i]).convert("RGB")) for i in evenly])
    return folder


def write_film(path: Path, pictures: list[np.ndarray]) -> None:
    """H.264, every picture held for a second."""
    height, width = (side // 2 * 2 for side in pictures[0].shape[:2])
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "20", "preset": "veryfast"}
        for number in range(len(pictures) * FPS):
            picture = np.ascontiguousarray(pictures[number // FPS][:height, :width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def zen_hf(*arguments: str | Path) -> str:
    """Run a command; what it prints."""
    command = [sys.executable, "-m", "zen_hf.cli", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def frames(films, shared_teachers, tmp_path_factory) -> Path:
    """The curated dataset, with the embeddings of a real teacher and the ids of the public dataset."""
    out = tmp_path_factory.mktemp("curated") / "frames"
    options = ["encoder.image_size=98", "identities.video=name", "assembly.splits.validation=0"]
    settings = [part for option in options for part in ("--set", option)]
    teacher = shared_teachers / "dinov2-small"
    print(zen_hf("curate", films, "--out", out, "--procedure", "cholecystectomy", "--model", teacher, *settings))
    return out


@pytest.fixture(scope="module")
def student(frames, shared_teachers, tmp_path_factory) -> Path:
    """A tiny student after a few steps on the curated frames."""
    folder = tmp_path_factory.mktemp("student")
    size = {"patch_size": 16, "hidden_size": 96, "intermediate_size": 192, "num_hidden_layers": 2}
    recipe = {
        "frames": [{"path": str(frames), "streaming": True, "patients_of": "cholect50", "licence": "CC-BY-NC-SA-4.0"}],
        "mixture": {"weight_column": "cluster_weight"},
        "teachers": [
            {"name": "dinov2", "source": str(shared_teachers / "dinov2-small"), "licence": "MIT"},
            {"name": "mobilenet", "source": str(shared_teachers / "mobilenet-v2"), "licence": "BSD-3-Clause"},
        ],
        "student": {"variant": "tiny", "config": {**size, "num_attention_heads": 3}, "adaptor_size": 96},
        "views": {"image_size": 64},
        "standardisation": {"views": 64},
        "training": {"steps": 12, "batch_size": 8, "log_every": 4, "workers": 0},
    }
    (folder / "own-video.yaml").write_text(yaml.safe_dump(recipe))
    zen_hf("distill", folder / "own-video.yaml", "--out", folder / "run")
    return folder / "run"


def test_nearly_all_frames_of_operations_are_kept(frames):
    kept = load_dataset(str(frames), split="train")
    rejected = pq.read_table(frames / "rejected.parquet").to_pylist()
    for patient in PATIENTS:
        count = sum(video == patient for video in kept["video_id"])
        reasons = [(row["time_s"], row["reason"], row["detail"]) for row in rejected if row["video_id"] == patient]
        print(f"{patient}: {count} of {SECONDS} frames kept; rejected: {reasons}")
        assert count + len(reasons) == SECONDS
        assert count >= 0.9 * SECONDS, reasons
    assert None not in kept["cluster_weight"] and np.mean(kept["cluster_weight"]) == pytest.approx(1, abs=1e-3)


def test_kept_frames_are_those_of_the_operation(frames, films, shared_data):
    """A second of the film is a frame of the folder: what is kept under this time shows it."""
    kept = load_dataset(str(frames), split="train")
    files = sorted((shared_data / "cholect50-val" / "videos" / "VID70").glob("*.jpg"))
    evenly = np.linspace(0, len(files) - 1, SECONDS).round().astype(int)
    rows = [row for row in kept if row["video_id"] == "VID70"]
    for row in rows[:: len(rows) // 6]:
        x, y, width, height = row["border_box"]
        source = Image.open(files[evenly[int(row["time_s"])]]).convert("RGB").crop((x, y, x + width, y + height))
        small = [np.asarray(image.resize((16, 16)), float) for image in (source, row["image"])]
        assert np.abs(small[0] - small[1]).mean() < 8, row["time_s"]


def test_the_student_learns_from_them_and_loads(student):
    losses = [json.loads(line) for line in (student / "log.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in losses if "loss" in line]
    assert losses[-1] < losses[0]
    with torch.no_grad():
        summary = AutoModel.from_pretrained(student / "model")(torch.rand(1, 3, 64, 64)).pooler_output
    assert summary.shape == (1, 96) and summary.isfinite().all()


def test_scores_say_that_three_of_four_patients_were_seen(student, shared_data, tmp_path):
    options = "--task cholect50_val_triplet --protocol frozen --head linear --seeds 1 --no-baselines".split()
    data = shared_data / "cholect50-val"
    zen_hf("benchmark", "--model", student / "model", "--data", data, "--out", tmp_path / "results", *options)
    result = json.loads((tmp_path / "results" / "summary.json").read_text())
    assert result["leakage"]["flag"] == "seen_unlabelled"
    scores = {name: target["heads"]["linear"]["value"] for name, target in result["targets"].items()}
    print(scores)
    assert all(0 < score < 1 for score in scores.values())
    zen_hf("report", tmp_path / "results", "--out", tmp_path / "report")
    assert "seen_unlabelled" in (tmp_path / "report" / "report.md").read_text()
