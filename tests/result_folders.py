# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Small result folders of real tasks, with made-up videos: what `zen-hf benchmark` writes, in milliseconds."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from faster_coco_eval.core import mask as run_lengths
from safetensors.numpy import save_file

from zen_hf.benchmark import video_weights
from zen_hf.benchmark.dense.pictures import IGNORE, DenseValue, Instances, PartialMask, packed, to_bytes
from zen_hf.benchmark.exam import labels_by_video, set_exam
from zen_hf.benchmark.feature_cache import rows_by_video
from zen_hf.benchmark.result_files import per_video_statistics, results_below
from zen_hf.benchmark.results import dataset_fingerprint
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


def blob(size: tuple[int, int], centre: np.ndarray) -> np.ndarray:
    """A filled ellipse, [H, W] bool."""
    rows, columns = np.indices(size)
    return ((rows - centre[0]) / (0.2 * size[0])) ** 2 + ((columns - centre[1]) / (0.15 * size[1])) ** 2 < 1


def made_up_pictures(target: Target, videos: int, frames: int = 4, size: tuple[int, int] = (36, 48)) -> dict:
    """Truth of a dense target, {video: one value per frame}: blobs of two classes that wander, or a slope of depth."""
    random, truth = np.random.default_rng(0), {}
    for number in range(videos):
        truth[f"video{49 + number}"] = [made_up_picture(target, random, size) for _ in range(frames)]
    return truth


def made_up_picture(target: Target, random: np.random.Generator, size: tuple[int, int]) -> DenseValue:
    """Truth of one frame."""
    if target.kind == "depth":
        near, far = target.settings["nearest"], target.settings["farthest"]
        depth = np.linspace(near + 0.2 * (far - near), near + 0.6 * (far - near), size[1]) * np.ones((size[0], 1))
        depth *= random.uniform(0.8, 1.2)
        depth[: size[0] // 6] = 0
        return depth.astype(np.float32)
    masks = [blob(size, random.uniform(0.3, 0.7, 2) * size) for _ in range(2)]
    first = 1 if target.kind == "segmentation" else 0
    some = np.arange(first, min(len(target.labels), first + 4))
    labels = random.choice(some, 2, replace=len(some) < 2)
    if target.kind == "segmentation":
        classes = np.zeros(size, np.uint8)
        for mask, label in zip(masks, labels, strict=True):
            classes[mask] = label
        classes[-2:] = IGNORE
        return classes
    if target.kind == "partial":
        return PartialMask((masks[0].astype(np.uint16) << labels[0]).astype(np.uint16), (int(labels[0]),))
    return as_instances(size, masks, labels, None)


def as_instances(
    size: tuple[int, int], masks: list[np.ndarray], labels: np.ndarray, scores: np.ndarray | None
) -> Instances:
    """Masks with their boxes."""
    codes = [run_lengths.encode(np.asfortranarray(mask, np.uint8)) for mask in masks]
    boxes = np.array([run_lengths.toBbox(code) for code in codes], np.float32).reshape(-1, 4)
    return Instances(size, boxes, np.asarray(labels), tuple(code["counts"] for code in codes), scores)


def made_up_prediction(target: Target, truth: DenseValue, skill: float, random: np.random.Generator) -> DenseValue:
    """What an encoder of some skill says of one frame: the truth, moved the farther the less it knows."""
    step = random.integers(0, 2) + round(4 / (1 + max(skill, 0)))
    if target.kind == "depth":
        bumps = 1 + random.normal(scale=0.3 / (1 + max(skill, 0)), size=truth.shape)
        return np.clip(np.where(truth > 0, truth, 20) * bumps, 1, None).astype(np.float32)
    if target.kind == "segmentation":
        return np.roll(np.where(truth == IGNORE, 0, truth), step, axis=1).astype(np.uint8)
    if target.kind == "partial":
        return np.roll(truth.bits, step, axis=1)
    codes = [run_lengths.decode({"size": list(truth.size), "counts": counts}) for counts in truth.masks]
    masks = [np.roll(mask, step, axis=1) for mask in codes]
    return as_instances(truth.size, masks, truth.labels, random.uniform(0.35, 1, len(masks)).astype(np.float32))


def made_up_outputs(target: Target, truth: dict, skill: float, seed: int) -> dict:
    """Logits or packed pictures that follow the truth as far as `skill` says."""
    if not target.is_dense:
        return made_up_logits(target, truth, skill, seed)
    random = np.random.default_rng(seed)
    return {
        video: [to_bytes(target.kind, made_up_prediction(target, value, skill, random)) for value in values]
        for video, values in truth.items()
    }


def truth_of(task: str, data: Path) -> tuple[dict, Videos, str, str]:
    """Truth and times of the test videos of a miniature, the name of their split, and the fingerprint of the data."""
    described = load_task(task)
    dataset, split = described.read(data), described.split_in(data)
    labels, rows = labels_by_video(dataset, described.targets[0]), rows_by_video(dataset)
    seconds = np.array(dataset["time_s"][:], dtype=np.float32)
    fingerprint = dataset_fingerprint(set_exam(described, dataset, split))
    tested = [video for fold in split.folds for video in fold.test]
    truth = {v: labels[v] if isinstance(labels[v], np.ndarray) else list(labels[v]) for v in tested}
    return truth, {video: seconds[rows[video]] for video in tested}, split.name, fingerprint


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
    model_class: str = "ZenModel",
    constant: dict[str, float] | None = None,
    size: tuple[int, int] = (36, 48),
    data: Path | None = None,
) -> Path:
    """Write one result folder of the task's first target: the same truth for all encoders, predictions by skill and seed.

    `constant` is {name of a baseline without a picture: its skill}, `size` that of the pictures of a dense target. With `data`,
    a miniature, the truth is that of its test videos.
    """
    target, times = load_task(task).targets[0], {}
    if data is not None:
        truth, times, split, fingerprint = truth_of(task, data)
    elif target.is_dense:
        truth = made_up_pictures(target, videos, size=size)
    else:
        truth = made_up_truth(target, videos)
    kept, videos = truth, len(truth)
    if target.is_dense:
        kept = {video: packed([to_bytes(target.kind, value) for value in values]) for video, values in truth.items()}
    arrays = {f"truth/{target.name}/{video}": values for video, values in kept.items()}
    arrays |= {
        f"time_s/{video}": times.get(video, np.arange(len(labels), dtype=np.float32))
        for video, labels in truth.items()
    }
    described = {}
    for number, head in enumerate(heads):
        scored = []
        for run in range(runs):
            outputs = made_up_outputs(target, truth, skill + number, seed=100 * seed + 10 * number + run)
            for video, values in outputs.items():
                place = f"{target.name}/{head}/{run}/{video}"
                arrays |= {f"outputs/{place}": packed(values)} if target.is_dense else {f"logits/{place}": values}
            scored.append({"run": f"seed {run}", "scores": score_frames(target, outputs, truth), "chosen": [{}]})
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
        "model": {"name": model, "revision": None, "fingerprint": "0", "class": model_class, "parameters": 1},
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
            "lower_is_better": target.lower_is_better,
            "diagnostic": heads[0].startswith("knn"),
        },
        "targets": {
            target.name: {
                "kind": target.kind,
                "labels": list(target.labels),
                "metric": target.metric.__name__,
                "score": target.score,
                "primary": target.primary,
                "lower_is_better": target.lower_is_better,
                "heads": described,
                "constant": {
                    name: score_frames(target, made_up_outputs(target, truth, of, 7), truth)
                    for name, of in (constant or {}).items()
                },
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
