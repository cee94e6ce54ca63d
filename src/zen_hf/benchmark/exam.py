# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A task's data, parted so that selection cannot see the truth of test videos.

A protocol gets an `Exam`: frames without labels, and per fold the `FoldLabels` of the videos to train and to choose on. The
truth of the test videos is in a `SealedTruth`. It has no method that returns a label; it gives scores for a complete set of
predictions, once.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import datasets
import numpy as np

from .dense.frame_truths import FrameTruths, hash_truths
from .scoring import score_frames, video_statistics
from .split import Fold, Split
from .task import Target, Task

Labels = Mapping[str, dict[str, np.ndarray | FrameTruths]]  # target -> video -> truth


@dataclass(frozen=True)
class Predictions:
    """What one head predicts for all test videos.

    Args:
        target: name of the target.
        head: kind of the head, such as "linear", "linear_smoothed", "ms_tcn"; with "@k" where k videos were trained on.
        run: which of several equal runs: "seed 0", "subset 2".
        outputs: of every test video, {video: logits [rows, classes]}; of a dense target {video: one `pictures.to_bytes` per
            frame}.
        chosen: per fold what was chosen and how, ready for JSON.
    """

    target: str
    head: str
    run: str
    outputs: dict[str, np.ndarray] | dict[str, list[bytes]]
    chosen: list[dict]


@dataclass(frozen=True)
class FoldLabels:
    """The truth of one fold that may be looked at: none of its test videos is here.

    Args:
        fold: the videos of every side.
        train: truth of the training videos.
        val: truth of the validation videos; empty where the split has none.
    """

    fold: Fold
    train: Labels
    val: Labels


class SealedTruth:
    """The truth of all test videos, to be scored against once.

    Args:
        targets: what is predicted.
        truth: target -> video -> truth.
        several_heads: whether the videos are predicted by different heads (one per fold), whose scores have no common
            order: metrics that pool them are then left out.
    """

    def __init__(self, targets: tuple[Target, ...], truth: Labels, several_heads: bool):
        """Seal the truth."""
        self.__targets = {target.name: target for target in targets}
        self.__truth: Labels | None = truth
        self.__several_heads = several_heads

    def score(self, predictions: list[Predictions]) -> tuple[list[dict], Labels]:
        """Score all predictions of a result at once, and give the truth away for its figures; possible only once.

        Args:
            predictions: of every target, head and run of the result.

        Returns:
            The metric's result for each of the predictions, with the scores of the target's further metrics (what they say of
            each video is in `also_per_video`); for each what the metric knows of every video; and the truth.

        Raises:
            RuntimeError: if it was opened before.
            ValueError: if a prediction lacks a test video, or has another number of frames or classes, or no finite values.
        """
        if self.__truth is None:
            raise RuntimeError("the test labels were read before; a result is scored once, with all its predictions.")
        for entry in predictions:
            self.__require_complete(entry)
        truth, self.__truth = self.__truth, None
        scored = [self.__score(entry, truth[entry.target]) for entry in predictions]
        return [scores for scores, _ in scored], [statistics for _, statistics in scored], truth

    def __score(self, entry: Predictions, truth: dict) -> tuple[dict, dict]:
        target = self.__targets[entry.target]
        statistics = video_statistics(target, entry.outputs, truth)
        scores = target.metric.summarise(statistics)
        for metric in target.also:
            further = score_frames(target, entry.outputs, truth, metric)
            of_videos = further.pop("per_video")
            scores |= {name: value for name, value in further.items() if name not in scores}
            scores.setdefault("also_per_video", {})[metric.__name__] = of_videos
        if self.__several_heads:
            scores = {name: value for name, value in scores.items() if not pools_scores(name)}
        return scores, statistics

    def __require_complete(self, entry: Predictions) -> None:
        target, truth = self.__targets[entry.target], self.__truth[entry.target]
        name = f"{entry.head}, {entry.run}, target {entry.target!r}"
        if entry.outputs.keys() != truth.keys():
            odd = sorted(entry.outputs.keys() ^ truth.keys())
            raise ValueError(f"{name}: predictions and test videos differ in {odd}; expected one for each test video.")
        for video, outputs in entry.outputs.items():
            if target.is_dense:
                if len(outputs) != len(truth[video]):
                    expected = len(truth[video])
                    raise ValueError(f"{name}: {len(outputs)} predictions of video {video}, expected {expected}.")
                continue  # the metric refuses values that are not finite, frame by frame
            expected = (len(truth[video]), len(target.labels))
            if outputs.shape != expected:
                raise ValueError(f"{name}: predictions of video {video} are {outputs.shape}, expected {expected}.")
            if not np.isfinite(outputs).all():
                raise ValueError(f"{name}: predictions of video {video} are not all finite.")


