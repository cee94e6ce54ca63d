# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Encoders compared by their result folders: only like with like, always on the same test videos, always by the metric.

Every comparison is of one encoder with another on one task under one protocol. Its score is the mean over the runs (seeds
or few-shot subsets) of the primary metric, as a function of how often each video counts (`statistics.compare`).
"""

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import statistics
from .result_files import Result, per_video_statistics, results_below
from .task import DENSE
from .video_weights import Score, mean_of_scores

FORMAT = "zen-hf comparison 1"
TUNED = ("lora", "dora", "full")  # protocols that train the trunk


@dataclass(frozen=True)
class Encoder:
    """An encoder with its results.

    Args:
        name: what tables call it.
        results: {(task, protocol): result}.
    """

    name: str
    results: dict[tuple[str, str], Result]


@dataclass(frozen=True)
class Row:
    """One encoder against another on one task under one protocol.

    Args:
        task: the task.
        protocol: the protocol.
        target: what was predicted.
        metric: name of the score.
        lower_is_better: whether the score is an error.
        head: the head, of both.
        first: name of the one encoder.
        second: name of the other.
        first_flag: leakage flag of the first.
        second_flag: leakage flag of the second.
        first_seeds: spread of the first over its runs.
        second_seeds: spread of the second over its runs.
        found: scores, difference with interval, p-value, minimum detectable difference.
        adjusted_p: p-value after Holm's correction for all rows of this pair of encoders.
        verdict: the result in plain words.
    """

    task: str
    protocol: str
    target: str
    metric: str
    lower_is_better: bool
    head: str
    first: str
    second: str
    first_flag: str
    second_flag: str
    first_seeds: statistics.SeedSpread
    second_seeds: statistics.SeedSpread
    found: statistics.Comparison
    adjusted_p: float
    verdict: str


def load_encoders(folders: Sequence[Path], with_baselines: bool = False) -> list[Encoder]:
    """One encoder per folder, which is a result or a suite of results.

    Args:
        folders: one per encoder, the one that all others are compared with first.
        with_baselines: whether the baselines in the first folder are further encoders.

    Returns:
        The encoders, each under the name of its model, or where two have the same, of its folder.

    Raises:
        FileNotFoundError: if a folder is missing or holds no result.
        ValueError: if a folder holds several encoders, or several results of one task under one protocol.
    """
    found = {Path(folder): results_below(Path(folder)) for folder in folders}
    if len(found) < len(folders):
        raise ValueError(
            f"the same folder is given twice among {', '.join(map(str, folders))}; expected different ones."
        )
    names = {}
    for folder, results in found.items():
        models = sorted({result.encoder for result in results if not result.baseline})
        if len(models) > 1:
            raise ValueError(
                f"{folder}: holds several encoders ({', '.join(models)}); give the folder of each by itself."
            )
        names[folder] = models[0] if models else results[0].baseline
    often = Counter(names.values())
    encoders = [
        # the folder itself may be that of a baseline
        _encoder(
            names[folder] if often[names[folder]] == 1 else str(folder),
            [r for r in results if not r.baseline] or results,
        )
        for folder, results in found.items()
    ]
    if with_baselines:
        baselines: dict[str, list[Result]] = {}
        for result in next(iter(found.values())):
            if result.baseline:
                baselines.setdefault(result.baseline, []).append(result)
        encoders += [_encoder(f"{name} (baseline)", results) for name, results in baselines.items()]
    return encoders


def _encoder(name: str, results: list[Result]) -> Encoder:
    by_key: dict[tuple[str, str], Result] = {}
    for result in results:
        key = (result.task, result.protocol)
        if key in by_key:
            raise ValueError(
                f"{name}: two results of task {key[0]} under protocol {key[1]}: {by_key[key].folder} and {result.folder}; "
                "give a folder with one."
            )
        by_key[key] = result
    return Encoder(name, by_key)


def compare_encoders(
    first: Encoder,
    second: Encoder,
    head: str | None = None,
    resamples: int = 10_000,
    alpha: float = 0.05,
    seed: int = 0,
) -> list[Row]:
    """Compare two encoders on every task and protocol that both have results of.

    Args:
        first: the one.
        second: the other; differences are first minus second.
        head: name of the head, the same for both; by default the one that counts in each result of the first.
        resamples: of the bootstrap, and of the random swaps.
        alpha: below which an adjusted p-value counts as a difference.
        seed: of the draws.

    Raises:
        ValueError: if no task and protocol are common, two results are of different splits, data or metrics, or a head is
            missing.
    """
    keys = [key for key in first.results if key in second.results]
    if not keys:
        raise ValueError(
            f"{first.name} and {second.name} have no task and protocol in common: {_listed(first)} against {_listed(second)}."
        )
    pairs = [(key, first.results[key], second.results[key]) for key in sorted(keys)]
    for _, one, other in pairs:  # refuse before anything is computed
        require_comparable(one, other)
    found = {}
    for key, one, other in pairs:
        target, chosen = one.primary["target"], head or one.primary["head"]
        score = paired_score(one, other, target, chosen)
        found[key] = statistics.compare(score, len(one.test_videos), resamples=resamples, seed=seed)
    adjusted = statistics.holm({" ".join(key): comparison.p_value for key, comparison in found.items()})
    rows = []
    for key, one, other in pairs:
        target, chosen, name = one.primary["target"], head or one.primary["head"], one.primary["name"]
        p, errors = adjusted[" ".join(key)], lower_is_better(one)
        rows.append(
            Row(
                task=key[0],
                protocol=key[1],
                target=target,
                metric=name,
                lower_is_better=errors,
                head=chosen,
                first=first.name,
                second=second.name,
                first_flag=one.flag,
                second_flag=other.flag,
                first_seeds=seeds_of(one, target, chosen, name),
                second_seeds=seeds_of(other, target, chosen, name),
                found=found[key],
                adjusted_p=p,
                verdict=verdict(first.name, second.name, found[key], p, alpha, errors),
            )
        )
    return rows


def require_comparable(one: Result, other: Result) -> None:
    """Refuse two results that were not measured on the same thing, or not in the same way.

    Raises:
        ValueError: if the split or its folds, the data, the way from frame to pixels, what counts, the settings that a
            trunk was trained with, or the training videos of a few-shot run differ; the message names both values.
    """
    for what, of in {
        "split": lambda result: result.summary["split"]["name"],
        "SHA-256 of the split": lambda result: result.summary["split"]["sha256"],
        "test videos": lambda result: ", ".join(result.test_videos),
        "dataset fingerprint": lambda result: result.summary["dataset"]["fingerprint"],
        "way from frame to pixels": lambda result: result.summary["frame_to_pixels"],
        "primary metric": lambda result: f"{result.primary['name']} of {result.primary['target']}",
    }.items():
        if of(one) != of(other):
            raise ValueError(
                f"{one.task}, {one.protocol}: the {what} differs: {of(one)} in {one.folder}, {of(other)} in "
                f"{other.folder}. Run both on the same split and data with the same version."
            )
    target = one.primary["target"]
    settings, others = (training_settings(result, target) for result in (one, other))
    if settings and others and settings != others:
        raise ValueError(
            f"{one.task}, {one.protocol}: the settings of training differ: "
            f"{differing(settings, others)} in {one.folder}, {differing(others, settings)} in {other.folder}. "
            "Train both with the same settings."
        )
    videos, others = (training_videos(result, target) for result in (one, other))
    for run in [run for run in videos if run in others and videos[run] != others[run]]:
        raise ValueError(
            f"{one.task}, {one.protocol}: the training videos of {' '.join(run)} differ: {videos[run]} in {one.folder}, "
            f"{others[run]} in {other.folder}. Draw the subsets with the same seed and version."
        )


def training_settings(result: Result, target: str) -> set[str]:
    """All settings that a trunk or a dense head was trained with, over heads, runs and folds, as JSON; else none.

    The linear and temporal heads of frames choose theirs from one grid, so that nothing can differ. Where maps are cached
    changes no score.
    """
    about = result.summary["targets"][target]
    if result.protocol not in TUNED and about["kind"] not in DENSE:
        return set()
    return {
        json.dumps({k: v for k, v in chosen[part].items() if k != "cache_bytes"}, sort_keys=True)
        for head in about["heads"]
        for run in result.runs(target, head)
        for chosen in run["chosen"]
        for part in ("settings", "tuning")
        if part in chosen
    }


def differing(settings: set[str], others: set[str]) -> str:
    """The entries of one result's settings that the other's do not have."""
    known = [json.loads(text).items() for text in others]
    entries = [
        f"{k} {v}"
        for text in sorted(settings)
        for k, v in json.loads(text).items()
        if any((k, v) not in o for o in known)
    ]
    return ", ".join(dict.fromkeys(entries)) or "nothing else"


def training_videos(result: Result, target: str) -> dict[tuple[str, str], list[list[str]]]:
    """{(head, run): the training videos of every fold} of a few-shot result; empty for others."""
    return {
        (head, run["run"]): [sorted(chosen["videos"]) for chosen in run["chosen"]]
        for head in result.summary["targets"][target]["heads"]
        for run in result.runs(target, head)
        if result.protocol == "few_shot" and all("videos" in chosen for chosen in run["chosen"])
    }


def paired_score(one: Result, other: Result, target: str, head: str) -> Score:
    """The metric of both encoders, averaged over their runs, for weights of twice as many columns as there are videos.

    A run of the one goes with a run of the other; with different numbers of runs, each run counts equally often.

    Args:
        one: a result.
        other: a result on the same videos.
        target: what was predicted.
        head: of both.

    Raises:
        ValueError: if either has no such head.
    """
    described = one.target(target)
    firsts, seconds = per_video_statistics(one, target, head), per_video_statistics(other, target, head)
    return mean_of_scores(
        [
            described.metric.score_of_weights(described.primary, firsts[i % len(firsts)], seconds[i % len(seconds)])
            for i in range(math.lcm(len(firsts), len(seconds)))
        ]
    )


def seeds_of(result: Result, target: str, head: str, name: str) -> statistics.SeedSpread:
    """Spread of a score over the runs of one head."""
    return statistics.spread_over_seeds([run["scores"][name] for run in result.runs(target, head)])


def lower_is_better(result: Result) -> bool:
    """Whether the primary score of a result is an error."""
    return result.primary.get("lower_is_better", False)  # results of a time without such scores do not say


def verdict(
    first: str,
    second: str,
    found: statistics.Comparison,
    adjusted_p: float,
    alpha: float = 0.05,
    lower_is_better: bool = False,
) -> str:
    """The result of a comparison in plain words."""
    if adjusted_p < alpha:
        better = first if (found.difference.value > 0) != lower_is_better else second
        return f"{better} is better by {abs(found.difference.value):.3f}"
    if found.minimum_detectable_difference is None:
        return "no difference found; one test video cannot show any"
    return f"no difference found; would need >= {found.minimum_detectable_difference:.3f}"


def rank_all(encoders: Sequence[Encoder], head: str | None = None) -> dict[str, statistics.Ranking]:
    """Mean ranks per protocol, over the tasks that all encoders have results of.

    Args:
        encoders: the encoders.
        head: as for `compare_encoders`.

    Returns:
        {protocol: ranking}; empty for fewer than three encoders, and without protocols of fewer than two common tasks.
    """
    common = set.intersection(*(set(encoder.results) for encoder in encoders))
    rankings = {}
    for protocol in sorted({protocol for _, protocol in common}):
        keys = sorted(key for key in common if key[1] == protocol)
        if len(encoders) < 3 or len(keys) < 2:
            continue
        leads = [encoders[0].results[key].primary for key in keys]
        rankings[protocol] = statistics.rank_encoders(
            {
                encoder.name: [
                    seeds_of(encoder.results[key], lead["target"], head or lead["head"], lead["name"]).mean
                    * (-1 if lower_is_better(encoder.results[key]) else 1)
                    for key, lead in zip(keys, leads, strict=True)
                ]
                for encoder in encoders
            }
        )
    return rankings


@dataclass(frozen=True)
class Regret:
    """What a task loses by taking the first encoder in place of the best of the others.

    Args:
        task: name of the task.
        protocol: name of the protocol.
        metric: the score.
        best: the best of the others.
        value: its score minus the first's (of errors the other way round); negative where the first is better than all.
    """

    task: str
    protocol: str
    metric: str
    best: str
    value: float


def regrets(rows: Sequence[Row]) -> list[Regret]:
    """The regret of the first encoder on every task: of a student, against the best of its teachers there.

    Args:
        rows: comparisons of the first encoder with each of the others.
    """
    found: dict[tuple, Regret] = {}
    for row in rows:
        loss = (row.found.second - row.found.first) * (-1 if row.lower_is_better else 1)
        key = (row.task, row.protocol, row.metric)
        if key not in found or loss > found[key].value:
            found[key] = Regret(*key, row.second, loss)
    return list(found.values())


def not_compared(encoders: Sequence[Encoder]) -> list[str]:
    """What the rows leave out, in words: results without a counterpart, seeds and picture sizes that are not the same."""
    first, *others = encoders
    notes = []
    for other in others:
        for one, another in ((first, other), (other, first)):
            missing = sorted(set(one.results) - set(another.results))
            if missing:
                listed = ", ".join(" ".join(key) for key in missing)
                notes.append(f"{one.name} alone, not {another.name}: {listed}")
        for key in sorted(key for key in first.results if key in other.results):
            notes += unlike(first, other, key)
    return notes


def unlike(first: Encoder, second: Encoder, key: tuple[str, str]) -> list[str]:
    """In what two results differ that may be compared but should be known: seeds and sizes of pictures."""
    notes = []
    for what, of in {
        "seeds": lambda summary: ", ".join(map(str, summary["seeds"])),
        "image sizes": lambda summary: f"{summary['image_size']} px",
    }.items():
        one, other = of(first.results[key].summary), of(second.results[key].summary)
        if one != other:
            notes.append(f"{', '.join(key)}: different {what}: {one} ({first.name}), {other} ({second.name})")
    return notes


def _listed(encoder: Encoder) -> str:
    return ", ".join(" ".join(key) for key in sorted(encoder.results))
