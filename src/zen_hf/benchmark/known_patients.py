# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which names of patients a statement of training data may use, and whom they stand for.

A name is that of `Source.patient`, such as "cholec80:49", or "<dataset>:*" for all videos of a dataset, whatever dataset
their patients are named after. What is in no task here is "other:<name>"; "own:..." and "sha256:..." are private.

A task of your own has patients of its own, such as "hospital:case09". Whether one of them was seen can be told of names
alone: private ones cannot be compared with them (`leakage.py`).
"""

import difflib
import re
from collections.abc import Iterable

from .readers.source import Source
from .split import load_split
from .task import Task, load_task, task_names

# What names of patients begin with in the published datasets that ship here; in tasks of your own, with other words.
PUBLISHED = frozenset(
    "autolaparo cholec80 cholect50 dsad endoscapes endovis15 endovis18 grasp hamlyn m2cai16 multibypass140 pitvis "
    "sarrarp50 scared sinus_sfm".split()
)
OTHER = "other"
PRIVATE = ("own", "sha256")
CUT_FROM_KNOWN = ("cholec", "psiava")  # CholecSeg8k, CholecTrack20, ... show Cholec80's patients, PSI-AVA GraSP's


def is_published(patient: str) -> bool:
    """Whether a patient, by the name that a task gives, is of a published dataset that ships here."""
    return patient.partition(":")[0] in PUBLISHED


def known_datasets() -> dict[str, Source]:
    """The published dataset of every task, by its name; those of your own tasks are not among them."""
    sources = [
        task.source for task in map(load_task, task_names()) if all(map(is_published, patients_in(task).values()))
    ]
    return {source.name: source for source in sorted(sources, key=lambda source: source.name)}


def known_patients() -> dict[str, dict[str, str]]:
    """{dataset: {video: patient}}, for all videos of all splits.

    A published dataset has the name of its source. One of your own has the word that its patients' names begin with: its
    source may be another one's, changed, under the same name.
    """
    patients: dict[str, dict[str, str]] = {}
    for task in map(load_task, task_names()):
        found = patients_in(task)
        own = sorted(patient.partition(":")[0] for patient in found.values() if not is_published(patient))
        patients.setdefault(own[0] if own else task.source.name, {}).update(found)
    return patients


def patients_in(task: Task) -> dict[str, str]:
    """{video: patient}, for all videos of a task's splits."""
    videos = {video for split in (task.split, *task.other_splits) for video in load_split(split).videos}
    return {video: task.source.patient(video) for video in videos}


def expanded(patterns: Iterable[str]) -> tuple[str, ...]:
    """The same patterns, and for each "<dataset>:*" the patients of its videos, whatever dataset they are named after.

    Args:
        patterns: such as "cholec80:49", "cholect50:*".
    """
    known, found = known_patients(), {}
    for pattern in patterns:
        dataset, _, rest = pattern.partition(":")
        found |= dict.fromkeys([pattern, *(sorted(set(known.get(dataset, {}).values())) if rest == "*" else ())])
    return tuple(found)


def require_known(patterns: Iterable[str], where: str) -> None:
    """Refuse names that would match nobody, and so make an encoder look clean.

    Args:
        patterns: names of patients, as in a statement.
        where: how messages call the statement.

    Raises:
        ValueError: if a name has no colon, its dataset is unknown, or the dataset has no such patient; the message says
            what was probably meant.
    """
    known = known_patients()
    for pattern in patterns:
        dataset, colon, rest = pattern.partition(":")
        said = f"{where}: patient {pattern!r}"
        if not colon:
            raise ValueError(f"{said}; expected dataset:number, such as cholec80:49.")
        if dataset in PRIVATE:
            continue
        if dataset == OTHER:
            _require_other(rest, known, said)
        elif dataset not in known:
            nearest = difflib.get_close_matches(dataset, known, n=1)
            hint = f"did you mean {nearest[0]}? " if nearest else ""
            raise ValueError(
                f"{said}: unknown dataset {dataset!r}; {hint}Known are {', '.join(sorted(known))}. Write "
                f"{OTHER}:{dataset or 'NAME'} for a dataset that shares no patient with them."
            )
        elif rest != "*" and pattern not in known[dataset].values():
            names = meant(rest, known[dataset]) or sorted(set(known[dataset].values()))[:1]
            raise ValueError(
                f"{said}: {dataset} has no patient of this name; expected {' or '.join(names)}, or {dataset}:* for all."
            )


def meant(written: str, patients: dict[str, str]) -> list[str]:
    """Patients of the video with this id, or else of those whose id has the same number; at most three.

    Args:
        written: what stands for a patient, such as "video66" or "066".
        patients: video -> patient.
    """
    if written in patients:
        return [patients[written]]
    number = _number(written)
    same = {patient for video, patient in patients.items() if number is not None and _number(video) == number}
    return sorted(same)[:3]


def _number(text: str) -> int | None:
    digits = re.findall(r"[0-9]+", text)
    return int(digits[-1]) if digits else None


def _require_other(name: str, known: Iterable[str], said: str) -> None:
    """Refuse a known dataset, or one that is cut from a published one, under the heading of those that share no patient."""
    plain = _letters(name)
    stems = [*map(_letters, known_datasets()), *CUT_FROM_KNOWN]
    if not plain:
        raise ValueError(f"{said}; expected {OTHER}:NAME, such as {OTHER}:intermountain.")
    is_cut = plain.startswith(tuple(stems)) or difflib.get_close_matches(plain, stems, n=1, cutoff=0.8)
    if is_cut or name.partition(":")[0] in known:
        raise ValueError(
            f"{said}: {OTHER} is for datasets that share no patient with those of the tasks; expected the patients "
            f"themselves, under the names of {', '.join(sorted(known))}."
        )


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
