# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The table that `zen-hf benchmark` prints: every head beside its baselines, and what has no score."""

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from zen_hf.benchmark.split import MINIATURE


def print_table(folders: dict[tuple[str, str], Path], without: dict[tuple[str, str], str]) -> None:
    """Print one row per target and head.

    Args:
        folders: (task, protocol) -> folder of the finished result.
        without: (task, protocol) -> why there is no result.
    """
    results = {key: read(folder) for key, folder in folders.items()}
    table = Table(
        "task", "protocol", "head", "metric", "score", "95 % interval", "raw pixels", "untrained", "constant"
    )
    for (task, protocol), result in results.items():
        title = (task, protocol)
        place = folders[task, protocol] / "baselines"
        beside = {name: read(place / name) for name in ("raw_pixels", "random_trunk")}
        for name, target in result["targets"].items():
            constant = [scores[target["primary"]] for kind, scores in target["constant"].items() if kind != "chance"]
            for head, scored in target["heads"].items():
                interval = scored["interval"]
                table.add_row(
                    *title,
                    head,
                    f"{name}: {target['primary']}",
                    _number(scored["value"]),
                    f"{interval['low']:.3f} to {interval['high']:.3f}" if interval else "-",
                    *(_number(_value(beside[other], name, head)) for other in beside),
                    _number(constant[0] if constant else None),
                )
                title = ("", "")
    out = Console(width=max(Console().width, 150), highlight=False)
    if results:
        out.print(table)
    if any(result["split"]["name"].endswith(MINIATURE) for result in results.values()):
        out.print("On miniatures: it shows that everything runs, and nothing about the model.")
    for (task, protocol), why in without.items():
        out.print(f"{task}, {protocol}: no score: {why}")


def read(folder: Path) -> dict | None:
    """The summary in a result's folder, or None where there is none."""
    path = folder / "summary.json"
    return json.loads(path.read_text()) if path.is_file() else None


def _value(result: dict | None, target: str, head: str) -> float | None:
    return None if result is None else result["targets"][target]["heads"].get(head, {}).get("value")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
