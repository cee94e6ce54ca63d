# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""One self-contained page about a distillation: `zen-hf report RUN`."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from rich.console import Console
from rich.progress import track

from zen_hf.data.frames import load_frames
from zen_hf.data.views import ViewSpec, make_view
from zen_hf.distillation.monitors.cka import linear_cka
from zen_hf.distillation.monitors.fvu import feature_mean, fvu, fvu_pos, position_means
from zen_hf.distillation.monitors.rank_me import rank_me
from zen_hf.distillation.monitors.ridge_fvu import ridge_fvu
from zen_hf.distillation.report_page import (
    Picture,
    curves,
    page,
    picture_table,
    score_table,
    section,
    token_pictures,
)
from zen_hf.distillation.student import build_student
from zen_hf.distillation.teachers import Teacher
from zen_hf.modeling.frame_encoder import FrameEncoder, FrameFeatures
from zen_hf.modeling.modeling_zen_distillation import ZenForDistillation
from zen_hf.recipe_configuration import load_recipe
from zen_hf.recipes.distill import DistillRecipe
from zen_hf.run_directory import atomic_write_text

SHOWN_FRAMES = 6
BATCH = 16


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
    """
    run = Path(run)
    if not (run / "config.yaml").is_file() or not (run / "log.jsonl").is_file():
        raise FileNotFoundError(
            f"{run} holds no config.yaml and log.jsonl; expected the folder of a zen-hf distill run"
        )
    config = load_recipe(DistillRecipe, run / "config.yaml", [])
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    steps = [line for line in lines if "step" in line]
    sections = [section("Run", described(config, lines, steps), "")]
    if steps:
        sections.append(section("Curves", "Means over the steps between two lines of the log.", curves(panels(steps))))
    if (run / "model").is_dir():
        sections += measured(run, config, frames)
    target = run / "report.html"
    atomic_write_text(target, page(f"Distillation {run.resolve().name}", *sections))
    Console().print(f"{target}: open it in a browser")
    return target


def described(config: DistillRecipe, lines: list[dict], steps: list[dict]) -> str:
    """The run in words."""
    start = next((line for line in lines if line.get("event") == "start"), {})
    teachers = ", ".join(f"{teacher.name} ({teacher.source}, {teacher.licence})" for teacher in config.teachers)
    done = steps[-1]["step"] if steps else 0
    return (
        f"{done} of {config.training.steps} steps on {start.get('frames', '?')} frames of {start.get('videos', '?')} "
        f"videos; held out: {', '.join(config.hold_out) or 'none'}. Teachers: {teachers}. Seed {config.seed}."
    )


def panels(steps: list[dict]) -> list[tuple[str, dict]]:
    """Charts: the terms of each teacher, the learning rate and gradient, speed."""

    def line(key: str) -> tuple[list[float], list[float]]:
        known = [entry for entry in steps if entry.get(key) is not None]
        return [entry["step"] for entry in known], [entry[key] for entry in known]

    terms = sorted({key for entry in steps for key in entry if "/" in key})
    names = sorted({term.split("/")[0] for term in terms})
    charts = [
        (f"losses of {name}", {t.split("/")[1]: line(t) for t in terms if t.split("/")[0] == name}) for name in names
    ]
    charts.append(("gradient norm", {"gradient_norm": line("gradient_norm")}))
    charts.append(("learning rate", {"lr": line("lr")}))
    charts.append(("images per second", {"images_per_second": line("images_per_second")}))
    charts.append(("share of time waiting for data and teachers", {"data_wait": line("data_wait")}))
    return charts


def measured(run: Path, config: DistillRecipe, count: int) -> list[str]:
    """Sections that need the exported student, the teachers and frames."""
    fitting, testing, words = chosen_frames(config, count)
    student = FrameEncoder.from_pretrained(str(run / "model"))
    size = max(config.student.image_sizes or [config.views.image_size])
    grid = (size // student.stride,) * 2
    teachers = [Teacher(spec) for spec in config.teachers]
    control = build_student(config.student, teachers, config.views.image_size, config.seed).model.eval()
    encoders: dict[str, Callable[[torch.Tensor], FrameFeatures]] = {
        "student": student,
        "untrained": FrameEncoder(control, control.config.image_mean, control.config.image_deviation),
    }
    encoders |= {teacher.name: lambda images, teacher=teacher: teacher(images, grid) for teacher in teachers}
    fitted, tested = ({name: [] for name in encoders} for _ in range(2))
    for store, rows in ((fitted, fitting), (tested, testing)):
        for start in track(range(0, len(rows), BATCH), "Encoding frames", transient=True):
            images = views(rows.select(range(start, min(start + BATCH, len(rows)))), size)
            for name, encoder in encoders.items():
                store[name].append(encoder(images))
    fitted, tested = ({name: joined(parts) for name, parts in store.items()} for store in (fitted, tested))
    heads = ZenForDistillation.from_pretrained(run / "model").eval()
    rows = [monitor_row(name, heads, fitted, tested, fitting, testing) for name in (t.name for t in teachers)]
    ranks = ", ".join(f"{name} {rank_me(features.summary):.1f}" for name, features in tested.items())
    return [
        section(
            "Measurements",
            f"{words} FVU: fraction of the teacher's variance that is unexplained, 0 is perfect, 1 is its mean. 'Head': by "
            "the student's adaptor. 'Ridge': by a linear map from the frozen trunk, and from the untrained trunk. "
            "'pos': against the mean at each position instead of one mean.",
            score_table(COLUMNS, rows) + f"<p>RankMe of the summaries (effective rank): {ranks}.</p>",
        ),
        section(
            "Patch tokens",
            "First three principal components of each model's patch tokens as red, green and blue.",
            token_table(tested, testing, grid, size),
        ),
    ]


COLUMNS = (
    "head: summary FVU",
    "head: patch FVU",
    "head: patch FVU pos",
    "ridge: summary FVU",
    "untrained",
    "ridge: patch FVU",
    "untrained",
    "patch CKA",
)


def monitor_row(
    name: str,
    heads: ZenForDistillation,
    fitted: dict[str, FrameFeatures],
    tested: dict[str, FrameFeatures],
    fitting: Dataset,
    testing: Dataset,
) -> tuple[str, list[str], list[bool], bool]:
    """What the student has of one teacher, as a row of `score_table`."""
    teacher, wanted = fitted[name], tested[name]
    with torch.no_grad():
        summary = heads.adaptors[name].summary(tested["student"].summary)
        patches = heads.adaptors[name].patches(tested["student"].patches)
    videos = fitting["video_id"], testing["video_id"]

    def ridge(trunk: str, part: str) -> float:
        pairs = [
            (getattr(fitted[trunk], part), getattr(teacher, part)),
            (getattr(tested[trunk], part), getattr(wanted, part)),
        ]
        return ridge_fvu(*pairs[0], list(videos[0]), *pairs[1], list(videos[1])).fvu

    values = [
        fvu(summary, wanted.summary, feature_mean(teacher.summary)),
        fvu(patches, wanted.patches, feature_mean(teacher.patches)),
        fvu_pos(patches, wanted.patches, position_means(teacher.patches)),
        ridge("student", "summary"),
        ridge("untrained", "summary"),
        ridge("student", "patches"),
        ridge("untrained", "patches"),
        linear_cka(tested["student"].patches.flatten(0, 1), wanted.patches.flatten(0, 1)),
    ]
    return name, [f"{value:.3f}" for value in values], [False] * len(values), False


def chosen_frames(config: DistillRecipe, count: int) -> tuple[Dataset, Dataset, str]:
    """Frames to fit on, frames of other videos to test on, both spread evenly, and a sentence about them.

    Raises:
        ValueError: If there are fewer than three videos, which no fair measurement can do with.
    """
    everything, _ = load_frames(config.frames)
    videos = sorted(set(everything["video_id"]))
    held_out = set(config.hold_out)
    words = f"Fitted on training videos, tested on the held-out ones ({', '.join(config.hold_out)})."
    if not held_out:
        held_out = set(videos[-max(1, len(videos) // 3) :])
        words = "The recipe holds out no video: the student has seen all frames that this is measured on."
    if len(videos) - len(held_out) < 2:
        raise ValueError(
            f"the frames have {len(videos)} videos, {len(held_out)} of them to test on; measurements need two others to "
            "fit on. Give frames of more videos, each in its own subfolder, or set `video` in the recipe's frames"
        )
    parts = []
    for wanted in (False, True):
        rows = [row for row, video in enumerate(everything["video_id"]) if (video in held_out) == wanted]
        spread = np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int)
        parts.append(everything.select([rows[index] for index in spread]))
    return *parts, words


def views(rows: Dataset, size: int) -> torch.Tensor:
    """Whole frames at the student's size, [B, 3, S, S] in [0, 1]."""
    spec = ViewSpec(image_size=size, scale=[1.0, 1.0], ratio=[1.0, 1.0], colour_jitter=0.0)
    pictures = [make_view(row["image"], spec, seed=0, view=0) for row in rows]
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255


def joined(parts: list[FrameFeatures]) -> FrameFeatures:
    """One batch of several."""
    summary, patches = (torch.cat([getattr(part, name) for part in parts]).float() for name in ("summary", "patches"))
    return FrameFeatures(summary=summary, patches=patches, grid=parts[0].grid)


def token_table(tested: dict[str, FrameFeatures], testing: Dataset, grid: tuple[int, int], size: int) -> str:
    """Frames, and the patch tokens of every model."""
    shown = np.linspace(0, len(testing) - 1, min(SHOWN_FRAMES, len(testing))).round().astype(int).tolist()
    frames = (views(testing.select(shown), size) * 255).byte().permute(0, 2, 3, 1).numpy()
    pictures = {name: token_pictures(features.patches[shown], grid) for name, features in tested.items()}
    rows = [
        [Picture(frame), *(Picture(tokens[place]) for tokens in pictures.values())]
        for place, frame in enumerate(frames)
    ]
    return picture_table(["frame", *pictures], rows)
