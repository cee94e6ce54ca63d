# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""PitVQA: a row per question against the files, what is left out, and answers outside the list."""

import shutil

import pytest

from zen_hf.benchmark.readers.pitvqa import ANSWERS, DROPPED, TYPES, read_pitvqa
from zen_hf.benchmark.task import load_task

VIDEO = "video_01"


@pytest.fixture
def copy(miniature, tmp_path):
    shutil.copytree(miniature("pitvqa_closed"), tmp_path / "copy")
    return tmp_path / "copy"


def test_rows(copy):
    """Every line but the left-out ones, by frame and question; the blurred frame has none."""
    dataset = load_task("pitvqa_closed").read(copy)
    found = [(row["video_id"], row["frame"], row["question"], ANSWERS[row["answer"]]) for row in dataset]
    expected = []
    for path in sorted((copy / "QA").glob("*/*.txt")):
        for line in path.read_text().splitlines():
            question, answer = line.split("|")
            if answer not in DROPPED:
                expected.append((path.parent.name, int(path.stem), question, answer))
    assert found == sorted(expected)
    assert (copy / "images" / VIDEO / "00016.png").is_file() and max(dataset["frame"]) == 15
    assert dataset[0]["time_s"] == dataset[1]["time_s"] == 0 and dataset[0]["image"].size == (64, 64)
    left_out = sum(path.read_text().count("|no_") for path in (copy / "QA").glob("*/*.txt"))
    assert left_out > 0


def test_answers():
    """59 in the order of the authors' loader: the places that they mark, and every type."""
    assert len(ANSWERS) == len(set(ANSWERS)) == 59
    assert [len(TYPES[name]) for name in TYPES] == [15, 4, 18, 3, 5, 14]
    assert [ANSWERS[i] for i in (14, 18, 36, 39, 44)] == [
        "end_of_step",
        "end_of_phase",
        "surgical_drill",
        "two",
        "bottom-right",
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "What is it?|suctoin",
            r"00003.txt, line 1: the answer 'suctoin' is outside the list .did it mean 'suction'\?",
        ),
        ("What is it?|", "00003.txt, line 1: .* expected question.answer"),
        ("What is it?", "00003.txt, line 1: .* expected question.answer"),
        ("|suction", "00003.txt, line 1: .* expected question.answer"),
    ],
)
def test_bad_lines(copy, line, message):
    (copy / "QA" / VIDEO / "00003.txt").write_text(f"{line}\n")
    with pytest.raises(ValueError, match=message):
        load_task("pitvqa_closed").read(copy)


def test_the_message_lists_all_answers(copy):
    (copy / "QA" / VIDEO / "00003.txt").write_text("Why?|because\n")
    with pytest.raises(
        ValueError, match="the 59 answers are: nasal_corridor_creation, .*, The nasal cavity is packed"
    ):
        read_pitvqa(copy, [VIDEO])


def test_spaces_empty_lines_and_a_frame_without_questions(copy):
    (copy / "QA" / VIDEO / "00003.txt").write_text("\n B? | one\nA?|two \n\nC?|no_visible_instrument\n")
    (copy / "QA" / VIDEO / "00004.txt").write_text("C?|no_visible_instrument\n")
    (copy / "QA" / VIDEO / "00005.txt").unlink()
    rows = [row for row in read_pitvqa(copy, [VIDEO]) if row["frame"] in (3, 4, 5)]
    assert [(row["question"], ANSWERS[row["answer"]]) for row in rows] == [("A?", "two"), ("B?", "one")]


def test_half_downloads(copy):
    (copy / "images" / VIDEO / "00003.png").unlink()
    with pytest.raises(FileNotFoundError, match="1 of 16 frames with questions are missing .first: 00003.png"):
        read_pitvqa(copy, [VIDEO])
    shutil.rmtree(copy / "images" / VIDEO)
    with pytest.raises(FileNotFoundError, match="no frames of video_01"):
        read_pitvqa(copy, [VIDEO])
    shutil.rmtree(copy / "QA" / VIDEO)
    with pytest.raises(FileNotFoundError, match="no questions of video_01"):
        read_pitvqa(copy, [VIDEO])
