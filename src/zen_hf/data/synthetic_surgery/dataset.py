# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Synthetic surgery as a `datasets.Dataset` or as an mp4 file."""

import io
import os
from pathlib import Path

import av
import numpy as np
from datasets import Array2D, ClassLabel, Dataset, Features, Image, List, Value
from PIL import Image as PillowImage

from zen_hf.atomic_files import atomic_file

from .labels import SceneFrame
from .video import SyntheticSurgery, SyntheticVideo
from .vocabulary import HOSPITALS, INSTRUMENTS, PHASES, PROCEDURES


def synthetic_features(size: tuple[int, int], labels: bool = True) -> Features:
    """Return the columns of `synthetic_dataset` for frames of (height, width) px."""
    columns = {
        "image": Image(),
        "video_id": Value("string"),
        "frame": Value("int32"),
        "procedure": ClassLabel(names=list(PROCEDURES)),
        "hospital": ClassLabel(names=list(HOSPITALS)),
    }
    if labels:
        columns |= {
            "phase": ClassLabel(names=list(PHASES)),
            "instruments": List(ClassLabel(names=list(INSTRUMENTS))),
            "boxes": List(List(Value("float32"), length=4)),
            "box_labels": List(ClassLabel(names=list(INSTRUMENTS))),
            "instance_mask": Image(),
            "semantic_mask": Image(),
            "depth_mm": Array2D(size, "float32"),
            "tips": List(List(Value("float32"), length=2)),
            "tip_distance_mm": List(Value("float32")),
            "triplets": List(List(Value("int32"), length=3)),
            "cvs": List(Value("bool"), length=3),
            "smoke": Value("bool"),
            "blood": Value("bool"),
            "questions": List({"question": Value("string"), "answer": Value("string")}),
        }
    return Features(columns)


def _png(pixels: np.ndarray) -> dict:
    """Encode [H, W] or [H, W, 3] uint8 as datasets' image cell."""
    stream = io.BytesIO()
    PillowImage.fromarray(pixels).save(stream, format="PNG", compress_level=1)
    return {"bytes": stream.getvalue(), "path": None}


def _label_cells(scene: SceneFrame) -> dict:
    """Return the label cells of one row."""
    return {
        "phase": scene.phase,
        "instruments": scene.instruments,
        "boxes": scene.boxes.tolist(),
        "box_labels": scene.box_labels.tolist(),
        "instance_mask": _png(scene.instance_mask),
        "semantic_mask": _png(scene.semantic_mask),
        "depth_mm": scene.depth_mm,
        "tips": scene.tips.tolist(),
        "tip_distance_mm": scene.tip_distance_mm.tolist(),
        "triplets": [list(triplet) for triplet in scene.triplets],
        "cvs": list(scene.cvs),
        "smoke": scene.smoke,
        "blood": scene.blood,
        "questions": [{"question": question, "answer": answer} for question, answer in scene.questions],
    }


def synthetic_dataset(
    num_videos: int,
    frames_per_video: int,
    size: int | tuple[int, int] = 128,
    seed: int = 0,
    first_video: int = 0,
    labels: bool = True,
) -> Dataset:
    """Render videos into a dataset with one row per frame, video after video.

    Args:
        num_videos: number of videos, 1 or greater.
        frames_per_video: frames of each, 1 or greater.
        size: edge length or (height, width) of the frames, px.
        seed: chooses the set.
        first_video: number of the first video; disjoint ranges of videos share nothing.
        labels: whether to add the label columns; without them there is the image and where it comes from.

    Raises:
        ValueError: if an argument is out of its range.

    Example:
        >>> train = synthetic_dataset(num_videos=4, frames_per_video=8, size=64)
        >>> test = synthetic_dataset(num_videos=1, frames_per_video=8, size=64, first_video=4)
        >>> len(train), len(test)
        (32, 8)
    """
    if num_videos < 1:
        raise ValueError(f"num_videos is {num_videos!r}; pass a whole number of 1 or greater")
    surgery = SyntheticSurgery(seed=seed, size=size, frames_per_video=frames_per_video)
    features = synthetic_features(surgery.size, labels)
    columns: dict[str, list] = {name: [] for name in features}
    for index in range(first_video, first_video + num_videos):
        video = surgery.video(index)
        for number in range(len(video)):
            scene = video[number]
            row = {
                "image": _png(scene.image),
                "video_id": video.video_id,
                "frame": number,
                "procedure": video.procedure,
                "hospital": video.hospital,
            }
            if labels:
                row |= _label_cells(scene)
            for name, cell in row.items():
                columns[name].append(cell)
    return Dataset.from_dict(columns, features=features)


def write_video(video: SyntheticVideo, path: str | os.PathLike, fps: int = 25) -> None:
    """Write a video as an H.264 mp4 file; the file appears only when it is complete.

    Args:
        video: what to write.
        path: the file, ending in .mp4; its folder must exist.
        fps: frames per second.

    Raises:
        ValueError: if the path does not end in .mp4 or the frames' edges are odd, which H.264's colour format does not
            allow.
        FileNotFoundError: if the folder does not exist.
    """
    path = Path(path)
    height, width = video.size
    if path.suffix != ".mp4":
        raise ValueError(f"{path} does not end in .mp4; give the file that suffix")
    if height % 2 or width % 2:
        raise ValueError(f"frames of {height} x {width} px cannot be written as mp4; choose a size with even edges")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the folder {path.parent} of {path.name} does not exist; create it first")
    with atomic_file(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "16", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(len(video)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(video[number].image, format="rgb24")))
        container.mux(stream.encode(None))
