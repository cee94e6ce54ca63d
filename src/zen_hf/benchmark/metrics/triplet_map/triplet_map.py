# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Average precision of the 100 action triplets of CholecT50, and of their components.

A component's score is the maximum over the scores of the triplets that hold it, its truth likewise: instrument `i`, verb
`v`, target `t`, the pairs `iv` and `it` that occur, all triplets `ivt`, and `ivt94` without the six null triplets (the
convention of the 2021 challenge). For each, under the names of `multilabel_map`:

    map_{c}_class_mean      every class over the videos that hold it, then over classes: "video-wise AP" in ivtmetrics,
                            the number that papers report
    map_{c}_video_mean      mean over the classes that a video holds, then over videos
    map_{c}_global          AP of the frames of all videos together, mean over the classes that they hold
    prevalence_{c}_*        share of positive frames, averaged in the same three ways: what a constant score gets

Absent classes are undefined, not zero. The values are those of ivtmetrics 0.1.5 under scikit-learn 1.5.2 (C.I. Nwoye and
N. Padoy, arXiv:2204.05235), which under scikit-learn 1.6 and later counts every absent class as zero.
"""

from collections.abc import Sequence

import datasets
import evaluate
import numpy as np

from zen_hf.benchmark import video_weights
from zen_hf.benchmark.metrics.average_precision import split_by_video
from zen_hf.benchmark.metrics.multilabel_map import multilabel_map
from zen_hf.benchmark.readers.cholect50_classes import COMPONENTS as PARTS

NULL_TRIPLETS = 6  # the last ones
COMPONENTS = ("ivt", "i", "v", "t", "iv", "it", "ivt94")

_INPUTS = """
Args:
    predictions: score of every triplet for every frame, [frames][100]; higher means more likely, any scale.
    references: 0 or 1 for every triplet and frame, [frames][100].
    groups: id of the video of every frame, [frames].

Returns:
    the scores named at the head of the file (None where undefined), map_{c}_video_std (ddof 1, over videos),
    ap_{c}_class_video_mean and ap_{c}_class_global ([classes], None where undefined), and per_video: {id: {map_{c},
    {c}: {map, ap [classes], prevalence, positives [classes], frames}}}.

Examples:
    >>> metric = TripletMap(keep_in_memory=True)
    >>> one = [1] + [0] * 99
    >>> metric.compute(predictions=[one], references=[one], groups=["VID01"])["map_ivt_class_mean"]
    1.0
"""


def triplets_of_classes(component: str) -> list[list[int]]:
    """For every class of a component, in the order of ivtmetrics, the indices of the triplets that hold it.

    Args:
        component: one of `COMPONENTS`.
    """
    if component in ("ivt", "ivt94"):
        return [[index] for index in range(len(PARTS) - (NULL_TRIPLETS if component == "ivt94" else 0))]
    places = ["ivt".index(letter) for letter in component]
    keys = [tuple(parts[place] for place in places) for parts in PARTS]
    return [[index for index, key in enumerate(keys) if key == wanted] for wanted in sorted(set(keys))]


def component_values(triplets: np.ndarray, component: str) -> np.ndarray:
    """Scores or truth of a component's classes: the maximum over their triplets, [frames, 100] -> [frames, classes]."""
    return np.stack([triplets[:, indices].max(axis=1) for indices in triplets_of_classes(component)], axis=1)


def video_statistics(predictions: Sequence, references: Sequence, groups: Sequence[str]) -> dict[str, dict]:
    """Everything about each video that a score needs; arguments and errors as for the metric."""
    videos = split_by_video(predictions, references, groups)
    triplets = next(iter(videos.values()))[0].shape[1]
    if triplets != len(PARTS):
        raise ValueError(
            f"{triplets} scores per frame; expected those of the {len(PARTS)} triplets of CholecT50, in the order of its "
            "label files. For a head of instruments, verbs or targets alone use multilabel_map."
        )
    statistics = {}
    for video, (scores, truth) in videos.items():
        parts = {
            c: multilabel_map.score_video(component_values(scores, c), component_values(truth, c)) for c in COMPONENTS
        }
        statistics[video] = parts | {f"map_{c}": parts[c]["map"] for c in COMPONENTS}
    return statistics


def score_of_weights(name: str, *encoders: dict[str, dict]) -> video_weights.Score:
    """A score as a function of how often each video counts; see `multilabel_map.score_of_weights`.

    Args:
        name: such as "map_ivt_class_mean".
        encoders: `video_statistics` (or, but for `map_{c}_global`, `per_video`) of one or several encoders.

    Raises:
        ValueError: as there.
    """
    head, component, *rest = name.split("_")
    if component not in COMPONENTS:
        raise ValueError(
            f"unknown score {name!r}; expected a name such as map_ivt_class_mean, with one of {', '.join(COMPONENTS)}."
        )
    of_component = [{video: statistics[component] for video, statistics in encoder.items()} for encoder in encoders]
    return multilabel_map.score_of_weights("_".join([head, *rest]), *of_component)


def summarise(statistics: dict[str, dict]) -> dict:
    """All scores, from what `video_statistics` returned; `per_video` is left without the arrays, ready for JSON."""
    result, per_video = {}, {video: {} for video in statistics}
    for component in COMPONENTS:
        scores = multilabel_map.summarise({video: parts[component] for video, parts in statistics.items()})
        for video, of_video in scores.pop("per_video").items():
            per_video[video] |= {f"map_{component}": of_video["map"], component: of_video}
        del scores["undefined"]  # readable from `ap`, and 100 long for most videos
        for name, value in scores.items():
            head, tail = name.split("_", 1)
            result[f"{head}_{component}_{tail}"] = value
    return result | {"per_video": per_video}


class TripletMap(evaluate.Metric):
    """Average precision of triplets and components; see the head of this file for the names of the scores."""

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
            ValueError: if there are not 100 triplets, a score is not finite, or a reference is neither 0 nor 1.
        """
        return summarise(video_statistics(predictions, references, groups))
