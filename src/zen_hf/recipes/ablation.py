# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What each part of the method does: one student per row and seed, all on synthetic surgery, and the controls beside them.

python -m zen_hf.recipes.ablation src/zen_hf/recipes/ablation.yaml output=RUN_FOLDER [key=value ...]
"""

import json
import multiprocessing
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from omegaconf import MISSING
from rich.progress import Progress
from safetensors.torch import load_file, save_file

from zen_hf.atomic_files import atomic_write_text
from zen_hf.data.frame_sources import FrameSource, load_frames
from zen_hf.data.views import ViewSpec
from zen_hf.distillation.balancing import BalancingSpec
from zen_hf.distillation.calibration import StandardisationSpec
from zen_hf.distillation.objective import LossSpec
from zen_hf.distillation.optimisation import OptimizerSpec
from zen_hf.distillation.scaled_teachers import patch_deviation, scale_teacher
from zen_hf.distillation.shuffled_targets import shuffle_targets
from zen_hf.distillation.skill_probes import pixel_features
from zen_hf.distillation.skills import SKILLS, load_labelled, save_labelled
from zen_hf.distillation.student import StudentSpec, build_student
from zen_hf.distillation.student_measurements import (
    Pair,
    ProbeFrames,
    encode_both,
    head_measurements,
    trunk_measurements,
)
from zen_hf.distillation.target_cache import TargetCache
from zen_hf.distillation.teachers import Teacher, TeacherSpec
from zen_hf.distillation.tiny_teachers import save_tiny_teacher, tiny_network
from zen_hf.distillation.training_spec import TrainingSpec
from zen_hf.modeling.frame_encoder import FrameEncoder, FrameFeatures
from zen_hf.modeling.modeling_zen_distillation import ZenForDistillation
from zen_hf.recipe_configuration import load_recipe, save_recipe
from zen_hf.recipes.ablation_table import markdown
from zen_hf.recipes.distill import DistillRecipe, run_distillation
from zen_hf.recipes.taught_surgery import PATCH, Stages, SurgeryBudget, quieten_libraries, rendered, trained_teachers
from zen_hf.run_directory import RunDirectory

PIXELS, RANDOM = "raw pixels", "random trunk"


@dataclass
class AblationRow:
    """One row of the table: a student, and how its recipe differs from the base.

    Attributes:
        name: How the table calls it.
        changes: Dotted keys of `zen-hf distill`'s recipe and their values, such as `{losses.patch_hybrid: 1}`.
        teachers: Names of the teachers; by default all.
        shuffled_targets: Whether every frame has the targets of a frame of another video (a control).
        untrained_teachers: Whether the teachers have random weights (a control).
    """

    name: str = MISSING
    changes: dict[str, Any] = field(default_factory=dict)
    teachers: list[str] = field(default_factory=list)
    shuffled_targets: bool = False
    untrained_teachers: bool = False

    def __post_init__(self):
        names = [skill.name for skill in SKILLS]
        unknown = sorted(set(self.teachers) - set(names))
        if unknown:
            raise ValueError(f"row {self.name!r} has the teachers {', '.join(unknown)}; expected {', '.join(names)}")


@dataclass
class AblationRecipe:
    """Rows, the recipe that they all change, and how much of everything.

    Attributes:
        output: Folder of the runs; a stopped command goes on where it was.
        seeds: Every row runs once per seed, which decides student, views and batches.
        own_surgery: Whether every seed also has frames and teachers of its own; else all share the first seed's.
        surgery: Frames and teachers.
        scales: What the teachers' patch tokens are scaled to: root of the mean variance of their channels.
        rows: The students.
        jobs: Students that run side by side, each with its share of the cores.
    """

    output: str = MISSING
    rows: list[AblationRow] = MISSING
    seeds: list[int] = field(default_factory=lambda: [0, 1, 2])
    own_surgery: bool = True
    surgery: SurgeryBudget = field(default_factory=SurgeryBudget)
    # standard deviations of DFN-CLIP, DINOv2 and SAM in PHI-S (arXiv 2410.01680)
    scales: dict[str, float] = field(default_factory=lambda: {"what": 0.03, "where": 1.35, "far": 5.5})
    student: StudentSpec = field(default_factory=StudentSpec)
    views: ViewSpec = field(default_factory=ViewSpec)
    standardisation: StandardisationSpec = field(default_factory=StandardisationSpec)
    losses: LossSpec = field(default_factory=LossSpec)
    balancing: BalancingSpec = field(default_factory=BalancingSpec)
    optimizer: OptimizerSpec = field(default_factory=OptimizerSpec)
    training: TrainingSpec = field(default_factory=TrainingSpec)
    jobs: int = 1

    def __post_init__(self):
        names = [row.name for row in self.rows]
        if len(set(names)) < len(names):
            raise ValueError(f"rows are named {names}; expected a name of its own for each")
        if self.views.image_size != self.surgery.image_size or self.student.config.get("patch_size") != PATCH:
            raise ValueError(
                f"views.image_size is {self.views.image_size} and surgery.image_size {self.surgery.image_size}, "
                f"student.config is {self.student.config}; expected one size, and patch_size: {PATCH} of the labels"
            )


def ablation(config: AblationRecipe) -> dict:
    """Runs what is not there yet, prints the tables and writes `summary.json`.

    Returns:
        Row name to one dict of measurements per seed.
    """
    run = RunDirectory.create(Path(config.output), config, config.seeds[0], resume=True)
    own = config.seeds if config.own_surgery else config.seeds[:1]
    stages = (  # each needs what the one before it left
        [(prepare_surgery, seed) for seed in own],
        [(prepare_targets, seed) for seed in config.seeds],
        [
            (job, seed)
            for seed in config.seeds
            for job in (measure_controls, *(partial(run_row, row=row) for row in config.rows))
        ],
    )
    with ProcessPoolExecutor(
        config.jobs,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=torch.set_num_threads,
        initargs=(max(1, torch.get_num_threads() // config.jobs),),
    ) as pool:
        for stage in stages:
            for message in pool.map(call, [config] * len(stage), *zip(*stage, strict=True)):
                run.log(event="done", message=message)
                print(message, flush=True)
    names = [PIXELS, RANDOM, *(teacher_row(skill.name) for skill in SKILLS), *(row.name for row in config.rows)]
    rows = {name: [read(measurements_of(config, seed, name)) for seed in config.seeds] for name in names}
    text = markdown(rows, random=RANDOM, own={skill.name: teacher_row(skill.name) for skill in SKILLS})
    atomic_write_text(run.path / "table.md", text)
    run.finish({"rows": rows, "seeds": config.seeds})
    print(text)
    return rows


def call(config: AblationRecipe, job: Callable, seed: int) -> str:
    """Runs a job in a process of the pool."""
    quieten_libraries()
    return job(config, seed)


def seed_folder(config: AblationRecipe, seed: int) -> Path:
    """Where the students of one seed lie."""
    return Path(config.output) / f"seed-{seed}"


def surgery_folder(config: AblationRecipe, seed: int) -> Path:
    """Where the frames and teachers of one seed lie."""
    return Path(config.output) / f"surgery-{seed if config.own_surgery else config.seeds[0]}"


def measurements_of(config: AblationRecipe, seed: int, name: str) -> Path:
    """The file with one row's measurements."""
    return seed_folder(config, seed) / "measurements" / f"{file_name(name)}.json"


