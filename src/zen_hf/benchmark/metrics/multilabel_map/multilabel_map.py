# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Mean average precision of several labels per frame, with absent classes undefined rather than zero.

    map_video_mean      mean over the classes that a video holds, then over videos
    map_class_mean      every class over the videos that hold it, then over classes (the order of ivtmetrics,
                        C.I. Nwoye and N. Padoy, arXiv:2204.05235, section 4)
    map_global          AP of the frames of all videos together, mean over the classes that they hold; only where one head
                        scored all videos, because scores of different heads have no common order
    prevalence_*        share of positive frames, averaged in the same three ways: what a constant score gets

AP is the step integral of `average_precision.py`. A class without a positive frame in a video has no AP there; it is left
out of the means and listed.
"""

from collections.abc import Sequence

import datasets
import evaluate
import numpy as np

from zen_hf.benchmark import video_weights
from zen_hf.benchmark.metrics.average_precision import average_precision, pooled_map, ranks, split_by_video

NAMES = (
    "map_video_mean",
    "map_class_mean",
    "map_global",
    "prevalence_video_mean",
    "prevalence_class_mean",
    "prevalence_global",
)

_INPUTS = """
Args:
    predictions: score of every class for every frame, [frames][classes]; higher means more likely, any scale.
    references: 0 or 1 for every class and frame, [frames][classes].
    groups: id of the video of every frame, [frames].

Returns:
    the scores named at the head of the file (None where undefined), map_video_std (ddof 1, over videos; None for one video),
    ap_class_video_mean and ap_class_global ([classes], None where undefined),
    per_video: {id: {map, ap [classes], prevalence, positives [classes], frames}},
    undefined: [[id, class index], ...] the pairs without a positive frame.

Examples:
    >>> metric = MultilabelMap(keep_in_memory=True)
    >>> metric.compute(predictions=[[0.9], [0.2], [0.8]], references=[[1], [0], [0]], groups=["a", "a", "a"])["map_video_mean"]
    1.0
"""  # noqa: E501


def video_statistics(predictions: Sequence, references: Sequence, groups: Sequence[str]) -> dict[str, dict]:
    """Everything about each video that a score needs; arguments and errors as for the metric.

    Returns:
        {id: what `score_video` returns}, by id.
    """
    return {video: score_video(*frames) for video, frames in split_by_video(predictions, references, groups).items()}


def score_video(scores: np.ndarray, truth: np.ndarray) -> dict:
    """AP of every class of one video ([frames, classes] each), their mean, and the prevalence over the same classes.

    `scores` and `references` are kept beside them as arrays: `map_global` of other choices of videos needs them.
    """
    ap = [average_precision(scores[:, index], truth[:, index]) for index in range(truth.shape[1])]
    return {
        "map": _mean([value for value in ap if value is not None]),
        "ap": ap,
        "prevalence": _mean([float(column.mean()) for column in truth.T if column.any()]),
        "positives": truth.sum(axis=0).tolist(),
        "frames": len(truth),
        "scores": scores,
        "references": truth,
    }


def score_of_weights(name: str, *encoders: dict[str, dict]) -> video_weights.Score:
    """A score as a function of how often each video counts, for `zen_hf.benchmark.statistics`.

    Args:
        name: one of `NAMES`.
        encoders: `video_statistics` (or, but for `map_global`, `per_video`) of one encoder, or of several on the same
            videos; the columns of the weights are then the videos of the first in the order of their ids, those of the
            second, and so on. For `map_global`, each encoder's scores are replaced by their ranks.

    Raises:
        ValueError: if the encoders were not scored on the same videos, the name is unknown, or scores are missing.
    """
    videos = video_weights.joined(*encoders)
    if name == "map_global":
        if any("scores" not in video for video in videos):
            raise ValueError(
                "map_global pools the frames of all videos: it needs the scores and references of every frame, which "
                "`per_video` of a result does not hold; pass what `video_statistics` returns."
            )
        size = len(encoders[0])
        ranked = [ranks([v["scores"] for v in videos[i : i + size]]) for i in range(0, len(videos), size)]
        return pooled_map(sum(ranked, []), [video["references"] for video in videos])
    if name == "map_video_mean" or name == "prevalence_video_mean":
        return video_weights.mean_over_videos([video[name.removesuffix("_video_mean")] for video in videos])
    if name == "map_class_mean":
        return video_weights.mean_over_videos_then_classes([video["ap"] for video in videos])
    if name == "prevalence_class_mean":
        shares = np.array([np.array(video["positives"]) / video["frames"] for video in videos])
        return video_weights.mean_over_videos_then_classes(np.where(shares > 0, shares, np.nan))
    if name == "prevalence_global":
        counts = [[*video["positives"], video["frames"]] for video in videos]
        return video_weights.function_of_sums(counts, _prevalence)
    raise ValueError(f"unknown score {name!r}; expected one of {', '.join(NAMES)}.")


def summarise(statistics: dict[str, dict]) -> dict:
    """All scores, from what `video_statistics` returned; `per_video` is left without the arrays, ready for JSON."""
    videos = list(statistics.values())
    result = {name: video_weights.value_of(score_of_weights(name, statistics), len(videos)) for name in NAMES}
    everything = np.ones((1, len(videos)))
    by_class = video_weights.mean_over_videos_by_class([video["ap"] for video in videos])(everything)[0]
    pooled = np.concatenate([v["scores"] for v in videos]), np.concatenate([v["references"] for v in videos])
    return result | {
        "map_video_std": video_weights.spread([video["map"] for video in videos]),
        "ap_class_video_mean": [None if np.isnan(value) else float(value) for value in by_class],
        "ap_class_global": [average_precision(*column) for column in zip(*(p.T for p in pooled), strict=True)],
        "per_video": {
            name: {key: value for key, value in video.items() if key not in ("scores", "references")}
            for name, video in statistics.items()
        },
        "undefined": [
            [name, i] for name, video in statistics.items() for i, ap in enumerate(video["ap"]) if ap is None
        ],
    }


def _prevalence(sums: np.ndarray) -> np.ndarray:
    """Mean share of positives over the classes that have some: counts [R, classes + 1], the last of all frames."""
    with np.errstate(invalid="ignore"):
        shares = sums[:, :-1] / sums[:, -1:]
    return video_weights.mean_of_defined(np.where(shares > 0, shares, np.nan))


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None


class MultilabelMap(evaluate.Metric):
    """Mean average precision; see the head of this file for the definition and `_compute` for what it returns."""

    ranks = True  # predictions are scores whose order counts
    probabilities = False  # any scale will do
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
        """Score all frames that were added.

        Raises:
            ValueError: if shapes differ, a score is not finite, or a reference is neither 0 nor 1.
        """
        return summarise(video_statistics(predictions, references, groups))
