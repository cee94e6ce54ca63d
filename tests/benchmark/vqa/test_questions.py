# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows taken apart give the same rows when put together, each frame and question once."""

from dataclasses import replace

import numpy as np
import pytest

from zen_hf.benchmark.vqa.questions import answer_target, asked, nearest_question, take_apart


def test_every_row_is_found_again(make_exam, two_coloured_rows):
    order = np.random.default_rng(1).permutation(len(two_coloured_rows))
    shuffled = two_coloured_rows.select(order)  # questions about a frame need not stand together
    by_time = shuffled.select(np.lexsort((np.array(shuffled["time_s"]), np.array(shuffled["video_id"]))))
    exam = make_exam(by_time)
    apart = take_apart(exam)
    assert apart.questions == tuple(sorted(set(two_coloured_rows["question"])))
    assert len(apart.frames) == 4 * 12 and apart.frames.column_names == ["image", "video_id", "frame", "time_s"]
    frames, videos = np.array(apart.frames["frame"]), np.array(apart.frames["video_id"])
    for video, rows in apart.rows.items():
        of_video = [row for row in exam.frames if row["video_id"] == video]
        assert [row["frame"] for row in of_video] == frames[videos == video][rows.frame].tolist()
        assert [row["question"] for row in of_video] == [apart.questions[place] for place in rows.question]


def test_labels_belong_to_their_rows(make_exam):
    exam = make_exam()
    apart = take_apart(exam)
    with pytest.raises(ValueError, match="video 'a' has 36 questions and 35 answers"):
        asked({"a": exam.folds[0].train["answer"]["a"][1:]}, apart.rows)


def test_a_row_without_a_question_is_refused(make_exam, two_coloured_rows):
    texts = list(two_coloured_rows["question"])
    texts[5] = " "
    rows = two_coloured_rows.remove_columns("question").add_column("question", texts)
    with pytest.raises(ValueError, match="1 of 144 rows have no question.*row 5, video 'a'"):
        take_apart(make_exam(rows))


def test_a_task_that_asks_nothing_is_refused(make_exam):
    exam = make_exam()
    with pytest.raises(ValueError, match="question column None"):
        answer_target(replace(exam, task=replace(exam.task, question=None)))
    target = replace(exam.task.targets[0], kind="multi_label")
    with pytest.raises(ValueError, match=r"targets of kind \['multi_label'\]"):
        answer_target(replace(exam, task=replace(exam.task, targets=(target,))))


def test_nearest_question_is_the_same_template():
    known = ["What is the state of the grasper?", "Where is the grasper located?", "How many tools are there?"]
    assert nearest_question("Where is the hook located?", known) == "Where is the grasper located?"
    assert nearest_question("what is the state of scissors", known) == "What is the state of the grasper?"
    assert nearest_question(known[2], known) == known[2]
    assert nearest_question("Bleeding", known) is None
