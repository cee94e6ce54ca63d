# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The protocols `lora`, `dora` and `full`: the trunk trains, then a temporal head on features extracted anew.

Per fold and seed, `tuning.train_trunk.tune` trains the trunk with a linear classifier on the training videos. Its logits are
the head "linear" (and "linear_smoothed" in tasks with a temporal head). The temporal head trains on the features of the
trained trunk, which nothing else will ever read: they are not kept.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from ..candidate import Candidate
from ..exam import Exam, FoldLabels, Predictions
from ..feature_cache import extract_features
from ..tuning.settings import TuningSettings
from ..tuning.train_trunk import TunedModel, tune
from .probing import TEMPORAL, TRAINERS, joined, labelled, smoothed_variant


def predict_tuned(
    exam: Exam,
    candidate: Candidate,
    method: Literal["lora", "dora", "full"],
    heads: Sequence[str],
    seeds: Sequence[int],
    image_size: int,
    settings: TuningSettings,
    model_dir: Path | None = None,
) -> list[Predictions]:
    """Train the trunk in every fold with every seed, and predict the test videos.

    Args:
        exam: the task's data.
        candidate: the encoder, loaded anew for each training; random weights where it has such.
        method: how the trunk trains.
        heads: "linear" (always scored: it trains with the trunk) and "ms_tcn".
        seeds: of the training and the heads.
        image_size: side of the square frames, in pixels.
        settings: of the training.
        model_dir: where the first seed's adapters or models are kept, a folder per fold named by its test videos; by
            default they are not kept.
    """
    parts = {}
    for labels in exam.folds:
        for run, seed in enumerate(seeds):
            keep = model_dir is not None and run == 0
            tuned = tune(
                candidate.model,
                exam.frames,
                labels,
                exam.task.targets,
                image_size,
                method,
                seed,
                settings,
                initial="random" if candidate.random_weights else "pretrained",
                folder=model_dir / folder_of(labels) if keep else None,
                revision=candidate.revision,
            )
            for name, target, part in predict_with(exam, labels, tuned, image_size, TEMPORAL in heads, seed):
                parts.setdefault((target, name, run), []).append(part)
    return joined(parts, seeds)


def folder_of(labels: FoldLabels) -> str:
    """Name of a fold's model: its only test video, or "model" where it is tested on several."""
    return f"without-{labels.fold.test[0]}" if len(labels.fold.test) == 1 else "model"


def predict_with(
    exam: Exam, labels: FoldLabels, tuned: TunedModel, image_size: int, temporal: bool, seed: int
) -> Iterator[tuple[str, str, tuple[dict[str, np.ndarray], dict]]]:
    """Logits of one fold's test videos: name of the head, name of the target, (logits, what was chosen)."""
    videos = np.array(exam.frames["video_id"][:])

    def logits_of(wanted: Sequence[str]) -> dict[str, dict[str, np.ndarray]]:
        return {video: tuned.logits(exam.frames.select(np.flatnonzero(videos == video))) for video in wanted}

    test, val = logits_of(labels.fold.test), logits_of(labels.fold.val if temporal else ())
    for target in exam.task.targets:
        logits = {video: by_target[target.name] for video, by_target in test.items()}
        yield "linear", target.name, (logits, tuned.chosen)
        if temporal:
            on_val = [by_target[target.name] for by_target in val.values()]
            truths = [labels.val[target.name][video] for video in val]
            for name, part in smoothed_variant(target, "linear", logits, on_val, truths, tuned.chosen).items():
                yield name, target.name, part
    if temporal:
        with tempfile.TemporaryDirectory() as cache:
            features = extract_features(tuned.encoder, exam.frames, labels.fold.videos, image_size, Path(cache))
        for target in exam.task.targets:
            train, val_videos = (labelled(side[target.name], features) for side in (labels.train, labels.val))
            trained = TRAINERS[TEMPORAL](target, train, val_videos, [seed])[0]
            logits = {video: trained.head.logits(features[video]) for video in labels.fold.test}
            yield TEMPORAL, target.name, (logits, trained.chosen)
