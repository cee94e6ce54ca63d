# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""`zen-hf benchmark`: one encoder on one task or a suite, under one protocol or all, with its baselines beside it."""

import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import datasets
import yaml
from rich.console import Console

from zen_hf.benchmark.candidate import Candidate, load_candidate, models_of_folds, random_trunk, raw_pixels
from zen_hf.benchmark.dense.settings import DenseSettings
from zen_hf.benchmark.evaluation import CACHE_DIR, HEADS, PROTOCOLS, TUNED, Conditions, measure
from zen_hf.benchmark.exam import Exam, set_exam
from zen_hf.benchmark.feature_cache import require_readable
from zen_hf.benchmark.leakage import flag, head_training_data, worst
from zen_hf.benchmark.suites import data_below, suite_tasks
from zen_hf.benchmark.task import Task, load_task
from zen_hf.benchmark.text_prompts import prompts_file
from zen_hf.benchmark.trained_on import UNTRAINED, training_data_of
from zen_hf.benchmark.tuning.classifier import require_tunable
from zen_hf.benchmark.tuning.settings import TuningSettings
from zen_hf.extraction.preconditions import require_fitting_size
from zen_hf.modeling.image_text_encoder import has_text_tower
from zen_hf.recipe_configuration import load_recipe, recipe_as_dict
from zen_hf.recipes.benchmark_table import print_table
from zen_hf.recipes.processes import on_every_device
from zen_hf.run_directory import RunDirectory

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
        dense: How heads of masks, instances and depth are trained.
        text_encoder: Hub id or folder of the text encoder that reads questions.
        prompts: File of prompts in place of the package's own, or a folder with `<task>.json`, for `zero_shot` by text.
        trust_remote_code: Whether code that comes with the model may run.
        processes: How many processes share the datasets; by default one per GPU, and one without any.
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
    dense: DenseSettings = field(default_factory=DenseSettings)
    text_encoder: str | None = None
    prompts: Path | None = None
    trust_remote_code: bool = False
    processes: int | None = None

    @property
    def single(self) -> bool:
        """Whether one result is asked for, which lies in `out` itself."""
        return len(self.tasks) == len(self.protocols) == 1

    def conditions(self, protocol: str, image_size: int | None = None) -> Conditions:
        """How an exam is sat under one of the protocols."""
        return Conditions(
            protocol=protocol,
            seeds=tuple(range(self.seed, self.seed + self.seeds)),
            image_size=image_size or self.image_size,
            cache_dir=self.cache_dir,
            heads=heads_of(self, protocol),
            tuning=self.tuning,
            dense=self.dense,
            text_encoder=self.text_encoder,
            prompts=self.prompts,
        )


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
    dense: Sequence[str] | None = None,
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
        dense: likewise of dense heads.
        cache_dir: likewise, or None.
        settings: the others.

    Raises:
        FileNotFoundError: if prompts were given that are not there.
        ValueError: if a name or setting is unknown, or prompts were given that would do nothing.
    """
    unknown = [name for name in protocols if name not in (*PROTOCOLS, "dora", "all")]
    if unknown:
        raise ValueError(f"unknown protocol {unknown[0]!r}; expected one of {', '.join(PROTOCOLS)}, dora, all.")
    known = {head for heads in HEADS.values() for head in heads}
    chosen = tuple(dict.fromkeys(name for given in protocols for name in (PROTOCOLS if given == "all" else (given,))))
    for head in heads or ():
        if head not in known:
            raise ValueError(f"unknown head {head!r}; expected one of {', '.join(sorted(known))}.")
    for protocol in chosen:
        if heads and not set(heads) & set(HEADS[protocol]):
            raise ValueError(
                f"protocol {protocol} has none of the heads {', '.join(heads)}; it has {', '.join(HEADS[protocol])}."
            )
    run = BenchmarkRun(
        model=model,
        out=Path(out),
        tasks=tuple(tasks) if tasks else suite_tasks(suite),
        protocols=chosen,
        data=Path(data),
        suite=suite is not None,
        heads=tuple(heads) if heads else None,
        tuning=load_recipe(TuningSettings, None, list(tuning or [])),
        dense=load_recipe(DenseSettings, None, list(dense or [])),
        cache_dir=Path(cache_dir or CACHE_DIR),
        **settings,
    )
    require_prompts(run)
    return run


def require_prompts(run: BenchmarkRun) -> None:
    """Refuse prompts of the user's own that are not there, or would do nothing.

    Raises:
        FileNotFoundError: if there is no such file or folder, or none in the folder for a task.
        ValueError: if nothing reads them, or one file is given for several tasks.
    """
    if run.prompts is None:
        return
    if not run.prompts.exists():
        raise FileNotFoundError(f"--prompts {run.prompts}: there is no such file or folder.")
    tasks = [task for task in map(load_task, run.tasks) if reads_prompts(run, task)]
    if not tasks:
        raise ValueError(
            f"--prompts {run.prompts} would do nothing: prompts are read in protocol zero_shot by the head text, in tasks of "
            f"phases, tools and other classes of frames; asked for were {', '.join(run.protocols)} on {', '.join(run.tasks)}."
        )
    if run.prompts.is_file() and len(run.tasks) > 1:
        raise ValueError(
            f"--prompts {run.prompts} is one file for {len(run.tasks)} tasks; give a folder with one file per task "
            f"({tasks[0].name}.json, ...), or one task."
        )
    there = [task for task in tasks if not run.suite or data_below(run.data, task)]
    missing = [file for task in there if not (file := prompts_file(run.prompts, task.name)).is_file()]
    if missing:
        raise FileNotFoundError(
            f"--prompts {run.prompts}: no {', '.join(file.name for file in missing)}; put a file there for every task that "
            "was asked for, or ask for fewer tasks."
        )


def reads_prompts(run: BenchmarkRun, task: Task) -> bool:
    """Whether a task is predicted by class names under one of the protocols."""
    by_text = "zero_shot" in run.protocols and "text" in run.conditions("zero_shot").heads_of(task)
    return by_text and not task.question and not task.targets[0].is_dense


def benchmark(run: BenchmarkRun) -> dict[tuple[str, str], Path]:
    """Measure one model; every finished task and protocol is kept, and the same command goes on with the rest.

    Of several, one that fails does not stop the others; they are listed at the end, in an error.

    Returns:
        (task, protocol) -> folder of the result. Where the data is absent, or the encoder cannot be trained, there is none.

    Raises:
        FileNotFoundError: if the model, the data or a part of it is missing.
        FileExistsError: if `out` holds a finished result (of one task and protocol), or one with other settings.
        ValueError: if a task is unknown, the data or checkpoint is incomplete, or the image size does not fit.
    """
    if run.single and (run.out / "summary.json").exists():
        raise FileExistsError(f"{run.out} already holds a finished run (summary.json); choose another output folder.")
    outcome = Outcome.joined(on_every_device(partial(run_tasks, run), tasks_by_dataset(run.tasks), run.processes))
    print_table(outcome.folders, outcome.without | outcome.failed)
    if outcome.failed:
        raise ValueError(
            f"{len(outcome.failed)} of {len(outcome.folders) + len(outcome.failed)} failed, see above; mend them and run it "
            "again."
        )
    return outcome.folders


@dataclass(frozen=True)
class Outcome:
    """What became of tasks and protocols: the folder of the result, or why there is none.

    Attributes:
        folders: of finished results, by (task, protocol).
        without: where the data is absent or the encoder cannot be trained.
        failed: errors.
    """

    folders: dict[tuple[str, str], Path] = field(default_factory=dict)
    without: dict[tuple[str, str], str] = field(default_factory=dict)
    failed: dict[tuple[str, str], str] = field(default_factory=dict)

    @classmethod
    def joined(cls, outcomes: Iterable["Outcome"]) -> "Outcome":
        """Several outcomes as one."""
        joined = cls()
        for outcome in outcomes:
            joined.folders.update(outcome.folders)
            joined.without.update(outcome.without)
            joined.failed.update(outcome.failed)
        return joined


def tasks_by_dataset(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Names of tasks, those on one dataset together: they share features and predictions, so one process runs them."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(load_task(name).source.name, []).append(name)
    return [tuple(group) for group in groups.values()]


def run_tasks(run: BenchmarkRun, names: Sequence[str]) -> Outcome:
    """Measure the model on some of the tasks; errors as for `benchmark`, where it is asked for a single result."""
    load = cache(lambda model: load_candidate(model, run.revision, run.trust_remote_code))
    outcome = Outcome()
    for name in names:
        task = load_task(name) if run.split is None else load_task(name).with_split(run.split)
        data = data_below(run.data, task) or (None if run.suite else run.data)
        read = cache(lambda task=task, data=data: read_data(task, data))
        for protocol in run.protocols:
            key, out = (task.name, protocol), run.out if run.single else run.out / task.name / protocol
            try:
                if data is None:
                    outcome.without[key] = f"absent (no folder {task.source.name} in {run.data})"
                elif why := untunable(run, task, data, protocol):
                    outcome.without[key] = why
                else:
                    run_one(run, task, data, read, load, protocol, out)
                    outcome.folders[key] = out
            except FileExistsError:
                raise
            except Exception as error:  # whatever it is (a loss that diverges, no memory), the other tasks go on
                if run.single:
                    raise
                plain = isinstance(error, ValueError | OSError)
                outcome.failed[key] = str(error) if plain else f"{type(error).__name__}: {error}"
    return outcome


def run_one(
    run: BenchmarkRun,
    task: Task,
    data: Path,
    read: Callable[[], datasets.Dataset],
    load: Callable[[str], Candidate],
    protocol: str,
    out: Path,
) -> None:
    """One task under one protocol: the baselines, then the model; `summary.json` is written last."""
    split = task.split_in(data)
    candidates = [load(model) for model in models_of_folds(run.model, split)]
    if run.prompts is not None and not all(has_text_tower(each.model, each.revision) for each in candidates):
        raise ValueError(f"--prompts {run.prompts} would do nothing: {run.model} has no text tower to read them.")
    if finished_before(out, configuration(run, task.name, protocol, candidates)):
        return
    size = run.image_size or candidates[0].encoder.default_image_size
    for candidate in candidates:
        require_fitting_size(candidate.encoder, size)
    exam = set_exam(task, read(), split)
    sources = dict(exams_to_transfer_from(task, data)) if protocol == "zero_shot" else {}
    conditions = run.conditions(protocol, size)
    config = configuration(run, task.name, protocol, candidates) | {"labels_sha256": exam.labels_sha256}
    directory = RunDirectory.create(out, config, run.seed, resume=True)
    console.print(f"{task.name}, {protocol}: {run.model}")
    directory.log(event="start", frames=len(exam.frames), model=candidates[0].description)
    borrowed = [
        flag(head_training_data(other.task, videos_of(other, exam)), task, split_test(exam))
        for other in sources.values()
    ]
    for name, baseline in baselines(run, candidates[0]):
        place = out / "baselines" / name
        if not place.exists():
            fresh = set_exam(task, read(), split)
            mine = replace(conditions, parts_dir=out / "parts" / name)
            leakage = worst([flag(UNTRAINED, task, split_test(fresh)), *borrowed])
            result = measure(fresh, [(baseline, fresh)], mine, leakage, sources)
            result.save(place)
            directory.log(event="baseline", name=name, primary=result.summary["primary"])
    parts = [(candidates[0], exam)]
    if len(candidates) > 1:
        parts = [(replace(each, name=run.model), exam.part(fold)) for fold, each in enumerate(candidates)]
    seen = [
        flag(training_data_of(candidate.model, run.revision, run.trained_on), task, split_test(part))
        for candidate, part in parts
    ]
    mine = replace(conditions, model_dir=out / "models", parts_dir=out / "parts" / "model")
    result = measure(exam, parts, mine, worst([*seen, *borrowed]), sources)
    result.save_predictions(out)
    directory.log(event="scored", primary=result.summary["primary"])
    directory.finish(result.summary)
    shutil.rmtree(out / "parts", ignore_errors=True)


def read_data(task: Task, data: Path) -> datasets.Dataset:
    """The canonical rows of a task, every frame of which can be read."""
    dataset = task.read(data)
    require_readable(dataset)
    return dataset


def untunable(run: BenchmarkRun, task: Task, data: Path, protocol: str) -> str | None:
    """Why the model's trunk cannot be trained, where several protocols were asked for and this one trains it."""
    if protocol not in TUNED or len(run.protocols) == 1 or task.targets[0].is_dense or task.question:
        return None  # those heads go on any trunk
    try:
        require_tunable(models_of_folds(run.model, task.split_in(data))[0], run.revision, run.trust_remote_code)
    except ValueError as error:
        return f"not possible: {error}"
    return None


