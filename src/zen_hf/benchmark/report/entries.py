# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Results as the report needs them: named encoders, scores per head, baselines beside each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..result_files import Result
from ..results import PREDICTIONS
from ..split import MINIATURE
from ..task import load_task
from .words import PROTOCOLS, QUESTIONS, base_of

OF_FEW = ("majority", *QUESTIONS)  # baselines that are learnt, so that few videos make others


@dataclass(frozen=True)
class Score:
    """The primary score of one head of a result.

    Args:
        target: name of the target.
        head: name of the head, with "@k" where k videos were trained on.
        metric: name of the score.
        value: mean over runs; None where undefined.
        interval: the fields of `statistics.Interval`, or None.
        spread: the fields of `statistics.SeedSpread`, or None.
        runs: every run with all its scores.
        lower_is_better: whether it is an error.
    """

    target: str
    head: str
    metric: str
    value: float | None
    interval: dict | None
    spread: dict | None
    runs: list[dict]
    lower_is_better: bool = False

    def best_of(self, values: dict[str, float | None]) -> str | None:
        """The name of the best of some values of this score; None where none is defined."""
        known = {name: value for name, value in values.items() if value is not None}
        return (min if self.lower_is_better else max)(known, key=known.get, default=None)


@dataclass(frozen=True)
class Entry:
    """One encoder on one task under one protocol.

    Args:
        result: the stored result.
        encoder: its name, unique among the encoders of the report.
        baselines: summaries of the baselines that were run beside it, by folder name ("raw_pixels", "random_trunk").
    """

    result: Result
    encoder: str
    baselines: dict[str, dict]

    @property
    def summary(self) -> dict:
        """Content of `summary.json`."""
        return self.result.summary

    @property
    def task(self) -> str:
        """Name of the task."""
        return self.summary["task"]

    @property
    def protocol(self) -> str:
        """Name of the protocol."""
        return self.summary["protocol"]

    @property
    def split(self) -> str:
        """Name of the split."""
        return self.summary["split"]["name"]

    @property
    def tested_on(self) -> tuple:
        """Split, test videos and data: scores of results that agree in it were taken on the same frames."""
        return self.split, tuple(self.result.test_videos), self.summary["dataset"]["fingerprint"]

    @property
    def primary(self) -> dict:
        """The number that counts: target, head, name, value, interval."""
        return self.summary["primary"]

    @property
    def lower_is_better(self) -> bool:
        """Whether the primary score is an error."""
        return self.primary.get("lower_is_better", False)

    @property
    def question(self) -> str | None:
        """Column of the question where the task asks some."""
        return load_task(self.task).question

    @property
    def has_predictions(self) -> bool:
        """Whether what was predicted for every frame lies beside the summary."""
        return (self.result.folder / PREDICTIONS).is_file()

    @property
    def miniature(self) -> bool:
        """Whether it was measured on synthetic pictures in the dataset's layout."""
        return self.split.endswith(MINIATURE)

    @property
    def test_videos(self) -> int:
        """Number of test videos of all folds."""
        return len(self.result.test_videos)

    @property
    def primary_scores(self) -> list[Score]:
        """Scores of the primary target by its first head; one per number of training videos where there are several."""
        wanted = base_of(self.primary["head"])
        scores = self.scores(self.primary["target"])
        return [score for head, score in scores.items() if base_of(head) == wanted]

    def scores(self, target: str) -> dict[str, Score]:
        """The primary score of every head of a target."""
        return scores_of(self.summary, target)

    def heads_by_shots(self, target: str) -> dict[int | None, dict[str, Score]]:
        """{number of training videos, None for all: {head without "@k": score}}, the smallest first."""
        found: dict[int | None, dict[str, Score]] = {}
        for head, score in self.scores(target).items():
            shots = self.summary["targets"][target]["heads"][head]["shots"]
            found.setdefault(shots, {})[base_of(head)] = score
        return dict(sorted(found.items(), key=lambda item: (item[0] is None, item[0] or 0)))

    def baselines_of(self, score: Score) -> dict[str, float | None]:
        """What is to be beaten: the same score of the baselines that were run, by the names of `words.BASELINES`.

        Beside a head of few videos that answers questions stand the baselines of as few; those that were trained on all
        videos are no match for it.
        """
        heads, shots = self.scores(score.target), score.head.partition("@")[2]
        few = {name: heads[f"{name}@{shots}"].value for name in OF_FEW if f"{name}@{shots}" in heads}
        whole = self.summary["targets"][score.target]["constant"]
        found = {}
        for name, value in ({name: scores.get(score.metric) for name, scores in whole.items()} | few).items():
            if few and name in OF_FEW and name not in few:
                continue
            found["constant" if name in ("majority", "prevalence") else name] = value
        for name, summary in self.baselines.items():
            if score.head in (beside := scores_of(summary, score.target)):
                found[name] = beside[score.head].value
        return found


