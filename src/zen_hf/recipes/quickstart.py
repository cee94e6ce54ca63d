# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The whole path on synthetic surgery, in minutes on two cores and without network: `zen-hf quickstart`."""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from zen_hf.atomic_files import atomic_folder
from zen_hf.data.frame_sources import FrameSource
from zen_hf.data.views import ViewSpec
from zen_hf.distillation.optimisation import OptimizerSpec
from zen_hf.distillation.skill_probes import SkillReading, pixel_features, read_skills, retention
from zen_hf.distillation.skills import SKILLS, LabelledFrames
from zen_hf.distillation.student import StudentSpec
from zen_hf.distillation.teachers import Teacher, TeacherSpec
from zen_hf.distillation.training_spec import TrainingSpec
from zen_hf.modeling.frame_encoder import FrameEncoder, FrameFeatures
from zen_hf.modeling.modeling_zen import ZenModel
from zen_hf.recipes.distill import DistillRecipe, run_distillation
from zen_hf.recipes.quickstart_report import write_report
from zen_hf.recipes.taught_surgery import PATCH, Stages, SurgeryBudget, quieten_libraries, rendered, trained_teachers
from zen_hf.run_directory import RunDirectory

PIXELS, RANDOM, STUDENT = "raw pixels", "random trunk", "student"


@dataclass
class QuickstartBudget(SurgeryBudget):
    """How much of everything; the defaults take less than five minutes on two cores.

    Attributes:
        student_steps: Steps of the distillation.
        student_batch_size: Frames per step of the distillation.
        student_optimizer: `"muon"` or `"adamw"`.
        student_size: Hidden size of the student.
        student_layers: Layers of the student.
    """

    student_steps: int = 500
    student_batch_size: int = 32
    student_optimizer: str = "muon"
    student_size: int = 96
    student_layers: int = 4


def quickstart(
    out: Path, seed: int = 0, single_teachers: bool = False, budget: QuickstartBudget | None = None
) -> dict[str, Any]:
    """Renders surgery, trains three teachers with labels, distils a student without, and measures all on unseen videos.

    Args:
        out: Folder of the run; must not hold a finished one. `out/student` is what `AutoModel` loads.
        seed: Seed of data, training and evaluation.
        single_teachers: Whether to distil a student from each teacher alone too, for comparison; each takes as long as
            the student.
        budget: Sizes; by default those of [`QuickstartBudget`].

    Returns:
        What `summary.json` holds.

    Raises:
        FileExistsError: If `out` holds a run already.
    """
    budget = budget or QuickstartBudget()
    out = Path(out)
    run = RunDirectory.create(out, budget, seed, min_free_bytes=2**30)
    quieten_libraries()
    stages = Stages(run)

    videos = rendered(budget, seed, out / "frames.parquet", stages)
    teacher_losses = trained_teachers(budget, videos["teachers"], out / "teachers", seed, stages)
    teachers = [TeacherSpec(name=s.name, source=str(out / "teachers" / s.name), licence="apache-2.0") for s in SKILLS]
    students = {STUDENT: teachers}
    if single_teachers:
        students |= {f"student of {teacher.name} alone": [teacher] for teacher in teachers}
    folders = distilled_students(budget, students, out, seed, stages)
    encoders = all_encoders(budget, teachers, folders, seed)
    readings = probed(encoders, videos, stages)

    scores = {name: reading.scores for name, reading in readings.items()}
    kept = {
        s.name: retention(scores[STUDENT][s.name], scores[teacher_name(s.name)][s.name], scores[RANDOM][s.name])
        for s in SKILLS
    }
    summary = {
        "scores": scores,
        "retention": kept,
        "metrics": {skill.name: skill.metric for skill in SKILLS},
        "seconds": stages.seconds,
        "model": str(out / "student"),
        "report": str(out / "report.html"),
    }
    with stages.stage("Writing the report", 1) as advance:
        write_report(
            out,
            scores,
            kept,
            words=findings(scores, kept),
            code=loading_lines(out),
            readings={name: readings[name] for name in (*map(teacher_name, kept), STUDENT, RANDOM)},
            frames=videos["test"],
            teacher_losses=teacher_losses,
            logs={name: out / "distillation" / folder.name / "log.jsonl" for name, folder in folders.items()},
        )
        advance(1)
    run.finish(summary)
    show(stages.console, summary, out)
    return summary


