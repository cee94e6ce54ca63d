# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The quickstart's report: the scores, what probes read from the student, patch tokens side by side, loss curves."""

import json
import math
from pathlib import Path

import numpy as np

from zen_hf.atomic_files import atomic_write_text
from zen_hf.data.synthetic_surgery import INSTRUMENTS
from zen_hf.data.synthetic_surgery.gallery import PALETTE
from zen_hf.distillation.report_page import (
    Picture,
    class_picture,
    curves,
    nearness_picture,
    page,
    picture_table,
    score_table,
    section,
    token_pictures,
)
from zen_hf.distillation.skill_probes import SkillReading
from zen_hf.distillation.skills import SKILLS, LabelledFrames

SHOWN_FRAMES = 6
NEAR_CM = (-1.5, 4.0)  # range of the colours of nearness


def write_report(
    out: Path,
    scores: dict[str, dict[str, float]],
    kept: dict[str, float],
    words: str,
    code: str,
    readings: dict[str, SkillReading],
    frames: LabelledFrames,
    teacher_losses: dict[str, list[float]],
    logs: dict[str, Path],
) -> None:
    """Writes `out/report.html`, a page without outside references.

    Args:
        out: Folder of the run.
        scores: Encoder to skill to score.
        kept: Skill to the student's retention.
        words: What the scores say.
        code: How the student is loaded.
        readings: What probes read from teachers, student and random trunk, in the order of the columns.
        frames: The test frames.
        teacher_losses: Skill to the loss of every step of its teacher.
        logs: Student to the log of its distillation.
    """
    shown = shown_frames(frames)
    rows = math.isqrt(frames.targets["where"].shape[1])
    sections = [
        section(
            "Scores",
            "Linear probes on frozen features, fitted on labelled videos and scored on others; nobody was trained on "
            "either. Only the teachers saw labels. 'What' is read from the summary token, 'where' and 'far' from each "
            "patch token.",
            scores_html(scores, kept) + "".join(f"<p>{line}</p>" for line in words.splitlines()),
        ),
        section(
            "What linear probes read from the student",
            "Unseen frames; truth beside reading. The student was never shown a label. Colours of 'far': bright is near.",
            readings_html(readings["student"], frames, shown, rows),
        ),
        section(
            "Patch tokens",
            "First three principal components of each model's patch tokens as red, green and blue.",
            tokens_html(readings, frames, shown, rows),
        ),
        section(
            "Losses",
            "Teachers on labels; student on its teachers' standardised features.",
            losses_html(teacher_losses, logs),
        ),
        section("Load it", "With zen-hf installed:", f"<pre>{code}</pre>"),
    ]
    atomic_write_text(out / "report.html", page("zen-hf quickstart: one student of three teachers", *sections))


def shown_frames(frames: LabelledFrames) -> list[int]:
    """Frames from all over the test videos, each the one in its neighbourhood with most instruments and no smoke."""
    stretches = np.array_split(np.arange(len(frames)), SHOWN_FRAMES)
    scenes = frames.scenes
    return [
        int(max(stretch, key=lambda i: (len(scenes[i].box_labels), not scenes[i].smoke)))
        for stretch in stretches
        if len(stretch)
    ]


def scores_html(scores: dict[str, dict[str, float]], kept: dict[str, float]) -> str:
    """The table of scores, the student's in bold, and each teacher's in its own skill."""
    rows = []
    for name, row in scores.items():
        bold = [name in ("student", f"teacher '{skill.name}'") for skill in SKILLS]
        rows.append((name, [f"{row[skill.name]:.3f}" for skill in SKILLS], bold, name == "student"))
    rows.append(
        ("retention of the student", [f"{kept[skill.name]:.0%}" for skill in SKILLS], [True] * len(SKILLS), True)
    )
    return score_table([f"{skill.name}: {skill.question} ({skill.metric})" for skill in SKILLS], rows)


def readings_html(reading: SkillReading, frames: LabelledFrames, shown: list[int], rows: int) -> str:
    """Frame, and for every skill the truth and what a probe reads."""
    table, grid = [], (rows, rows)
    for index in shown:
        scene = frames.scenes[index]
        values = reading.predictions["what"][index]
        guesses = values.argsort(descending=True)[:3].tolist()
        table.append(
            [
                Picture(scene.image),
                "\n".join(INSTRUMENTS[i] for i in scene.instruments) or "none",
                "\n".join(f"{INSTRUMENTS[i]} {values[i]:.2f}" for i in guesses),
                Picture(PALETTE[scene.semantic_mask]),
                Picture(class_picture(reading.predictions["where"][index], grid, PALETTE)),
                Picture(nearness_picture(frames.targets["far"][index], grid, *NEAR_CM)),
                Picture(nearness_picture(reading.predictions["far"][index], grid, *NEAR_CM)),
            ]
        )
    return picture_table(["frame", "what: truth", "read", "where: truth", "read", "far: truth", "read"], table)


def tokens_html(readings: dict[str, SkillReading], frames: LabelledFrames, shown: list[int], rows: int) -> str:
    """Frame, and the patch tokens of every model."""
    pictures = {name: token_pictures(reading.patches[shown], (rows, rows)) for name, reading in readings.items()}
    table = [
        [Picture(frames.scenes[index].image), *(Picture(tokens[place]) for tokens in pictures.values())]
        for place, index in enumerate(shown)
    ]
    return picture_table(["frame", *pictures], table)


def losses_html(teacher_losses: dict[str, list[float]], logs: dict[str, Path]) -> str:
    """Curves of the teachers, each as a share of where it began, and of every student per teacher."""
    smooth = 10
    lines = {}
    for name, losses in teacher_losses.items():
        means = [float(np.mean(losses[i : i + smooth])) for i in range(0, len(losses), smooth)]
        lines[name] = ([i * smooth for i in range(len(means))], [mean / means[0] for mean in means])
    panels = [("teachers: loss / first loss", lines)]
    for student, path in logs.items():
        steps = [entry for entry in map(json.loads, path.read_text(encoding="utf-8").splitlines()) if "step" in entry]
        terms = [key for key in steps[0] if "/" in key and not key.endswith("summary_mse")]
        panels.append(
            (
                f"losses of the {student}",
                {term: ([e["step"] for e in steps], [e[term] for e in steps]) for term in terms},
            )
        )
    return curves(panels)
