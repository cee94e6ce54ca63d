# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""One self-contained page about a distillation: `zen-hf report RUN`."""

import json
from dataclasses import replace
from html import escape
from pathlib import Path

from rich.console import Console

from zen_hf.atomic_files import atomic_write_text
from zen_hf.data.frame_sources import load_frames
from zen_hf.distillation.held_out import HeldOutMonitor
from zen_hf.distillation.held_out_features import token_maps
from zen_hf.distillation.held_out_frames import choose_frames, spread
from zen_hf.distillation.report_curves import monitor_panels, training_panels
from zen_hf.distillation.report_page import Picture, curves, page, picture_table, section, token_pictures
from zen_hf.distillation.report_tables import encoder_table, label_words, resolution_words, teacher_table
from zen_hf.distillation.student import build_student
from zen_hf.distillation.teachers import Teacher, load_teacher
from zen_hf.modeling.modeling_zen_distillation import ZenForDistillation
from zen_hf.recipe_configuration import load_recipe
from zen_hf.recipes.distill import DistillRecipe

SHOWN_FRAMES = 6


def report(run: Path, frames: int = 120) -> Path:
    """Writes `report.html` into a run: curves of an unfinished one, measurements and pictures too of a finished one.

    The measurements compare the exported trunk with its teachers, and with a random trunk, on the videos that the
    recipe holds out; without any, on training videos, and the page says so.

    Args:
        run: Folder of `zen-hf distill`.
        frames: Frames to fit on and frames to test on, at most.

    Returns:
        The page.

    Raises:
        FileNotFoundError: If the folder holds no distillation, or its frames or teachers are gone.
        ValueError: If the frames have too few videos, or labels that cannot be read.
    """
    run = Path(run)
    if not (run / "config.yaml").is_file() or not (run / "log.jsonl").is_file():
        raise FileNotFoundError(
            f"{run} holds no config.yaml and log.jsonl; expected the folder of a zen-hf distill run"
        )
    config = load_recipe(DistillRecipe, run / "config.yaml", [])
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    names = [teacher.name for teacher in config.teachers]
    sections = [section("Run", described(config, lines), "")]
    if panels := training_panels(lines, names):
        sections.append(section("Training", "Means over the steps between two lines of the log.", curves(panels)))
    if panels := monitor_panels(lines, names):
        words = f"The student{' (its moving average)' if config.training.ema_decay else ''} on held-out videos. {KEY}"
        sections.append(section("Held-out videos over the steps", words, curves(panels)))
    if (run / "model").is_dir():
        sections += measured(run, config, frames)
    target = run / "report.html"
    atomic_write_text(target, page(f"Distillation {run.resolve().name}", *sections))
    Console().print(f"{target}: open it in a browser")
    return target


KEY = (
    "FVU: fraction of the teacher's variance that is unexplained, 0 is perfect, 1 is its mean. 'Head': by the student's "
    "adaptor. 'Ridge': by a linear map from the frozen trunk."
)


def described(config: DistillRecipe, lines: list[dict]) -> str:
    """The run in words."""
    start = next((line for line in lines if line.get("event") == "start"), {})
    teachers = ", ".join(f"{teacher.name} ({teacher.source}, {teacher.licence})" for teacher in config.teachers)
    done = max((line["step"] for line in lines if "step" in line and "event" not in line), default=0)
    return (
        f"{done} of {config.training.steps} steps on {start.get('frames', '?')} frames of {start.get('videos', '?')} "
        f"videos; held out: {listed(config.hold_out)}. Teachers: {teachers}. Seed {config.seed}."
    )


def listed(videos: list[str]) -> str:
    """Names of videos, of many only the first and how many."""
    return ", ".join(videos[:6]) + (f" and {len(videos) - 6} others" if len(videos) > 6 else "") or "none"


def measured(run: Path, config: DistillRecipe, count: int) -> list[str]:
    """Sections that need the exported student, the teachers and frames."""
    labels = (config.monitor.label_column,) if config.monitor.label_column else ()
    everything, _ = load_frames(config.frames, extra=labels)
    videos = sorted(set(everything["video_id"][:]))
    hold_out = config.hold_out or videos[-max(1, len(videos) // 3) :]
    words = f"Fitted on training videos, tested on the held-out ones ({listed(config.hold_out)})."
    if not config.hold_out:
        words = "The recipe holds out no video: the student has seen all frames that this is measured on."
    fitting, testing = choose_frames(everything, hold_out, count)
    teachers = [load_teacher(spec) for spec in config.teachers]
    untrained = build_student(config.student, teachers, config.views.image_size, config.seed)
    student = ZenForDistillation.from_pretrained(run / "model")
    sizes = sorted(config.student.image_sizes or [config.views.image_size])
    grids = {size: (size // student.config.patch_size,) * 2 for size in sizes}
    with Console().status(f"Measuring on {len(fitting)} + {len(testing)} frames"):
        monitor = HeldOutMonitor(
            replace(config.monitor, frames=count),
            fitting,
            testing,
            teachers,
            grids,
            untrained,
        )
        readings = monitor(student)
    names = list(monitor.answers)
    notes = "".join(f"<p class=note>{escape(note)}.</p>" for note in monitor.notes)
    return [
        section(
            "Measurements",
            f"{words} {KEY} 'Untrained': from the trunk before its first step. 'pos': against the mean at each position "
            "instead of one mean.",
            teacher_table(readings, names, sizes) + resolution_words(readings, names, sizes) + notes,
        ),
        section(
            "Encoders",
            f"At {sizes[-1]} px. RankMe: effective rank of the summaries. Position: how well a token tells its place; "
            "a value far from the teachers' hints at an artefact.",
            encoder_table(readings, names) + label_words(readings),
        ),
        section(
            "Patch tokens",
            "First three principal components of each model's patch tokens as red, green and blue.",
            token_table(monitor, student, untrained, [teacher for teacher in teachers if teacher.name in names]),
        ),
    ]


def token_table(
    monitor: HeldOutMonitor, student: ZenForDistillation, untrained: ZenForDistillation, teachers: list[Teacher]
) -> str:
    """Held-out frames, and the patch tokens of every model at the largest size."""
    pixels, grid = monitor.parts[1].pixels, monitor.grids[monitor.largest]
    pixels = pixels[spread(list(range(len(pixels))), SHOWN_FRAMES)]
    tokens = token_maps(pixels, {"student": student, "untrained": untrained}, teachers, monitor.largest, grid)
    pictures = {name: token_pictures(patches, grid) for name, patches in tokens.items()}
    rows = [
        [Picture(frame), *(Picture(picture[place]) for picture in pictures.values())]
        for place, frame in enumerate(pixels.permute(0, 2, 3, 1).numpy())
    ]
    return picture_table(["frame", *pictures], rows)
