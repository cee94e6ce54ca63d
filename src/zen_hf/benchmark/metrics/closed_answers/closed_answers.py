# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Closed questions about frames, each answered by one of a fixed list of answers.

    accuracy            share of questions that are answered right
    macro_f1            F1 of every answer that is the truth of some question, mean over those answers
    macro_precision     likewise; 0 for an answer that is never given
    macro_recall        likewise
    weighted_f1         F1 of the same answers, weighted by their number of questions
    accuracy_{type}     share of the questions of one type that are answered right

each under two names:

    {measure}_global        from the questions of all videos together: of the macro averages, over the answers that are the
                            truth of any test question
    {measure}_video_mean    the measure of every video, over the answers that occur there; mean over videos

An answer that is given but is the truth of no question counts as an error of the questions where it was given, and has no F1
of its own: averaging over truth and predictions together, as libraries do by default, changes the list with the model. A
question's type is that of its true answer (`types`). All scores come from summed confusion matrices.

A template's questions are easy to guess without looking: beside every score belongs that of a head without pictures.
"""

from collections.abc import Mapping, Sequence

import datasets
import evaluate
import numpy as np

from zen_hf.benchmark import video_weights

MEASURES = ("macro_f1", "accuracy", "macro_precision", "macro_recall", "weighted_f1")
ENDINGS = ("global", "video_mean")

_INPUTS = """
Args:
    predictions: index of the answer to every question, [questions].
    references: index of the true answer, [questions].
    groups: id of the video of every question, [questions].
    num_classes: number of answers in the list.
    types: {type of question: indices of its answers}; an answer belongs to one type at most.

Returns:
    the scores named at the head of the file (None where undefined), {measure}_video_std (ddof 1, over videos),
    f1_class_global, precision_class_global and recall_class_global ([answers], None for one that is never the truth), and
    per_video: {id: {frames, confusion [true][given], types {type: [right, asked]}, measure}}.

Examples:
    >>> metric = ClosedAnswers(keep_in_memory=True)
    >>> metric.compute(predictions=[0, 0, 2], references=[0, 1, 1], groups=["a"] * 3, num_classes=3)["macro_f1_global"]
    0.3333333333333333
