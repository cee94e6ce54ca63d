# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Closed questions about frames of CholecT50, made from its labels by templates of our own.

Asked is which instruments are in view, how many kinds of them, what one does (where it does one thing alone) and the phase. A
question whose answer can be guessed measures nothing, so that of every question in every video the most frequent answer is
kept at most as often as all others together; a question with one answer in a whole video is not asked there. What is kept
follows from hashes of video, frame and question: the same everywhere, whichever videos are read. A frame keeps at most four.
"""

import hashlib
from collections import Counter, defaultdict
from pathlib import Path

import datasets

from .canonical import canonical_dataset
from .cholect50 import PHASES, read_cholect50_triplets
from .cholect50_classes import COMPONENTS, VERBS
from .question_lines import question_columns

PER_FRAME = 4
SPOKEN = (
    "a grasper",
    "a bipolar",
    "a hook",
    "a pair of scissors",
    "a clipper",
    "an irrigator",
)  # in the order of `TOOLS`
PHASE_NAMES = tuple(phase.replace("-", " ") for phase in PHASES)
ACTIONS = tuple("nothing" if verb == "null_verb" else verb for verb in VERBS)
ANSWERS_BY_TYPE = {
    "presence": ("no", "yes"),
    "count": ("none", "one", "two", "three or more"),
    "action": ACTIONS,
    "phase": PHASE_NAMES,
}
ANSWERS = tuple(answer for answers in ANSWERS_BY_TYPE.values() for answer in answers)
TYPES = {name: tuple(ANSWERS.index(answer) for answer in answers) for name, answers in ANSWERS_BY_TYPE.items()}


def read_cholect50_questions(folder: Path, videos: list[str]) -> datasets.Dataset:
    """Ask about the frames of some videos of CholecT50.

    Args:
        folder: the folder with `labels/` and `videos/`.
        videos: ids of the videos to read, such as "VID68".

    Returns:
        Rows of `canonical_features`, one per question, with `question` and `answer`, an index into `ANSWERS`; by frame and
        question. A frame without a question left has no row.

    Raises:
        FileNotFoundError: if the folder, a label file or a frame is missing.
        ValueError: if a label file is not of its format, or frames and labels do not match one to one.
    """
    frames = list(read_cholect50_triplets(folder, videos).cast_column("image", datasets.Image(decode=False)))
    asked = defaultdict(list)  # (video, question) -> (answer, position of the frame)
    for position, row in enumerate(frames):
        for question, answer in questions_of(row["triplet"], row["instrument"], row["phase"]):
            asked[row["video_id"], question].append((answer, position))
    kept = defaultdict(list)  # position of the frame -> (rank, question, answer)
    for (video, question), pairs in asked.items():
        ranked = [(_rank(video, frames[position]["frame"], question), answer, position) for answer, position in pairs]
        for rank, answer, position in _balanced(ranked):
            kept[position].append((rank, question, answer))
    rows = []
    for position, row in enumerate(frames):
        place = {name: row[name] for name in ("video_id", "frame", "time_s")} | {"image": row["image"]["path"]}
        chosen = sorted(kept[position])[:PER_FRAME]
        rows += [
            place | {"question": q, "answer": ANSWERS.index(a)} for _, q, a in sorted(chosen, key=lambda c: c[1:])
        ]
    return canonical_dataset(rows, question_columns(ANSWERS))


def questions_of(triplet: list[int], instrument: list[int], phase: int) -> list[tuple[str, str]]:
    """All questions about a frame that its labels answer.

    Args:
        triplet: 0/1 for each triplet.
        instrument: 0/1 for each instrument.
        phase: index of the phase.
    """
    pairs = [(f"Is there {name} in view?", "yes" if on else "no") for name, on in zip(SPOKEN, instrument, strict=True)]
    counts = ANSWERS_BY_TYPE["count"]
    pairs.append(("How many kinds of instruments are in view?", counts[min(sum(instrument), len(counts) - 1)]))
    pairs.append(("Which phase of the operation is this?", PHASE_NAMES[phase]))
    for index, name in enumerate(SPOKEN):
        verbs = {COMPONENTS[t][1] for t, on in enumerate(triplet) if on and COMPONENTS[t][0] == index}
        if len(verbs) == 1:
            pairs.append((f"What does {name} do?", ACTIONS[verbs.pop()]))
    return pairs


def _rank(video: str, frame: int, question: str) -> str:
    """A place in an order that has nothing to do with what is seen."""
    return hashlib.sha256(f"{video}/{frame}/{question}".encode()).hexdigest()


def _balanced(ranked: list[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
    """Thin the most frequent answer (rank, answer, position) to as many as all others together."""
    (most, count), *_ = sorted(
        Counter(answer for _, answer, _ in ranked).items(), key=lambda item: (-item[1], item[0])
    )
    others = [entry for entry in ranked if entry[1] != most]
    return others + sorted(entry for entry in ranked if entry[1] == most)[: min(count, len(others))]
