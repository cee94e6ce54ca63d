# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Masks of classes, scored per image and class, and from pooled pixels; every average under its own name.

    dice            2 hits / (pixels of the truth + predicted pixels), for every image and every class in that image's truth
    dice_strict     the same, and 0 for every image and class that is predicted and not in the truth
    iou             hits / pixels in either, for every image and every class in that image's truth
    mc_iou          the same, and 0 for every image and class that is predicted and not in the truth
    hd95_maxdir     greater of the two directed 95th percentiles of boundary distances in pixels of the frame
                    (`boundary_distance.py`); the image's diagonal where a class is in one of truth and prediction alone;
                    lower is better

each under two names:

    {measure}_video_mean    mean over the images of a video, then over its classes, then over videos
    {measure}_class_mean    mean over ALL images, then over classes: what the field reports

and further

    ch_iou_image_mean       IoU averaged over the classes of an image's truth, then over images (EndoVis challenges)
    isi_iou_image_mean      IoU averaged over the classes of an image's truth or prediction, then over images (C. Gonzalez
                            et al., arXiv:2007.05405); `mc_iou_class_mean` is the mcIoU of the same authors
    ch_iou_video_mean, isi_iou_video_mean    the same per video, then over videos
    dice_global, miou_global                 from the pixels of all images together, mean over classes

Ignored pixels (`IGNORE` in the truth) are taken out of truth and prediction before anything else. Class 0 of a class map is
the background, which no score counts. Of partial labels (`PartialMask`) the annotated channels alone are scored, each as a
mask of its own, and channel 0 counts like the others. What is undefined (an image without a class) is left out of means.
"""

from collections.abc import Iterable

import datasets
import evaluate
import numpy as np

from zen_hf.benchmark import video_weights
from zen_hf.benchmark.dense.pictures import IGNORE, PartialMask, from_bytes
from zen_hf.benchmark.metrics.boundary_distance import hd95_maxdir

# measure -> (what is summed over images, which images and classes count)
MEASURES = {
    "dice": ("dice", "truth"),
    "dice_strict": ("dice", "either"),
    "iou": ("iou", "truth"),
    "mc_iou": ("iou", "either"),
    "hd95_maxdir": ("hd95_maxdir", "either"),
}
OF_IMAGES = ("ch_iou", "isi_iou")
NAMES = (
    *(f"{measure}_{ending}" for ending in ("class_mean", "video_mean") for measure in MEASURES),
    *(f"{measure}_{ending}" for ending in ("image_mean", "video_mean") for measure in OF_IMAGES),
    "dice_global",
    "miou_global",
)

_INPUTS = """
Args:
    predictions: of every frame, the bytes that `dense.pictures.to_bytes(kind, prediction)` gives.
    references: of every frame, the bytes of its truth.
    groups: id of the video of every frame, [frames].
    classes: number of classes, the background included; of partial labels, number of channels.
    kind: "segmentation" (class maps) or "partial" (channels).

Returns:
    the scores named at the head of the file (None where undefined), {measure}_video_std (ddof 1, over videos),
    {measure}_class ([classes], mean over all images), dice_class_global and iou_class_global ([classes]), and per_video:
    {id: {frames, sums {dice, iou, hd95_maxdir: [classes]}, images {truth, either: [classes]}, pixels [classes][hits, truth,
    predicted], of_images {ch_iou, isi_iou: [sum, images]}, measure, measure_class [classes]}}. Sums and counts are enough to
    compute every score again, for any choice of videos.

Examples:
    >>> from zen_hf.benchmark.dense.pictures import to_bytes
    >>> truth, predicted = np.array([[0, 1, 1, 1]]), np.array([[0, 0, 1, 1]])
    >>> metric = SemanticSegmentation(keep_in_memory=True)
    >>> frames = {name: [to_bytes("segmentation", mask)] for name, mask in (("predictions", predicted), ("references", truth))}
    >>> metric.compute(**frames, groups=["a"], classes=2, kind="segmentation")["dice_class_mean"]
    0.8