def heads_of(run: BenchmarkRun, protocol: str) -> tuple[str, ...] | None:
    """The heads that were asked for and that the protocol has; None for those of the task."""
    return tuple(head for head in run.heads if head in HEADS[protocol]) if run.heads else None


def split_test(exam: Exam) -> list[str]:
    """Test videos of an exam's folds."""
    return [video for fold in exam.folds for video in fold.fold.test]


def videos_of(source: Exam, exam: Exam) -> list[str]:
    """Videos that a head is trained and chosen on before it is transferred: none of a patient that is tested."""
    tested = {exam.task.source.patient(video) for video in split_test(exam)}
    fold = source.folds[0].fold
    return [video for video in (*fold.train, *fold.val) if source.task.source.patient(video) not in tested]


def baselines(run: BenchmarkRun, candidate: Candidate) -> Iterator[tuple[str, Candidate]]:
    """The encoders that every model is measured beside."""
    if run.baselines:
        yield "raw_pixels", raw_pixels()
        yield "random_trunk", random_trunk(candidate, run.seed)


def exams_to_transfer_from(task: Task, data: Path) -> Iterator[tuple[str, Exam]]:
    """Exams of the tasks whose heads can be tested on this one, where their data lies beside this task's."""
    for transfer in task.transfers:
        source = load_task(transfer.task)
        found = data_below(data.parent, source)
        if found is None:
            console.print(
                f"{task.name}: no data of {source.source.name} beside {data}; no transfer from {source.name}"
            )
            continue
        yield transfer.task, set_exam(source, source.read(found), source.split_in(found))


