# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What goes into a result beside the scores, so that a number can be traced to what it was measured on and with."""

import hashlib
import importlib.metadata
import json
import platform

import datasets

import zen_hf

from .feature_cache import FRAME_TO_PIXELS, frames_hash, rows_by_video
from .split import Split
from .task import Task

FORMAT = "zen-hf result 1"
PACKAGES = ("torch", "transformers", "datasets", "evaluate", "scipy", "numpy", "pillow")


def package_versions() -> dict[str, str]:
    """Versions of Python and of every package that a score depends on."""
    versions = {"python": platform.python_version(), "zen-hf": zen_hf.__version__}
    return versions | {name: importlib.metadata.version(name) for name in PACKAGES}


def dataset_fingerprint(dataset: datasets.Dataset, task: Task) -> str:
    """SHA-256 over the frames, their video and index, and the labels of the task's targets."""
    columns = ["video_id", "frame"] + [target.name for target in task.targets]
    digest = hashlib.sha256(frames_hash(dataset).encode())
    for row in dataset.select_columns(columns):
        digest.update(json.dumps([row[name] for name in columns]).encode())
    return digest.hexdigest()


def describe_run(
    task: Task,
    protocol: str,
    head: str,
    split: Split,
    dataset: datasets.Dataset,
    encoder: str,
    image_size: int,
    seed: int,
) -> dict:
    """Everything about a run but its scores, ready for JSON.

    Args:
        task: what was predicted.
        protocol: "frozen".
        head: kind of the head.
        split: the folds that were run.
        dataset: canonical frames and labels.
        encoder: fingerprint of the encoder.
        image_size: side of the square frames, in pixels.
        seed: seed of the run.
    """
    return {
        "format": FORMAT,
        "task": task.name,
        "protocol": protocol,
        "head": head,
        "seed": seed,
        "encoder_fingerprint": encoder,
        "image_size": image_size,
        "frame_to_pixels": FRAME_TO_PIXELS,
        "split": {
            "name": split.name,
            "origin": split.origin,
            "unit": split.unit,
            "sha256": split.sha256,
            "held_out": [list(fold.test) for fold in split.folds],
        },
        "dataset": {
            "fingerprint": dataset_fingerprint(dataset, task),
            "frames": {video: len(rows) for video, rows in rows_by_video(dataset).items()},
        },
        "versions": package_versions(),
    }
