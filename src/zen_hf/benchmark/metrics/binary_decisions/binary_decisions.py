# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Several labels per frame decided at a probability of one half: what ranking (`multilabel_map`) does not show.

    sensitivity          share of the positive frames that are called positive
    specificity          share of the negative frames that are called negative
    balanced_accuracy    mean of the two
    f1                   2 hits / (2 hits + false positives + misses)
    brier                mean squared difference of probability and truth (G.W. Brier, Monthly Weather Review 78 (1950) 1-3,
                         halved as is usual for two outcomes); lower is better, 0.25 is a constant one half

each under three names:

    {measure}_video_mean    mean over the classes of a video, then over videos
    {measure}_class_mean    every class over its videos, then over classes
    {measure}_global        from the counts of all videos together, mean over classes

A class without a positive frame has no sensitivity, balanced accuracy and F1, one without a negative frame no specificity
and no balanced accuracy; what is undefined is left out of means. A frame is called positive from 0.5 on, as in the code of
Cholec80-CVS (M.S. Ríos et al., Scientific Data 10 (2023) 194).
"""

from collections.abc import Sequence

import datasets
import evaluate
import numpy as np

from zen_hf.benchmark import video_weights
from zen_hf.benchmark.metrics.average_precision import split_by_video

THRESHOLD = 0.5
MEASURES = ("balanced_accuracy", "sensitivity", "specificity", "f1", "brier")
ENDINGS = ("video_mean", "class_mean", "global")
NAMES = tuple(f"{measure}_{ending}" for ending in ENDINGS for measure in MEASURES)

_INPUTS = """
Args:
    predictions: probability of every class for every frame, [frames][classes], in [0, 1].
    references: 0 or 1 for every class and frame, [frames][classes].
    groups: id of the video of every frame, [frames].

Returns:
    the scores named at the head of the file (None where undefined), {measure}_video_std (ddof 1, over videos),
    {measure}_class_global ([classes], None where undefined), and per_video: {id: {frames, counts [classes][hits, false
    positives, misses, right negatives, sum of squared differences], measure, measure_class [classes]}}. The counts are
    enough to compute every score again, for any choice of videos.

Examples:
    >>> metric = BinaryDecisions(keep_in_memory=True)
    >>> metric.compute(predictions=[[0.9], [0.2], [0.8]], references=[[1], [0], [0]], groups=["a", "a", "a"])["f1_global"]
    0.6666666666666666
"""  # noqa: E501


def video_statistics(predictions: Sequence, references: Sequence, groups: Sequence[str]) -> dict[str, dict]:
    """Everything about each video that a score needs; arguments as for the metric.

    Raises:
        ValueError: if shapes differ, a prediction is not in [0, 1], or a reference is neither 0 nor 1.
    """
    videos = split_by_video(predictions, references, groups)
    odd = [value for probabilities, _ in videos.values() for value in (probabilities.min(), probabilities.max())]
    if min(odd) < 0 or max(odd) > 1:
        raise ValueError(f"predictions go from {min(odd):g} to {max(odd):g}; expected probabilities in [0, 1].")
    return {video: score_video(*frames) for video, frames in videos.items()}


def score_video(probabilities: np.ndarray, truth: np.ndarray) -> dict:
    """Counts and scores of one video ([frames, classes] each), ready for JSON."""
    called, positive = probabilities >= THRESHOLD, truth.astype(bool)
    counts = np.stack(
        [
            (called & positive).sum(axis=0),
            (called & ~positive).sum(axis=0),
            (~called & positive).sum(axis=0),
            (~called & ~positive).sum(axis=0),
            ((probabilities - truth) ** 2).sum(axis=0),
        ],
        axis=1,
    )
    video = {"frames": len(truth), "counts": counts.tolist()}
    for measure in MEASURES:
        of_class = class_scores(counts, measure)
        video[measure] = _json(video_weights.mean_of_defined(of_class))
        video[f"{measure}_class"] = [_json(value) for value in of_class]
    return video


def class_scores(counts: np.ndarray, measure: str) -> np.ndarray:
    """One measure of every class; NaN where it is undefined.

    Args:
        counts: [..., classes, 5]: hits, false positives, misses, right negatives, sum of squared differences.
        measure: one of `MEASURES`.

    Returns:
        [..., classes].
    """
    hits, false, missed, right, squares = np.moveaxis(np.asarray(counts, dtype=float), -1, 0)
    with np.errstate(invalid="ignore"):  # 0 / 0: undefined
        sensitivity, specificity = hits / (hits + missed), right / (right + false)
        return {
            "balanced_accuracy": (sensitivity + specificity) / 2,
            "sensitivity": sensitivity,
            "specificity": specificity,
            "f1": np.where(hits + missed > 0, 2 * hits / (2 * hits + false + missed), np.nan),
            "brier": squares / (hits + false + missed + right),
        }[measure]


def score_of_weights(name: str, *encoders: dict[str, dict]) -> video_weights.Score:
    """A score as a function of how often each video counts, for `zen_hf.benchmark.statistics`.

    Args:
        name: one of `NAMES`.
        encoders: `per_video` of one encoder, or of several on the same videos; the columns of the weights are then the
            videos of the first in the order of their ids, those of the second, and so on.

    Raises:
        ValueError: if the encoders were not scored on the same videos, or the name is unknown.
    """
    if name not in NAMES:
        raise ValueError(f"unknown score {name!r}; expected one of {', '.join(NAMES)}.")
    videos = video_weights.joined(*encoders)
    ending = next(ending for ending in ENDINGS if name.endswith(ending))
    measure = name.removesuffix(f"_{ending}")
    if ending == "video_mean":
        return video_weights.mean_over_videos([video[measure] for video in videos])
    if ending == "class_mean":
        return video_weights.mean_over_videos_then_classes([video[f"{measure}_class"] for video in videos])
    counts = [video["counts"] for video in videos]
    return video_weights.function_of_sums(
        counts, lambda sums: video_weights.mean_of_defined(class_scores(sums, measure))
    )


def summarise(per_video: dict[str, dict]) -> dict:
    """All scores from what `video_statistics` returned."""
    result = {name: video_weights.value_of(score_of_weights(name, per_video), len(per_video)) for name in NAMES}
    together = np.sum([video["counts"] for video in per_video.values()], axis=0)
    for measure in MEASURES:
        result[f"{measure}_video_std"] = video_weights.spread([video[measure] for video in per_video.values()])
        result[f"{measure}_class_global"] = [_json(value) for value in class_scores(together, measure)]
    return result | {"per_video": per_video}


def _json(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


class BinaryDecisions(evaluate.Metric):
    """Decisions at one half; see the head of this file for the names of the scores."""

    ranks = True  # predictions are a score per class
    probabilities = True  # in [0, 1]
    video_statistics = staticmethod(video_statistics)
    summarise = staticmethod(summarise)
    score_of_weights = staticmethod(score_of_weights)

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=__doc__,
            citation="",
            inputs_description=_INPUTS,
            features=datasets.Features(
                {
                    "predictions": datasets.Sequence(datasets.Value("float64")),
                    "references": datasets.Sequence(datasets.Value("int8")),
                    "groups": datasets.Value("string"),
                }
            ),
        )

    def _compute(self, predictions: list, references: list, groups: list[str]) -> dict:
        return summarise(video_statistics(predictions, references, groups))
