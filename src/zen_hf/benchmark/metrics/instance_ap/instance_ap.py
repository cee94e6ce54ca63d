# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Average precision of detected instances, by their boxes and by their masks.

    {kind}_ap          COCO: precision at 101 recalls, mean over the overlaps 0.50, 0.55 ... 0.95, then over classes
    {kind}_ap50        the same at an overlap of 0.50
    {kind}_ap75        the same at an overlap of 0.75
    {kind}_ap50_ava    the "mAP@0.5IoU" of GraSP's authors (N. Ayobi et al., arXiv:2401.11174): area under the curve at an
                       overlap of 0.50, with the matching of PASCAL VOC; never to be compared with ap50

kind is box or mask, each under two names:

    ..._global        from the detections of all videos together: the usual number
    ..._video_mean    from the detections of every video alone, over the classes that it holds; mean over videos

Classes that the truth does not hold have no AP and are left out of means (other tools say -1). A frame without truth counts:
what is detected there is false. Which detection hits which instance: `matching.py`. GraSP's authors score every instance
under every class; a head does so by giving the same box once per class. Without masks on either side, mask scores are None.
"""

from collections.abc import Iterable, Sequence

import datasets
import evaluate
import numpy as np

from zen_hf.benchmark import video_weights
from zen_hf.benchmark.dense.pictures import Instances, from_bytes
from zen_hf.benchmark.metrics.instance_ap.matching import AVA, OVERLAPS, Frame, match_frames, seen_frame
from zen_hf.benchmark.metrics.instance_ap.weighted_ap import weighted_ap

KINDS = ("box", "mask")
MEASURES = {"ap": range(len(OVERLAPS)), "ap50": (0,), "ap75": (5,), "ap50_ava": (AVA,)}  # columns of the matches
NAMES = tuple(f"{kind}_{m}_{ending}" for ending in ("global", "video_mean") for kind in KINDS for m in MEASURES)
ARRAYS = ("labels", "scores", "box_matches", "mask_matches")  # of every detection: too many for a result

_INPUTS = """
Args:
    predictions: of every frame, the bytes that `dense.pictures.to_bytes("instances", Instances(...))` gives.
    references: of every frame, the bytes of its truth.
    groups: id of the video of every frame, [frames].
    classes: number of classes.

Returns:
    the scores named at the head of the file (None where undefined), {kind}_{measure}_video_std (ddof 1, over videos),
    {kind}_{measure}_class_global ([classes], None for a class without truth), and per_video: {id: {frames, instances
    [classes], detections, kind_measure, kind_ap_class [classes]}}.

Examples:
    >>> from zen_hf.benchmark.dense.pictures import to_bytes
    >>> truth = Instances((8, 8), boxes=np.array([[0, 0, 4, 4]]), labels=np.array([0]))
    >>> found = Instances((8, 8), boxes=np.array([[0, 0, 4, 3]]), labels=np.array([0]), scores=np.array([0.9]))
    >>> frames = {"predictions": [to_bytes("instances", found)], "references": [to_bytes("instances", truth)]}
    >>> InstanceAP(keep_in_memory=True).compute(**frames, groups=["a"], classes=1)["box_ap_global"]
    0.6
