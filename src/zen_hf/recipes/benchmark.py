# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""`zen-hf benchmark`: one encoder on one task or a suite, under one protocol or all, with its baselines beside it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from zen_hf.benchmark.candidate import Candidate, load_candidate, models_of_folds, random_trunk, raw_pixels
from zen_hf.benchmark.evaluation import CACHE_DIR, PROTOCOLS, Conditions, measure
from zen_hf.benchmark.exam import Exam, set_exam
from zen_hf.benchmark.feature_cache import require_fitting_size, require_readable
from zen_hf.benchmark.leakage import Leakage, flag
from zen_hf.benchmark.suites import data_below, suite_tasks
from zen_hf.benchmark.task import Task, load_task
from zen_hf.benchmark.trained_on import UNTRAINED, TrainingData, training_data_of
from zen_hf.benchmark.tuning.settings import TuningSettings
from zen_hf.recipe_configuration import load_recipe, recipe_as_dict
from zen_hf.run_directory import RunDirectory

WORST_LAST = ("clean", "unknown", "seen_unlabelled", "seen_labelled")

console = Console(stderr=True, highlight=False)


@dataclass(frozen=True)
class BenchmarkRun:
    """What `zen-hf benchmark` was asked for.

    Attributes:
        model: Hub id or folder of a ZEN, any `AutoModel` for pictures or a timm name; `{held_out}` in a path stands for the
            test video of a fold, for encoders that each never saw one patient.
        out: Folder of the result; with several tasks or protocols, of `<task>/<protocol>/` each.
        tasks: Names of the tasks.
        protocols: Names of the protocols.
        data: The dataset of the tasks as its authors hand it out, or a folder with one folder per dataset, each called by the
            name of its source (`cholec80`, `autolaparo`, ...).
        suite: Whether `data` holds one folder per dataset, so that a task without its folder is absent.
        split: Another split of the task than its own.
        seeds: How many seeds the heads are trained with.
        seed: The first one.
        image_size: Side of the square frames, in pixels; by default the model's own.
        revision: Commit, tag or branch of the model on the Hub.
        trained_on: File that says what the model was trained on, where the model's folder does not.
        baselines: Whether raw pixels and the untrained architecture are run beside the model.
        cache_dir: Where features are kept.
        heads: The heads to score; by default those of the task.
        tuning: How the trunk is trained under `lora`, `dora` and `full`.
    """

    model: str
    out: Path
    tasks: tuple[str, ...]
    protocols: tuple[str, ...]
    data: Path
    suite: bool = False
    split: str | None = None
    seeds: int = 3
    seed: int = 0
    image_size: int | None = None
    revision: str | None = None
    trained_on: Path | None = None
    baselines: bool = True
    cache_dir: Path = CACHE_DIR
    heads: tuple[str, ...] | None = None
    tuning: TuningSettings = field(default_factory=TuningSettings)


def plan_benchmark(
    *,
    model: str,
    data: Path,
    out: Path,
    protocols: Sequence[str],
    tasks: Sequence[str] | None = None,
    suite: str | None = None,
    heads: Sequence[str] | None = None,
    tuning: Sequence[str] | None = None,
    cache_dir: Path | None = None,
    **settings: Any,
) -> BenchmarkRun:
    """Make a `BenchmarkRun` from what the command line gives.

    Args:
        model: see `BenchmarkRun`, as are all that are not named here.
        data: likewise.
        out: likewise.
        protocols: names; "all" stands for five.
        tasks: names, or None with a suite.
        suite: name of a suite, or None.
        heads: names, or None.
        tuning: `key=value` settings of the trunk's training.
        cache_dir: likewise, or None.
        settings: the others.

    Raises:
        ValueError: if a name or setting is unknown.
    """
    unknown = [name for name in protocols if name not in (*PROTOCOLS, "dora", "all")]
    if unknown:
        raise ValueError(f"unknown protocol {unknown[0]!r}; expected one of {', '.join(PROTOCOLS)}, dora, all.")
    chosen = tuple(dict.fromkeys(name for given in protocols for name in (PROTOCOLS if given == "all" else (given,))))
    return BenchmarkRun(
        model=model,
        out=Path(out),
        tasks=tuple(tasks) if tasks else suite_tasks(suite),
        protocols=chosen,
        data=Path(data),
        suite=suite is not None,
        heads=tuple(heads) if heads else None,
        tuning=load_recipe(TuningSettings, None, list(tuning or [])),
        cache_dir=Path(cache_dir or CACHE_DIR),
        **settings,
    )


