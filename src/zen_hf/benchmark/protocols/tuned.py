# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The protocols `lora`, `dora` and `full`: the trunk trains, then a temporal head on features extracted anew.

Per fold and seed, `tuning.train_trunk.tune` trains the trunk with a linear classifier on the training videos. Its logits are
the head "linear" (and "linear_smoothed" in tasks with a temporal head). The temporal head trains on the features of the
trained trunk, which nothing else will ever read: they are not kept. The predictions are, where asked for: a benchmark that
was interrupted goes on with the first fold and seed that is missing.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import numpy as np

from zen_hf.data.frame_pixels import FRAME_TO_PIXELS

from ..candidate import Candidate
from ..exam import Exam, FoldLabels, Predictions
from ..feature_cache import extract_features, frames_hash, rows_by_video
from ..tuning.settings import TuningSettings
from ..tuning.train_trunk import TunedModel, tune
from .probing import TEMPORAL, TRAINERS, joined, labelled, smoothed_variant
from .tuned_part import Part, TunedPart


def predict_tuned(
    exam: Exam,
    candidate: Candidate,
    method: Literal["lora", "dora", "full"],
    heads: Sequence[str],
    seeds: Sequence[int],
    image_size: int,
    settings: TuningSettings,
    model_dir: Path | None = None,
    parts_dir: Path | None = None,
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
        model_dir: where the first seed's adapters or models are kept, a folder per fold (`fold_name`); by default they are
            not kept.
        parts_dir: where the predictions of each fold and seed are kept as soon as they are there, and read instead of
            training again; may be deleted when the result is written. By default they are not kept.

    Raises:
        ValueError: if the encoder cannot be tuned, the data does not fit, or a kept part is damaged.
    """
    parts = {}
    for labels in exam.folds:
        name = fold_name(exam, labels)
        for run, seed in enumerate(seeds):
            folder = model_dir / name if model_dir is not None and run == 0 else None
            stored = found = None
            if parts_dir is not None:
                key = part_key(exam, labels, candidate, method, heads, seed, image_size, settings)
                stored = TunedPart(parts_dir, f"{name}-seed-{seed}", key)
                found = stored.read() if folder is None or is_saved(folder) else None
            if found is None:
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
                    folder=folder,
                    revision=candidate.revision,
                    trust_remote_code=candidate.trust_remote_code,
                )
                found = list(predict_with(exam, labels, tuned, image_size, TEMPORAL in heads, seed))
                if stored is not None:
                    stored.write(found)
            for head, target, part in found:
                parts.setdefault((target, head, run), []).append(part)
    return joined(parts, seeds)


def fold_name(exam: Exam, labels: FoldLabels) -> str:
    """Name of a fold's model: its only test video; else "model" if the split has no other fold, else its place there."""
    if len(labels.fold.test) == 1:
        return f"without-{labels.fold.test[0]}"
    return "model" if len(exam.split.folds) == 1 else f"fold-{exam.split.folds.index(labels.fold)}"


def part_key(
    exam: Exam,
    labels: FoldLabels,
    candidate: Candidate,
    method: str,
    heads: Sequence[str],
    seed: int,
    image_size: int,
    settings: TuningSettings,
) -> dict:
    """All that the predictions of one fold and seed depend on, ready for JSON."""
    rows = rows_by_video(exam.frames)
    return {
        "encoder": candidate.encoder.fingerprint,
        "random_weights": candidate.random_weights,
        "method": method,
        "settings": asdict(settings),
        "temporal": TEMPORAL in heads,
        "seed": seed,
        "image_size": image_size,
        "frame_to_pixels": FRAME_TO_PIXELS,
        "task": exam.task.name,
        "fold": {side: list(videos) for side, videos in labels.fold.sides.items()},
        "frames": {video: frames_hash(exam.frames.select(rows[video])) for video in labels.fold.videos},
        "labels": exam.labels_sha256,
    }


def is_saved(folder: Path) -> bool:
    """Whether `save_tuned` got to its end in a folder."""
    return (folder / "README.md").is_file()


def predict_with(
    exam: Exam, labels: FoldLabels, tuned: TunedModel, image_size: int, temporal: bool, seed: int
) -> Iterator[Part]:
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
        with tempfile.TemporaryDirectory() as cache:  # until the heads are done: features are mapped from the disk
            features = extract_features(tuned.encoder, exam.frames, labels.fold.videos, image_size, Path(cache))
            for target in exam.task.targets:
                train, val_videos = (labelled(side[target.name], features) for side in (labels.train, labels.val))
                trained = TRAINERS[TEMPORAL](target, train, val_videos, [seed])[0]
                logits = {video: trained.head.logits(features[video]) for video in labels.fold.test}
                yield TEMPORAL, target.name, (logits, trained.chosen)
