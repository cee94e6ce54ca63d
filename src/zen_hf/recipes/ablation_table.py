# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The ablation's tables in Markdown: every number is a mean over seeds, with half of the range that they span."""

import re
from collections.abc import Callable

from zen_hf.distillation.skill_probes import retention
from zen_hf.distillation.skills import SKILLS

Rows = dict[str, list[dict]]  # row name to one dict of measurements per seed


def markdown(rows: Rows, random: str, own: dict[str, str]) -> str:
    """Three tables: what probes read, how well teachers are imitated, and imitation over sizes.

    Args:
        rows: Measurements of every row and seed.
        random: Row of the random trunk, the zero of retention.
        own: Skill to the row of its own teacher, the one of retention.
    """
    names = [skill.name for skill in SKILLS]
    base = next((size for seeds in rows.values() for seed in seeds for size in reversed(seed.get("heads", {}))), None)
    sections = [
        (
            "Probes of the frozen trunk; in brackets the retention, (row - random trunk) / (own teacher - random trunk)",
            [f"{skill.name} ({skill.metric})" for skill in SKILLS],
            rows,
            lambda name: [skill_cell(rows, name, skill, random, own) for skill in names],
        ),
        (
            "Fraction of variance unexplained of each teacher's patch tokens: by a ridge on the frozen trunk, by the "
            "head, and by the head against the mean of each position",
            [f"{kind} {skill}" for kind in ("ridge", "head", "head/pos") for skill in names],
            rows,
            lambda name: [
                cell([reading(seed, kind, base, skill) for seed in rows[name]])
                for kind in ("ridge_fvu", "head_fvu", "head_fvu_pos")
                for skill in names
            ],
        ),
    ]
    sized = {name: seeds for name, seeds in rows.items() if len(seeds[0].get("heads", {})) > 1}
    if sized:
        sizes = list(next(iter(sized.values()))[0]["heads"])
        sections.append(
            (
                "Head FVU at each size of the input, against the teacher's answer at that size",
                [f"{skill} at {size}" for skill in names for size in sizes],
                sized,
                lambda name: [
                    cell([reading(seed, "head_fvu", size, skill) for seed in rows[name]])
                    for skill in names
                    for size in sizes
                ],
            )
        )
    return "\n".join(table(*section) for section in sections)


def table(title: str, columns: list[str], rows: Rows, cells: Callable[[str], list[str]]) -> str:
    """One table under its title."""
    lines = [f"{title}:", "", f"| row | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(cells(name))} |" for name in rows), ""])


def skill_cell(rows: Rows, name: str, skill: str, random: str, own: dict[str, str]) -> str:
    """A skill's score and its retention."""
    scores, zeros, ones = ([seed["scores"][skill] for seed in rows[row]] for row in (name, random, own[skill]))
    if name == random or name == own[skill]:  # 0 and 1 by definition
        return cell(scores)
    kept = [retention(score, one, zero) for score, zero, one in zip(scores, zeros, ones, strict=True)]
    return f"{cell(scores)} ({cell([100 * share for share in kept], digits=0)} %)"


def reading(seed: dict, kind: str, size: str | None, teacher: str) -> float | None:
    """One measurement of a teacher; None where the row has no head for it."""
    values = seed[kind] if kind == "ridge_fvu" else seed.get("heads", {}).get(size, {}).get(kind, {})
    return values.get(teacher)


def cell(values: list[float | None], digits: int = 3) -> str:
    """Mean and half-range."""
    if None in values:
        return "-"
    mean, half_range = sum(values) / len(values), (max(values) - min(values)) / 2
    text = f"{mean:.{digits}f}" + (f" ± {half_range:.{digits}f}" if len(values) > 1 else "")
    return re.sub(r"\b0\.", ".", text)
