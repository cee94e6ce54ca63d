# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The doctor finds nothing wrong with a miniature, and names what was broken on purpose."""

import shutil
from dataclasses import replace

import datasets
import numpy as np
import pytest
from PIL import Image

from zen_hf.benchmark.dense.pictures import Instances, PartialMask
from zen_hf.benchmark.doctor import (
    check_counts,
    check_labels,
    check_split,
    classes_shown,
    examine,
    image_references,
    look_at_truths,
)
from zen_hf.benchmark.readers.frame_image import FrameImage
from zen_hf.benchmark.split import load_split
from zen_hf.benchmark.task import load_task, task_names


@pytest.fixture
def copy(miniature, tmp_path):
    shutil.copytree(miniature("cholec80_phase"), tmp_path / "copy")
    return tmp_path / "copy"


def findings(folder, name="cholec80_phase"):
    return list(examine(load_task(name), folder))


def errors(folder, name="cholec80_phase"):
    return [f"{f.check}: {f.message}" for f in findings(folder, name) if f.severity == "error"]


@pytest.mark.parametrize("name", [name for name in task_names() if name != "cholect50_tool"])
def test_miniature_is_sound_but_its_counts_are_not_the_published_ones(name, miniature):
    found = findings(miniature(name), name)
    assert {f.severity for f in found} == {"ok", "note"}, [f for f in found if f.severity not in ("ok", "note")]
    assert {"split", "leakage", "files", "labels", "frames", "defects"} <= {f.check for f in found}
    counts = [f.message for f in found if f.check == "counts"]
    assert counts and all("as it must be in a miniature" in message for message in counts)


def test_without_its_marker_a_miniature_is_half_a_dataset(copy):
    (copy / "ZEN_MINIATURE.json").unlink()
    found = errors(copy)
    assert any("74 of 80 videos cannot be read" in message for message in found)
    assert "counts: 6 videos, published 80: complete the download" in " ".join(found)


def test_no_such_folder(tmp_path):
    assert errors(tmp_path / "none") == [f"folder: {tmp_path / 'none'}: no such folder; give the folder of Cholec80."]


def test_every_broken_video_is_named(copy):
    (copy / "videos" / "video49.mp4").unlink()
    path = copy / "phase_annotations" / "video02-phase.txt"
    path.write_text(path.read_text().replace("Preparation", "Lunch"))
    found = errors(copy)
    assert any("labels: video video02: " in message and "unknown phase 'Lunch'" in message for message in found)
    assert any("labels: video video49: neither the video" in message for message in found)
    assert any("2 of 6 videos cannot be read: video02, video49" in message for message in found)