@dataclass(frozen=True)
class Exam:
    """One task on one dataset, ready to be sat by an encoder.

    Args:
        task: the task.
        split: the folds that are run.
        frames: the canonical rows without any label; with the question where the task asks one.
        labels_sha256: hash of all labels, which tells one release of a dataset from another.
        folds: the labels that may be looked at, per fold.
        truth: the others.
    """

    task: Task
    split: Split
    frames: datasets.Dataset
    labels_sha256: str
    folds: tuple[FoldLabels, ...]
    truth: SealedTruth

    def part(self, fold: int) -> "Exam":
        """The same exam for the encoder of one fold alone; the truth stays that of all folds."""
        return replace(self, folds=(self.folds[fold],))


def set_exam(task: Task, dataset: datasets.Dataset, split: Split) -> Exam:
    """Part a task's data into what may be looked at and what may not.

    Args:
        task: the task.
        dataset: its canonical rows, from `task.read`.
        split: the folds to run.

    Raises:
        ValueError: if a video of the split has no frame, the frames of a video are not in the order of time, or a pooled
            primary metric would mix the heads of several folds.
    """
    videos, times = np.array(dataset["video_id"][:]), np.array(dataset["time_s"][:])
    missing = sorted(set(split.videos) - set(videos.tolist()))
    if missing:
        raise ValueError(f"no frame of video {missing[0]!r} in the dataset ({len(missing)} of {len(split.videos)}).")
    for video in split.videos:
        steps = np.diff(times[videos == video])
        if (steps < 0).any() or (task.question is None and (steps == 0).any()):  # one row per frame, or per question
            raise ValueError(
                f"{task.name}: the frames of video {video!r} are not in the order of time; mend its reader."
            )
    pooled = [f"{target.primary} of {target.name}" for target in task.targets if pools_scores(target.primary)]
    if pooled and len(split.folds) > 1:
        raise ValueError(
            f"{task.name}: {pooled[0]} needs one head for all test videos, and split {split.name} has "
            f"{len(split.folds)} folds; use a split with one."
        )
    labels = {target.name: labels_by_video(dataset, target) for target in task.targets}
    tested = [video for fold in split.folds for video in fold.test]

    def of(videos: tuple[str, ...] | list[str]) -> Labels:
        return {name: {video: by_video[video] for video in videos} for name, by_video in labels.items()}

    return Exam(
        task=task,
        split=split,
        frames=dataset.select_columns(
            ["image", "video_id", "frame", "time_s", *([task.question] if task.question else [])]
        ),
        labels_sha256=labels_hash(labels),
        folds=tuple(FoldLabels(fold, of(fold.train), of(fold.val)) for fold in split.folds),
        truth=SealedTruth(task.targets, of(tested), several_heads=len(split.folds) > 1),
    )


def labels_hash(labels: Labels) -> str:
    """SHA-256 over all labels of all videos."""
    digest = hashlib.sha256()
    for target, by_video in sorted(labels.items()):
        for video, truth in sorted(by_video.items()):
            if isinstance(truth, FrameTruths):
                digest.update(f"{target} {video} {len(truth)} {hash_truths(truth)}".encode())
                continue
            digest.update(f"{target} {video} {truth.shape}".encode())
            digest.update(np.ascontiguousarray(truth, dtype=np.int64).tobytes())
    return digest.hexdigest()


def pools_scores(name: str) -> bool:
    """Whether a score ranks what several videos hold together, which only the confidences of one head allow."""
    return bool(
        re.fullmatch(r"(\w+_)?m?ap\d*(_\w+)?_global", name)
    )  # map_global, ap_class_global, box_ap50_ava_global


def labels_by_video(dataset: datasets.Dataset, target: Target) -> dict[str, np.ndarray | FrameTruths]:
    """Truth of every video: [rows, classes] or [rows]; of a dense target, read when looked at."""
    videos, cells = np.array(dataset["video_id"][:]), dataset[target.name][:]
    rows = {video: np.flatnonzero(videos == video) for video in sorted(set(videos.tolist()))}
    if target.is_dense:
        return {video: FrameTruths([cells[row] for row in of_video], target.read) for video, of_video in rows.items()}
    labels = np.array(cells)
    return {video: labels[of_video] for video, of_video in rows.items()}
