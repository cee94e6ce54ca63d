# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Splits are what was published, keep patients apart, and can be narrowed to one held-out patient."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import zen_hf.benchmark.split as module
from zen_hf.benchmark.split import load_split, split_hash

NAME = "cholect50_val_leave_one_out"
SPLITS = sorted(path.stem for path in (Path(module.__file__).parent / "splits").glob("*.json"))
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


@pytest.mark.parametrize("name", SPLITS)
def test_every_split_is_disjoint_and_hashed(name):
    split = load_split(name)
    assert split.name == name and split.origin in ("ours", "official")
    for fold in split.folds:
        assert len(set(fold.videos)) == len(fold.train) + len(fold.val) + len(fold.test)
        assert fold.train and fold.test


def test_published_sizes():
    sizes = {name: [(len(f.train), len(f.val), len(f.test)) for f in load_split(name).folds] for name in SPLITS}
    assert sizes["cholec80_40_8_32"] == [(40, 8, 32)]
    assert sizes["cholect50_cv"] == [(35, 5, 10)] * 5
    assert sizes["autolaparo_10_4_7"] == [(10, 4, 7)]
    assert sizes["endoscapes_cvs201"] == [(120, 41, 40)]
    tested = [video for fold in load_split("cholect50_cv").folds for video in fold.test]
    assert len(tested) == len(set(tested)) == 50
    assert load_split("cholect50_cv").folds[4] == load_split("cholect50_cv_fold5").folds[0]
    assert load_split("cholect50_cv_fold5").folds[0].val == ("VID75", "VID22", "VID49", "VID12", "VID110")


@pytest.mark.parametrize(
    ("sides", "message"),
    [
        ({"train": ["a", "b"], "val": ["b"], "test": ["c"]}, r"fold 0 has \['b'\] in both train and val"),
        ({"train": ["a"], "val": ["c"], "test": ["b", "c"]}, r"fold 0 has \['c'\] in both val and test"),
        ({"train": ["a", "a"], "test": ["b"]}, r"fold 0 has \['a'\] in train 2 times"),
        ({"train": ["a"], "test": []}, "fold 0 has no video in test"),
    ],
)
def test_video_belongs_to_one_side_once(tmp_path, sides, message):
    content = {"name": "x", "origin": "ours", "unit": "patient", "folds": [sides]}
    content["sha256"] = split_hash(content)
    (tmp_path / "x.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        load_split("x", tmp_path)


def test_restricted_split_keeps_sides_and_says_its_name():
    split = load_split("cholec80_40_8_32").restricted_to(["video01", "video44", "video80"], "few")
    assert split.name == "few"
    assert split.folds[0].sides == {"train": ("video01",), "val": ("video44",), "test": ("video80",)}
    with pytest.raises(ValueError, match="none is in val of fold 0"):
        load_split("cholec80_40_8_32").restricted_to(["video01", "video80"], "few")
    with pytest.raises(ValueError, match="has none of the videos"):
        load_split("cholec80_40_8_32").restricted_to(["video99"], "few")


def test_hash_is_written_into_a_new_split(tmp_path, content):
    content.pop("sha256")
    (tmp_path / "new.json").write_text(json.dumps(content))
    subprocess.run([sys.executable, module.__file__, str(tmp_path / "new.json")], check=True)
    assert load_split("new", tmp_path) == load_split(NAME)


def test_unknown_split_names_the_known_ones():
    with pytest.raises(FileNotFoundError, match=f"known splits are: .*{NAME}"):
        load_split("cholec81")
