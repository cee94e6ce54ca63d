# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Finding and reading result folders; `results.py` writes them."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from .dense.frame_truths import FrameTruths
from .dense.pictures import from_bytes, unpacked
from .exam import pools_scores
from .results import FORMAT, PREDICTIONS
from .scoring import video_statistics
from .task import Target, load_task

SUMMARY, BASELINES = "summary.json", "baselines"


@dataclass(frozen=True)
class Result:
    """A result folder: its summary, and the predictions, which are read when they are asked for.

    Args:
        folder: where it lies.
        summary: content of `summary.json`.
    """

    folder: Path
    summary: dict

    @property
    def task(self) -> str:
        """Name of the task."""
        return self.summary["task"]

    @property
    def protocol(self) -> str:
        """Name of the protocol."""
        return self.summary["protocol"]

    @property
    def encoder(self) -> str:
        """Name of the encoder."""
        return self.summary["model"]["name"]

    @property
    def baseline(self) -> str | None:
        """Name of the baseline that this is; None for a real encoder."""
        return self.folder.name if self.folder.parent.name == BASELINES else None

    @property
    def primary(self) -> dict:
        """Target, head, score name, value and interval that count."""
        return self.summary["primary"]

    @property
    def flag(self) -> str:
        """Leakage flag."""
        return self.summary["leakage"]["flag"]

    @property
    def test_videos(self) -> list[str]:
        """Ids of all test videos, sorted."""
        return sorted(video for fold in self.summary["split"]["held_out"] for video in fold)

    def target(self, name: str) -> Target:
        """The target with its metric, by the task's file.

        Raises:
            ValueError: if this version of the package has no such task, or the task no such target.
        """
        targets = {target.name: target for target in load_task(self.task).targets}
        if name not in targets:
            raise ValueError(f"{self.folder}: task {self.task} has no target {name!r}; it has {', '.join(targets)}.")
        return targets[name]

    def runs(self, target: str, head: str) -> list[dict]:
        """The runs of one head, each with its scores.

        Raises:
            ValueError: if there is no such target or head.
        """
        targets = self.summary["targets"]
        if target not in targets:
            raise ValueError(f"{self.folder}: no target {target!r}; it has {', '.join(targets)}.")
        heads = targets[target]["heads"]
        if head not in heads:
            raise ValueError(f"{self.folder}: no head {head!r} for target {target!r}; it has {', '.join(heads)}.")
        return heads[head]["runs"]

    def logits(self, target: str, head: str, run: int = 0) -> dict[str, np.ndarray]:
        """What was scored, {video: [rows, classes]}.

        Raises:
            ValueError: if the predictions are missing, or the file is damaged.
        """
        return self._arrays(f"logits/{target}/{head}/{run}/")

    def outputs(self, target: str, head: str, run: int = 0) -> "StoredFrames":
        """What was scored of a dense target, {video: one `pictures.to_bytes` per frame}; errors as for `logits`."""
        return StoredFrames(self, f"outputs/{target}/{head}/{run}/")

    def truth(self, target: str) -> dict[str, np.ndarray]:
        """Truth of every test video, [rows] or [rows, classes]; errors as for `logits`."""
        return self._arrays(f"truth/{target}/")

    def dense_truth(self, target: str) -> "StoredFrames":
        """Truth of the frames of every test video as `pictures.to_bytes`, empty where it was not kept; errors as for `logits`."""
        return StoredFrames(self, f"truth/{target}/")

    def times(self) -> dict[str, np.ndarray]:
        """Time of every frame of every test video in seconds, [frames]; errors as for `logits`."""
        return self._arrays("time_s/")

    def _arrays(self, prefix: str) -> dict[str, np.ndarray]:
        with self.predictions() as file:
            self.require_videos(file, prefix)
            return {video: file.get_tensor(f"{prefix}{video}") for video in self.test_videos}

    @contextmanager
    def predictions(self) -> Iterator[safe_open]:
        """The open file of predictions; errors as for `logits`."""
        path = self.folder / PREDICTIONS
        if not path.is_file():
            raise FileNotFoundError(f"{path}: missing beside its {SUMMARY}; copy the whole folder of a result.")
        try:
            with safe_open(path, framework="numpy") as file:
                yield file
        except SafetensorError as error:
            raise ValueError(f"{path}: damaged ({error}); run the benchmark again.") from error

    def require_videos(self, file: safe_open, prefix: str) -> None:
        """Refuse a file whose tensors of a prefix are not those of the test videos.

        Raises:
            ValueError: if one is missing, or too many.
        """
        found = {name.removeprefix(prefix) for name in file.keys() if name.startswith(prefix)}  # noqa: SIM118 (no mapping)
        if odd := sorted(found ^ set(self.test_videos)):
            raise ValueError(
                f"{self.folder / PREDICTIONS}: {prefix}* does not match the test videos of {SUMMARY} in {odd}."
            )


