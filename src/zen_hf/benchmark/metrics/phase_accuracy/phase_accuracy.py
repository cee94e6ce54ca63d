# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Accuracy and macro-F1 of one class per frame (a surgical phase), video by video.

`accuracy_video_mean` is the share of right frames of a video, averaged over the videos, so that a long operation weighs
no more than a short one. `macro_f1_video_b_mean` is the F1 of every class that the truth of a video holds, averaged over
those classes, then over the videos: strategy B of Funke et al., arXiv:2305.13961, where a class that is absent from a
video is undefined in it, and a wrong prediction of it costs only the recall of the true class. No relaxed boundaries.
"""

import datasets
import evaluate
import numpy as np

_INPUTS = """
Args:
    predictions: predicted class index of every frame, [frames].
    references: true class index of every frame, [frames].
    groups: id of the video of every frame, [frames].

Returns:
    accuracy_video_mean, accuracy_video_std (ddof 1, over videos; None for one video), macro_f1_video_b_mean,
    per_video: {id: {accuracy, macro_f1_b, f1 {class index: F1, for the classes of the video}, frames}}.

Examples:
    >>> metric = PhaseAccuracy(keep_in_memory=True)
    >>> metric.compute(predictions=[0, 1, 1], references=[0, 1, 0], groups=["a", "a", "b"])["accuracy_video_mean"]
    0.5
"""


class PhaseAccuracy(evaluate.Metric):
    """Accuracy and macro-F1 per video; see the head of this file for the definition."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=__doc__,
            citation="",
            inputs_description=_INPUTS,
            features=datasets.Features(
                {
                    "predictions": datasets.Value("int32"),
                    "references": datasets.Value("int32"),
                    "groups": datasets.Value("string"),
                }
            ),
        )

    def _compute(self, predictions: list[int], references: list[int], groups: list[str]) -> dict:
        predicted, truth, groups = np.asarray(predictions), np.asarray(references), np.asarray(groups)
        per_video = {
            str(video): score_video(predicted[groups == video], truth[groups == video])
            for video in sorted(set(groups))
        }
        accuracies = [video["accuracy"] for video in per_video.values()]
        return {
            "accuracy_video_mean": float(np.mean(accuracies)),
            "accuracy_video_std": float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else None,
            "macro_f1_video_b_mean": float(np.mean([video["macro_f1_b"] for video in per_video.values()])),
            "per_video": per_video,
        }


def score_video(predicted: np.ndarray, truth: np.ndarray) -> dict:
    """Accuracy of one video ([frames] each), and the F1 of every class that its truth holds."""
    f1 = {}
    for index in np.unique(truth).tolist():
        hits = np.sum((predicted == index) & (truth == index))
        f1[index] = float(2 * hits / (np.sum(predicted == index) + np.sum(truth == index)))
    return {
        "accuracy": float(np.mean(predicted == truth)),
        "macro_f1_b": float(np.mean(list(f1.values()))),
        "f1": f1,
        "frames": len(truth),
    }