"""


def video_statistics(
    predictions: Sequence[int],
    references: Sequence[int],
    groups: Sequence[str],
    num_classes: int,
    types: Mapping[str, Sequence[int]] | None = None,
) -> dict[str, dict]:
    """The confusion matrix of each video and its scores, ready for JSON; arguments as for the metric.

    Raises:
        ValueError: if an answer is outside the list, an answer has two types, or there is no question.
    """
    given, truth, groups = np.asarray(predictions), np.asarray(references), np.asarray(groups)
    if not len(given) == len(truth) == len(groups) > 0:
        raise ValueError(
            f"{len(given)} predictions, {len(truth)} references and {len(groups)} groups; expected one of each for every "
            "question, and at least one question."
        )
    for name, answers in (("predictions", given), ("references", truth)):
        odd = sorted({int(answer) for answer in answers if not 0 <= answer < num_classes})
        if odd:
            raise ValueError(f"{name} hold the answers {odd}; expected indices from 0 to {num_classes - 1}.")
    types = {name: list(answers) for name, answers in (types or {}).items()}
    typed = [answer for answers in types.values() for answer in answers]
    if len(set(typed)) < len(typed) or not set(typed) <= set(range(num_classes)):
        raise ValueError(f"types are {types}; expected each answer from 0 to {num_classes - 1} in one type at most.")
    videos, number = np.unique(groups, return_inverse=True)
    pairs = truth * num_classes + given
    confusions = [
        np.bincount(pairs[number == index], minlength=num_classes**2).reshape(num_classes, num_classes)
        for index in range(len(videos))
    ]
    return {str(video): _video(confusion, types) for video, confusion in zip(videos, confusions, strict=True)}


def _video(confusion: np.ndarray, types: dict[str, list[int]]) -> dict:
    """Counts and scores of one video."""
    right, asked = np.diagonal(confusion), confusion.sum(axis=1)
    of_types = {name: [int(right[answers].sum()), int(asked[answers].sum())] for name, answers in types.items()}
    video = {"frames": int(asked.sum()), "confusion": confusion.tolist(), "types": of_types}
    for measure in MEASURES:
        video[measure] = _json(score_of_counts(confusion, measure))
    return video | {f"accuracy_{name}": _json(_share(np.array(counts))) for name, counts in of_types.items()}


def answer_scores(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """F1, precision and recall of every answer, [..., answers]; NaN for an answer that is the truth of no question.

    Args:
        confusion: [..., answers, answers], questions by true answer (row) and given answer (column).
    """
    confusion = np.asarray(confusion, dtype=float)
    right, asked, given = np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(axis=-1), confusion.sum(axis=-2)
    with np.errstate(invalid="ignore"):
        return {
            "f1": np.where(asked > 0, 2 * right / (asked + given), np.nan),
            "precision": np.where(asked > 0, right / np.maximum(given, 1e-300), np.nan),
            "recall": right / asked,
        }


def score_of_counts(confusion: np.ndarray, measure: str) -> np.ndarray:
    """One of `MEASURES` from confusion matrices [..., answers, answers] -> [...]; NaN without a question."""
    confusion = np.asarray(confusion, dtype=float)
    asked, questions = confusion.sum(axis=-1), confusion.sum(axis=(-2, -1))
    with np.errstate(invalid="ignore"):
        if measure == "accuracy":
            return np.trace(confusion, axis1=-2, axis2=-1) / questions
        scores = answer_scores(confusion)
        if measure == "weighted_f1":
            return np.nansum(scores["f1"] * asked, axis=-1) / questions
        return video_weights.mean_of_defined(scores[measure.removeprefix("macro_")])


def score_of_weights(name: str, *encoders: dict[str, dict]) -> video_weights.Score:
    """A score as a function of how often each video counts, for `zen_hf.benchmark.statistics`.

    Args:
        name: one of `score_names`.
        encoders: `per_video` of one encoder, or of several on the same videos; the columns of the weights are then the
            videos of the first in the order of their ids, those of the second, and so on.

    Raises:
        ValueError: if the encoders were not scored on the same videos, or the name is unknown.
    """
    videos = video_weights.joined(*encoders)
    if name not in score_names(videos):
        raise ValueError(f"unknown score {name!r}; expected one of {', '.join(score_names(videos))}.")
    if name.endswith("_video_mean"):
        return video_weights.mean_over_videos([video[name.removesuffix("_video_mean")] for video in videos])
    measure = name.removesuffix("_global")
    if measure in MEASURES:
        return video_weights.function_of_sums(
            [video["confusion"] for video in videos], lambda sums: score_of_counts(sums, measure)
        )
    return video_weights.function_of_sums(
        [video["types"][measure.removeprefix("accuracy_")] for video in videos], _share
    )


def score_names(videos: list[dict]) -> list[str]:
    """Names of all scores of some videos' statistics, those of the types of questions last."""
    of_types = [f"accuracy_{name}" for name in videos[0]["types"]]
    return [f"{measure}_{ending}" for measure in (*MEASURES, *of_types) for ending in ENDINGS]


def summarise(per_video: dict[str, dict]) -> dict:
    """All scores from what `video_statistics` returned."""
    videos = list(per_video.values())
    result = {
        name: video_weights.value_of(score_of_weights(name, per_video), len(videos)) for name in score_names(videos)
    }
    for measure in (*MEASURES, *(f"accuracy_{name}" for name in videos[0]["types"])):
        result[f"{measure}_video_std"] = video_weights.spread([video[measure] for video in videos])
    for name, scores in answer_scores(np.sum([video["confusion"] for video in videos], axis=0)).items():
        result[f"{name}_class_global"] = [_json(value) for value in scores]
    return result | {"per_video": per_video}


def _share(counts: np.ndarray) -> np.ndarray:
    """[..., right and asked] -> [...]; NaN where nothing was asked."""
    with np.errstate(invalid="ignore"):
        return counts[..., 0] / counts[..., 1]


def _json(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


class ClosedAnswers(evaluate.Metric):
    """Scores of closed answers; see the head of this file for their names."""

    ranks = False  # predictions are indices of answers
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
        num_classes: int,
        types: Mapping[str, Sequence[int]] | None = None,
    ) -> dict:
        """Score all questions that were added; errors as for `video_statistics`."""
        return summarise(video_statistics(predictions, references, groups, num_classes, types))
