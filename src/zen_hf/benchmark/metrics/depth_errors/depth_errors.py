# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Errors of depth maps over the pixels whose true depth g is known and in range; d is the predicted depth there.

    abs_rel      mean of |d - g| / g
    sq_rel       mean of (d - g)^2 / g, in the unit of depth
    rmse         root of the mean of (d - g)^2, in the unit of depth
    rmse_log     root of the mean of (ln d - ln g)^2
    delta1..3    share of pixels with max(d / g, g / d) < 1.25, 1.25^2, 1.25^3; higher is better, all others are errors

(D. Eigen et al., arXiv:1406.2283, section 4.2), each of every image in two ways that must never be compared,

    {measure}_metric           d as it was predicted
    {measure}_median_scaled    d times median(g) / median(d) over the same pixels of that image: depth up to scale

and each of those under two names,

    ..._image_mean    mean over all images
    ..._video_mean    mean over the images of a video (a sequence), then over videos

A pixel counts if nearest < g < farthest. A prediction of another size is resized bilinearly to the truth's; it is scaled
first and clipped to [nearest, farthest] last. Where the truth is known up to scale alone, or the prediction is,
`metric_scale=False` leaves the metric scores out.
"""

from collections.abc import Iterable

import datasets
import evaluate
import numpy as np
import torch

from zen_hf.benchmark import video_weights
from zen_hf.benchmark.dense.pictures import from_bytes

MEASURES = ("abs_rel", "sq_rel", "rmse", "rmse_log", "delta1", "delta2", "delta3")
SCALINGS = ("metric", "median_scaled")

_INPUTS = """
Args:
    predictions: of every frame, the bytes that `dense.pictures.to_bytes("depth", prediction)` gives (half precision).
    references: of every frame, the bytes of its truth, 0 where nothing is known.
    groups: id of the video of every frame, [frames].
    nearest: depths up to this one are not scored; above 0, in the unit of the truth.
    farthest: depths from this one on are not scored.
    metric_scale: whether truth and prediction are in the same unit.

Returns:
    {measure}_{scaling}_image_mean, {measure}_{scaling}_video_mean and {measure}_{scaling}_video_std (ddof 1, over videos), and
    per_video: {id: {frames, sums {measure_scaling: sum over frames}, measure_scaling}}.

Examples:
    >>> from zen_hf.benchmark.dense.pictures import to_bytes
    >>> truth = np.array([[10.0, 20.0], [0.0, 40.0]])
    >>> frames = {"predictions": [to_bytes("depth", 3 * truth + 1)], "references": [to_bytes("depth", truth)]}
    >>> metric = DepthErrors(keep_in_memory=True)
    >>> metric.compute(**frames, groups=["a"], nearest=1.0, farthest=150.0)["abs_rel_metric_image_mean"]
    2.0583333333333336
