# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""EndoVis18-VQA: a row per question against the files, and downloads that are not what they should be."""

import shutil

import pytest

from zen_hf.benchmark.readers.endovis18_vqa import ANSWERS, TYPES, read_endovis18_vqa
from zen_hf.benchmark.task import load_task

VIDEO = "seq_2"


@pytest.fixture
def copy(miniature, tmp_path):
    shutil.copytree(miniature("endovis18_vqa"), tmp_path / "copy")
    return tmp_path / "copy"


def test_rows(copy):
    dataset = load_task("endovis18_vqa").read(copy)
    found = [(row["video_id"], row["frame"], row["question"], ANSWERS[row["answer"]]) for row in dataset]
    expected = []
    for path in copy.glob("seq_*/vqa/Classification/*_QA.txt"):
        number = int(path.stem.removeprefix("frame").removesuffix("_QA"))
        expected += [(path.parts[-4], number, *line.split("|")) for line in path.read_text().splitlines()]
    assert sorted(found) == sorted(expected) and [f[:3] for f in found] == sorted(f[:3] for f in found)
    assert dataset[0]["image"].size == (64, 50) and dataset[-1]["time_s"] == dataset[-1]["frame"] / 2


def test_answers():
    assert len(ANSWERS) == 18 and [len(TYPES[name]) for name in TYPES] == [1, 13, 4]
    assert (ANSWERS[0], ANSWERS[13], ANSWERS[17]) == ("kidney", "Ultrasound_Sensing", "right-bottom")


def test_bad_files(copy):
    path = copy / VIDEO / "vqa/Classification/frame003_QA.txt"
    path.write_text("What is the state of it?|idle\n")
    with pytest.raises(ValueError, match=r"frame003_QA.txt, line 1: the answer 'idle' .*did it mean 'Idle'\?"):
        load_task("endovis18_vqa").read(copy)
    path.rename(path.with_name("third_QA.txt"))
    with pytest.raises(ValueError, match="third_QA.txt is not named by the number of a frame"):
        read_endovis18_vqa(copy, [VIDEO])
    path.with_name("third_QA.txt").unlink()
    (copy / VIDEO / "left_fr/frame002.png").unlink()
    with pytest.raises(FileNotFoundError, match="1 of 15 files are missing .first: seq_2/left_fr/frame002.png"):
        read_endovis18_vqa(copy, [VIDEO])
    with pytest.raises(FileNotFoundError, match="no questions of seq_7"):
        read_endovis18_vqa(copy, ["seq_7"])
