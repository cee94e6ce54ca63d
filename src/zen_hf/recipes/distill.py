# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Distils teachers into a ZEN: `zen-hf distill RECIPE.yaml`."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from omegaconf import MISSING

from zen_hf.benchmark.trained_on import TrainingData, distilled_on, training_data_of
from zen_hf.data.frame_sources import Frames, FrameSource, leave_out, load_frames
from zen_hf.data.mixture import MixtureSpec
from zen_hf.data.views import ViewSpec
from zen_hf.distillation.balancing import BalancingSpec
from zen_hf.distillation.calibration import StandardisationSpec
from zen_hf.distillation.export import export
from zen_hf.distillation.held_out import HeldOutMonitor, MonitorSpec
from zen_hf.distillation.held_out_frames import choose_frames
from zen_hf.distillation.masking import MaskingSpec
from zen_hf.distillation.objective import LossSpec
from zen_hf.distillation.optimisation import OptimizerSpec
from zen_hf.distillation.processes import build_accelerator, prepare_sharding, spread, whole_student
from zen_hf.distillation.student import StudentSpec, build_student, exported_adaptors
from zen_hf.distillation.teachers import TeacherSpec, load_teacher
from zen_hf.distillation.trackers import flat_settings
from zen_hf.distillation.trainer import Distillation
from zen_hf.distillation.training_spec import TrainingSpec
from zen_hf.modeling.modeling_zen_distillation import ZenForDistillation
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
    mixture: MixtureSpec = field(default_factory=MixtureSpec)
    student: StudentSpec = field(default_factory=StudentSpec)
    views: ViewSpec = field(default_factory=ViewSpec)
    standardisation: StandardisationSpec = field(default_factory=StandardisationSpec)
    losses: LossSpec = field(default_factory=LossSpec)
    balancing: BalancingSpec = field(default_factory=BalancingSpec)
    masking: MaskingSpec = field(default_factory=MaskingSpec)
    optimizer: OptimizerSpec = field(default_factory=OptimizerSpec)
    training: TrainingSpec = field(default_factory=TrainingSpec)
    monitor: MonitorSpec = field(default_factory=MonitorSpec)
    seed: int = 0

    def __post_init__(self):
        names = [teacher.name for teacher in self.teachers]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"teachers are named {names}; expected at least one teacher, each with a name of its own")
        if self.monitor.every and not self.hold_out:
            raise ValueError(
                f"monitor.every is {self.monitor.every}, but hold_out is empty: readings on videos that the student "
                "learns from say nothing; name videos in hold_out, or set monitor.every to 0"
            )


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
    accelerator = build_accelerator(config.training, Path(config.output) / "trackers")
    prepare_sharding(accelerator, config.optimizer, config.student)
    parallel = spread(accelerator, config.training.batch_size * config.training.accumulate)
    accelerator.print(", ".join(f"{key} {value}" for key, value in parallel.items()))
    extra = tuple(filter(None, (config.monitor.label_column, config.mixture.weight_column)))
    everything, skipped = load_frames(config.frames, extra=extra)
    frames = leave_out(everything, config.hold_out)
    on_gpu = accelerator.device.type != "cpu"  # float32 weights under autocast would only cost memory there
    dtype = torch.bfloat16 if accelerator.mixed_precision == "bf16" and on_gpu else torch.float32
    teachers = [load_teacher(spec, dtype) for spec in config.teachers]
    student = build_student(config.student, teachers, config.views.image_size, config.seed)
    training_data = distilled_on(config.frames, frames, training_data_inherited(config))
    distillation = Distillation(
        student,
        teachers,
        frames,
        image_sizes=config.student.image_sizes or [config.views.image_size],
        views=config.views,
        mixture=config.mixture,
        standardisation=config.standardisation,
        losses=config.losses,
        balancing=config.balancing,
        masking=config.masking,
        optimizer=config.optimizer,
        training=config.training,
        run=RunDirectory(Path(config.output), accelerator.is_main_process),  # nothing is written yet
        accelerator=accelerator,
        whiten_patches=config.student.whiten_patches,
        replaceable=frozenset(source.path for source in config.frames if source.on_error == "skip"),
        exported_adaptors=exported_adaptors(config.student, teachers),
        monitor_every=config.monitor.every,
        seed=config.seed,
    )
    run = distillation.run = RunDirectory.create(
        Path(config.output), config, config.seed, resume=resume, is_main_process=accelerator.is_main_process
    )
    accelerator.wait_for_everyone()
    videos = len(set(frames["video_id"][:]))
    run.log(event="start", frames=len(frames), frames_skipped=skipped, videos=videos, **parallel)
    accelerator.init_trackers("zen-hf", config=flat_settings(config))
    if config.monitor.every:
        untrained = whole_student(accelerator, distillation.student)  # no checkpoint is loaded yet
        if accelerator.is_main_process:
            distillation.monitor = held_out_monitor(config, everything, distillation, untrained)
            for note in distillation.monitor.notes:
                run.log(event="monitor_note", note=note)
    calibrations = distillation.train()
    model, trained = run.path / "model", distillation.trained
    if accelerator.is_main_process:
        if not model.exists():  # a run that was stopped between export and summary
            export(trained, calibrations, model, training_data.as_dict())
        run.finish(summary(config, frames, skipped, model))
        accelerator.print(f"{model}: load it with AutoModel.from_pretrained")
    accelerator.wait_for_everyone()
    for tracker in accelerator.trackers:
        tracker.finish()
    return model


def training_data_inherited(config: DistillRecipe) -> dict[str, TrainingData | None]:
    """What is known of the training data of every teacher, and of the weights that the student starts from."""
    known = {spec.name: training_data_of(spec.source, spec.revision) for spec in config.teachers}
    start = config.student.pretrained or config.student.generalist
    return known | ({"start of the student": training_data_of(start)} if start else {})


def held_out_monitor(
    config: DistillRecipe, everything: Frames, distillation: Distillation, untrained: ZenForDistillation
) -> HeldOutMonitor:
    """Readings on the videos that the recipe holds out."""
    fitting, testing = choose_frames(everything, config.hold_out, config.monitor.frames)
    return HeldOutMonitor(config.monitor, fitting, testing, distillation.teachers, distillation.feed.grids, untrained)


def summary(config: DistillRecipe, frames, skipped: int, model: Path) -> dict[str, Any]:
    """What `summary.json` says of a finished run: data and licences first."""
    return {
        "model": str(model),
        "frames": len(frames),
        "frames_skipped": skipped,
        "videos": sorted(set(frames["video_id"][:])),
        "held_out_videos": list(config.hold_out),
        "steps": config.training.steps,
        "teachers": [
            {key: asdict(teacher)[key] for key in ("name", "source", "revision", "licence")}
            for teacher in config.teachers
        ],
        "sources": [{"path": source.path, "licence": source.licence} for source in config.frames],
    }