def benchmark(run: BenchmarkRun) -> dict[tuple[str, str], dict]:
    """Measure one model; every finished task and protocol is kept, and the same command goes on with the rest.

    Returns:
        (task, protocol) -> the content of its `summary.json`. A task whose data is absent is reported as absent and has none.

    Raises:
        FileNotFoundError: if the model, the data or a part of it is missing.
        FileExistsError: if `out` holds a finished result (of one task and protocol), or one with other settings.
        ValueError: if a task is unknown, the data or checkpoint is incomplete, or the image size does not fit.
    """
    single = len(run.tasks) == len(run.protocols) == 1
    results, absent = {}, []
    for name in run.tasks:
        task = load_task(name) if run.split is None else load_task(name).with_split(run.split)
        folder = data_below(run.data, task)
        if folder is None and run.suite:
            absent.append(name)
            continue
        folder = folder or run.data
        dataset = None
        for protocol in run.protocols:
            out = run.out if single else run.out / name / protocol
            before = None if single else finished_before(out, run, name, protocol)
            if before is None and dataset is None:
                dataset = task.read(folder)
                require_readable(dataset)
            if before is None:
                console.print(f"{name}, {protocol}: {run.model}")
            results[name, protocol] = before or run_one(run, task, folder, dataset, protocol, out)
    print_table(results, absent, run)
    return results


def run_one(run: BenchmarkRun, task: Task, folder: Path, dataset, protocol: str, out: Path) -> dict:
    """One task under one protocol: the baselines, then the model; `summary.json` is written last."""
    exam = set_exam(task, dataset, task.split_in(folder))
    conditions = Conditions(
        protocol=protocol,
        seeds=tuple(range(run.seed, run.seed + run.seeds)),
        image_size=run.image_size,
        cache_dir=run.cache_dir,
        heads=run.heads,
        tuning=run.tuning,
    )
    sources = dict(exams_to_transfer_from(run, task, folder)) if protocol == "zero_shot" else {}
    parts = [(load_candidate(model, run.revision), part) for model, part in models_of_folds(run.model, exam)]
    size = run.image_size or parts[0][0].encoder.default_image_size
    conditions = replace(conditions, image_size=size)
    for candidate, _ in parts:
        require_fitting_size(candidate.encoder, size)
    directory = RunDirectory.create(out, configuration(run, task.name, protocol), run.seed, resume=True)
    directory.log(event="start", frames=len(dataset), model=parts[0][0].description)
    for name, baseline in baselines(run, exam, parts[0][0]):
        place = out / "baselines" / name
        if not place.exists():
            fresh = set_exam(task, dataset, exam.split)
            result = measure(fresh, [(baseline, fresh)], conditions, leakage_of([(UNTRAINED, fresh)]), sources)
            result.save(place)
            directory.log(event="baseline", name=name, primary=result.summary["primary"])
    leakage = leakage_of(
        [(training_data_of(candidate.model, run.revision, run.trained_on), part) for candidate, part in parts]
    )
    keep = replace(conditions, model_dir=out / "models")
    result = measure(exam, parts, keep, leakage, sources)
    result.save_predictions(out)
    directory.log(event="scored", primary=result.summary["primary"])
    directory.finish(result.summary)
    return result.summary


