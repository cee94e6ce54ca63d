# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The readings of `held_out.HeldOutMonitor` as tables and sentences of a report."""

from html import escape

from zen_hf.distillation.report_page import score_table

TEACHER_COLUMNS = {
    "head: summary FVU": "head_summary_fvu",
    "head: patch FVU": "head_patch_fvu",
    "head: patch FVU pos": "head_patch_fvu_pos",
    "ridge: summary FVU": "ridge_summary_fvu",
    "summary, untrained": "untrained_ridge_summary_fvu",
    "ridge: patch FVU": "ridge_patch_fvu",
    "patch, untrained": "untrained_ridge_patch_fvu",
    "patch CKA": "cka",
}
ENCODER_COLUMNS = {
    "RankMe": "rank_me",
    "position R²": "position",
    "nearest neighbours": "knn",
    "linear probe": "linear",
}
PROBES = {"knn": "Nearest neighbours", "linear": "Linear probe"}


def teacher_table(readings: dict[str, float], teachers: list[str], sizes: list[int]) -> str:
    """What the student has of every teacher at every size."""
    rows = []
    for teacher in teachers:
        for size in sizes:
            cells = [f"{readings[f'{teacher}/{key}@{size}']:.3f}" for key in TEACHER_COLUMNS.values()]
            rows.append((f"{teacher}, {size} px", cells, [False] * len(cells), False))
    return score_table(list(TEACHER_COLUMNS), rows)


def encoder_table(readings: dict[str, float], teachers: list[str]) -> str:
    """Readings of the student, the untrained trunk and the teachers, each by itself; the best label score is bold."""
    encoders = ["student", "untrained", *teachers]
    columns = {title: key for title, key in ENCODER_COLUMNS.items() if f"{key}/student" in readings}
    best = {
        key: max(readings[f"{key}/{encoder}"] for encoder in encoders) for key in PROBES if key in columns.values()
    }
    rows = []
    for encoder in encoders:
        values = {key: readings[f"{key}/{encoder}"] for key in columns.values()}
        cells = [f"{value:.1f}" if key == "rank_me" else f"{value:.3f}" for key, value in values.items()]
        rows.append((encoder, cells, [value == best.get(key) for key, value in values.items()], encoder == "student"))
    return score_table(list(columns), rows)


def resolution_words(readings: dict[str, float], teachers: list[str], sizes: list[int]) -> str:
    """One sentence per teacher on how evenly it is predicted over sizes, which says when that is alarming."""
    sentences = []
    for teacher in teachers if len(sizes) > 1 else ():
        ratios = {size: readings[f"{teacher}/resolution_ratio@{size}"] for size in sizes}
        best, worst = min(ratios, key=ratios.__getitem__), max(ratios, key=ratios.__getitem__)
        compared = f"patch FVU at {worst} px is {ratios[worst]:.2f} times that at {best} px"
        if readings[f"{teacher}/resolution_alarms"]:
            sentences.append(
                f"<b class=alarm>Alarm: {escape(teacher)}'s {compared}, above 1.5: the student may imitate it at some "
                "sizes alone (mode switch). Let every teacher answer at every size.</b>"
            )
        else:
            sentences.append(f"{escape(teacher)}'s {compared}: no alarm (above 1.5).")
    return f"<p>Over sizes: {' '.join(sentences)}</p>" if sentences else ""


def label_words(readings: dict[str, float]) -> str:
    """A sentence per label probe: what the student keeps of the best teacher's lead, and its distance to it."""
    sentences = []
    for probe, title in PROBES.items():
        if f"regret/{probe}" not in readings:
            continue
        regret, kept = readings[f"regret/{probe}"], readings.get(f"retention/{probe}")
        distance = f"{regret:.3f} behind" if regret >= 0 else f"{-regret:.3f} ahead of"
        share = "no teacher leads the untrained trunk, so there is no retention"
        if kept is not None:
            share = f"the student keeps {kept:.0%} of that teacher's lead over the untrained trunk"
        sentences.append(f"{title}: {distance} the best teacher (regret {regret:.3f}); {share}.")
    return f"<p>{' '.join(sentences)}</p>" if sentences else ""
