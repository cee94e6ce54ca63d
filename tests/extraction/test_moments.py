# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Many videos of one source are opened with one load of it, and never from another state of it."""

import numpy as np
import pytest
from datasets import Dataset, Image
from PIL import Image as Pillow

from zen_hf.data.frame_sources import FrameSource
from zen_hf.extraction import moments
from zen_hf.extraction.moments import find_pictures

VIDEOS = {"a": [0, 5, 10], "b": [3, 4], "c": [7]}


def write(folder, kind, videos):
    """Frames whose grey level is their number, as curated Parquet or as a folder of pictures per video."""
    pictures = {
        (video, number): Pillow.new("RGB", (8, 8), (number,) * 3) for video in videos for number in videos[video]
    }
    if kind == "folder":
        for (video, number), picture in pictures.items():
            (folder / video).mkdir(parents=True, exist_ok=True)
            picture.save(folder / video / f"{number:03}.png")
        return
    folder.mkdir(exist_ok=True)
    rows = {
        "image": list(pictures.values()),
        "video_id": [video for video, _ in pictures],
        "frame_index": [number for _, number in pictures],
        "time_s": [number / 5 for _, number in pictures],
    }
    Dataset.from_dict(rows).cast_column("image", Image()).to_parquet(folder / "0.parquet")


def levels(pictures) -> list[int]:
    """Grey levels of the frames of a video."""
    return [int(frame.image[0, 0, 0]) for _, frame in pictures.open(1.0).frames()]


@pytest.mark.parametrize("kind", ["parquet", "streamed", "folder"])
def test_a_source_is_loaded_once_for_all_its_videos(tmp_path, monkeypatch, kind):
    write(tmp_path / "frames", kind, VIDEOS)
    found = find_pictures(FrameSource(str(tmp_path / "frames"), streaming=kind == "streamed"))
    load, loads = moments.load_source, []
    monkeypatch.setattr(moments, "load_source", lambda *given: loads.append(given) or load(*given))
    assert {pictures.name: levels(pictures) for pictures in found} == VIDEOS
    assert len({pictures.sha256() for pictures in found}) == 3
    assert len(loads) == 1


def test_another_state_of_a_source_is_loaded_anew(tmp_path):
    source = FrameSource(str(tmp_path / "frames"))
    write(tmp_path / "frames", "parquet", VIDEOS)
    before = {pictures.name: pictures.sha256() for pictures in find_pictures(source)}
    write(tmp_path / "frames", "parquet", {"0": [200], "a": [0, 5, 11], "b": [3, 4], "c": [7]})
    found = find_pictures(source)
    assert {pictures.name: levels(pictures) for pictures in found}["a"] == [0, 5, 11]
    after = {pictures.name: pictures.sha256() for pictures in found}
    assert [name for name in before if before[name] != after[name]] == ["a"]


def test_numbers_and_times_of_curated_frames(tmp_path):
    write(tmp_path / "frames", "parquet", VIDEOS)
    frames = [frame for _, frame in find_pictures(FrameSource(str(tmp_path / "frames")))[0].open(1.0).frames()]
    assert [(frame.frame_index, frame.time_s) for frame in frames] == [(0, 0.0), (5, 1.0), (10, 2.0)]
    write(tmp_path / "pictures", "folder", VIDEOS)
    frames = [frame for _, frame in find_pictures(FrameSource(str(tmp_path / "pictures")))[0].open(1.0).frames()]
    assert [frame.frame_index for frame in frames] == [0, 1, 2] and np.isnan([frame.time_s for frame in frames]).all()
