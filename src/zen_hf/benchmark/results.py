# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What a result is: scores with intervals, and all that a number can be traced to.

A result folder holds `summary.json` and, for pictures and pooled metrics, `predictions.safetensors`:

    logits/{target}/{head}/{number of the run}/{video}   [rows, classes], the very values that were scored
    truth/{target}/{video}                               [rows] or [rows, classes]
    time_s/{video}                                       [rows], seconds

Of a dense target, bytes stand in their place (`dense.pictures`: `packed`, `to_bytes`): the predictions that were scored, and
their truth; of depth, whose truth is large and whose scores need it no more, that of a few frames, for pictures.

    outputs/{target}/{head}/{number of the run}/{video}  [bytes]
    truth/{target}/{video}                               [bytes]
"""

import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

import zen_hf
from zen_hf.atomic_files import atomic_file, atomic_folder
from zen_hf.data.frame_pixels import FRAME_TO_PIXELS

from . import video_weights
from .dense.canvas import RULE as CANVAS_RULE
from .dense.frame_truths import FrameTruths
from .dense.pictures import packed, to_bytes
from .exam import Exam, Labels, Predictions
from .feature_cache import frames_hash, rows_by_video
from .leakage import Leakage
from .split import Split
from .statistics import confidence_interval, spread_over_seeds
from .task import Target

FORMAT = "zen-hf result 2"
PREDICTIONS = "predictions.safetensors"
CONSTANT = ("chance", "majority", "prevalence", "question_majority", "question_only")  # no picture was looked at
DEPTH_PICTURES = 8  # frames of a video whose true depth is kept
PACKAGES = ("torch", "transformers", "datasets", "evaluate", "scipy", "scikit-learn", "numpy", "pillow", "av", "peft")


@dataclass(frozen=True)
class Result:
    """A result in memory.

    Args:
        summary: ready for JSON.
        arrays: content of `predictions.safetensors`.
    """

    summary: dict
    arrays: dict[str, np.ndarray]

    def save_predictions(self, folder: Path) -> None:
        """Write `predictions.safetensors`, whole or not at all."""
        with atomic_file(Path(folder) / PREDICTIONS) as temporary:
            save_file(self.arrays, temporary)

    def save(self, folder: Path) -> None:
        """Write the result as a new folder of its own, whole or not at all.

        Raises:
            FileExistsError: if the folder exists.
        """
        with atomic_folder(Path(folder)) as temporary:
            self.save_predictions(temporary)
            (temporary / "summary.json").write_text(json.dumps(self.summary, indent=2, allow_nan=False) + "\n")


def describe(
    exam: Exam,
    predictions: Sequence[Predictions],
    scores: Sequence[dict],
    statistics: Sequence[dict],
    truth: Labels,
    candidate: dict,
    protocol: str,
    seeds: Sequence[int],
    leakage: Leakage,
) -> Result:
    """Put a result together.

    Args:
        exam: what was sat.
        predictions: of every target, head and run, the constant ones among them.
        scores: the metric's result for each of them.
        statistics: what the metric knows of every video, for each of them.
        truth: of the test videos.
        candidate: description of the encoder, with its `image_size`.
        protocol: name of the protocol.
        seeds: that were run.
        leakage: what the encoder may have seen.
    """
    task = exam.task
    summary = {
        "format": FORMAT,
        "task": task.name,
        "protocol": protocol,
        "seeds": list(seeds),
        "model": {key: value for key, value in candidate.items() if key != "image_size"},
        "image_size": candidate["image_size"],
        "frame_to_pixels": CANVAS_RULE if task.targets[0].is_dense else FRAME_TO_PIXELS,
        "leakage": asdict(leakage),
        "split": describe_split(exam.split),
        "dataset": {
            "fingerprint": dataset_fingerprint(exam),
            "frames": {video: len(rows) for video, rows in rows_by_video(exam.frames).items()},
        },
        "versions": package_versions(),
        "targets": {
            target.name: describe_target(
                target,
                [run for run in zip(predictions, scores, statistics, strict=True) if run[0].target == target.name],
            )
            for target in task.targets
        },
    }
    first = task.targets[0]
    head, scored = next(iter(summary["targets"][first.name]["heads"].items()))
    interval = scored["interval"]
    summary["primary"] = {
        "target": first.name,
        "head": head,
        "name": first.primary,
        "value": scored["value"],
        "interval": [interval["low"], interval["high"]] if interval else None,
        "lower_is_better": first.lower_is_better,
        "diagnostic": head.startswith(
            "knn"
        ),  # zero_shot without a transfer: neighbours use this task's training labels
    }
    summary = json.loads(
        json.dumps(summary, allow_nan=False)
    )  # as it will be read: lists for tuples, names for numbers
    return Result(summary, arrays_of(exam, predictions, truth))


Run = tuple[Predictions, dict, dict]  # with its scores, and what the metric knows of every video


def describe_target(target: Target, scored: list[Run]) -> dict:
    """Scores of one target: every head with its runs, and what needs no picture."""
    heads: dict[str, list[Run]] = {}
    for run in scored:
        heads.setdefault(run[0].head, []).append(run)
    return {
        "kind": target.kind,
        "labels": list(target.labels),
        "metric": target.metric.__name__,
        "score": target.score,
        "primary": target.primary,
        "lower_is_better": target.lower_is_better,
        "heads": {name: describe_head(target, runs) for name, runs in heads.items() if name not in CONSTANT},
        "constant": {name: heads[name][0][1] for name in CONSTANT if name in heads},
    }


def describe_head(target: Target, runs: list[Run]) -> dict:
    """One head: the mean of its runs with the interval over videos, the spread over runs apart from it, and every run."""
    values = [scores[target.primary] for _, scores, _ in runs]
    interval = None
    if None not in values:
        score = video_weights.mean_of_scores(
            [target.metric.score_of_weights(target.primary, statistics) for _, _, statistics in runs]
        )
        interval = asdict(confidence_interval(score, units=len(runs[0][2])))
    _, _, shots = runs[0][0].head.partition("@")
    return {
        "shots": int(shots) if shots else None,
        "value": interval["value"] if interval else None,
        "interval": interval,
        "seeds": asdict(spread_over_seeds([value for value in values if value is not None] or [float("nan")]))
        if interval
        else None,
        "runs": [{"run": entry.run, "scores": scores, "chosen": entry.chosen} for entry, scores, _ in runs],
    }


def describe_split(split: Split) -> dict:
    """The folds that were run, and the hash of the file that they come from."""
    return {
        "name": split.name,
        "origin": split.origin,
        "unit": split.unit,
        "sha256": split.sha256,
        "held_out": [list(fold.test) for fold in split.folds],
    }


def arrays_of(exam: Exam, predictions: Sequence[Predictions], truth: Labels) -> dict[str, np.ndarray]:
    """Arrays of `predictions.safetensors`."""
    arrays, runs = {}, {}
    targets = {target.name: target for target in exam.task.targets}
    for entry in predictions:
        if entry.head in CONSTANT:
            continue
        run = runs[entry.target, entry.head] = runs.get((entry.target, entry.head), -1) + 1
        for video, outputs in entry.outputs.items():
            place = f"{entry.target}/{entry.head}/{run}/{video}"
            if targets[entry.target].is_dense:
                arrays[f"outputs/{place}"] = packed(outputs)
            else:
                arrays[f"logits/{place}"] = np.ascontiguousarray(outputs)
    for target, by_video in truth.items():
        keep = kept_truth if targets[target].is_dense else lambda target, labels: np.ascontiguousarray(labels)
        arrays |= {f"truth/{target}/{video}": keep(targets[target], labels) for video, labels in by_video.items()}
    times, rows = np.array(exam.frames["time_s"][:], dtype=np.float32), rows_by_video(exam.frames)
    tested = next(iter(truth.values()))
    return arrays | {f"time_s/{video}": times[rows[video]] for video in tested}


def kept_truth(target: Target, truths: FrameTruths) -> np.ndarray:
    """The truth of a video's frames as bytes; nothing in place of the depth of most."""
    shown = range(len(truths))
    if target.kind == "depth":
        shown = np.linspace(0, len(truths) - 1, DEPTH_PICTURES).round().astype(int).tolist()
    return packed([to_bytes(target.kind, truths[index]) if index in shown else b"" for index in range(len(truths))])


def package_versions() -> dict[str, str]:
    """Versions of Python and of every package that a score depends on."""
    versions = {"python": platform.python_version(), "zen-hf": zen_hf.__version__}
    return versions | {name: importlib.metadata.version(name) for name in PACKAGES}


def dataset_fingerprint(exam: Exam) -> str:
    """SHA-256 over the frames, their video and index, and all labels."""
    digest = hashlib.sha256((frames_hash(exam.frames) + exam.labels_sha256).encode())
    for video, frame in zip(exam.frames["video_id"][:], exam.frames["frame"][:], strict=True):
        digest.update(f"{video} {frame};".encode())
    return digest.hexdigest()
