# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The CholecT50 reader: round trip over a miniature, rows written by hand, and downloads that are not what they should be."""

import json
import shutil

import numpy as np
import pytest

from zen_hf.benchmark.readers.cholect50 import (
    PHASES,
    TARGETS,
    TOOLS,
    VERBS,
    read_cholect50,
    read_cholect50_triplets,
    write_cholect50,
)
from zen_hf.benchmark.task import load_task

VIDEOS = ["VID68", "VID70"]


@pytest.fixture(scope="module")
def written(tmp_path_factory, drawn):
    folder = tmp_path_factory.mktemp("cholect50")
    write_cholect50(drawn, folder)
    return folder


@pytest.fixture
def copy(written, tmp_path):
    shutil.copytree(written, tmp_path / "copy")
    return tmp_path / "copy"


def edit_labels(folder, change, video="VID68"):
    path = folder / "labels" / f"{video}.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_round_trip(written, drawn):
    dataset = read_cholect50(written, ["VID74", "VID68", "VID73", "VID70"])
    for name in ("video_id", "frame", "tool", "phase"):
        assert dataset[name][:] == drawn[name][:]
    np.testing.assert_array_equal(np.array(dataset[20]["image"]), np.array(drawn[20]["image"]))


def test_only_the_wanted_videos_are_read(written):
    assert set(read_cholect50(written, ["VID70"])["video_id"]) == {"VID70"}


def test_rows_by_hand(copy):
    """Two instruments, the same instrument twice, none at all (-1 or null); verb and target do not matter."""
    box = [1.0, 0.5, 0.5, 0.1, 0.1]

    def change(content):
        rows = content["annotations"]
        rows["3"] = [[17, 0, *box, 1, 0, 1.0, -1, -1, -1, -1, 4], [60, 2, *box, 2, 3, 1.0, -1, -1, -1, -1, 4]]
        rows["10"] = [[7, 0, *box, 0, 0, 1.0, -1, -1, -1, -1, 0], [19, 0, *box, 1, 8, 1.0, -1, -1, -1, -1, 0]]
        rows["17"] = [[-1] * 14 + [6]]
        rows["24"] = [[None] * 14 + [2]]

    edit_labels(copy, change)
    dataset = read_cholect50(copy, ["VID68"])
    assert dataset["frame"][:4] == [3, 10, 17, 24]
    assert dataset["tool"][:4] == [[1, 0, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0], [0] * 6, [0] * 6]
    assert dataset["phase"][:4] == [4, 0, 6, 2]


def test_missing_frames_are_counted_and_named(copy):
    for second in (10, 17, 52):
        (copy / "videos" / "VID68" / f"{second:06d}.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"VID68: 3 of 14 labelled frames are missing \(first: 000010, 000017"):
        read_cholect50(copy, VIDEOS)


def test_missing_video_folder(copy):
    shutil.rmtree(copy / "videos" / "VID70")
    with pytest.raises(FileNotFoundError, match="VID70: 14 of 14 labelled frames are missing"):
        read_cholect50(copy, VIDEOS)


def test_missing_label_file(copy):
    (copy / "labels" / "VID70.json").unlink()
    with pytest.raises(FileNotFoundError, match="1 of 2 label files are missing .*VID70.json.*CholecT50 layout"):
        read_cholect50(copy, VIDEOS)


def test_frames_numbered_from_one_are_noticed(copy, draw):
    """Labels from 0, pictures from 1: every picture but one exists, and each would get its neighbour's label."""
    consecutive = draw(videos=["VID68"]).map(lambda row, index: {"frame": index}, with_indices=True)
    write_cholect50(consecutive, copy / "dense")
    folder = copy / "dense" / "videos" / "VID68"
    for picture in sorted(folder.iterdir(), reverse=True):
        picture.rename(folder / f"{int(picture.stem) + 1:06d}.png")
    with pytest.raises(FileNotFoundError, match="1 of 14 .*first: 000000.* numbered from 1, the labels from 0"):
        read_cholect50(copy / "dense", ["VID68"])


def test_frames_without_label_are_refused(copy):
    """25 pictures per second: all labels find a picture, of another moment."""
    for frame in (4, 5, 6):
        shutil.copy(copy / "videos" / "VID68" / "000003.png", copy / "videos" / "VID68" / f"{frame:06d}.png")
    with pytest.raises(ValueError, match=r"3 of 17 frames have no label \(first: 000004.png\)"):
        read_cholect50(copy, VIDEOS)


def test_frame_there_twice(copy):
    shutil.copy(copy / "videos" / "VID68" / "000003.png", copy / "videos" / "VID68" / "000003.jpg")
    with pytest.raises(ValueError, match="1 frames are there twice"):
        read_cholect50(copy, VIDEOS)


def test_picture_without_a_number(copy):
    (copy / "videos" / "VID68" / "frame_3.png").touch()
    with pytest.raises(ValueError, match="frame_3.png.*expected names like 000016.png"):
        read_cholect50(copy, VIDEOS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["annotations"].update({"3": []}), "frame 3: expected one or more rows of 15"),
        (lambda c: c["annotations"].update({"3": [[0] * 14]}), "frame 3: expected one or more rows of 15"),
        (lambda c: c["annotations"].update({"3": [[0, 6] + [0] * 13]}), r"frame 3: instruments \[6\]"),
        (lambda c: c["annotations"].update({"3": [[0] * 14 + [7]]}), r"frame 3: phases \{7\}"),
        (lambda c: c["annotations"].update({"3": [[0] * 15, [0] * 14 + [1]]}), r"frame 3: phases \{0, 1\}"),
        (lambda c: c["categories"]["instrument"].update({"0": "hook", "2": "grasper"}), "instrument categories are"),
        (lambda c: c.pop("annotations"), "not a CholecT50 label file .*KeyError"),
    ],
)
def test_bad_labels(copy, change, message):
    edit_labels(copy, change)
    with pytest.raises(ValueError, match=message):
        read_cholect50(copy, VIDEOS)