def file_name(name: str) -> str:
    """A row's name as that of a file."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)


def teacher_row(skill: str) -> str:
    """How the table calls a teacher."""
    return f"teacher {skill}"


def sizes_of(config: AblationRecipe) -> list[int]:
    """Sizes at which any row sees frames, the base size first."""
    sizes = [config.views.image_size]
    for row in config.rows:
        sizes += [size for size in row.changes.get("student.image_sizes", []) if size not in sizes]
    return sizes


def specs(config: AblationRecipe, seed: int, row: AblationRow | None = None) -> list[TeacherSpec]:
    """The teachers of a row, by default all, scaled."""
    kind = "untrained" if row and row.untrained_teachers else "scaled"
    names = row.teachers if row and row.teachers else [skill.name for skill in SKILLS]
    folder = surgery_folder(config, seed) / kind
    return [TeacherSpec(name=name, source=str(folder / name), licence="apache-2.0") for name in names]


def prepare_surgery(config: AblationRecipe, seed: int) -> str:
    """Frames, teachers at their scales, and what these say of the frames that everything is measured on."""
    folder = surgery_folder(config, seed)
    if (folder / "summary.json").exists():
        return f"{folder}: prepared before"
    run = RunDirectory.create(folder, config.surgery, seed, resume=True)
    stages = Stages(run)
    videos = rendered(config.surgery, seed, folder / "frames.parquet", stages)
    save_labelled(videos["probes"], folder / "known.safetensors")
    save_labelled(videos["test"], folder / "unseen.safetensors")
    if not all((folder / "trained" / skill.name).exists() for skill in SKILLS):
        trained_teachers(config.surgery, videos["teachers"], folder / "trained", seed, stages)
    pixels = videos["teachers"].pixels
    for number, skill in enumerate(SKILLS):
        torch.manual_seed(seed + 100 + number)
        network = tiny_network(skill.name)
        size = getattr(network.config, "image_size", pixels.shape[-1])
        save_new(folder / "raw" / skill.name, partial(save_tiny_teacher, network, size))
        for kind, origin in (("scaled", "trained"), ("untrained", "raw")):
            source = folder / origin / skill.name
            factor = config.scales[skill.name] / patch_deviation(source, pixels)
            save_new(folder / kind / skill.name, partial(scale_teacher, source, factor=factor))
    teachers, frames = [Teacher(spec) for spec in specs(config, seed)], probe_frames(config, seed)
    for size in sizes_of(config):
        save_answers(teachers, frames, (size // PATCH, size // PATCH), answers_file(config, seed, size))
    run.finish({"seconds": stages.seconds})
    return f"{folder}: prepared"


def prepare_targets(config: AblationRecipe, seed: int) -> str:
    """The teachers' outputs for one seed's views, before rows that run side by side would all compute them."""
    folder = seed_folder(config, seed)
    teachers = [Teacher(spec) for spec in specs(config, seed)]
    frames, _ = load_frames(base_recipe(config, seed).frames)
    for size in sizes_of(config):
        grid = (size // PATCH, size // PATCH)
        cache = TargetCache(folder / "targets", frames, config.views, teachers, grid, seed)
        cache.fill(Progress(disable=True))
        if size == config.views.image_size and any(row.shuffled_targets for row in config.rows):
            save_new(folder / "shuffled", partial(shuffle_targets, cache, seed=seed))
    return f"{folder}: targets cached"


def save_new(folder: Path, save: Callable[[Path], None]) -> None:
    """Saves what is not there yet."""
    if not folder.exists():
        save(folder=folder)


def probe_frames(config: AblationRecipe, seed: int) -> ProbeFrames:
    """The frames that everything is measured on."""
    folder = surgery_folder(config, seed)
    known, unseen = (load_labelled(folder / f"{name}.safetensors") for name in ("known", "unseen"))
    return ProbeFrames(known, unseen, config.surgery.probe_frames_per_video)


def save_answers(teachers: list[Teacher], frames: ProbeFrames, grid: tuple[int, int], path: Path) -> None:
    """Stores what teachers say of the probe frames on a grid."""
    tensors = {}
    for teacher in teachers:
        pair = encode_both(lambda images, teacher=teacher: teacher(images, grid), frames)
        for part, features in zip(("known", "unseen"), pair, strict=True):
            tensors |= {
                f"{teacher.name}.{part}.summary": features.summary,
                f"{teacher.name}.{part}.patches": features.patches,
            }
    save_file(tensors, path)


def answers_file(config: AblationRecipe, seed: int, size: int) -> Path:
    """The file with what the teachers say of the probe frames at a size."""
    return surgery_folder(config, seed) / f"answers-{size}.safetensors"


def load_answers(config: AblationRecipe, seed: int, size: int) -> dict[str, Pair]:
    """What the scaled teachers say of the probe frames at a size of the student's input."""
    tensors, grid = load_file(answers_file(config, seed, size)), (size // PATCH,) * 2
    return {
        name: tuple(
            FrameFeatures(tensors[f"{name}.{part}.summary"], tensors[f"{name}.{part}.patches"], grid)
            for part in ("known", "unseen")
        )
        for name in (skill.name for skill in SKILLS)
    }


def base_recipe(config: AblationRecipe, seed: int, row: AblationRow | None = None) -> DistillRecipe:
    """What `zen-hf distill` is asked for, before a row's changes."""
    folder = seed_folder(config, seed)
    return DistillRecipe(
        output=str(folder / "students" / file_name(row.name)) if row else "",
        frames=[FrameSource(path=str(surgery_folder(config, seed) / "frames.parquet"), licence="apache-2.0")],
        teachers=specs(config, seed, row),
        student=config.student,
        views=config.views,
        standardisation=config.standardisation,
        losses=config.losses,
        balancing=config.balancing,
        optimizer=config.optimizer,
        training=config.training,
        seed=seed,
    )


def row_recipe(config: AblationRecipe, seed: int, row: AblationRow) -> DistillRecipe:
    """The recipe of a row: the base with the row's changes, whose keys and types are checked as on the command line."""
    base = base_recipe(config, seed, row)
    path = seed_folder(config, seed) / f"base-{file_name(row.name)}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    cache = seed_folder(config, seed) / ("shuffled" if row.shuffled_targets else "targets")
    base.training = replace(config.training, cache=str(cache))
    save_recipe(base, path)
    return load_recipe(DistillRecipe, path, [f"{key}={json.dumps(value)}" for key, value in row.changes.items()])


def run_row(config: AblationRecipe, seed: int, row: AblationRow) -> str:
    """Distils and measures one student."""
    path = measurements_of(config, seed, row.name)
    if path.exists():
        return f"{path}: measured before"
    recipe = row_recipe(config, seed, row)
    model = Path(recipe.output) / "model"
    if not (Path(recipe.output) / "summary.json").exists():
        run_distillation(recipe, resume=True)
    student, report = ZenForDistillation.from_pretrained(model, output_loading_info=True)
    frames = probe_frames(config, seed)
    measured = trunk_measurements(
        encode_both(FrameEncoder.from_pretrained(str(model)), frames),
        load_answers(config, seed, config.views.image_size),
        frames,
    )
    measured["heads"] = {}
    for size in recipe.student.image_sizes or [config.views.image_size]:
        answers = load_answers(config, seed, size)
        if row.untrained_teachers:  # their heads imitate them, not the trained ones
            grid = (size // PATCH, size // PATCH)
            answers = {spec.name: encode_both(partial(Teacher(spec), grid=grid), frames) for spec in recipe.teachers}
        measured["heads"][str(size)] = head_measurements(student.eval(), answers, frames, size)
    write(path, measured)
    return f"{path}: measured"


def measure_controls(config: AblationRecipe, seed: int) -> str:
    """What is not distilled: raw pixels, a random trunk, and the teachers themselves."""
    frames, answers = probe_frames(config, seed), load_answers(config, seed, config.views.image_size)
    trunk = build_student(
        config.student, [Teacher(spec) for spec in specs(config, seed)], config.views.image_size, seed + 1000
    ).model
    random = FrameEncoder(trunk, trunk.config.image_mean, trunk.config.image_deviation, name=RANDOM)
    controls = {
        PIXELS: lambda: encode_both(partial(pixel_features, patch=PATCH), frames),
        RANDOM: lambda: encode_both(random, frames),
    } | {teacher_row(name): lambda pair=pair: pair for name, pair in answers.items()}
    for name, features in controls.items():
        if not measurements_of(config, seed, name).exists():
            write(measurements_of(config, seed, name), trunk_measurements(features(), answers, frames))
    return f"{seed_folder(config, seed)}: controls measured"


def write(path: Path, measured: dict) -> None:
    """Stores measurements."""
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write_text(path, json.dumps(measured, indent=2) + "\n")


def read(path: Path) -> dict:
    """Reads measurements."""
    return json.loads(path.read_text())


if __name__ == "__main__":
    ablation(load_recipe(AblationRecipe, Path(sys.argv[1]), sys.argv[2:]))
