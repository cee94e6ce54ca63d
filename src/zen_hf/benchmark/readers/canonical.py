# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The one form that every reader gives its dataset: a row per frame, by video and time."""

from pathlib import Path

import datasets

from .frame_image import FrameImage


def canonical_features(labels: dict[str, object]) -> datasets.Features:
    """Columns of a canonical dataset.

    Args:
        labels: the label columns with their `datasets` features: `single_label(names)`, `multi_label(names)`.

    Returns:
        `image` (picture file or moment of a video, decoded when looked at), `video_id`, `frame` (index from 0 at the
        dataset's own rate), `time_s` (seconds from the start of the video), and the labels.
    """
    fixed = {
        "image": FrameImage(),
        "video_id": datasets.Value("string"),
        "frame": datasets.Value("int32"),
        "time_s": datasets.Value("float64"),
    }
    return datasets.Features(fixed | labels)


def single_label(names: tuple[str, ...]) -> datasets.ClassLabel:
    """A column with one class per frame."""
    return datasets.ClassLabel(names=list(names))


def multi_label(names: tuple[str, ...]) -> datasets.Sequence:
    """A column with a 0/1 vector per frame, in the order of the names."""
    return datasets.Sequence(datasets.Value("int8"), length=len(names))


def frame_row(image: str, video: str, frame: int, fps: float) -> dict:
    """The columns that every row has; `frame` counts from 0 at `fps` frames per second."""
    return {"image": image, "video_id": video, "frame": frame, "time_s": frame / fps}


def canonical_dataset(rows: list[dict], labels: dict[str, object]) -> datasets.Dataset:
    """Rows as a dataset, in their order.

    Args:
        rows: one dict per frame, with every column of `canonical_features(labels)`; `image` is a path or reference.
        labels: as for `canonical_features`.
    """
    features = canonical_features(labels)
    return datasets.Dataset.from_dict({name: [row[name] for row in rows] for name in features}, features=features)


def require_files(folder: Path, files: list[str], layout: str) -> None:
    """Refuse a folder that lacks files, counting them and naming the first.

    Args:
        folder: the download.
        files: paths below it.
        layout: what was expected, for the message.

    Raises:
        FileNotFoundError: if the folder or a file is missing.
    """
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; expected {layout}.")
    absent = [file for file in files if not (Path(folder) / file).is_file()]
    if absent:
        raise FileNotFoundError(
            f"{folder}: {len(absent)} of {len(files)} files are missing (first: {absent[0]}); expected {layout}. "
            "Give the folder of the official download, and complete it."
        )