class StoredFrames(Mapping):
    """Pictures of a result as bytes, {video: one per frame}; a video is read when it is asked for, and none is kept.

    Args:
        result: where they lie.
        prefix: of their tensors' names, before the video.

    Raises:
        FileNotFoundError: if the predictions are missing.
        ValueError: if the file is damaged, or of other videos.
    """

    def __init__(self, result: Result, prefix: str):
        """Nothing is read yet but the names."""
        self.result, self.prefix = result, prefix
        with result.predictions() as file:
            result.require_videos(file, prefix)

    def __getitem__(self, video: str) -> list[bytes]:
        """The frames of one video."""
        if video not in self.result.test_videos:
            raise KeyError(video)
        with self.result.predictions() as file:
            return unpacked(file.get_tensor(f"{self.prefix}{video}"))

    def __iter__(self) -> Iterator[str]:
        """The test videos, sorted."""
        return iter(self.result.test_videos)

    def __len__(self) -> int:
        """Number of test videos."""
        return len(self.result.test_videos)


def read_results(paths: Iterable[Path]) -> list[Result]:
    """Every result at or below some folders, baselines included, sorted by place.

    Args:
        paths: folders of results, or of suites of results.

    Raises:
        FileNotFoundError: if a folder is missing or holds no result, or a result has no predictions.
        ValueError: if a result has another format, or its summary is no JSON.
    """
    return [result for path in paths for result in results_below(Path(path))]


def results_below(folder: Path) -> list[Result]:
    """Every result at or below one folder; errors as for `read_results`."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; expected a result or a suite of `zen-hf benchmark`.")
    summaries = sorted(folder.rglob(SUMMARY), key=lambda path: path.parent)
    finished = [path for path in summaries if not path.parent.name.startswith(".tmp-")]  # not half written
    found = [result for path in finished if (result := _read(path)) is not None]
    if not found:
        raise FileNotFoundError(
            f"{folder}: no result of `zen-hf benchmark` here or below (a {SUMMARY} with the format {FORMAT!r}); is its "
            "run unfinished, or is it another kind of run?"
        )
    return found


def per_video_statistics(result: Result, target: str, head: str) -> list[dict[str, dict]]:
    """What the metric's `score_of_weights` needs of every test video, one dict per run.

    They are part of the summary, but for scores that pool frames (`*_global`), which need every frame's logits.

    Args:
        result: the result.
        target: name of the target.
        head: name of the head.

    Raises:
        ValueError: if there is no such target or head, or the predictions do not fit.
    """
    runs = result.runs(target, head)
    described = result.target(target)
    if not pools_scores(described.primary):
        return [run["scores"]["per_video"] for run in runs]
    if described.is_dense:
        kept = result.dense_truth(target)
        truth = {video: FrameTruths(frames, partial(from_bytes, described.kind)) for video, frames in kept.items()}
        return [
            video_statistics(described, dict(result.outputs(target, head, run)), truth) for run in range(len(runs))
        ]
    truth = result.truth(target)
    return [video_statistics(described, result.logits(target, head, run), truth) for run in range(len(runs))]


def _read(path: Path) -> Result | None:
    """A result, or None for the summary of another kind of run."""
    try:
        summary = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path}: not JSON ({error}).") from error
    found = summary.get("format") if isinstance(summary, dict) else None
    if found is None:
        return None
    if found != FORMAT:
        raise ValueError(
            f"{path}: format is {found!r}; expected {FORMAT!r}. Run the benchmark again with this version."
        )
    return Result(path.parent, summary)