def test_label_file_cut_off(copy):
    path = copy / "labels" / "VID68.json"
    path.write_text(path.read_text()[:500])
    with pytest.raises(ValueError, match="VID68.json is not a CholecT50 label file .*Download it again"):
        read_cholect50(copy, VIDEOS)


@pytest.mark.real
def test_real_frames_and_labels(shared_data):
    """Counts against the raw JSON, and every triplet against the name of its instrument."""
    folder = shared_data / "cholect50-val"
    dataset = load_task("cholect50_tool").read(folder).select_columns(["video_id", "frame", "tool", "phase"])
    assert len(dataset) == 1008
    rows = {(row["video_id"], row["frame"]): row for row in dataset}
    for video in ("VID68", "VID70", "VID73", "VID74"):
        content = json.loads((folder / "labels" / f"{video}.json").read_text())
        for second, labels in content["annotations"].items():
            row = rows.pop((video, int(second)))
            names = {content["categories"]["triplet"][str(label[0])].split(",")[0] for label in labels}
            assert {TOOLS[index] for index, present in enumerate(row["tool"]) if present} == names
            phase = content["categories"]["phase"][str(labels[0][14])]
            assert PHASES[row["phase"]].split("-")[1:] == phase.split("-")[1:]
    assert not rows


def test_triplets_and_their_parts(miniature):
    """Against the rows of the label file, by the names in its own categories."""
    folder = miniature("cholect50_triplet")
    for row in load_task("cholect50_triplet").read(folder).remove_columns("image"):
        content = json.loads((folder / "labels" / f"{row['video_id']}.json").read_text())
        assert_row_is_labelled(row, content)


@pytest.mark.real
def test_real_triplets_and_their_parts(shared_data):
    folder = shared_data / "cholect50-val"
    dataset = read_cholect50_triplets(folder, ["VID68", "VID70", "VID73", "VID74"]).remove_columns("image")
    contents = {
        video: json.loads((folder / "labels" / f"{video}.json").read_text()) for video in set(dataset["video_id"])
    }
    assert len(dataset) == 1008
    for row in dataset:
        assert_row_is_labelled(row, contents[row["video_id"]])


def assert_row_is_labelled(row, content):
    rows = content["annotations"][str(row["frame"])]
    columns = {"triplet": 0, "instrument": 1, "verb": 7, "target": 8}
    for name, column in columns.items():
        assert {index for index, x in enumerate(row[name]) if x} == {r[column] for r in rows} - {-1, None}
    names = content["categories"]["triplet"]
    for index in (index for index, x in enumerate(row["triplet"]) if x):
        instrument, verb, target = names[str(index)].split(",")
        assert row["instrument"][TOOLS.index(instrument)] and row["verb"][VERBS.index(verb)]
        assert row["target"][TARGETS.index(target)]
