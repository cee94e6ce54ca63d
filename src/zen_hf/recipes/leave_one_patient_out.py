# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Distils once per patient without that patient, and probes on exactly that patient: what did the student learn?

python -m zen_hf.recipes.leave_one_patient_out src/zen_hf/recipes/leave_one_patient_out.yaml [key=value ...]
"""

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from omegaconf import MISSING
from rich.console import Console
from rich.table import Table

from zen_hf.benchmark.candidate import Candidate
from zen_hf.benchmark.evaluation import Conditions, measure
from zen_hf.benchmark.exam import set_exam
from zen_hf.benchmark.leakage import Leakage
from zen_hf.benchmark.split import load_split
from zen_hf.benchmark.task import load_task
from zen_hf.data.frame_sources import FrameSource
from zen_hf.data.views import ViewSpec
from zen_hf.distillation.balancing import BalancingSpec
from zen_hf.distillation.calibration import StandardisationSpec
from zen_hf.distillation.objective import LossSpec
from zen_hf.distillation.optimisation import OptimizerSpec
from zen_hf.distillation.student import StudentSpec, build_student
from zen_hf.distillation.teachers import Teacher, TeacherSpec
from zen_hf.distillation.training_spec import TrainingSpec
from zen_hf.modeling.frame_encoder import FrameEncoder
from zen_hf.recipe_configuration import load_recipe
from zen_hf.recipes.distill import DistillRecipe, run_distillation
from zen_hf.run_directory import RunDirectory


@dataclass
class StudentRun:
    """One row of the table: a student and how it is trained.

    Attributes:
        name: How the table calls it.
        trained: False for a control: the student as it begins.
        teachers: Names of the recipe's teachers that it has; by default all.
        standardisation: By default the recipe's.
        probe_size: Side of the frames on which it is probed, in pixels; by default the recipe's `image_size`.
    """

    name: str = MISSING
    trained: bool = True
    teachers: list[str] = field(default_factory=list)
    standardisation: StandardisationSpec | None = None
    balancing: BalancingSpec = field(default_factory=BalancingSpec)
    probe_size: int | None = None
    student: StudentSpec = field(default_factory=StudentSpec)
    losses: LossSpec = field(default_factory=LossSpec)
    optimizer: OptimizerSpec = field(default_factory=OptimizerSpec)
    training: TrainingSpec = field(default_factory=TrainingSpec)


@dataclass
class LeaveOnePatientOutRecipe:
    """Teachers and students on a labelled task, each patient judged by students that never saw it.

    Attributes:
        output: Folder of the runs; a stopped command goes on where it was.
        task: Benchmark task with a leave-one-patient-out split.
        data: The task's data, in its official layout.
        image_size: Side of the frames on which every encoder is probed, in pixels.
        frames: Unlabelled frames for distillation; the evaluation patient is held out of them by its video id.
        jobs: Distillations that run side by side, each with its share of the cores.
    """

    output: str = MISSING
    task: str = "cholect50_tool"
    data: str = MISSING
    image_size: int = 224
    frames: list[FrameSource] = MISSING
    teachers: list[TeacherSpec] = MISSING
    students: list[StudentRun] = MISSING
    views: ViewSpec = field(default_factory=ViewSpec)
    standardisation: StandardisationSpec = field(default_factory=StandardisationSpec)
    jobs: int = 1
    seed: int = 0

    def __post_init__(self):
        names = [teacher.name for teacher in self.teachers]
        for row in self.students:
            unknown = sorted(set(row.teachers) - set(names))
            if unknown:
                raise ValueError(
                    f"row {row.name!r} has the teachers {', '.join(unknown)}; expected {', '.join(names)}"
                )


def leave_one_patient_out(config: LeaveOnePatientOutRecipe) -> dict:
    """Runs every distillation that is not there yet, probes every encoder and writes `summary.json`.

    Returns:
        Row name to its result under the protocol `frozen` with a linear head, as `benchmark.results` describes it.
    """
    run = RunDirectory.create(Path(config.output), config, config.seed, resume=True)
    task = load_task(config.task)
    dataset, split = task.read(Path(config.data)), load_split(task.split)
    patients = [patient for fold in split.folds for patient in fold.test]
    distillations = [(config, row, patient) for row in config.students if row.trained for patient in patients]
    with ProcessPoolExecutor(
        config.jobs,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=torch.set_num_threads,
        initargs=(max(1, torch.get_num_threads() // config.jobs),),
    ) as pool:
        for message in pool.map(distil_without, *zip(*distillations, strict=True)):
            run.log(event="distilled", message=message)
            print(message, flush=True)

    def probe(name: str, encoders: list[FrameEncoder], size: int | None = None) -> dict:
        exam = set_exam(task, dataset, split)
        parts = [(Candidate(name, encoder), exam.part(fold)) for fold, encoder in enumerate(encoders)]
        conditions = Conditions(
            "frozen",
            seeds=(config.seed,),
            image_size=size or config.image_size,
            cache_dir=run.path / "features",
            heads=("linear",),
        )
        return measure(exam, parts, conditions, Leakage("unknown", "not looked up by this recipe")).summary

    rows: dict[str, dict] = {}
    teachers = [Teacher(spec) for spec in config.teachers]
    for row in config.students:
        if row.trained:
            encoders = [FrameEncoder.from_pretrained(str(model_of(config, row, patient))) for patient in patients]
        else:
            trunk = build_student(row.student, teachers, config.views.image_size, config.seed).model
            control = FrameEncoder(trunk, trunk.config.image_mean, trunk.config.image_deviation, name=row.name)
            encoders = [control] * len(patients)
        rows[row.name] = probe(row.name, encoders, row.probe_size)
    for teacher in teachers:
        name = f"teacher {teacher.name}"
        rows[name] = probe(name, [teacher.encoder] * len(patients))
    print_table(rows, patients)
    run.finish({"rows": rows, "patients": patients})
    return rows


def model_of(config: LeaveOnePatientOutRecipe, row: StudentRun, patient: str) -> Path:
    """Where the student of a row that never saw a patient is exported to."""
    return Path(config.output) / row.name / f"without-{patient}" / "model"


def distil_without(config: LeaveOnePatientOutRecipe, row: StudentRun, patient: str) -> str:
    """One distillation that never sees one patient; runs in a process of its own."""
    folder = model_of(config, row, patient).parent
    if (folder / "summary.json").exists():
        return f"{folder}: distilled before"
    return f"{run_distillation(recipe_without(config, row, patient), resume=True)}: distilled without {patient}"


def recipe_without(config: LeaveOnePatientOutRecipe, row: StudentRun, patient: str) -> DistillRecipe:
    """What `zen-hf distill` is asked for: the row's student, without one patient."""
    return DistillRecipe(
        output=str(model_of(config, row, patient).parent),
        frames=config.frames,
        teachers=[spec for spec in config.teachers if not row.teachers or spec.name in row.teachers],
        hold_out=[patient],
        student=row.student,
        views=config.views,
        standardisation=row.standardisation or config.standardisation,
        losses=row.losses,
        balancing=row.balancing,
        optimizer=row.optimizer,
        training=replace(row.training, cache=row.training.cache or str(Path(config.output) / "target_cache")),
        seed=config.seed,
    )


def print_table(rows: dict[str, dict], patients: list[str]) -> None:
    """Every row's primary metric per patient, its mean and its spread over patients."""
    table = Table("encoder", *patients, "mean", "spread", title="Tool mAP, one patient left out")
    for name, result in rows.items():
        values = scores_of_patients(result, patients)
        values = torch.tensor(values, dtype=torch.float64)
        cells = [f"{value:.3f}" for value in (*values.tolist(), values.mean().item(), values.std().item())]
        table.add_row(name, *cells)
    Console(width=120).print(table)


def scores_of_patients(result: dict, patients: list[str]) -> list[float]:
    """Score of every patient, of a result's primary target and head."""
    target = result["targets"][result["primary"]["target"]]
    per_video = target["heads"][result["primary"]["head"]]["runs"][0]["scores"]["per_video"]
    return [per_video[patient][target["score"]] for patient in patients]


if __name__ == "__main__":
    leave_one_patient_out(load_recipe(LeaveOnePatientOutRecipe, Path(sys.argv[1]), sys.argv[2:]))