def distilled_students(
    budget: QuickstartBudget, students: dict[str, list[TeacherSpec]], out: Path, seed: int, stages: Stages
) -> dict[str, Path]:
    """Distils every student as `zen-hf distill` does and returns the folders of the models."""
    folders = {}
    cache = out / "target_cache"
    for name, teachers in students.items():
        title = f"Distilling the {name} without labels"
        stages.console.print(title)
        start = time.perf_counter()
        place = name.replace(" ", "-")
        recipe = DistillRecipe(
            output=str(out / "distillation" / place),
            frames=[FrameSource(path=str(out / "frames.parquet"), licence="apache-2.0")],
            teachers=teachers,
            student=StudentSpec(
                variant="tiny",
                config={
                    "patch_size": PATCH,
                    "hidden_size": budget.student_size,
                    "intermediate_size": 4 * budget.student_size,
                    "num_hidden_layers": budget.student_layers,
                    "num_attention_heads": budget.student_size // 32,
                },
                adaptor_size=2 * budget.student_size,
                whiten_patches=True,
            ),
            # the probes ask about the black border too
            views=ViewSpec(budget.image_size, scale=[1.0, 1.0], ratio=[1.0, 1.0], fixed=1, mask_border=False),
            optimizer=OptimizerSpec(budget.student_optimizer, lr=2e-3),
            training=TrainingSpec(
                steps=budget.student_steps,
                batch_size=budget.student_batch_size,
                precision="no",
                checkpoint_every=budget.student_steps,
                keep_checkpoints=1,
                cache=str(cache),
            ),
            seed=seed,
        )
        model = run_distillation(recipe)
        folders[name] = out / place
        with atomic_folder(folders[name]) as temporary:
            shutil.copytree(model, temporary, dirs_exist_ok=True)
        stages.note(title, start)
    shutil.rmtree(cache)  # large, and quickly computed again
    return folders


def all_encoders(
    budget: QuickstartBudget, teachers: list[TeacherSpec], students: dict[str, Path], seed: int
) -> dict[str, Callable[[torch.Tensor], FrameFeatures]]:
    """Everything that is probed: two controls, the teachers, the students."""
    rows = budget.image_size // PATCH
    trained = {name: FrameEncoder.from_pretrained(str(folder)) for name, folder in students.items()}
    torch.manual_seed(seed + 1000)
    config = trained[STUDENT].model.config
    random = FrameEncoder(ZenModel(config), config.image_mean, config.image_deviation, name=RANDOM)
    taught = {teacher_name(spec.name): Teacher(spec) for spec in teachers}
    return (
        {PIXELS: partial(pixel_features, patch=PATCH), RANDOM: random}
        | {name: lambda images, teacher=teacher: teacher(images, (rows, rows)) for name, teacher in taught.items()}
        | trained
    )


def probed(encoders: dict, videos: dict[str, LabelledFrames], stages: Stages) -> dict[str, SkillReading]:
    """Probes every encoder for every skill."""
    total = len(encoders) * (len(videos["probes"]) + len(videos["test"]))
    readings = {}
    with stages.stage("Probing on unseen videos", total) as advance:
        for name, encode in encoders.items():
            report = lambda count, name=name: advance(count, name)  # noqa: E731
            readings[name] = read_skills(encode, videos["probes"], videos["test"], advance=report)
    return readings


def teacher_name(skill: str) -> str:
    """How tables call a teacher."""
    return f"teacher '{skill}'"


def loading_lines(out: Path) -> str:
    """The Python that loads the student."""
    return (
        "import zen_hf\n"
        "from transformers import AutoModel\n"
        f"model = AutoModel.from_pretrained({json.dumps(str(out / 'student'))})"
    )


def show(console: Console, summary: dict[str, Any], out: Path) -> None:
    """Prints the table, what it says, and how to go on."""
    scores, kept = summary["scores"], summary["retention"]
    table = Table(title="Linear probes on synthetic videos that nothing was trained on")
    table.add_column("")
    for skill in SKILLS:
        table.add_column(f"{skill.name} ({skill.metric})", justify="right")
    for name, row in scores.items():
        cells = [
            f"[bold]{row[s.name]:.3f}[/bold]" if name in (STUDENT, teacher_name(s.name)) else f"{row[s.name]:.3f}"
            for s in SKILLS
        ]
        table.add_row(name, *cells, end_section=name in (RANDOM, teacher_name(SKILLS[-1].name)))
    table.add_row("retention of the student", *(f"{kept[skill.name]:.0%}" for skill in SKILLS))
    console.print(table)
    console.print(findings(scores, kept))
    console.print(f"\nReport: {out / 'report.html'}   Time: {sum(summary['seconds'].values()):.0f} s")
    console.print("Load the student:\n")
    print(loading_lines(out))  # as it is: no wrapped lines, no colours in what is to be copied


def findings(scores: dict[str, dict[str, float]], kept: dict[str, float]) -> str:
    """What the scores say, in words; nothing that this run does not show."""
    lines = [
        "Retention is (student - random trunk) / (own teacher - random trunk).",
        f"The student keeps {min(kept.values()):.0%} or more of each teacher's margin on that teacher's own skill.",
    ]
    others = [name for name in scores if name.startswith("teacher ")]
    others += [name for name in scores if name.startswith(f"{STUDENT} of ")]
    for name in others:
        shares = {
            skill.name: retention(
                scores[name][skill.name], scores[teacher_name(skill.name)][skill.name], scores[RANDOM][skill.name]
            )
            for skill in SKILLS
        }
        weakest = min(shares, key=shares.get)
        lines.append(f"The {name} by itself reaches {shares[weakest]:.0%} of the margin for '{weakest}'.")
    return "\n".join(lines)