def configuration(run: BenchmarkRun, task: str, protocol: str, candidates: list[Candidate]) -> dict:
    """What a result depends on, as it is kept beside it: what was asked for, and what the names stood for."""
    settings = recipe_as_dict(asdict(run) | {"tasks": [task], "protocols": [protocol]})
    statement = hashlib.sha256(run.trained_on.read_bytes()).hexdigest() if run.trained_on else None
    names = {"encoders": [candidate.encoder.fingerprint for candidate in candidates], "trained_on_sha256": statement}
    words = prompts_file(run.prompts, task) if protocol == "zero_shot" else None
    names["prompts_sha256"] = hashlib.sha256(words.read_bytes()).hexdigest() if words and words.is_file() else None
    return {key: value for key, value in settings.items() if key not in ("out", "cache_dir", "processes")} | names


def finished_before(out: Path, config: dict) -> bool:
    """Whether an earlier call of the same command finished this result.

    Raises:
        FileExistsError: if it was asked for with other settings, or the model's weights were others.
    """
    if not (out / "summary.json").is_file():
        return False
    before = yaml.safe_load((out / "config.yaml").read_text())
    changed = sorted(key for key in config if before.get(key) != config[key])
    if changed:
        words = ", ".join(f"{key} (was {before.get(key)}, now {config[key]})" for key in changed)
        raise FileExistsError(
            f"{out} holds a finished result of other settings: {words}; choose another output folder."
        )
    return True
