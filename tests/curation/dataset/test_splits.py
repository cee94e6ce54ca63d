# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Splits: whole patients, alike in procedures, the same for the same seed."""

import json
from collections import Counter

import pytest

from zen_hf.curation.dataset.splits import SplitSettings, divide
from zen_hf.curation.parts import VideoRecord


def records(patients: int, videos_each: int = 2, procedures=("a", "b", "c")) -> list[VideoRecord]:
    return [
        VideoRecord(f"v{number}-{video}", f"p{number}", "s", procedures[number % len(procedures)], "", 1, "")
        for number in range(patients)
        for video in range(videos_each)
    ]


def frames(of: list[VideoRecord]) -> dict[str, int]:
    return {record.video_id: 10 for record in of}


def patients_of(of: list[VideoRecord], splits) -> dict[str, set[str]]:
    found = {}
    for record in of:
        found.setdefault(splits.of_video[record.video_id], set()).add(record.patient_id)
    return found


def test_patients_are_whole_and_shares_are_kept():
    of = records(60)
    splits = divide(of, frames(of), SplitSettings(validation=0.2, test=0.1))
    found = patients_of(of, splits)
    assert {split: len(ids) for split, ids in found.items()} == {"train": 42, "validation": 12, "test": 6}
    assert not found["train"] & found["validation"] | found["test"] & (found["train"] | found["validation"])
    assert splits.notes == [] and splits.names == ["train", "validation", "test"]


def test_every_procedure_gives_its_share():
    of = records(90, 1, procedures=("a", "a", "a", "a", "a", "b", "b", "b", "c"))
    splits = divide(of, frames(of), SplitSettings(validation=0.2))
    held = Counter(record.procedure for record in of if splits.of_video[record.video_id] == "validation")
    assert sum(held.values()) == 18
    for procedure, patients in (("a", 50), ("b", 30), ("c", 10)):
        assert abs(held[procedure] - 0.2 * patients) <= 1


@pytest.mark.parametrize("seed", range(8))
def test_a_procedure_of_one_patient_stays_in_training(seed):
    of = records(20, 1) + [VideoRecord("rare", "rare", "s", "rare", "", 1, "")]
    splits = divide(of, frames(of), SplitSettings(validation=0.3, test=0.2, seed=seed))
    assert splits.of_video["rare"] == "train"
    in_training = {record.procedure for record in of if splits.of_video[record.video_id] == "train"}
    assert in_training == {"a", "b", "c", "rare"}


def test_the_order_of_the_videos_is_no_matter_and_the_seed_is():
    of = records(40)
    first = divide(of, frames(of), SplitSettings(validation=0.3))
    assert divide(of[::-1], frames(of), SplitSettings(validation=0.3)) == first
    assert divide(of, frames(of), SplitSettings(validation=0.3, seed=1)).of_video != first.of_video


@pytest.mark.parametrize("patients", [1, 2])
def test_two_patients_are_both_for_training_and_it_is_said(patients):
    of = records(patients)
    splits = divide(of, frames(of), SplitSettings())
    assert splits.names == ["train"] and "too few to hold any out" in splits.notes[0]


def test_three_patients_give_one_and_it_is_said():
    of = records(3)
    splits = divide(of, frames(of), SplitSettings())
    assert Counter(splits.of_video.values()) == {"train": 4, "validation": 2}
    assert any("1 of 3 patients, which is 33% where 10% were asked for" in note for note in splits.notes)


def test_extreme_shares_leave_something_to_train_on():
    for count in range(3, 12):
        of = records(count)
        splits = divide(of, frames(of), SplitSettings(validation=0.09, test=0.9))
        assert splits.names[0] == "train"


def test_by_video_a_patient_may_be_in_two_splits_and_it_is_said():
    of = records(10, 4)
    splits = divide(of, frames(of), SplitSettings(by="video", validation=0.5))
    assert Counter(splits.of_video.values()) == {"train": 20, "validation": 20}
    assert any("patients have videos in several splits" in note for note in splits.notes)


def test_videos_without_frames_are_in_no_split():
    of = records(12, 1)
    some = frames(of) | {"v3-0": 0}
    assert set(divide(of, some, SplitSettings()).of_video) == set(some) - {"v3-0"}


def test_lists_decide(tmp_path):
    of = records(5)
    file = tmp_path / "lists.json"
    file.write_text(json.dumps({"validation": ["p1"], "fold_2": ["p3", "p4"]}))
    splits = divide(of, frames(of), SplitSettings(lists=str(file)))
    assert patients_of(of, splits) == {"train": {"p0", "p2"}, "validation": {"p1"}, "fold_2": {"p3", "p4"}}


@pytest.mark.parametrize(
    "lists, said",
    [
        ({"validation": ["p1"], "test": ["p1"]}, "twice, such as 'p1'"),
        ({"validation": ["p17"]}, "of no video, such as 'p17'"),
        ({"train": ["p1"], "test": ["p2"]}, "in no list, such as 'p0'"),
        ({"a-b": ["p1"]}, "a split is named 'a-b'"),
        ({"test": ["p0", "p1", "p2", "p3", "p4"]}, "no frame is left for the split 'train'"),
        (["p1"], "expected an object"),
    ],
)
def test_wrong_lists_are_refused(tmp_path, lists, said):
    of = records(5)
    (tmp_path / "lists.json").write_text(json.dumps(lists))
    with pytest.raises(ValueError, match=said):
        divide(of, frames(of), SplitSettings(lists=str(tmp_path / "lists.json")))


@pytest.mark.parametrize("wrong", [{"by": "hospital"}, {"validation": -0.1}, {"validation": 0.6, "test": 0.4}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="splits.*expected"):
        SplitSettings(**wrong)