"""  # noqa: E501


def video_statistics(
    predictions: Iterable[np.ndarray | PartialMask],
    references: Iterable[np.ndarray | PartialMask],
    groups: Iterable[str],
    classes: int,
    distances: bool = True,
) -> dict[str, dict]:
    """Sums and counts of each video, ready for JSON; frames are looked at one by one.

    Args:
        predictions: of every frame [H, W] class indices, or [H, W] uint16 bit masks where the truth is partial.
        references: of every frame [H, W] class indices and `IGNORE`, or a `PartialMask`.
        groups: id of the video of every frame.
        classes: number of classes, the background included; of partial labels, number of channels.
        distances: whether boundary distances are taken, which is slow; else the result has no such score.

    Raises:
        ValueError: if a prediction has another size than its truth, a value is no class, or there is no frame.
    """
    sums: dict[str, _Sums] = {}
    for predicted, truth, video in zip(predictions, references, groups, strict=True):
        of_video = sums.setdefault(str(video), _Sums(classes, distances))
        try:
            of_video.add(predicted, truth)
        except ValueError as error:
            raise ValueError(f"video {video}, its frame {of_video.frames}: {error}") from error
    if not sums:
        raise ValueError("no frame to score; expected at least one prediction with its truth.")
    return {video: sums[video].as_json() for video in sorted(sums)}


class _Sums:
    """What is summed over the images of one video."""

    def __init__(self, classes: int, distances: bool):
        self.classes, self.distances, self.frames = classes, distances, 0
        self.sums = {name: np.zeros(classes) for name in ("dice", "iou", *(("hd95_maxdir",) if distances else ()))}
        self.images = {name: np.zeros(classes, int) for name in ("truth", "either")}
        self.pixels = np.zeros((classes, 3), int)
        self.of_images = {name: np.zeros(2) for name in OF_IMAGES}

    def add(self, predicted: np.ndarray | PartialMask, truth: np.ndarray | PartialMask) -> None:
        """Add one frame."""
        pixels, distances = np.zeros((self.classes, 3), int), np.zeros(self.classes)
        if isinstance(truth, PartialMask):
            bits = predicted.bits if isinstance(predicted, PartialMask) else predicted
            _require_channels(bits, truth, self.classes)
            for channel in truth.known:
                masks = ((each >> channel & 1).astype(np.uint8) for each in (bits, truth.bits))
                counted, distance = score_frame(*masks, classes=2, distances=self.distances)
                pixels[channel], distances[channel] = counted[1], distance[1]
        else:
            pixels, distances = score_frame(predicted, truth, self.classes, self.distances)
        hits, of_truth, of_prediction = pixels.T
        present, either = of_truth > 0, (of_truth > 0) | (of_prediction > 0)
        together = np.maximum(of_truth + of_prediction, 1)  # no hit where neither has a pixel
        iou = hits / np.maximum(together - hits, 1)
        self.frames += 1
        self.pixels += pixels
        self.sums["dice"] += 2 * hits / together
        self.sums["iou"] += iou
        if self.distances:
            self.sums["hd95_maxdir"] += distances
        for name, counts in (("truth", present), ("either", either)):
            self.images[name] += counts
        for name, counts in (("ch_iou", present), ("isi_iou", either)):
            self.of_images[name] += (iou[counts].mean(), 1) if counts.any() else 0

    def as_json(self) -> dict:
        """Sums, counts and the video's own scores."""
        video = {
            "frames": self.frames,
            "sums": {name: values.tolist() for name, values in self.sums.items()},
            "images": {name: values.tolist() for name, values in self.images.items()},
            "pixels": self.pixels.tolist(),
            "of_images": {name: values.tolist() for name, values in self.of_images.items()},
        }
        for measure in _measures(video):
            by_class = _mean_of_images(np.array(_sums_of(video, measure)))
            video[measure] = _json(video_weights.mean_of_defined(by_class))
            video[f"{measure}_class"] = [_json(value) for value in by_class]
        return video | {name: _json(_ratio(np.array(video["of_images"][name]))) for name in OF_IMAGES}


