# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Mean average precision of several labels per frame, video by video, with absent classes undefined rather than zero.

For a video and a class with at least one positive frame in it,

    AP = sum_k (R_k - R_{k-1}) P_k

over the distinct scores from the highest down, equal scores taken together (scikit-learn's definition: a step integral,
no interpolation). A class without a positive frame in a video has no AP there: it is left out of the means and listed.
`map_video_mean` averages over the classes of a video first, then over the videos; `map_class_mean` averages a class over
its videos first, then over the classes (the order of ivtmetrics, C.I. Nwoye and N. Padoy, arXiv:2204.05235, section 4).
The prevalence beside it, averaged in the same order, is the AP of a constant score.
"""

import datasets
import evaluate
import numpy as np

_INPUTS = """
Args:
    predictions: score of every class for every frame, [frames][classes]; higher means more likely, any scale.
    references: 0 or 1 for every class and frame, [frames][classes].
    groups: id of the video of every frame, [frames].

Returns:
    map_video_mean, map_video_std (ddof 1, over videos; None for one video), map_class_mean, prevalence_video_mean,
    ap_class_video_mean ([classes], None where undefined in every video),
    per_video: {id: {map, ap [classes], prevalence, positives [classes], frames}},
    undefined: [[id, class index], ...] the pairs without a positive frame.

Examples:
    >>> metric = ToolMap(keep_in_memory=True)
    >>> metric.compute(predictions=[[0.9], [0.2], [0.8]], references=[[1], [0], [0]], groups=["a", "a", "a"])["map_video_mean"]
    1.0
"""  # noqa: E501


def average_precision(scores: np.ndarray, truth: np.ndarray) -> float | None:
    """Average precision of one class: the step integral of precision over recall, ties taken together.

    Args:
        scores: [frames], higher means more likely.
        truth: [frames], 0 or 1.

    Returns:
        AP in (0, 1], or None if no frame is positive.
    """
    positives = int(truth.sum())
    if positives == 0:
        return None
    order = np.argsort(-scores, kind="stable")
    scores, truth = scores[order], truth[order]
    last_of_tie = np.append(scores[1:] != scores[:-1], True)  # a threshold lies only between different scores
    hits = np.cumsum(truth)[last_of_tie]
    precision = hits / (np.flatnonzero(last_of_tie) + 1)
    return float(np.sum(np.diff(hits, prepend=0) / positives * precision))


class ToolMap(evaluate.Metric):
    """Mean average precision per video; see the head of this file for the definition and `_compute` for what it returns."""

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
        scores, truth, groups = np.asarray(predictions, float), np.asarray(references), np.asarray(groups)
        if scores.ndim != 2 or scores.shape != truth.shape:
            raise ValueError(
                f"predictions {scores.shape} and references {truth.shape} must both be [frames, classes]."
            )
        if not np.isfinite(scores).all():
            raise ValueError(f"{int((~np.isfinite(scores)).sum())} predicted scores are not finite.")
        if not np.isin(truth, (0, 1)).all():
            raise ValueError(f"references must be 0 or 1, found {sorted(set(truth.ravel().tolist()))}.")
        videos = {str(video): (scores[groups == video], truth[groups == video]) for video in sorted(set(groups))}
        return summarise({video: score_video(*frames) for video, frames in videos.items()})


def score_video(scores: np.ndarray, truth: np.ndarray) -> dict:
    """AP of every class of one video ([frames, classes] each), their mean, and the prevalence over the same classes."""
    ap = [average_precision(scores[:, index], truth[:, index]) for index in range(truth.shape[1])]
    defined = [index for index, value in enumerate(ap) if value is not None]
    return {
        "map": _mean([ap[index] for index in defined]),
        "ap": ap,
        "prevalence": _mean([float(truth[:, index].mean()) for index in defined]),
        "positives": truth.sum(axis=0).tolist(),
        "frames": len(truth),
    }


def summarise(per_video: dict[str, dict]) -> dict:
    """Means over videos of what `score_video` returned for each."""
    maps = [video["map"] for video in per_video.values() if video["map"] is not None]
    by_class = [
        _mean([ap for ap in column if ap is not None])
        for column in zip(*(video["ap"] for video in per_video.values()), strict=True)
    ]
    return {
        "map_video_mean": _mean(maps),
        "map_video_std": float(np.std(maps, ddof=1)) if len(maps) > 1 else None,
        "map_class_mean": _mean([ap for ap in by_class if ap is not None]),
        "prevalence_video_mean": _mean([v["prevalence"] for v in per_video.values() if v["prevalence"] is not None]),
        "ap_class_video_mean": by_class,
        "per_video": per_video,
        "undefined": [
            [name, i] for name, video in per_video.items() for i, ap in enumerate(video["ap"]) if ap is None
        ],
    }


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
