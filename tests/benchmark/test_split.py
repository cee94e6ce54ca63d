# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Splits are what was published, keep patients apart, and can be narrowed to one held-out patient."""

import json
from pathlib import Path

import pytest

import zen_hf.benchmark.split as module
from zen_hf.benchmark.split import load_split, split_hash

NAME = "cholect50_val_leave_one_out"
PUBLISHED = "d70fda06773d7b6e68c0a17224a934b2f59b749c93174a8863a6090806a47cde"


@pytest.fixture
def content() -> dict:
    return json.loads((Path(module.__file__).parent / "splits" / f"{NAME}.json").read_text())


def test_leave_one_out_holds_out_each_patient_once():
    split = load_split(NAME)
    assert (split.origin, split.unit, split.sha256) == ("ours", "patient", PUBLISHED)
    assert split.videos == ["VID68", "VID70", "VID73", "VID74"]
    assert [fold.test for fold in split.folds] == [(video,) for video in split.videos]
    assert all(sorted(fold.train + fold.test) == split.videos for fold in split.folds)


def test_held_out_keeps_the_wanted_folds_alone():
    folds = load_split(NAME).held_out(["VID73"]).folds
    assert [fold.test for fold in folds] == [("VID73",)]
    assert folds[0].train == ("VID68", "VID70", "VID74")
    assert load_split(NAME).held_out("VID73").folds == folds


@pytest.mark.parametrize("videos", [["VID01"], ["VID68", "VID01"], []])
def test_held_out_refuses_other_videos(videos):
    with pytest.raises(ValueError, match="single held-out videos are"):
        load_split(NAME).held_out(videos)


def test_changed_split_is_refused(tmp_path, content):
    content["folds"][0]["train"].append("VID75")
    (tmp_path / "changed.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="the split was changed"):
        load_split("changed", tmp_path)


def test_layout_of_the_file_does_not_matter(tmp_path, content):
    (tmp_path / "other.json").write_text(json.dumps(dict(reversed(content.items())), indent=7))
    assert load_split("other", tmp_path) == load_split(NAME)


def test_video_on_both_sides_is_refused(tmp_path, content):
    content["folds"][0]["train"].append("VID68")
    content["sha256"] = split_hash(content)
    (tmp_path / "leak.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"fold 0 has \['VID68'\] in both train and test"):
        load_split("leak", tmp_path)


def test_unknown_split_names_the_known_ones():
    with pytest.raises(FileNotFoundError, match=f"known splits are: .*{NAME}"):
        load_split("cholec81")