def test_film_that_does_not_decode(copy):
    path = copy / "videos" / "video50.mp4"
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") + 4
    content[start : start + 3 * len(content) // 4] = bytes(3 * len(content) // 4)
    path.write_bytes(content)
    assert any("cannot be decoded" in message and "video50" in message for message in errors(copy))


def test_a_copied_operation_is_found_by_its_look(copy):
    shutil.copy(copy / "videos" / "video03.mp4", copy / "videos" / "video50.mp4")
    (found,) = errors(copy)
    assert found.startswith(
        "leakage: by perceptual hash, video03 (train) and video50 (test) share 100% of their frames"
    )


def test_files_too_many(copy):
    (copy / "thumbs.db").touch()
    shutil.copy(copy / "videos" / "video03.mp4", copy / "videos" / "video77.mp4")
    (copy / "README.txt").touch()
    found = {f.message for f in findings(copy) if f.check == "files"}
    assert len(found) == 2
    assert any("1 files do not belong to Cholec80 (first: thumbs.db)" in message for message in found)
    assert any("1 videos are in no side" in message and "video77" in message for message in found)


def test_shared_patients_are_told(miniature):
    told = [f.message for f in findings(miniature("cholec80_cvs"), "cholec80_cvs") if f.check == "leakage"]
    assert any("patients tested here are trained on in cholec80_phase" in message for message in told)


@pytest.mark.parametrize(
    ("name", "severity", "words"),
    [
        ("cholec80_phase", "ok", "no video and no patient is on two sides of the split."),
        ("scared_depth", "ok", "no video and no patient is on two sides of the split."),
        ("hamlyn_depth", "note", "whose each is was not published: a patient may be on two sides."),
        ("endovis18_vqa", "note", "whose each is was not published: a patient may be on two sides."),
        ("sinus_depth", "note", "the same patient is trained on and tested; scores say nothing about other patients."),
    ],
)
def test_patients_on_two_sides_by_the_unit_of_the_split(name, severity, words):
    task = load_task(name)
    found = [f for f in check_split(task, load_split(task.split)) if f.check == "leakage" and "split" in f.message]
    assert [f.severity for f in found] == [severity] and found[0].message.endswith(words)


def test_a_patient_on_two_sides_of_a_split_by_patient_is_an_error():
    task = load_task("cholec80_phase")
    same = replace(task, source=replace(task.source, patient=lambda video: "cholec80:1"))
    (found,) = [f for f in check_split(same, load_split(task.split)) if f.severity == "error"]
    assert found.message.startswith("patients on two sides of the split: fold 0: cholec80:1 in train and val")


@pytest.mark.real
def test_real_frames(shared_data):
    found = findings(shared_data / "cholect50-val", "cholect50_tool")
    assert not [f for f in found if f.severity in ("error", "warning")]
    assert any(f.check == "counts" and f.severity == "ok" and "1008 frames" in f.message for f in found)


def test_truths_that_cannot_be_read_are_listed_by_video(miniature, tmp_path):
    """Some frames of each video are looked at: of these, 16, every one."""
    copy = tmp_path / "copy"
    shutil.copytree(miniature("cholecseg8k_semseg"), copy)
    masks = sorted((copy / "video12").glob("*/*_watershed_mask.png"))
    for mask in masks[:2]:
        Image.open(mask).resize((57, 32)).save(mask)
    values = np.array(Image.open(masks[2]))
    values[3, 3] = 99
    Image.fromarray(values).save(masks[2])
    (found,) = errors(copy, "cholecseg8k_semseg")
    start = "labels: video video12: the truth of 3 of 16 frames that were looked at cannot be read (first: "
    assert found.startswith(start) and "has 57 x 32 pixels, its frame" in found
    masks[4].unlink()
    found = errors(copy, "cholecseg8k_semseg")
    assert any(
        "video video12: " in message and "1 of 16 frames have no watershed mask" in message for message in found
    )


def test_dense_classes_that_a_side_lacks(miniature, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(miniature("dsad_semseg"), copy)
    shutil.rmtree(copy / "spleen" / "03")
    told = findings(copy, "dsad_semseg")
    assert {f.severity for f in told} == {"ok", "note"}
    (words,) = [f.message for f in told if f.check == "classes"]
    assert words.startswith("1 of 11 classes of 'organs' do not occur in val among the up to 32 frames of each video")
    assert "spleen" in words


def test_few_truths_of_a_long_video_are_read():
    target = load_task("endovis15_semseg").targets[0]
    seen = []

    def read(cell):
        seen.append(int(cell))
        return np.array([[1 if int(cell) < 500 else 255]], np.uint8)

    rows = datasets.Dataset.from_dict({"semantic": [str(index) for index in range(1000)]})
    held, looked, bad = look_at_truths(replace(target, read=read), {"OP1": rows})
    assert len(seen) == looked["OP1"] == 32 and (seen[0], seen[-1]) == (0, 999) and not bad
    assert held["OP1"] == {1: 16}


@pytest.mark.parametrize(
    ("truth", "classes"),
    [
        (np.array([[0, 3], [255, 3]], np.uint8), [0, 3]),
        (PartialMask(np.array([[0, 0b101000]], np.uint16), (3, 4)), [3]),
        (Instances((4, 4), np.zeros((3, 4)), np.array([2, 0, 2])), [0, 2]),
        (np.array([[0, 12.5]], np.float32), []),
    ],
)
def test_classes_shown(truth, classes):
    assert classes_shown(truth) == classes


def asked_about(rows):
    """Rows of a video whose frames are asked about, as a task with questions has them."""
    columns = {"image": [f"{frame}.png" for frame, _ in rows], "frame": [frame for frame, _ in rows]}
    columns |= {"question": [question for _, question in rows], "answer": [0] * len(rows)}
    features = {"image": FrameImage(), "frame": datasets.Value("int32")}
    features |= {"question": datasets.Value("string"), "answer": datasets.Value("int64")}
    return datasets.Dataset.from_dict(columns, features=datasets.Features(features))


def test_a_frame_may_be_asked_about_more_than_once():
    """Pictures and frames are counted once; the same question again is worth a note."""
    task = load_task("cholec80_phase")
    answer = replace(task.targets[0], name="answer", labels=("yes", "no"))
    task = replace(task, targets=(answer,), question="question", published={"frames": 2, "questions": 3})
    split = load_split(task.split)
    rows = asked_about([(1, "phase?"), (1, "tools?"), (4, "phase?")])
    assert image_references(rows) == ["1.png", "4.png"]
    assert not [f for f in check_labels(task, split, {"video01": rows}) if f.severity == "error"]
    assert [f.message for f in check_counts(task, split, {"video01": rows}, miniature=False)] == [
        "2 frames, published 2.",
        "3 questions, published 3.",
    ]
    again = asked_about([(1, "phase?"), (1, "phase?"), (4, "phase?")])
    (found,) = [f for f in check_labels(task, split, {"video01": again}) if f.check == "labels"]
    assert (found.severity, found.message.split(";")[0]) == (
        "note",
        "video video01: 1 questions are asked again about the same frame",
    )


def test_frames_that_are_there_twice_or_out_of_order():
    task = load_task("cholec80_phase")
    task = replace(task, targets=(replace(task.targets[0], name="answer", labels=("yes", "no")),))
    for frames, words in (
        ([1, 1, 4], "1 frames are there twice."),
        ([1, 4, 2], "frames are not in the order of time."),
    ):
        rows = asked_about([(frame, "") for frame in frames])
        found = [f.message for f in check_labels(task, load_split(task.split), {"a": rows}) if f.severity == "error"]
        assert found == [f"video a: {words}"]


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("endovis15_semseg", "endovis15-rigid"),
        ("endovis15_insseg", "endovis15-rigid"),
        ("cholect50_val_det", "cholect50-val"),
    ],
)
def test_real_dense_truths(shared_data, name, folder):
    found = findings(shared_data / folder, name)
    assert not [f for f in found if f.severity in ("error", "warning")]
    assert any("the truth of" in f.message and f.severity == "ok" for f in found)
