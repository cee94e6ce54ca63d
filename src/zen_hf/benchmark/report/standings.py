# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""All tasks of one protocol together: what each encoder scored, its mean rank, and its score between two fixed points.

Scores of different tasks have no common unit (AP, Dice, relative error), so they are never averaged as they are. Ranks have
one, and so has

    normalised = (score - chance) / (reference - chance)

where chance is the best that the result's own baselines without a picture reached, and the reference is the best score on that
task among the encoders of the page that are no ZEN: 0 is no better than guessing, 1 as good as the best of them. Both ends may be
errors, where lower is better.

Of a task that encoders answered by heads of different kinds (text prompts, the head of another task) the scores compare the heads
too: it is shown, and counts in no rank and no mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import rankdata

from ..suites import SUITES
from .entries import Entry, Score
from .words import WITHOUT_PICTURE, base_of

SUITE = "zen20"
FAMILIES = {
    "single_label": "workflow",
    "multi_label": "tools, triplets, criteria",
    "segmentation": "segmentation",
    "partial": "segmentation",
    "instances": "instances",
    "depth": "depth",
}
QUESTIONS = "questions"
HEADS_DIFFER = "In no rank and no mean, as heads differ"


@dataclass(frozen=True)
class TaskRow:
    """One task on the same test videos under one protocol.

    Args:
        task: its name, with the split where the page has several of it.
        entries: {encoder: its result}.
    """

    task: str
    entries: dict[str, Entry]

    @property
    def first(self) -> Entry:
        """Any of them: task, split, data and metric are the same in all."""
        return next(iter(self.entries.values()))

    @property
    def family(self) -> str:
        """What kind of task it is."""
        summary = self.first.summary
        if self.first.question is not None:
            return QUESTIONS
        return FAMILIES[summary["targets"][self.first.primary["target"]]["kind"]]

    @property
    def scores(self) -> dict[str, Score]:
        """{encoder: its score}, without those that are undefined or a mere diagnostic."""
        found = {encoder: primary_score(entry) for encoder, entry in self.entries.items()}
        return {
            encoder: score
            for encoder, score in found.items()
            if score.value is not None and not self.entries[encoder].primary.get("diagnostic", False)
        }

    @property
    def heads(self) -> set[str]:
        """Kinds of the heads behind all scores that are shown."""
        return {head_kind(entry.primary["head"]) for entry in self.entries.values()}

    @property
    def comparable(self) -> bool:
        """Whether all scores that count are of heads of one kind."""
        return len({head_kind(score.head) for score in self.scores.values()}) <= 1

    @cached_property
    def reference(self) -> str | None:
        """The encoder with the best score among those that are no ZEN; None without one."""
        scores = self.scores
        others = {encoder: scores[encoder].value for encoder in scores if is_reference(self.entries[encoder])}
        return scores[next(iter(others))].best_of(others) if others else None

    def normalised(self, encoder: str) -> tuple[float, tuple[float, float]] | None:
        """A score between chance and the reference with the ends of its interval, the lower one first.

        None without a score, a chance or a reference, where the reference is no better than chance, or where heads differ.
        """
        scores = self.scores
        if encoder not in scores or self.reference is None or not self.comparable:
            return None
        score, best, chance = scores[encoder], scores[self.reference].value, chance_of(self.entries[encoder])
        if chance is None or (best <= chance if not score.lower_is_better else best >= chance):
            return None
        ends = (score.interval["low"], score.interval["high"]) if score.interval else (score.value, score.value)
        value, *ends = ((each - chance) / (best - chance) for each in (score.value, *ends))
        return value, (min(ends), max(ends))


