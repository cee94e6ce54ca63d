# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""From a head's logits to scores: what a metric sees, and the one number by which heads are chosen."""

from collections.abc import Iterator, Sequence

import evaluate
import numpy as np
from scipy.special import expit, log_softmax

from .dense.pictures import DenseValue, from_bytes
from .task import Target


def as_predictions(target: Target, logits: np.ndarray, metric: type[evaluate.Metric] | None = None) -> np.ndarray:
    """What a metric takes: class indices [frames] for one class per frame, scores [frames, classes] for ranking.

    Args:
        target: what was predicted.
        logits: [frames, classes]. Of one class per frame up to a constant per frame; of several labels, log-odds, where the
            metric takes probabilities (others rank them, and any scale will do).
        metric: by default the target's own.
    """
    metric, logits = metric or target.metric, np.asarray(logits)
    if not metric.ranks:
        return logits.argmax(axis=1)
    if target.kind == "multi_label":
        return expit(logits.astype(float)) if metric.probabilities else logits
    # Logits of one class have no common order over frames; log-probabilities have, and keep apart what rounds to 0.
    logs = log_softmax(logits.astype(float), axis=1)
    return np.exp(logs) if metric.probabilities else logs


def as_references(target: Target, labels: np.ndarray, metric: type[evaluate.Metric] | None = None) -> np.ndarray:
    """Truth as a metric takes it: one class per frame becomes 0/1 columns for a metric of rankings."""
    if (metric or target.metric).ranks and target.kind == "single_label":
        return np.eye(len(target.labels), dtype=int)[labels]
    return labels


def video_statistics(
    target: Target,
    outputs: dict[str, np.ndarray] | dict[str, list[bytes]],
    truth: dict[str, Sequence],
    metric: type[evaluate.Metric] | None = None,
) -> dict[str, dict]:
    """Everything about each video that the metric's scores need.

    Args:
        target: what was predicted.
        outputs: {name: logits [rows, classes]}, or of a dense target {name: one `pictures.to_bytes` per frame}; a name is a
            video, or a video under one of several settings.
        truth: of the same names: [rows, classes] of 0/1, [rows] of class indices, or one picture per frame.
        metric: by default the target's own.
    """
    metric = metric or target.metric
    groups = np.repeat(np.array(list(outputs), dtype=object), [len(values) for values in outputs.values()]).astype(str)
    if target.is_dense:
        predictions = decoded(target, [content for of_video in outputs.values() for content in of_video])
        references = (picture for name in outputs for picture in truth[name])
        return metric.video_statistics(predictions, references, groups, **target.settings)
    predictions = np.concatenate([as_predictions(target, values, metric) for values in outputs.values()])
    references = np.concatenate([as_references(target, truth[name], metric) for name in outputs])
    # Not what occurs, but what could: strategy C of the phase metric counts every class.
    classes = {} if metric.ranks else {"num_classes": len(target.labels)}
    return metric.video_statistics(predictions, references, groups, **classes, **target.settings)


def decoded(target: Target, contents: Sequence[bytes]) -> Iterator[DenseValue]:
    """Predictions of frames from what is kept of them, one at a time."""
    return (from_bytes(target.kind, content) for content in contents)


def score_frames(
    target: Target,
    outputs: dict[str, np.ndarray] | dict[str, list[bytes]],
    truth: dict[str, Sequence],
    metric: type[evaluate.Metric] | None = None,
) -> dict:
    """The metric's whole result over some videos, ready for JSON; arguments as for `video_statistics`."""
    return (metric or target.metric).summarise(video_statistics(target, outputs, truth, metric))


def selection_scores(
    target: Target, settings: Sequence[Sequence[np.ndarray]], labels: Sequence[np.ndarray]
) -> list[float]:
    """The score by which heads are chosen, of each of several settings on the same videos.

    Args:
        target: what is predicted.
        settings: per setting the logits of every video, [frames, classes] each.
        labels: truth of every video.

    Returns:
        Per setting, the mean over videos of `target.score`, higher is better; a video where it is undefined is left out.

    Raises:
        ValueError: if it is undefined on all videos.
    """
    names = [(setting, video) for setting in range(len(settings)) for video in range(len(labels))]
    statistics = video_statistics(
        target,
        {f"{setting} {video}": settings[setting][video] for setting, video in names},
        {f"{setting} {video}": labels[video] for setting, video in names},
    )
    means = []
    for setting in range(len(settings)):
        found = [statistics[f"{setting} {video}"][target.score] for video in range(len(labels))]
        defined = [value for value in found if value is not None]
        if not defined:
            raise ValueError(
                f"{target.name}: {target.score} is undefined on all {len(labels)} videos that heads are chosen on: "
                "no class has a positive frame there."
            )
        means.append(float(np.mean(defined)))
    return means