"""  # noqa: E501


def video_statistics(
    predictions: Iterable[np.ndarray],
    references: Iterable[np.ndarray],
    groups: Iterable[str],
    nearest: float,
    farthest: float,
    metric_scale: bool = True,
) -> dict[str, dict]:
    """Sums over the frames of each video, ready for JSON; frames are looked at one by one.

    Args:
        predictions: of every frame its depth [h, w], in the unit of the truth if `metric_scale`.
        references: of every frame its depth [H, W], 0 where nothing is known.
        groups: id of the video of every frame.
        nearest: depths up to this one are not scored; above 0.
        farthest: depths from this one on are not scored.
        metric_scale: whether truth and prediction are in the same unit.

    Raises:
        ValueError: if a frame has no true depth in range, a prediction is not finite or not positive, or the range is none.
    """
    if not 0 < nearest < farthest:
        raise ValueError(
            f"depths from {nearest} to {farthest}: expected 0 < nearest < farthest (a logarithm is taken)."
        )
    scalings = SCALINGS if metric_scale else SCALINGS[1:]
    images: dict[str, list[list[float]]] = {}
    for predicted, truth, video in zip(predictions, references, groups, strict=True):
        of_video = images.setdefault(str(video), [])
        try:
            of_video.append(score_frame(predicted, truth, nearest, farthest, scalings))
        except ValueError as error:
            raise ValueError(f"video {video}, its frame {len(of_video)}: {error}") from error
    if not images:
        raise ValueError("no frame to score; expected at least one prediction with its truth.")
    names = [f"{measure}_{scaling}" for scaling in scalings for measure in MEASURES]
    return {
        video: {
            "frames": len(images[video]),
            "sums": dict(zip(names, np.sum(images[video], axis=0).tolist(), strict=True)),
        }
        | dict(zip(names, np.mean(images[video], axis=0).tolist(), strict=True))
        for video in sorted(images)
    }


def score_frame(
    predicted: np.ndarray, truth: np.ndarray, nearest: float, farthest: float, scalings: Iterable[str] = SCALINGS
) -> list[float]:
    """The measures of one frame, scaling by scaling; arguments and errors as for `video_statistics`."""
    truth = np.asarray(truth, np.float64)
    known = (truth > nearest) & (truth < farthest)
    if not known.any():
        raise ValueError(
            f"its truth of {truth.shape} pixels has no depth between {nearest} and {farthest} (its greatest is "
            f"{truth.max() if truth.size else 'none'}); leave such frames out, or mend the range or unit of the task."
        )
    predicted = _resized(np.asarray(predicted, np.float64), truth.shape)[known]
    truth = truth[known]
    if not np.isfinite(predicted).all():
        raise ValueError(f"{int((~np.isfinite(predicted)).sum())} predicted depths are not finite.")
    scale = {"metric": 1.0}
    if "median_scaled" in scalings:
        median = np.median(predicted)
        if median <= 0:
            raise ValueError(f"the median of the predicted depths is {median:g}; expected depths above 0.")
        scale["median_scaled"] = np.median(truth) / median
    clipped = (np.clip(predicted * scale[scaling], nearest, farthest) for scaling in scalings)
    return [value for depth in clipped for value in errors(depth, truth)]


def errors(predicted: np.ndarray, truth: np.ndarray) -> list[float]:
    """The `MEASURES` of one frame.

    Args:
        predicted: [n], depths above 0.
        truth: [n], likewise.
    """
    difference, ratio = predicted - truth, np.maximum(predicted / truth, truth / predicted)
    return [
        float(np.mean(np.abs(difference) / truth)),
        float(np.mean(difference**2 / truth)),
        float(np.sqrt(np.mean(difference**2))),
        float(np.sqrt(np.mean(np.log(predicted / truth) ** 2))),
        *(float(np.mean(ratio < 1.25**power)) for power in (1, 2, 3)),
    ]


def score_of_weights(name: str, *encoders: dict[str, dict]) -> video_weights.Score:
    """A score as a function of how often each video counts, for `zen_hf.benchmark.statistics`.

    Args:
        name: a measure, a scaling and an average, as at the head of this file.
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
    measure = name.removesuffix("_image_mean")
    sums = [[video["sums"][measure], video["frames"]] for video in videos]
    return video_weights.function_of_sums(sums, lambda totals: totals[:, 0] / totals[:, 1])


def score_names(videos: list[dict]) -> list[str]:
    """Names of all scores of some videos' statistics: without `metric_scale`, the median-scaled ones alone."""
    return [f"{measure}_{ending}" for ending in ("image_mean", "video_mean") for measure in videos[0]["sums"]]


def summarise(per_video: dict[str, dict]) -> dict:
    """All scores from what `video_statistics` returned."""
    videos = list(per_video.values())
    result = {
        name: video_weights.value_of(score_of_weights(name, per_video), len(videos)) for name in score_names(videos)
    }
    for measure in videos[0]["sums"]:
        result[f"{measure}_video_std"] = video_weights.spread([video[measure] for video in videos])
    return result | {"per_video": per_video}


def _resized(depth: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A depth map at another size, bilinearly (pixel centres, no corner alignment)."""
    if depth.shape == shape:
        return depth
    resized = torch.nn.functional.interpolate(
        torch.from_numpy(depth)[None, None], size=shape, mode="bilinear", align_corners=False
    )
    return resized[0, 0].numpy()


class DepthErrors(evaluate.Metric):
    """Errors of depth maps; see the head of this file for their names."""

    ranks = False
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
        self,
        predictions: list[bytes],
        references: list[bytes],
        groups: list[str],
        nearest: float,
        farthest: float,
        metric_scale: bool = True,
    ) -> dict:
        """Score all frames that were added; errors as for `video_statistics`."""
        frames = ((from_bytes("depth", content) for content in column) for column in (predictions, references))
        return summarise(video_statistics(*frames, groups, nearest, farthest, metric_scale))