def scores_of(summary: dict, target: str) -> dict[str, Score]:
    """The primary score of every head of a target."""
    of_target = summary["targets"][target]
    return {
        name: Score(
            target,
            name,
            of_target["primary"],
            head["value"],
            head["interval"],
            head["seeds"],
            head["runs"],
            of_target.get("lower_is_better", False),  # results of a time without such scores do not say
        )
        for name, head in of_target["heads"].items()
    }


def entries_of(results: Sequence[Result]) -> list[Entry]:
    """Results in the order of tasks, protocols and encoders; baselines are put beside the results that they belong to.

    A baseline whose result is not among them stands for itself.

    Args:
        results: of `read_results`; a folder that comes twice counts once.

    Raises:
        ValueError: if two results have the same task, protocol, test videos and encoder.
    """
    by_folder = {result.folder.resolve(): result for result in results}
    beside: dict[Path, dict[str, dict]] = {}
    for folder, result in by_folder.items():
        if result.baseline is not None:
            beside.setdefault(folder.parent.parent, {})[result.baseline] = result.summary
    shown = {
        folder: result
        for folder, result in by_folder.items()
        if result.baseline is None or folder.parent.parent not in by_folder
    }
    names = encoder_names([result.summary for result in shown.values()])
    entries = [
        Entry(result, names[encoder_key(result.summary)], beside.get(folder, {})) for folder, result in shown.items()
    ]
    require_one_of_each(entries)
    tasks, encoders = list(dict.fromkeys(entry.task for entry in entries)), list(names.values())
    known = list(PROTOCOLS)

    def place(entry: Entry) -> tuple:
        protocol = known.index(entry.protocol) if entry.protocol in known else len(known)
        return tasks.index(entry.task), protocol, entry.tested_on, encoders.index(entry.encoder)

    return sorted(entries, key=place)


def require_one_of_each(entries: Sequence[Entry]) -> None:
    """Refuse two results of the same thing, which a table could not tell apart.

    Raises:
        ValueError: if two results have the same task, protocol, test videos and encoder.
    """
    seen: dict[tuple, Entry] = {}
    for entry in entries:
        key = (entry.task, entry.protocol, entry.tested_on, entry.encoder)
        if key in seen:
            raise ValueError(
                f"{seen[key].result.folder} and {entry.result.folder} both hold {entry.encoder} on {entry.task} under "
                f"{entry.protocol} on the same videos of split {entry.split}; give one of them."
            )
        seen[key] = entry


def encoder_key(summary: dict) -> tuple[str, str, int]:
    """What makes two results those of the same encoder: its name, its weights and the size of its pictures."""
    return summary["model"]["name"], str(summary["model"]["fingerprint"]), summary["image_size"]


def encoder_names(summaries: Sequence[dict]) -> dict[tuple[str, str, int], str]:
    """A name for every encoder, with a part of the fingerprint and the size of the pictures where it needs them.

    It needs the size only where one task under one protocol was measured at several: an encoder that sees masks at 448 pixels
    and phases at 224 is one encoder.
    """
    keys = list(dict.fromkeys(map(encoder_key, summaries)))
    sizes: dict[tuple, set[int]] = {}
    for summary in summaries:
        name, fingerprint, size = encoder_key(summary)
        sizes.setdefault((name, fingerprint, summary["task"], summary["protocol"]), set()).add(size)
    several = {key[:2] for key, found in sizes.items() if len(found) > 1}
    names = {}
    for name, fingerprint, size in keys:
        weights = {other for same, other, _ in keys if same == name}
        more = ([fingerprint[:8]] if len(weights) > 1 else []) + (
            [f"{size} px"] if (name, fingerprint) in several else []
        )
        names[name, fingerprint, size] = f"{name} ({', '.join(more)})" if more else name
    return names