@dataclass(frozen=True)
class Standing:
    """All tasks of one protocol.

    Args:
        protocol: the protocol.
        encoders: all of the protocol, in the order of the page.
        rows: a row per task.
    """

    protocol: str
    encoders: tuple[str, ...]
    rows: tuple[TaskRow, ...]

    @cached_property
    def common(self) -> list[TaskRow]:
        """Tasks that every encoder has a score of, by heads of one kind."""
        return [row for row in self.shared if row.comparable]

    @cached_property
    def shared(self) -> list[TaskRow]:
        """Tasks that every encoder has a score of, whatever its head."""
        return [row for row in self.rows if all(encoder in row.scores for encoder in self.encoders)]

    @cached_property
    def mean_ranks(self) -> dict[str, float]:
        """{encoder: mean rank over the common tasks}, 1 is best; equal scores share a rank. Empty without a common task."""
        if not self.common or len(self.encoders) < 2:
            return {}
        table = np.array(
            [
                [
                    -score.value if score.lower_is_better else score.value
                    for score in map(row.scores.get, self.encoders)
                ]
                for row in self.common
            ]
        )
        return dict(zip(self.encoders, rankdata(-table, axis=1).mean(axis=0).tolist(), strict=True))

    @cached_property
    def normalisable(self) -> list[TaskRow]:
        """Common tasks where every encoder has a normalised score."""
        return [row for row in self.common if all(row.normalised(encoder) for encoder in self.encoders)]

    @cached_property
    def mean_normalised(self) -> dict[str, float]:
        """{encoder: mean of its normalised scores}, over the same tasks for all; empty without such a task."""
        if not self.normalisable:
            return {}
        return {
            encoder: float(np.mean([row.normalised(encoder)[0] for row in self.normalisable]))
            for encoder in self.encoders
        }


def standings(entries: Sequence[Entry]) -> list[Standing]:
    """One standing per protocol, in the order of the page; tasks in the order of the suite.

    Args:
        entries: of `entries_of`.
    """
    order = {task: place for place, task in enumerate(SUITES[SUITE])}
    found = []
    for protocol in dict.fromkeys(entry.protocol for entry in entries):
        of_protocol = [entry for entry in entries if entry.protocol == protocol]
        groups: dict[tuple, dict[str, Entry]] = {}
        for entry in sorted(of_protocol, key=lambda entry: order.get(entry.task, len(order))):
            groups.setdefault((entry.task, entry.tested_on), {})[entry.encoder] = entry
        splits = [task for task, _ in groups]
        rows = tuple(
            TaskRow(task if splits.count(task) == 1 else f"{task}, {tested_on[0]}", of_group)
            for (task, tested_on), of_group in groups.items()
        )
        named = dict.fromkeys(entry.encoder for entry in entries)
        encoders = tuple(name for name in named if any(entry.encoder == name for entry in of_protocol))
        found.append(Standing(protocol, encoders, rows))
    return found


def absent_tasks(entries: Sequence[Entry]) -> list[str]:
    """Tasks of the suite of which the page has no result."""
    present = {entry.task for entry in entries}
    return [task for task in SUITES[SUITE] if task not in present]


def primary_score(entry: Entry) -> Score:
    """The score that counts: of several numbers of training videos, the one that the result names."""
    return entry.scores(entry.primary["target"])[entry.primary["head"]]


def chance_of(entry: Entry) -> float | None:
    """The best that was reached without a look at the picture; None where nothing of the kind was run."""
    score = primary_score(entry)
    values = {name: value for name, value in entry.baselines_of(score).items() if name in WITHOUT_PICTURE}
    best = score.best_of(values)
    return None if best is None else values[best]


def is_reference(entry: Entry) -> bool:
    """Whether an encoder may be what others are measured against: trained, no baseline, and no ZEN."""
    model = entry.summary["model"]
    return not (
        model["class"].startswith("Zen") or model.get("random_weights", False) or entry.result.baseline is not None
    )


def head_kind(head: str) -> str:
    """What a head is, whatever its number of training videos; text prompts are one kind, whatever adaptor reads them."""
    kind = base_of(head)
    return "text" if kind.startswith("text:") else kind
