# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""One class per frame (a surgical phase, step or gesture): every usual score, each under a name that holds its convention.

    accuracy_video_mean                 share of right frames of a video, mean over videos
    {m}_{s}_video_mean                  measure m under strategy s: mean over the classes of a video, then over videos
    {m}_{s}_class_mean                  the same in the other order: every class over its videos, then over classes
    {m}_frame, accuracy_frame           from the frames of all videos together; mean over the classes that they hold
    edit_video_mean                     edit score of a video's segments, mean over videos
    segment_f1_{k}_video_mean           segmental F1@k of a video, mean over videos, k = 10, 25, 50
    segment_f1_{k}_pooled               from the hits and misses of all videos together (the code of MS-TCN)
    sqrt_accuracy_segment_f1_10_video_mean   square root of accuracy x F1@10 of a video, mean over videos
    sqrt_of_means_accuracy_segment_f1_10     square root of mean accuracy x mean F1@10 over videos: the score of SAR-RARP50
                                        (D. Psychogyios et al., arXiv:2401.00496; `rarptk evaluate` of the authors' toolkit)
    legacy_f1_of_means_b                F1 of the mean precision and the mean recall: an upper bound that papers print
    legacy_relaxed_*                    relaxed boundaries of 10 s, on request; see `legacy_relaxed.py`

m is f1, jaccard, precision or recall; s is a, b or c: what a class scores in a video that does not hold it (I. Funke et al.,
arXiv:2305.13961, see `class_scores.py`). Strategy b is the one to report, with a beside it: b forgives false predictions of
an absent class but for the recall of the true one. Every `*_video_mean` has a `*_video_std` (over videos, ddof 1).
"""

import datasets
import evaluate
import numpy as np

from zen_hf.benchmark import video_weights
from zen_hf.benchmark.metrics.phase_recognition.class_scores import (
    MEASURES,
    STRATEGIES,
    accuracy,
    class_scores,
    confusion_matrix,
)
from zen_hf.benchmark.metrics.phase_recognition.legacy_relaxed import legacy_relaxed_scores
from zen_hf.benchmark.metrics.phase_recognition.segments import edit_score, segment_counts, segment_f1

OVERLAPS = (10, 25, 50)  # per cent
RELAXED = ("jaccard", "precision", "recall")

_INPUTS = """
Args:
    predictions: predicted class index of every frame, [frames]; the frames of a video in the order of time.
    references: true class index of every frame, [frames].
    groups: id of the video of every frame, [frames].
    num_classes: number of classes of the task. Without it, the greatest index that occurs counts as the last class and
        strategy c is left out, because it gives credit for classes that never occur.
    legacy_relaxed_window: frames of 10 s (10 at 1 fps) to add the `legacy_relaxed_*` scores; needs 7 or 8 classes.

Returns:
    the scores named at the head of the file (None where undefined), per_class: {m_s: [classes]} means over videos, and
    per_video: {id: {frames, confusion [true][predicted], accuracy, m_s, edit, segment_f1_k, segments: {k: [hits, false,
    missed]}, sqrt_accuracy_segment_f1_10}}. The entries of per_video are enough to compute every score again, for any choice of videos.

Examples:
    >>> metric = PhaseRecognition(keep_in_memory=True)
    >>> metric.compute(predictions=[0, 1, 1], references=[0, 1, 0], groups=["a", "a", "b"])["accuracy_video_mean"]
    0.5
"""


def score_names(strategy_c: bool = True, legacy_relaxed: bool = False) -> list[str]:
    """Names of all scores, the main ones first."""
    strategies = STRATEGIES if strategy_c else STRATEGIES[:2]
    measured = [f"{measure}_{strategy}" for strategy in strategies for measure in MEASURES]
    names = ["accuracy_video_mean", *(f"{name}_video_mean" for name in measured), "edit_video_mean"]
    names += [f"segment_f1_{k}_video_mean" for k in OVERLAPS] + [f"segment_f1_{k}_pooled" for k in OVERLAPS]
    names += ["sqrt_accuracy_segment_f1_10_video_mean", "sqrt_of_means_accuracy_segment_f1_10"]
    names += [f"{name}_class_mean" for name in measured] + ["accuracy_frame", *(f"{m}_frame" for m in MEASURES)]
    names += ["legacy_f1_of_means_b"]
    if legacy_relaxed:
        names += ["legacy_relaxed_accuracy_video_mean", *(f"legacy_relaxed_{m}_class_mean" for m in RELAXED)]
    return names


def video_statistics(
    predictions: list[int],
    references: list[int],
    groups: list[str],
    num_classes: int | None = None,
    legacy_relaxed_window: int | None = None,
) -> dict[str, dict]:
    """Everything about each video that a score needs; arguments and errors as for the metric."""
    predicted, truth, groups = np.asarray(predictions), np.asarray(references), np.asarray(groups)
    if not len(predicted) == len(truth) == len(groups) > 0:
        raise ValueError(
            f"{len(predicted)} predictions, {len(truth)} references and {len(groups)} groups; expected one of each for "
            "every frame, and at least one frame."
        )
    seen = np.concatenate([predicted, truth])
    classes = int(seen.max()) + 1 if num_classes is None else num_classes
    if seen.min() < 0 or seen.max() >= classes:
        wrong = seen[(seen < 0) | (seen >= classes)]
        raise ValueError(
            f"{len(wrong)} class indices lie outside 0 to {classes - 1} (first: {wrong[0]}); leave frames without a label "
            "out, and give every class of the task an index."
        )
    videos, number = np.unique(groups, return_inverse=True)
    return {
        str(video): score_video(truth[number == index], predicted[number == index], classes, legacy_relaxed_window)
        for index, video in enumerate(videos)
    }


def score_video(
    truth: np.ndarray, predicted: np.ndarray, classes: int, legacy_relaxed_window: int | None = None
) -> dict:
    """Counts and scores of one video, ready for JSON.

    Args:
        truth: [frames], class indices in the order of time.
        predicted: [frames], likewise.
        classes: number of classes.
        legacy_relaxed_window: frames of 10 s, to add `legacy_relaxed`.
    """
    confusion = confusion_matrix(truth, predicted, classes)
    video = {"frames": len(truth), "confusion": confusion.tolist(), "accuracy": float(accuracy(confusion))}
    for strategy in STRATEGIES:
        for measure in MEASURES:
            value = video_weights.mean_of_defined(class_scores(confusion, measure, strategy))
            video[f"{measure}_{strategy}"] = _json(value)
    video["edit"] = edit_score(truth, predicted)
    video["segments"] = {str(k): list(segment_counts(truth, predicted, k / 100)) for k in OVERLAPS}
    for k, counts in video["segments"].items():
        video[f"segment_f1_{k}"] = float(segment_f1(counts))
    video["sqrt_accuracy_segment_f1_10"] = float(np.sqrt(video["accuracy"] * video["segment_f1_10"]))
    if legacy_relaxed_window is not None:
        relaxed = legacy_relaxed_scores(truth, predicted, classes, legacy_relaxed_window)
        video["legacy_relaxed"] = {m: [_json(value) for value in relaxed[m]] for m in RELAXED}
        video["legacy_relaxed_accuracy"] = relaxed["accuracy"]
    return video


def score_of_weights(name: str, *encoders: dict[str, dict]) -> video_weights.Score:
    """A score as a function of how often each video counts, for `zen_hf.benchmark.statistics`.

    Args:
        name: one of `score_names`.
        encoders: `per_video` of one encoder, or of several on the same videos; the columns of the weights are then the
            videos of the first in the order of their ids, those of the second, and so on.

    Raises:
        ValueError: if the encoders were not scored on the same videos and classes, or the name is unknown.
    """
    videos = video_weights.joined(*encoders)
    if name not in score_names(legacy_relaxed="legacy_relaxed" in videos[0]):
        raise ValueError(
            f"unknown score {name!r}; expected one of {', '.join(score_names())}, or with legacy_relaxed_window one of "
            f"{', '.join(score_names(legacy_relaxed=True)[-4:])}."
        )
    confusions = [video["confusion"] for video in videos]
    sizes = sorted({len(confusion) for confusion in confusions})
    if len(sizes) > 1:
        raise ValueError(
            f"results with {sizes} classes cannot be joined; score every encoder with the same num_classes."
        )
    if name == "legacy_f1_of_means_b":
        precision, recall = (score_of_weights(f"{m}_b_video_mean", *encoders) for m in ("precision", "recall"))
        return lambda weights: 2 / (1 / precision(weights) + 1 / recall(weights))
    if name == "sqrt_of_means_accuracy_segment_f1_10":
        right, segments = (score_of_weights(f"{m}_video_mean", *encoders) for m in ("accuracy", "segment_f1_10"))
        return lambda weights: np.sqrt(right(weights) * segments(weights))
    if name == "accuracy_frame":
        return video_weights.function_of_sums(confusions, accuracy)
    if name.endswith("_frame"):
        measure = name.removesuffix("_frame")
        return video_weights.function_of_sums(
            confusions, lambda sums: video_weights.mean_of_defined(class_scores(sums, measure, "b"))
        )
    if name.endswith("_pooled"):
        k = name.removeprefix("segment_f1_").removesuffix("_pooled")
        return video_weights.function_of_sums([video["segments"][k] for video in videos], segment_f1)
    if name.endswith("_video_mean"):
        return video_weights.mean_over_videos([video[name.removesuffix("_video_mean")] for video in videos])
    if name.startswith("legacy_relaxed_"):
        measure = name.removeprefix("legacy_relaxed_").removesuffix("_class_mean")
        return video_weights.mean_over_videos_then_classes([video["legacy_relaxed"][measure] for video in videos])
    measure, strategy = name.removesuffix("_class_mean").split("_")
    return video_weights.mean_over_videos_then_classes(class_scores(np.array(confusions), measure, strategy))


def summarise(per_video: dict[str, dict], names: list[str] | None = None) -> dict:
    """The named scores (by default all but legacy_relaxed) of all videos, with spreads, means per class and `per_video`."""
    names, result = names or score_names(), {}
    for name in names:
        result[name] = video_weights.value_of(score_of_weights(name, per_video), len(per_video))
        if name.endswith("_video_mean"):
            of_video = name.removesuffix("_video_mean")
            result[f"{of_video}_video_std"] = video_weights.spread([v[of_video] for v in per_video.values()])
    result["per_class"] = {
        name.removesuffix("_class_mean"): mean_of_every_class(per_video, *name.removesuffix("_class_mean").split("_"))
        for name in names
        if name.endswith("_class_mean") and not name.startswith("legacy")
    }
    return result | {"per_video": per_video}


def mean_of_every_class(per_video: dict[str, dict], measure: str, strategy: str) -> list[float | None]:
    """A measure of every class, [classes]: its mean over the videos where it is defined; None where it nowhere is."""
    scores = class_scores(np.array([video["confusion"] for video in per_video.values()]), measure, strategy)
    means = video_weights.mean_over_videos_by_class(scores)(np.ones((1, len(per_video))))[0]
    return [_json(value) for value in means]


def _json(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


class PhaseRecognition(evaluate.Metric):
    """Scores of one class per frame; see the head of this file for their names."""

    ranks = False  # predictions are class indices
    probabilities = False
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
                    "predictions": datasets.Value("int32"),
                    "references": datasets.Value("int32"),
                    "groups": datasets.Value("string"),
                }
            ),
        )

    def _compute(
        self,
        predictions: list[int],
        references: list[int],
        groups: list[str],
        num_classes: int | None = None,
        legacy_relaxed_window: int | None = None,
    ) -> dict:
        """Score all frames that were added.

        Raises:
            ValueError: if a class index is negative or not below `num_classes`.
        """
        per_video = video_statistics(predictions, references, groups, num_classes, legacy_relaxed_window)
        return summarise(per_video, score_names(num_classes is not None, legacy_relaxed_window is not None))
