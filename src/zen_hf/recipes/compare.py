# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""`zen-hf compare`: is one encoder better than others, and could it have been seen?"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from zen_hf.atomic_files import atomic_folder
from zen_hf.benchmark.comparison import FORMAT, Row, compare_encoders, load_encoders, not_compared, rank_all, regrets
from zen_hf.benchmark.statistics import Ranking, SeedSpread

HEADINGS = ("task", "first", "second", "difference, 95 %", "p, with Holm", "verdict")


def compare(
    results: Sequence[Path],
    head: str | None = None,
    out: Path | None = None,
    with_baselines: bool = False,
    resamples: int = 10_000,
) -> dict:
    """Compare the first encoder with each of the others, on every task and protocol that both have results of.

    Args:
        results: one folder per encoder: a result, or a suite of results.
        head: which head to compare; by default the one that counts in the results of the first.
        out: folder to write `comparison.json` and `comparison.md` into; must not exist.
        with_baselines: also compare with the baselines in the first folder.
        resamples: of the bootstrap.

    Returns:
        The content of `comparison.json`.

    Raises:
        FileNotFoundError: if a folder is missing or holds no result.
        FileExistsError: if `out` exists.
        ValueError: if there is nothing to compare with, or results are not of the same split, data or metric.
    """
    encoders = load_encoders(results, with_baselines)
    if len(encoders) < 2:
        raise ValueError(
            f"{results[0]} alone has nothing to be compared with; give another folder, or --with-baselines if it has some."
        )
    if out is not None and Path(out).exists():
        raise FileExistsError(f"{out} exists already; choose another name or remove it.")
    first, *others = encoders
    rows = [row for other in others for row in compare_encoders(first, other, head, resamples)]
    rankings = rank_all(encoders, head)
    notes = [*regrets_in_words(rows), *warnings(rows), *not_compared(encoders)]
    print_comparison(rows, rankings, notes)
    content = {
        "format": FORMAT,
        "rows": [asdict(row) for row in rows],
        "regrets": [asdict(regret) for regret in regrets(rows)],
        "rankings": {protocol: asdict(ranking) for protocol, ranking in rankings.items()},
        "notes": notes,
    }
    if out is not None:
        with atomic_folder(Path(out)) as folder:
            (folder / "comparison.json").write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
            (folder / "comparison.md").write_text(as_markdown(rows, rankings, notes))
    return content


def print_comparison(rows: list[Row], rankings: dict[str, Ranking], notes: list[str]) -> None:
    """Print one table per pair of encoders, then ranks and notes."""
    console = Console(highlight=False, width=max(120, Console().width))
    for second in dict.fromkeys(row.second for row in rows):
        of_pair = [row for row in rows if row.second == second]
        columns = [Column(name, no_wrap=True) for name in HEADINGS[:-1]]
        table = Table(*columns, Column(HEADINGS[-1], min_width=20), title=Text(_title(of_pair[0])), show_lines=True)
        for row in of_pair:
            table.add_row(*map(Text, cells(row)))  # no markup: names may hold brackets
        console.print(table)
    for line in [*ranks_in_words(rankings), *notes]:
        console.print(line, markup=False)


def as_markdown(rows: list[Row], rankings: dict[str, Ranking], notes: list[str]) -> str:
    """The same as a Markdown page."""
    lines = []
    for second in dict.fromkeys(row.second for row in rows):
        of_pair = [row for row in rows if row.second == second]
        lines += [f"## {_title(of_pair[0])}", "", f"| {' | '.join(HEADINGS)} |", "|---" * len(HEADINGS) + "|"]
        lines += [f"| {' | '.join(cell.replace(chr(10), '<br>') for cell in cells(row))} |" for row in of_pair] + [""]
    return "\n".join([*lines, *(f"* {line}" for line in [*ranks_in_words(rankings), *notes])]).rstrip() + "\n"


def cells(row: Row) -> list[str]:
    """One row of the table, as text."""
    found = row.found
    interval = f"[{found.difference.low:+.3f}, {found.difference.high:+.3f}]"
    sides = [
        (found.first, row.first_seeds, row.first_flag),
        (found.second, row.second_seeds, row.second_flag),
    ]
    return [
        f"{row.task}\n{row.protocol}, {row.head}\n{row.metric}{' (lower is better)' if row.lower_is_better else ''}",
        *(f"{score:.3f}\n{_spread(seeds)}{flag}" for score, seeds, flag in sides),
        f"{found.difference.value:+.3f}\n{interval}",
        f"{found.p_value:.2g}\n{row.adjusted_p:.2g}",
        row.verdict,
    ]


def ranks_in_words(rankings: dict[str, Ranking]) -> list[str]:
    """A line per protocol: mean ranks, Friedman's test and the critical difference."""
    lines = []
    for protocol, ranking in rankings.items():
        ordered = sorted(ranking.mean_ranks.items(), key=lambda item: item[1])
        ranks = ", ".join(f"{name} {rank:.2f}" for name, rank in ordered)
        lines.append(
            f"{protocol}: mean rank over {ranking.tasks} tasks: {ranks}; all alike: p {ranking.p_value:.2g} (Friedman); "
            f"ranks differ if {ranking.critical_difference:.2f} apart (Nemenyi, {ranking.alpha:g})"
        )
    return lines


def regrets_in_words(rows: list[Row]) -> list[str]:
    """A line per task: what the first encoder loses against the best of several others; none for a single other."""
    if len({row.second for row in rows}) < 2:
        return []
    return [
        f"{regret.task}, {regret.protocol}: regret of {rows[0].first} {regret.value:+.3f} {regret.metric} (best of the "
        f"others: {regret.best})"
        for regret in regrets(rows)
    ]


def warnings(rows: list[Row]) -> list[str]:
    """What stands against a comparison, each said once."""
    notes = [
        f"{row.task}, {row.protocol}: {row.found.difference.warning}" for row in rows if row.found.difference.warning
    ]
    for row in rows:
        for name, flag in ((row.first, row.first_flag), (row.second, row.second_flag)):
            if flag != "clean":
                notes.append(
                    f"{row.task}, {row.protocol}: leakage of {name}: {flag} (the reason is in its summary.json)"
                )
    return list(dict.fromkeys(notes))


def _spread(seeds: SeedSpread) -> str:
    return "" if seeds.std is None else f"±{seeds.std:.3f} over {len(seeds.values)} runs\n"


def _title(row: Row) -> str:
    return f"{row.first} (first) against {row.second} (second)"
