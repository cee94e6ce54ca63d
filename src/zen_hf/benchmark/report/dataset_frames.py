# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The frames and questions that a result is about, read again from the dataset: results hold no patient's picture.

That they are those of the result is checked by its fingerprint, which takes one reading of all frames and labels.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import datasets
import numpy as np

from ..exam import set_exam
from ..feature_cache import rows_by_video
from ..results import dataset_fingerprint
from ..split import MINIATURE
from ..suites import data_below
from ..task import load_task
from .entries import Entry


class DatasetFrames:
    """Rows of the test videos of results.

    Args:
        root: holds one folder per dataset, named as its source.
    """

    def __init__(self, root: Path):
        """Nothing is read yet."""
        self.root = Path(root)
        self._read: dict[tuple[str, str], Dataset | None] = {}

    @property
    def found(self) -> bool:
        """Whether the dataset of any result that was asked for is there."""
        return any(dataset is not None for dataset in self._read.values())

    def of(self, entry: Entry) -> "TestRows | None":
        """The rows of a result's test videos; None where the root has no such dataset.

        Raises:
            FileNotFoundError: if a part of the dataset is missing.
            ValueError: if it is not the data that the result was measured on, or has not the official layout.
        """
        key = entry.task, entry.split
        if key not in self._read:
            self._read[key] = self._read_dataset(entry)
        dataset = self._read[key]
        if dataset is None:
            return None
        rows = TestRows(entry, dataset.rows)
        if dataset.fingerprint != entry.summary["dataset"]["fingerprint"]:
            raise ValueError(
                f"{entry.result.folder}: measured on data with the fingerprint "
                f"{entry.summary['dataset']['fingerprint'][:12]}, that of {dataset.folder} is {dataset.fingerprint[:12]}: other "
                "frames or labels; give the data that the result was measured on."
            )
        return rows

    def absence(self, entry: Entry) -> str:
        """In words, where the dataset of a result was looked for in vain."""
        return f"no folder {load_task(entry.task).source.name} below {self.root}"

    def _read_dataset(self, entry: Entry) -> "Dataset | None":
        task = load_task(entry.task).with_split(entry.split.removesuffix(MINIATURE).rstrip())
        folder = data_below(self.root, task)
        if folder is None:
            return None
        rows, split = task.read(folder), task.split_in(folder)
        # Frames and labels are those of all folds, whichever of them an exam is set of.
        exam = set_exam(task, rows, replace(split, folds=split.folds[:1]))
        return Dataset(folder, rows, dataset_fingerprint(exam))


@dataclass(frozen=True)
class Dataset:
    """A dataset as it lies on the disk: its folder, canonical rows, and the fingerprint that results name."""

    folder: Path
    rows: datasets.Dataset
    fingerprint: str


def without_frames(entry: Entry, frames: DatasetFrames | None) -> str:
    """Why no frame of a result is shown."""
    return "give the data (--data ROOT) to see them" if frames is None else frames.absence(entry)


class TestRows:
    """The rows of a result's test videos: row i of a video is that of its predictions.

    Args:
        entry: the result.
        dataset: canonical rows of the task.

    Raises:
        ValueError: if a test video is missing or has other rows than were predicted.
    """

    def __init__(self, entry: Entry, dataset: datasets.Dataset):
        """Find the rows, and see that they are those of the result."""
        self.dataset, self.question = dataset, entry.question
        self.rows: Mapping[str, np.ndarray] = rows_by_video(dataset)
        times = np.array(dataset["time_s"][:], dtype=np.float32)
        for video, predicted in entry.result.times().items():
            found = times[self.rows[video]] if video in self.rows else np.zeros(0, np.float32)
            if not np.array_equal(found, predicted):
                raise ValueError(
                    f"{entry.result.folder}: video {video} has {len(predicted)} rows in the result and {len(found)} in the "
                    "data, or they are of other times; give the data that the result was measured on."
                )

    def row(self, video: str, index: int) -> dict:
        """A row with its decoded `image`, and its question where the task asks some."""
        return self.dataset[int(self.rows[video][index])]
