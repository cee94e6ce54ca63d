# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Questions made from CholecT50's labels: right answers, few per frame, and no answer that the question gives away."""

from collections import Counter

import numpy as np
import pytest

from zen_hf.benchmark.readers.cholect50 import read_cholect50_triplets
from zen_hf.benchmark.readers.cholect50_classes import TRIPLETS
from zen_hf.benchmark.readers.cholect50_questions import (
    ANSWERS,
    PER_FRAME,
    TYPES,
    questions_of,
    read_cholect50_questions,
)

VIDEOS = ["VID68", "VID70", "VID73", "VID74"]


def labels(*triplets):
    parts = [triplet.split(",")[0] for triplet in triplets]
    tools = [int(name in parts) for name in ("grasper", "bipolar", "hook", "scissors", "clipper", "irrigator")]
    return [int(name in triplets) for name in TRIPLETS], tools


def test_questions_by_hand():
    asked = dict(questions_of(*labels("grasper,retract,liver", "scissors,null_verb,null_target"), phase=2))
    assert asked["Is there a grasper in view?"] == asked["Is there a pair of scissors in view?"] == "yes"
    assert asked["Is there an irrigator in view?"] == "no"
    assert asked["How many kinds of instruments are in view?"] == "two"
    assert asked["Which phase of the operation is this?"] == "clipping and cutting"
    assert asked["What does a grasper do?"] == "retract" and asked["What does a pair of scissors do?"] == "nothing"
    assert "What does a hook do?" not in asked


def test_two_actions_of_one_instrument_are_not_asked_about():
    asked = dict(questions_of(*labels("grasper,retract,liver", "grasper,grasp,gallbladder"), phase=0))
    assert "What does a grasper do?" not in asked and asked["How many kinds of instruments are in view?"] == "one"
    same = dict(questions_of(*labels("grasper,retract,liver", "grasper,retract,gallbladder"), phase=0))
    assert same["What does a grasper do?"] == "retract"
    none = dict(questions_of(*labels(), phase=0))
    assert none["How many kinds of instruments are in view?"] == "none" and not any(
        "does" in question for question in none
    )


def test_types_part_the_answers():
    assert sorted(index for indices in TYPES.values() for index in indices) == list(range(len(ANSWERS)))
    assert len(set(ANSWERS)) == len(ANSWERS)


def check(dataset, folder, videos):
    """What must hold of every selection."""
    frames = {(row["video_id"], row["frame"]): row for row in read_cholect50_triplets(folder, videos)}
    rows = [
        (row["video_id"], row["frame"], row["question"], ANSWERS[row["answer"]])
        for row in dataset.select_columns(["video_id", "frame", "question", "answer"])
    ]
    assert rows == sorted(rows, key=lambda row: row[:3]) and len(set(row[:3] for row in rows)) == len(rows)
    assert max(Counter(row[:2] for row in rows).values()) <= PER_FRAME
    for video, frame, question, answer in rows:
        row = frames[video, frame]
        assert dict(questions_of(row["triplet"], row["instrument"], row["phase"]))[question] == answer
    return rows


def test_miniature(miniature):
    folder = miniature("cholect50_val_triplet")
    videos = sorted(path.stem for path in (folder / "labels").iterdir())
    dataset = read_cholect50_questions(folder, videos)
    check(dataset, folder, videos)
    one = read_cholect50_questions(folder, videos[1:2])
    assert one["question"][:] == [
        q for q, v in zip(dataset["question"], dataset["video_id"], strict=True) if v == videos[1]
    ]
    assert dataset[0]["image"].size == (64, 64)


@pytest.mark.real
def test_real_answers_are_not_given_away(shared_data):
    """The most frequent answer to a question in the other three patients is right in less than half of the cases."""
    dataset = read_cholect50_questions(shared_data / "cholect50-val", VIDEOS)
    rows = check(dataset, shared_data / "cholect50-val", VIDEOS)
    assert len(rows) > 3000 and len({row[:2] for row in rows}) == 1008
    right = []
    for held in VIDEOS:
        seen = {}
        for video, _, question, answer in rows:
            if video != held:
                seen.setdefault(question, Counter())[answer] += 1
        right += [seen[q].most_common(1)[0][0] == a for v, _, q, a in rows if v == held and q in seen]
    assert np.mean(right) < 0.5
    for question in {row[2] for row in rows if row[2].startswith("Is there")}:
        answers = Counter(answer for _, _, asked, answer in rows if asked == question)
        assert min(answers.values()) > 0.7 * max(answers.values())
