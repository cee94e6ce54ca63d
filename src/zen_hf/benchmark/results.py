# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What a result is: scores with intervals, and all that a number can be traced to.

A result folder holds `summary.json` and, for pictures and pooled metrics, `predictions.safetensors`:

    logits/{target}/{head}/{number of the run}/{video}   [frames, classes], the very values that were scored
    truth/{target}/{video}                               [frames] or [frames, classes]
    time_s/{video}                                       [frames], seconds
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
from zen_hf.run_directory import atomic_folder

from . import video_weights
from .exam import Exam, Labels, Predictions
from .feature_cache import FRAME_TO_PIXELS, frames_hash, rows_by_video
from .leakage import Leakage
from .scoring import video_statistics
from .split import Split
from .statistics import confidence_interval, spread_over_seeds
from .task import Target

FORMAT = "zen-hf result 2"
PREDICTIONS = "predictions.safetensors"
CONSTANT = ("chance", "majority", "prevalence")
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
        partial = Path(folder) / f".tmp-{PREDICTIONS}"
        save_file(self.arrays, partial)
        partial.replace(Path(folder) / PREDICTIONS)

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
        "frame_to_pixels": FRAME_TO_PIXELS,
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
                [pair for pair in zip(predictions, scores, strict=True) if pair[0].target == target.name],
                truth,
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
        "diagnostic": head.startswith(
            "knn"
        ),  # zero_shot without a transfer: neighbours use this task's training labels
    }
    summary = json.loads(
        json.dumps(summary, allow_nan=False)
    )  # as it will be read: lists for tuples, names for numbers
    return Result(summary, arrays_of(exam, predictions, truth))


def describe_target(target: Target, scored: list[tuple[Predictions, dict]], truth: Labels) -> dict:
    """Scores of one target: every head with its runs, and what needs no picture."""
    heads: dict[str, list] = {}
    for entry, scores in scored:
        heads.setdefault(entry.head, []).append((entry, scores))
    return {
        "kind": target.kind,
        "labels": list(target.labels),
        "metric": target.metric.__name__,
        "score": target.score,
        "primary": target.primary,
        "heads": {
            name: describe_head(target, runs, truth[target.name])
            for name, runs in heads.items()
            if name not in CONSTANT
        },
        "constant": {name: heads[name][0][1] for name in CONSTANT if name in heads},
    }


def describe_head(target: Target, runs: list[tuple[Predictions, dict]], truth: dict[str, np.ndarray]) -> dict:
    """One head: the mean of its runs with the interval over videos, the spread over runs apart from it, and every run."""
    values = [scores[target.primary] for _, scores in runs]
    interval = None
    if None not in values:
        statistics = [video_statistics(target, entry.logits, truth) for entry, _ in runs]
        score = video_weights.mean_of_scores(
            [target.metric.score_of_weights(target.primary, of_run) for of_run in statistics]
        )
        interval = asdict(confidence_interval(score, units=len(truth)))
    _, _, shots = runs[0][0].head.partition("@")
    return {
        "shots": int(shots) if shots else None,
        "value": interval["value"] if interval else None,
        "interval": interval,
        "seeds": asdict(spread_over_seeds([value for value in values if value is not None] or [float("nan")]))
        if interval
        else None,
        "runs": [{"run": entry.run, "scores": scores, "chosen": entry.chosen} for entry, scores in runs],
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
    for entry in predictions:
        if entry.head in CONSTANT:
            continue
        run = runs[entry.target, entry.head] = runs.get((entry.target, entry.head), -1) + 1
        for video, logits in entry.logits.items():
            arrays[f"logits/{entry.target}/{entry.head}/{run}/{video}"] = np.ascontiguousarray(logits)
    for target, by_video in truth.items():
        arrays |= {f"truth/{target}/{video}": np.ascontiguousarray(labels) for video, labels in by_video.items()}
    times, rows = np.array(exam.frames["time_s"][:], dtype=np.float32), rows_by_video(exam.frames)
    tested = next(iter(truth.values()))
    return arrays | {f"time_s/{video}": times[rows[video]] for video in tested}


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