"""


def video_statistics(
    predictions: Iterable[Instances], references: Iterable[Instances], groups: Iterable[str], classes: int
) -> dict[str, dict]:
    """Matches and scores of each video; frames are looked at one by one.

    Args:
        predictions: detections of every frame, with scores.
        references: instances of every frame.
        groups: id of the video of every frame.
        classes: number of classes.

    Returns:
        {id: the entries of `per_video`, and of all detections `ARRAYS`: labels [n], scores [n], box_matches [n, 11] and
        mask_matches [n, 11] (None without masks); `..._global` needs them}.

    Raises:
        ValueError: if a box or score is not a finite number, a box has a negative side, a label is no class, sizes differ, or
            masks are given for a part of the frames.
    """
    frames: dict[str, list[Frame]] = {}
    instances: dict[str, np.ndarray] = {}
    masked: dict[str, bool] = {}  # "prediction", "truth" -> whether it comes with masks
    for predicted, truth, video in zip(predictions, references, groups, strict=True):
        video = str(video)
        place = f"video {video}, its frame {len(frames.setdefault(video, []))}"
        for name, each in (("prediction", predicted), ("truth", truth)):
            _require_valid(each, classes, f"{place}, {name}")
            if len(each.labels) and masked.setdefault(name, each.masks is not None) != (each.masks is not None):
                raise ValueError(f"{place}, {name}: masks are given for a part of the frames; expected all or none.")
        if tuple(predicted.size) != tuple(truth.size):
            raise ValueError(f"{place}: the prediction is for {predicted.size} pixels and the truth for {truth.size}.")
        if predicted.scores is None:
            raise ValueError(f"{place}: the prediction has no scores; expected one per instance.")
        frames[video].append(seen_frame(predicted, truth))
        instances[video] = instances.get(video, 0) + np.bincount(truth.labels, minlength=classes)
    if not frames:
        raise ValueError("no frame to score; expected at least one prediction with its truth.")
    return {video: _video(frames[video], instances[video], all(masked.values())) for video in sorted(frames)}


def _require_valid(instances: Instances, classes: int, place: str) -> None:
    boxes, labels = instances.boxes, instances.labels
    given = {"boxes": boxes, "labels": labels, "masks": instances.masks, "scores": instances.scores}
    counts = {name: len(each) for name, each in given.items() if each is not None}
    if len(set(counts.values())) > 1 or boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"{place}: {counts}, boxes {boxes.shape}; expected as many of each, and boxes [K, 4].")
    if not np.isfinite(boxes).all() or (boxes[:, 2:] < 0).any():
        odd = int(np.flatnonzero(~np.isfinite(boxes).all(axis=1) | (boxes[:, 2:] < 0).any(axis=1))[0])
        raise ValueError(
            f"{place}: box {odd} is {boxes[odd].tolist()}; expected left, top, width and height in pixels."
        )
    if instances.scores is not None and not np.isfinite(instances.scores).all():
        raise ValueError(f"{place}: {int((~np.isfinite(instances.scores)).sum())} scores are not finite.")
    if len(labels) and (labels.min() < 0 or labels.max() >= classes):
        odd = sorted({int(label) for label in labels if not 0 <= label < classes})
        raise ValueError(f"{place}: the labels {odd} are no class; expected 0 to {classes - 1}.")


def _video(frames: list[Frame], instances: np.ndarray, masked: bool) -> dict:
    """Statistics and scores of one video."""
    found = match_frames(frames, masked)
    video = {
        "frames": len(frames),
        "instances": instances.tolist(),
        "detections": len(found.labels),
        "labels": found.labels,
        "scores": found.scores,
        "box_matches": found.boxes,
        "mask_matches": found.masks,
    }
    for kind in KINDS:
        for measure, by_class in _aps_of_classes(kind, [video]).items():
            video[f"{kind}_{measure}"] = _json(video_weights.mean_of_defined(by_class))
            if measure == "ap":
                video[f"{kind}_ap_class"] = [_json(value) for value in by_class]
    return video


def _aps_of_classes(kind: str, videos: list[dict]) -> dict[str, np.ndarray]:
    """Every measure of each class, [classes], every video once."""
    once = np.ones((1, len(videos)))
    rules = [ap_of_classes(kind, columns, videos)(once)[0] for columns in (range(AVA), (AVA,))]
    table = np.concatenate(rules, axis=1)
    return {measure: table[:, list(columns)].mean(axis=1) for measure, columns in MEASURES.items()}


def ap_of_classes(kind: str, columns: Sequence[int], *encoders: list[dict]) -> video_weights.Score:
    """AP of every class over the detections of all videos together: weights [R, V] -> [R, classes, columns].

    Args:
        kind: "box" or "mask".
        columns: of the matches: some of COCO's, or that of GraSP's authors alone.
        encoders: of each its videos, as in `video_statistics`. Scores of several encoders have no common scale: each
            encoder's detections of a class are ranked among themselves, which changes no AP of its own.
    """
    columns = list(columns)
    videos = [video for encoder in encoders for video in encoder]
    instances = np.array([video["instances"] for video in videos], float)
    masked = all(video[f"{kind}_matches"] is not None for video in videos)
    of_class = {}
    for label in np.flatnonzero(instances.any(axis=0)) if masked else ():
        scores = [ranked for encoder in encoders for ranked in _ranked(encoder, label)]
        matches = [video[f"{kind}_matches"][video["labels"] == label][:, columns] for video in videos]
        of_class[label] = weighted_ap(scores, matches, instances[:, label], at_recalls=AVA not in columns)

    def score(weights: np.ndarray) -> np.ndarray:
        # Resamples of few videos repeat: five have 126 at most.
        rows = np.ascontiguousarray(weights, float).view(f"V{8 * len(videos)}").ravel()
        _, first, same = np.unique(rows, return_index=True, return_inverse=True)
        table = np.full((len(first), instances.shape[1], len(columns)), np.nan)
        for label, ap in of_class.items():
            table[:, label] = ap(weights[first])
        return table[same]

    return score


def _ranked(videos: list[dict], label: int) -> list[np.ndarray]:
    """Of the detections of one class, minus the number of those that score as high or higher, per video."""
    scores = [video["scores"][video["labels"] == label] for video in videos]
    _, inverse, counts = np.unique(np.concatenate(scores), return_inverse=True, return_counts=True)
    above = np.cumsum(counts[::-1])[::-1]
    return np.split(-above[inverse].astype(float), np.cumsum([len(each) for each in scores])[:-1])


def score_of_weights(name: str, *encoders: dict[str, dict]) -> video_weights.Score:
    """A score as a function of how often each video counts, for `zen_hf.benchmark.statistics`.

    Args:
        name: one of `NAMES`.
        encoders: `video_statistics` (or, but for `..._global`, `per_video`) of one encoder, or of several on the same
            videos; the columns of the weights are then the videos of the first in the order of their ids, those of the
            second, and so on.

    Raises:
        ValueError: if the encoders were not scored on the same videos, the name is unknown, or detections are missing.
    """
    if name not in NAMES:
        raise ValueError(f"unknown score {name!r}; expected one of {', '.join(NAMES)}.")
    videos = video_weights.joined(*encoders)
    if name.endswith("_video_mean"):
        return video_weights.mean_over_videos([video[name.removesuffix("_video_mean")] for video in videos])
    if any("box_matches" not in video for video in videos):
        raise ValueError(
            f"{name} pools the detections of all videos: it needs every one of them, which `per_video` of a result does "
            "not hold; pass what `video_statistics` returns."
        )
    kind, measure = name.removesuffix("_global").split("_", 1)
    size = len(encoders[0])
    each = (videos[i : i + size] for i in range(0, len(videos), size))
    by_class = ap_of_classes(kind, MEASURES[measure], *each)
    return lambda weights: video_weights.mean_of_defined(by_class(weights).mean(axis=-1))


def summarise(statistics: dict[str, dict]) -> dict:
    """All scores, from what `video_statistics` returned; `per_video` is left without the arrays, ready for JSON."""
    videos = [statistics[video] for video in sorted(statistics)]
    result = {}
    for kind in KINDS:
        for measure, by_class in _aps_of_classes(kind, videos).items():
            of_video = [video[f"{kind}_{measure}"] for video in videos]
            result |= {
                f"{kind}_{measure}_global": _json(video_weights.mean_of_defined(by_class)),
                f"{kind}_{measure}_video_mean": video_weights.value_of(
                    video_weights.mean_over_videos(of_video), len(videos)
                ),
                f"{kind}_{measure}_video_std": video_weights.spread(of_video),
                f"{kind}_{measure}_class_global": [_json(value) for value in by_class],
            }
    return result | {
        "per_video": {
            name: {key: value for key, value in video.items() if key not in ARRAYS}
            for name, video in statistics.items()
        }
    }


def _json(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


class InstanceAP(evaluate.Metric):
    """Average precision of instances; see the head of this file for the names of the scores."""

    ranks = False  # predictions are instances
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
                    "predictions": datasets.Value("binary"),
                    "references": datasets.Value("binary"),
                    "groups": datasets.Value("string"),
                }
            ),
        )

    def _compute(self, predictions: list[bytes], references: list[bytes], groups: list[str], classes: int) -> dict:
        """Score all frames that were added; errors as for `video_statistics`."""
        frames = ((from_bytes("instances", content) for content in column) for column in (predictions, references))
        return summarise(video_statistics(*frames, groups, classes))