def score_frame(
    predicted: np.ndarray, truth: np.ndarray, classes: int, distances: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels and boundary distances of one frame; those of the background are 0.

    Args:
        predicted: [H, W], class indices below `classes`.
        truth: [H, W], class indices and `IGNORE`.
        classes: number of classes.
        distances: whether boundary distances are taken.

    Returns:
        pixels: [classes, 3], hits, pixels of the truth, predicted pixels.
        distances: [classes], HD95; 0 for a class in neither, and where none are taken.
    """
    predicted, truth = np.asarray(predicted), np.asarray(truth)
    if predicted.shape != truth.shape:
        raise ValueError(
            f"the prediction is {predicted.shape} and the truth {truth.shape}; expected the frame's size."
        )
    for name, picture, further in (("prediction", predicted, ()), ("truth", truth, (IGNORE,))):
        if picture.max() >= classes or picture.min() < 0:
            odd = sorted(set(np.unique(picture).tolist()) - set(range(classes)) - set(further))
            if odd:
                raise ValueError(f"the {name} holds the values {odd}; expected classes from 0 to {classes - 1}.")
    predicted, truth = predicted.astype(np.uint8), truth.astype(np.uint8)
    ignored = truth == IGNORE
    if ignored.any():
        predicted = np.where(ignored, np.uint8(classes), predicted)
        truth = np.where(ignored, np.uint8(classes), truth)
    side = classes + 1  # the last row and column take what is ignored
    pairs = truth.astype(np.uint16) * np.uint16(side) + predicted
    confusion = np.bincount(pairs.ravel(), minlength=side * side).reshape(side, side)[:classes, :classes]
    pixels = np.stack([np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0)], axis=1)
    pixels[0] = 0
    of_classes, found = np.zeros(classes), np.flatnonzero(pixels.any(axis=1))
    if distances:
        of_classes[found] = hd95_maxdir(predicted, truth, found)
    return pixels, of_classes


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
    if name.endswith("_video_mean"):
        return video_weights.mean_over_videos([video[name.removesuffix("_video_mean")] for video in videos])
    if name.endswith("_image_mean"):
        images = [video["of_images"][name.removesuffix("_image_mean")] for video in videos]
        return video_weights.function_of_sums(images, _ratio)
    if name.endswith("_class_mean"):
        sums = [_sums_of(video, name.removesuffix("_class_mean")) for video in videos]
        return video_weights.function_of_sums(
            sums, lambda totals: video_weights.mean_of_defined(_mean_of_images(totals))
        )
    pooled = _pooled_dice if name == "dice_global" else _pooled_iou
    return video_weights.function_of_sums(
        [video["pixels"] for video in videos], lambda totals: video_weights.mean_of_defined(pooled(totals))
    )


def summarise(per_video: dict[str, dict]) -> dict:
    """All scores from what `video_statistics` returned."""
    videos = list(per_video.values())
    measures = _measures(videos[0])
    left_out = tuple(f"{measure}_" for measure in MEASURES if measure not in measures)
    result = {
        name: video_weights.value_of(score_of_weights(name, per_video), len(videos))
        for name in NAMES
        if not name.startswith(left_out)
    }
    for measure in (*measures, *OF_IMAGES):
        result[f"{measure}_video_std"] = video_weights.spread([video[measure] for video in videos])
    for measure in measures:
        totals = np.sum([_sums_of(video, measure) for video in videos], axis=0)
        result[f"{measure}_class"] = [_json(value) for value in _mean_of_images(totals)]
    pixels = np.sum([video["pixels"] for video in videos], axis=0).astype(float)
    result["dice_class_global"] = [_json(value) for value in _pooled_dice(pixels)]
    result["iou_class_global"] = [_json(value) for value in _pooled_iou(pixels)]
    return result | {"per_video": per_video}


def _measures(video: dict) -> list[str]:
    """The measures that a video's sums give: distances may have been left out."""
    return [measure for measure, (summed, _) in MEASURES.items() if summed in video["sums"]]


def _sums_of(video: dict, measure: str) -> list[list[float]]:
    """Sum over the images of a video, and number of images, of every class, [2][classes]."""
    summed, counted = MEASURES[measure]
    return [video["sums"][summed], video["images"][counted]]


def _mean_of_images(totals: np.ndarray) -> np.ndarray:
    """[..., 2, classes] -> [..., classes]; NaN for a class without an image."""
    return _ratio(np.moveaxis(totals, -2, -1))


def _ratio(pairs: np.ndarray) -> np.ndarray:
    """[..., 2] -> [...], the first over the second; NaN for 0 / 0."""
    with np.errstate(invalid="ignore"):
        return pairs[..., 0] / pairs[..., 1]


def _pooled_dice(pixels: np.ndarray) -> np.ndarray:
    """[..., classes, 3] -> [..., classes]; NaN for a class that the truth does not hold."""
    hits, truth, predicted = np.moveaxis(pixels, -1, 0)
    with np.errstate(invalid="ignore"):
        return np.where(truth > 0, 2 * hits / (truth + predicted), np.nan)


def _pooled_iou(pixels: np.ndarray) -> np.ndarray:
    """[..., classes, 3] -> [..., classes]; NaN for a class that the truth does not hold."""
    hits, truth, predicted = np.moveaxis(pixels, -1, 0)
    with np.errstate(invalid="ignore"):
        return np.where(truth > 0, hits / (truth + predicted - hits), np.nan)


def _require_channels(bits: np.ndarray, truth: PartialMask, classes: int) -> None:
    if bits.shape != truth.bits.shape:
        raise ValueError(
            f"the prediction is {bits.shape} and the truth {truth.bits.shape}; expected the frame's size."
        )
    if not truth.known or min(truth.known) < 0 or max(truth.known) >= classes:
        raise ValueError(
            f"annotated channels are {list(truth.known)}; expected at least one, from 0 to {classes - 1}."
        )


def _json(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


class SemanticSegmentation(evaluate.Metric):
    """Scores of class masks; see the head of this file for their names."""

    ranks = False  # predictions are classes
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

    def _compute(
        self, predictions: list[bytes], references: list[bytes], groups: list[str], classes: int, kind: str
    ) -> dict:
        """Score all frames that were added; errors as for `video_statistics`."""
        frames = ((from_bytes(kind, content) for content in column) for column in (predictions, references))
        return summarise(video_statistics(*frames, groups, classes))