def leakage_of(parts: list[tuple[TrainingData | None, Exam]]) -> Leakage:
    """The flag of a result: the worst over the folds, each with what its encoder was trained on."""
    flags = []
    for training_data, exam in parts:
        tested = [video for fold in exam.folds for video in fold.fold.test]
        flags.append(flag(training_data, exam.task, tested))
    return max(flags, key=lambda found: WORST_LAST.index(found.flag))


def baselines(run: BenchmarkRun, exam: Exam, candidate: Candidate) -> Iterator[tuple[str, Candidate]]:
    """The encoders that every model is measured beside."""
    if run.baselines:
        yield "raw_pixels", raw_pixels()
        yield "random_trunk", random_trunk(candidate, run.seed)


def exams_to_transfer_from(run: BenchmarkRun, task: Task, folder: Path) -> Iterator[tuple[str, Exam]]:
    """Exams of the tasks whose heads can be tested on this one, where their data lies beside this task's."""
    for transfer in task.transfers:
        source = load_task(transfer.task)
        found = data_below(folder.parent, source)
        if found is None:
            console.print(
                f"{task.name}: no data of {source.source.name} beside {folder}; no transfer from {source.name}"
            )
            continue
        yield transfer.task, set_exam(source, source.read(found), source.split_in(found))


def configuration(run: BenchmarkRun, task: str, protocol: str) -> dict:
    """What a result depends on, as it is kept beside it."""
    settings = recipe_as_dict(asdict(run) | {"tasks": [task], "protocols": [protocol]})
    return {key: value for key, value in settings.items() if key not in ("out", "cache_dir")}


def finished_before(out: Path, run: BenchmarkRun, task: str, protocol: str) -> dict | None:
    """The result of an earlier call of the same command, or None.

    Raises:
        FileExistsError: if it was asked for with other settings.
    """
    if not (out / "summary.json").is_file():
        return None
    before, now = yaml.safe_load((out / "config.yaml").read_text()), configuration(run, task, protocol)
    changed = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
    if changed:
        words = ", ".join(f"{key} (was {before.get(key)}, now {now.get(key)})" for key in changed)
        raise FileExistsError(
            f"{out} holds a finished result of other settings: {words}; choose another output folder."
        )
    return json.loads((out / "summary.json").read_text())


def print_table(results: dict[tuple[str, str], dict], absent: list[str], run: BenchmarkRun) -> None:
    """Print one row per target, head and baseline."""
    table = Table(
        "task", "protocol", "head", "metric", "score", "95 % interval", "raw pixels", "untrained", "constant"
    )
    for (task, protocol), result in results.items():
        title = (task, protocol)
        folder = run.out if len(results) == 1 and (run.out / "summary.json").exists() else run.out / task / protocol
        beside = {name: _baseline(folder, name) for name in ("raw_pixels", "random_trunk")}
        for name, target in result["targets"].items():
            constant = [scores[target["primary"]] for kind, scores in target["constant"].items() if kind != "chance"]
            for head, scored in target["heads"].items():
                interval = scored["interval"]
                table.add_row(
                    *title,
                    head,
                    f"{name}: {target['primary']}",
                    _number(scored["value"]),
                    f"{interval['low']:.3f} to {interval['high']:.3f}" if interval else "-",
                    *(_number(_value(beside[other], name, head)) for other in beside),
                    _number(constant[0] if constant else None),
                )
                title = ("", "")
    out = Console(width=max(Console().width, 150), highlight=False)
    out.print(table)
    for (task, protocol), result in results.items():
        if result["split"]["name"].endswith("(miniature)"):
            out.print(
                f"{task}, {protocol}: on a miniature; it shows that everything runs, and nothing about the model."
            )
            break
    for name in absent:
        out.print(f"{name}: absent (no folder {load_task(name).source.name} in {run.data}); it has no score.")


def _baseline(folder: Path, name: str) -> dict | None:
    path = folder / "baselines" / name / "summary.json"
    return json.loads(path.read_text()) if path.is_file() else None


def _value(result: dict | None, target: str, head: str) -> float | None:
    return None if result is None else result["targets"][target]["heads"].get(head, {}).get("value")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
