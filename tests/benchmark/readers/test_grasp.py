# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""GraSP: rows against the JSON, both numberings of frames, and bad downloads."""

import json
import shutil

import pytest

from zen_hf.benchmark.readers.grasp import read_grasp
from zen_hf.benchmark.task import load_task


@pytest.fixture
def copy(miniature, tmp_path):
    shutil.copytree(miniature("grasp_phase"), tmp_path / "copy")
    return tmp_path / "copy"


def edit(folder, change, side="train"):
    path = folder / "annotations" / f"grasp_long-term_{side}.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_rows(copy):
    dataset = load_task("grasp_step").read(copy)
    expected = {}
    for side in ("train", "test"):
        content = json.loads((copy / "annotations" / f"grasp_long-term_{side}.json").read_text())
        for label in content["annotations"]:
            expected[label["image_name"]] = (label["phases"], label["steps"])
    found = {
        f"{row['video_id']}/{row['frame']:09d}.jpg": (row["phase"], row["step"])
        for row in dataset.select_columns(["video_id", "frame", "phase", "step"])
    }
    assert found == expected
    assert dataset["time_s"][:3] == [0.0, 1.0, 2.0]


def test_frames_named_by_the_second_give_the_same_rows(copy):
    before = load_task("grasp_phase").read(copy)
    for path in sorted((copy / "frames").glob("*/*.jpg")):
        path.rename(path.with_name(f"{int(path.stem) // 30:05d}.jpg"))

    def rename(content):
        for image in content["images"]:
            case, name = image["file_name"].split("/")
            image["file_name"] = f"{case}/{int(name[:9]) // 30:05d}.jpg"

    edit(copy, rename)
    edit(copy, rename, "test")
    after = load_task("grasp_phase").read(copy)
    for name in ("video_id", "frame", "time_s", "phase"):
        assert after[name][:] == before[name][:]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["annotations"][0].update(phases=11), "has the phase 11 and the step 0"),
        (lambda c: c["annotations"][0].pop("steps"), "KeyError: 'steps'"),
        (lambda c: c["steps_categories"].pop(), "its steps have the ids .*expected 0 to 20"),
        (lambda c: c["annotations"].append(c["annotations"][0] | {"phases": 5}), "two labels that differ"),
        (lambda c: c["annotations"].clear(), "4 cases have no label .first: CASE001"),
    ],
)
def test_bad_labels(copy, change, message):
    edit(copy, change)
    with pytest.raises(ValueError, match=message):
        load_task("grasp_phase").read(copy)


def test_missing_frame_and_file(copy):
    (copy / "frames" / "CASE002" / "000000060.jpg").unlink()
    with pytest.raises(FileNotFoundError, match="1 of 22 files are missing .first: frames/CASE002/000000060.jpg"):
        read_grasp(copy, ["CASE002"])
    (copy / "annotations" / "grasp_long-term_test.json").unlink()
    with pytest.raises(FileNotFoundError, match="first: annotations/grasp_long-term_test.json"):
        read_grasp(copy, ["CASE002"])
