# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Whether an encoder saw the test patients of a task before it is tested on them.

    seen_labelled     some test patient was trained on with labels, by the encoder or a teacher of it
    seen_unlabelled   some test patient was trained on, without labels
    unknown           not all of its training data is listed, or it may hold test patients
    clean             all of its training data is listed, and no test patient is in it

What was seen outranks what is not known. Patients are compared by their names. Those of one's own frames have none
(`patients_of: own`): they are in no published dataset, but they may be those of a task of one's own.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, get_args

from .known_patients import expanded, is_published
from .task import Task
from .trained_on import TrainingData, known_corpora

Flag = Literal["clean", "unknown", "seen_unlabelled", "seen_labelled"]  # the worst last

# Datasets that show some of the same operations, under numbers whose correspondence was never published.
POSSIBLY_SHARED = {"cholec80": {"m2cai16"}, "m2cai16": {"cholec80"}}


@dataclass(frozen=True)
class Leakage:
    """A flag that stands beside every score of an encoder on a task, and its reason in a sentence."""

    flag: Flag
    why: str


def flag(training_data: TrainingData | None, task: Task, test_videos: Iterable[str]) -> Leakage:
    """Compare what an encoder was trained on with the patients that it is tested on.

    Args:
        training_data: from `trained_on.training_data_of`; None if nothing is known; `UNTRAINED` for random weights.
        task: the task.
        test_videos: ids of the test videos of all folds.
    """
    if training_data is None:
        return Leakage(
            "unknown",
            "nothing states what the encoder was trained on: no training_data.json in its folder, not in the list of "
            "public encoders, no --trained-on",
        )
    patients = sorted({task.source.patient(video) for video in test_videos})
    parts, corpora = list(training_data.parts()), known_corpora()
    read = [(part.name, corpora[corpus]) for part in parts for corpus in part.corpora]
    holders = {
        "labelled": [(part.name, expanded(part.labelled)) for part in parts],
        "unlabelled": [(part.name, expanded(part.unlabelled)) for part in parts],
        "corpora": [(f"{name} ({corpus['title']})", expanded(corpus["patients"])) for name, corpus in read],
        "possible": [(f"{name} ({corpus['title']})", expanded(corpus["possible"])) for name, corpus in read],
    }
    silent = [part.name for part in parts if not part.complete]
    rest = f"; not all training data of {', '.join(silent)} is listed" if silent else ""

    def found(*kinds: str) -> tuple[int, list[str]]:
        """How many test patients some part holds, and which parts."""
        held = [(name, matching(patients, patterns)) for kind in kinds for name, patterns in holders[kind]]
        return len({p for _, some in held for p in some}), sorted({name for name, some in held if some})

    seen, by = found("labelled")
    if seen:
        return Leakage("seen_labelled", f"{_count(seen, patients)} seen with labels by {', '.join(by)}{rest}")
    seen, by = found("unlabelled", "corpora")
    if seen:
        return Leakage("seen_unlabelled", f"{_count(seen, patients)} seen without labels by {', '.join(by)}{rest}")
    seen, by = found("possible")
    if seen:
        known = "; ".join(sorted({corpus["note"] for name, corpus in read if f"{name} ({corpus['title']})" in by}))
        return Leakage("unknown", f"{_count(seen, patients)} may have been seen by {', '.join(by)}: {known}{rest}")
    trained = {pattern.split(":")[0] for held in holders.values() for _, patterns in held for pattern in patterns}
    shared = {other for name in trained for other in POSSIBLY_SHARED.get(name, ())}
    possible = [patient for patient in patients if patient.split(":")[0] in shared]
    if possible:
        return Leakage(
            "unknown",
            f"{_count(len(possible), patients)} may be among the patients of another dataset that was trained on; "
            "which operations the two share was never published",
        )
    unpublished = [patient for patient in patients if not is_published(patient)]
    unnamed = sorted({part.name for part in parts if part.saw_unnamed})
    if unpublished and unnamed:
        return Leakage(
            "unknown",
            f"{_count(len(unpublished), patients)} may be among the patients without names (patients_of: own) that "
            f"{', '.join(unnamed)} was trained on; if you know that none is, say so with --trained-on, see "
            f"docs/leakage.md{rest}",
        )
    if silent:
        return Leakage("unknown", f"not all training data of {', '.join(silent)} is listed")
    seen_by = (
        "nothing was trained on" if not any(map(_trained, parts)) else "no test patient is in what was trained on"
    )
    return Leakage("clean", seen_by)


def head_training_data(task: Task, videos: Iterable[str]) -> TrainingData:
    """Training data of a head that was trained on one task and is tested on another (protocol `zero_shot`).

    Args:
        task: the task that it was trained on.
        videos: ids of its training and validation videos.
    """
    patients = sorted({task.source.patient(video) for video in videos})
    return TrainingData(f"head of {task.name}", complete=True, labelled=tuple(patients))


def worst(flags: Iterable[Leakage]) -> Leakage:
    """The worst of several flags, the first of equals: of the folds of a result, or of an encoder and its head."""
    return max(flags, key=lambda leakage: get_args(Flag).index(leakage.flag))


def matching(patients: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """The patients that one of the patterns ("cholec80:49", "cholec80:*") names."""
    patterns = tuple(patterns)
    exact = set(patterns)
    wild = [pattern for pattern in patterns if "*" in pattern]
    return [p for p in patients if p in exact or any(fnmatchcase(p, pattern) for pattern in wild)]


def _count(some: int, patients: list[str]) -> str:
    return f"{some} of {len(patients)} test patients"


def _trained(part: TrainingData) -> bool:
    return bool(part.corpora or part.unlabelled or part.labelled or part.frames)
