# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Small result folders of real tasks, with made-up videos: what `zen-hf benchmark` writes, in milliseconds."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from zen_hf.benchmark import video_weights
from zen_hf.benchmark.result_files import per_video_statistics, results_below
from zen_hf.benchmark.scoring import score_frames
from zen_hf.benchmark.statistics import confidence_interval, spread_over_seeds
from zen_hf.benchmark.task import Target, load_task

Videos = dict[str, np.ndarray]


def made_up_truth(target: Target, videos: int, frames: int = 40, seed: int = 0) -> Videos:
    """Labels of some videos, of unequal lengths: blocks of a few classes, or independent labels of a few classes."""
    random, classes, truth = np.random.default_rng(seed), len(target.labels), {}
    for index in range(videos):
        length = frames + 3 * index
        used = random.choice(classes, min(classes, 5), replace=False)
        if target.kind == "single_label":
            labels = np.sort(random.choice(used, length))
        else:
            labels = np.zeros((length, classes), dtype=np.int64)
            labels[:, used] = random.random((length, len(used))) < 0.4
        truth[f"video{49 + index}"] = labels
    return truth


def made_up_logits(target: Target, truth: Videos, skill: float, seed: int = 0) -> Videos:
    """Logits that follow the truth as far as `skill` says."""
    random = np.random.default_rng(seed)
    hits = {
        video: np.eye(len(target.labels))[labels] if target.kind == "single_label" else labels
        for video, labels in truth.items()
    }
    return {v: (skill * hit + random.normal(size=hit.shape)).astype(np.float32) for v, hit in hits.items()}


def write_result(
    folder: Path,
    task: str = "cholec80_phase",
    protocol: str = "frozen",
    model: str = "zen",
    skill: float = 1.0,
    videos: int = 10,
    runs: int = 2,
    seed: int = 0,
    heads: tuple[str, ...] = ("linear",),
    leakage: str = "clean",
    split: str = "a split",
    split_sha256: str = "0" * 64,
    fingerprint: str = "f" * 64,
) -> Path:
    """Write one result folder of the task's first target: the same truth for all encoders, logits by skill and seed."""
    target = load_task(task).targets[0]
    truth = made_up_truth(target, videos)
    arrays = {f"truth/{target.name}/{video}": labels for video, labels in truth.items()}
    arrays |= {f"time_s/{video}": np.arange(len(labels), dtype=np.float32) for video, labels in truth.items()}
    described = {}
    for number, head in enumerate(heads):
        scored = []
        for run in range(runs):
            logits = made_up_logits(target, truth, skill + number, seed=100 * seed + 10 * number + run)
            arrays |= {f"logits/{target.name}/{head}/{run}/{video}": values for video, values in logits.items()}
            scored.append({"run": f"seed {run}", "scores": score_frames(target, logits, truth), "chosen": [{}]})
        values = [run["scores"][target.primary] for run in scored]
        shots = head.partition("@")[2]
        described[head] = {
            "shots": int(shots) if shots else None,
            "value": float(np.mean(values)),
            "interval": None,
            "seeds": asdict(spread_over_seeds(values)),
            "runs": scored,
        }
    summary = {
        "format": "zen-hf result 2",
        "task": task,
        "protocol": protocol,
        "seeds": list(range(runs)),
        "model": {"name": model, "revision": None, "fingerprint": "0", "class": "ZenModel", "parameters": 1},
        "image_size": 224,
        "frame_to_pixels": "made up",
        "split": {
            "name": split,
            "origin": "ours",
            "unit": "video",
            "sha256": split_sha256,
            "held_out": [sorted(truth)],
        },
        "dataset": {"fingerprint": fingerprint, "frames": {video: len(labels) for video, labels in truth.items()}},
        "versions": {},
        "leakage": {"flag": leakage, "why": "made up"},
        "primary": {
            "target": target.name,
            "head": heads[0],
            "name": target.primary,
            "value": described[heads[0]]["value"],
            "interval": None,
        },
        "targets": {
            target.name: {
                "kind": target.kind,
                "labels": list(target.labels),
                "metric": target.metric.__name__,
                "score": target.score,
                "primary": target.primary,
                "heads": described,
                "constant": {},
            }
        },
    }
    folder = Path(folder)
    folder.mkdir(parents=True)
    save_file(
        {name: np.ascontiguousarray(values) for name, values in arrays.items()}, folder / "predictions.safetensors"
    )
    path = folder / "summary.json"
    path.write_text(json.dumps(summary))
    [result] = results_below(folder)
    for head, content in described.items():
        of_runs = per_video_statistics(result, target.name, head)
        score = video_weights.mean_of_scores(
            [target.metric.score_of_weights(target.primary, of_run) for of_run in of_runs]
        )
        interval = asdict(confidence_interval(score, videos, resamples=200))
        content["interval"] = interval
        if head == heads[0]:
            summary["primary"]["interval"] = [interval["low"], interval["high"]]
    path.write_text(json.dumps(summary))
    return folder
