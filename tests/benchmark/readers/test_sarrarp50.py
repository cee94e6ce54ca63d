# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""SAR-RARP50: rows against the label files, operations in parts, unpacked pictures, and bad downloads."""

import shutil

import numpy as np
import pytest

from zen_hf.benchmark.readers.frame_image import video_length
from zen_hf.benchmark.readers.sarrarp50 import read_sarrarp50
from zen_hf.benchmark.task import load_task


@pytest.fixture
def copy(miniature, tmp_path):
    shutil.copytree(miniature("sarrarp50_gesture"), tmp_path / "copy")
    return tmp_path / "copy"


def labels(folder):
    return [tuple(map(int, line.split(","))) for line in (folder / "action_discrete.txt").read_text().splitlines()]


def test_rows_are_those_of_the_label_file(copy):
    dataset = read_sarrarp50(copy, ["video_01"]).select_columns(["frame", "time_s", "gesture"])
    assert [(row["frame"], row["gesture"]) for row in dataset] == labels(copy / "train1" / "video_01")
    assert dataset["time_s"][:3] == [0.0, 0.1, 0.2] and set(dataset["gesture"]) == set(range(8))


def test_parts_follow_each_other(copy):
    first, second = (copy / "train2" / f"video_02_{part}" for part in (1, 2))
    dataset = read_sarrarp50(copy, ["video_02"])
    length, _ = video_length(first / "video_left.avi")
    expected = labels(first) + [(length + frame, gesture) for frame, gesture in labels(second)]
    assert [(row["frame"], row["gesture"]) for row in dataset.select_columns(["frame", "gesture"])] == expected
    assert set(dataset["video_id"]) == {"video_02"}


def test_unpacked_pictures_in_place_of_the_film(copy):
    part = copy / "test" / "video_41"
    film = read_sarrarp50(copy, ["video_41"])
    middle = np.asarray(film[60]["image"])
    (part / "rgb").mkdir()
    for row in film:
        row["image"].save(part / "rgb" / f"{row['frame']:09d}.png")
    (part / "video_left.avi").unlink()
    pictures = read_sarrarp50(copy, ["video_41"])
    assert pictures["gesture"][:] == film["gesture"][:]
    np.testing.assert_array_equal(np.asarray(pictures[60]["image"]), middle)
    (part / "rgb" / "000000060.png").unlink()
    with pytest.raises(ValueError, match="1 of 160 labelled frames are missing .first: 000000060"):
        read_sarrarp50(copy, ["video_41"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("12,0", "13,0", 1), "line 3 is of frame 13, expected 12"),
        (lambda text: text.replace("12,0", "12,8", 1), "unknown action 8 at frame 12; expected 0 to 7"),
        (lambda text: text.replace("12,0", "12 0", 1), "line 3 is '12 0', expected frame,action"),
        (lambda text: "", "is empty"),
        (
            lambda text: text + "".join(f"{frame},0\n" for frame in range(960, 1200, 6)),
            "960 frames but the label file has 1195",
        ),
    ],
)
def test_bad_labels(copy, change, message):
    path = copy / "train1" / "video_01" / "action_discrete.txt"
    path.write_text(change(path.read_text()))
    with pytest.raises(ValueError, match=message):
        read_sarrarp50(copy, ["video_01"])


def test_missing_video(copy):
    shutil.rmtree(copy / "test" / "video_42")
    with pytest.raises(FileNotFoundError, match="1 of 6 videos are missing .first: video_42"):
        load_task("sarrarp50_gesture").read(copy)
    (copy / "train1" / "video_01" / "video_left.avi").unlink()
    with pytest.raises(FileNotFoundError, match="neither the film .*video_left.avi nor a folder"):
        read_sarrarp50(copy, ["video_01"])
