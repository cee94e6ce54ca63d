# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Distils teachers into a ZEN: `zen-hf distill RECIPE.yaml`."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from omegaconf import MISSING

from zen_hf.data.frames import FrameSource, load_frames
from zen_hf.data.views import ViewSpec
from zen_hf.distillation.balancing import BalancingSpec
from zen_hf.distillation.calibration import StandardisationSpec
from zen_hf.distillation.export import export
from zen_hf.distillation.masking import MaskingSpec
from zen_hf.distillation.objective import LossSpec
from zen_hf.distillation.optimisation import OptimizerSpec
from zen_hf.distillation.student import StudentSpec, build_student
from zen_hf.distillation.teachers import Teacher, TeacherSpec
from zen_hf.distillation.trainer import Distillation, TrainingSpec, mixed_precision
from zen_hf.recipe_configuration import load_recipe
from zen_hf.run_directory import RunDirectory


@dataclass
class DistillRecipe:
    """Everything that a distillation run is made of.

    Attributes:
        output: Run directory; must not hold a finished run.
        frames: Sources of unlabelled frames.
        hold_out: Videos that must never be seen, such as the patients of an evaluation.
        teachers: One or more teachers.
        seed: Seed of initialisation, views and batches.
    """

    output: str = MISSING
    frames: list[FrameSource] = MISSING
    teachers: list[TeacherSpec] = MISSING
    hold_out: list[str] = field(default_factory=list)
    student: StudentSpec = field(default_factory=StudentSpec)
    views: ViewSpec = field(default_factory=ViewSpec)
    standardisation: StandardisationSpec = field(default_factory=StandardisationSpec)
    losses: LossSpec = field(default_factory=LossSpec)
    balancing: BalancingSpec = field(default_factory=BalancingSpec)
    masking: MaskingSpec = field(default_factory=MaskingSpec)
    optimizer: OptimizerSpec = field(default_factory=OptimizerSpec)
    training: TrainingSpec = field(default_factory=TrainingSpec)
    seed: int = 0

    def __post_init__(self):
        names = [teacher.name for teacher in self.teachers]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"teachers are named {names}; expected at least one teacher, each with a name of its own")


def distill(recipe: Path, overrides: list[str] = (), resume: bool = False) -> Path:
    """Runs a recipe and returns the folder of the distilled model.

    Args:
        recipe: YAML file with the fields of [`DistillRecipe`].
        overrides: Dotted overrides, such as `training.steps=100`.
        resume: Go on with an interrupted run in the same output folder.

    Raises:
        ValueError: A wrong recipe, an incomplete teacher or an unreadable frame; nothing is written then.
        FileExistsError: The output folder holds a run already.
    """
    return run_distillation(load_recipe(DistillRecipe, recipe, list(overrides)), resume)


def run_distillation(config: DistillRecipe, resume: bool = False) -> Path:
    """Runs a resolved recipe; see [`distill`]."""
    accelerator = Accelerator(mixed_precision=mixed_precision(config.training.precision))
    frames, skipped = load_frames(config.frames, config.hold_out)
    teachers = [Teacher(spec) for spec in config.teachers]
    student = build_student(config.student, teachers, config.views.image_size, config.seed)
    run = RunDirectory.create(
        Path(config.output), config, config.seed, resume=resume, is_main_process=accelerator.is_main_process
    )
    accelerator.wait_for_everyone()
    run.log(event="start", frames=len(frames), frames_skipped=skipped, videos=len(set(frames["video_id"])))
    distillation = Distillation(
        student,
        teachers,
        frames,
        image_sizes=config.student.image_sizes or [config.views.image_size],
        views=config.views,
        standardisation=config.standardisation,
        losses=config.losses,
        balancing=config.balancing,
        masking=config.masking,
        optimizer=config.optimizer,
        training=config.training,
        run=run,
        accelerator=accelerator,
        whiten_patches=config.student.whiten_patches,
        seed=config.seed,
    )
    calibrations = distillation.train()
    model = run.path / "model"
    if accelerator.is_main_process:
        if not model.exists():  # a run that was stopped between export and summary
            export(distillation.trained, calibrations, model)
        run.finish(summary(config, frames, skipped, model))
        accelerator.print(f"{model}: load it with AutoModel.from_pretrained")
    accelerator.wait_for_everyone()
    return model


def summary(config: DistillRecipe, frames, skipped: int, model: Path) -> dict[str, Any]:
    """What `summary.json` says of a finished run: data and licences first."""
    return {
        "model": str(model),
        "frames": len(frames),
        "frames_skipped": skipped,
        "videos": sorted(set(frames["video_id"])),
        "held_out_videos": list(config.hold_out),
        "steps": config.training.steps,
        "teachers": [
            {key: asdict(teacher)[key] for key in ("name", "source", "revision", "licence")}
            for teacher in config.teachers
        ],
        "sources": [{"path": source.path, "licence": source.licence} for source in config.frames],
    }
