# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The scores of a report as Markdown, for a model card."""

from collections.abc import Sequence

from .entries import Entry, Score
from .standings import SUITE, Standing, absent_tasks, primary_score, standings
from .tables import MINIATURE, TITLES, shown_baselines
from .words import BASELINES, FLAGS, head_words, number, primary_words

HEADINGS = (
    "Task",
    "Protocol",
    "Encoder",
    "Head",
    "Score",
    "95 % interval",
    "Test videos",
    "Over runs (std)",
    "Leakage",
)


def results_markdown(entries: Sequence[Entry]) -> str:
    """Table, metrics, meaning of the words, heads side by side, and what each number was measured with.

    Args:
        entries: of `entries_of`.
    """
    shown = shown_baselines(entries)
    titles = {name: TITLES.get(name, name.replace("_", " ").capitalize()) for name in shown}
    rows = [overview_row(entry, score, shown) for entry in entries for score in entry.primary_scores]
    parts = ["# Benchmark results", table([*HEADINGS, *titles.values()], rows)]
    if len({entry.task for entry in entries}) > 1:
        parts += ["## All tasks", f"Absent of the suite {SUITE}: {', '.join(absent_tasks(entries)) or 'none'}."]
        for standing in standings(entries):
            parts += [f"### {standing.protocol}", table(*standing_rows(standing)), STANDING]
    small = sum(entry.miniature for entry in entries)
    if small:
        parts.append(f"**{small} of {len(entries)} results are of miniatures** ({MINIATURE}).")
    names = {entry.primary["name"]: entry.lower_is_better for entry in entries}
    parts += ["## Metrics", bullets({f"`{name}`": primary_words(name, down) for name, down in names.items()})]
    flags = dict.fromkeys(entry.summary["leakage"]["flag"] for entry in entries)
    parts += ["## Leakage", bullets({name: FLAGS[name] for name in flags})]
    parts += ["## Baselines", bullets({titles[name].lower(): BASELINES[name] for name in shown})]
    parts += ["## Heads side by side", table(*heads_rows(entries))]
    parts += ["## How it was measured", *(measured_line(entry) for entry in entries)]
    return "\n\n".join(parts) + "\n"


STANDING = (
    "Ranks and normalised scores are over the tasks that all encoders have, by heads of one kind: where kinds differ, each score "
    "names its head, and the task counts in no mean. Normalised: 0 is the best baseline without a picture, 1 the best encoder of "
    "the page that is no ZEN. ↓: lower is better."
)


def standing_rows(standing: Standing) -> tuple[list[str], list[list[str]]]:
    """Tasks by encoders, then their means: headings and rows."""
    rows = []
    for row in standing.rows:
        cells = []
        for name in standing.encoders:
            if name not in row.entries:
                cells.append("absent")
                continue
            entry = row.entries[name]
            score, diagnostic = primary_score(entry), entry.primary.get("diagnostic", False)
            flag = entry.summary["leakage"]["flag"] + (", diagnostic" if diagnostic else "")
            head = f"; {head_words(score.head)}" if len(row.heads) > 1 else ""
            cells.append(f"{number(score.value)} ({interval_words(score)}; {flag}{head})")
        rows.append([f"{row.task}{' ↓' if row.first.lower_is_better else ''}", *cells])
    means = {
        f"Mean rank, tasks: {len(standing.common)}": standing.mean_ranks,
        f"Mean normalised score, tasks: {len(standing.normalisable)}": standing.mean_normalised,
    }
    for title, of_encoders in means.items():
        rows.append([title, *(number(of_encoders[n]) if n in of_encoders else "–" for n in standing.encoders)])
    return ["Task", *standing.encoders], rows


def overview_row(entry: Entry, score: Score, shown: Sequence[str]) -> list[str]:
    """One encoder under one protocol, as in the page's first table."""
    baselines = entry.baselines_of(score)
    deviation = score.spread["std"] if score.spread else None
    return [
        entry.task + (" (miniature)" if entry.miniature else ""),
        entry.protocol,
        f"{entry.encoder}, {entry.summary['image_size']} px",
        head_words(score.head),
        f"**{number(score.value)}** `{score.metric}`",
        interval_words(score),
        str(entry.test_videos),
        "–" if deviation is None else number(deviation),
        entry.summary["leakage"]["flag"],
        *("–" if baselines.get(name) is None else number(baselines[name]) for name in shown),
    ]


def heads_rows(entries: Sequence[Entry]) -> tuple[list[str], list[list[str]]]:
    """Every head of every target: headings and rows."""
    rows = [
        [
            entry.task,
            target,
            entry.protocol,
            entry.encoder,
            head_words(head),
            number(score.value),
            interval_words(score),
        ]
        for entry in entries
        for target in entry.summary["targets"]
        for head, score in entry.scores(target).items()
    ]
    return ["Task", "Target", "Protocol", "Encoder", "Head", "Score", "95 % interval"], rows


def interval_words(score: Score) -> str:
    """An interval "low to high"."""
    return f"{number(score.interval['low'])} to {number(score.interval['high'])}" if score.interval else "–"


def measured_line(entry: Entry) -> str:
    """Split, data, weights and versions of one result."""
    summary = entry.summary
    versions = ", ".join(f"{name} {version}" for name, version in summary["versions"].items())
    return (
        f"* {plain(f'{entry.task}, {entry.protocol}, {entry.encoder}')}: split {entry.split} "
        f"({summary['split']['origin']}, SHA-256 `{summary['split']['sha256'][:12]}`), data "
        f"`{summary['dataset']['fingerprint'][:12]}`, encoder `{str(summary['model']['fingerprint'])[:12]}`, seeds "
        f"{', '.join(map(str, summary['seeds']))}; leakage {summary['leakage']['flag']}: "
        f"{plain(summary['leakage']['why'])}; {versions}."
    )


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(map(plain, line)) + " |" for line in lines)


def bullets(items: dict[str, str]) -> str:
    """A list of explained words."""
    return "\n".join(f"* {name}: {words}" for name, words in items.items())


def plain(text: str) -> str:
    """Text that ends no table cell and starts no HTML."""
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())
