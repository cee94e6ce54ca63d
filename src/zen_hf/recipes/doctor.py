# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""`zen-hf doctor`: is the data of a task whole, aligned and free of leakage, and what is to be mended?"""

from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from zen_hf.benchmark.doctor import Finding, examine
from zen_hf.benchmark.task import load_task

STYLES = {"ok": "green", "note": "dim", "warning": "yellow", "error": "bold red"}


def doctor(task: str, data: Path, split: str | None = None) -> list[Finding]:
    """Examine the data of a task and print what was found.

    Args:
        task: name of the task, such as "cholec80_phase".
        data: the dataset as its authors hand it out, or a miniature.
        split: another split of the task than its own.

    Returns:
        All findings; the data is fit for use if none is an error.

    Raises:
        ValueError: if the task or the split is unknown.
    """
    chosen = load_task(task) if split is None else load_task(task).with_split(split)
    findings = []
    table = Table("", "check", Column("finding", overflow="fold"), box=None, padding=(0, 1))
    for finding in examine(chosen, Path(data)):
        findings.append(finding)
        table.add_row(f"[{STYLES[finding.severity]}]{finding.severity}[/]", finding.check, finding.message)
    console = Console(highlight=False)
    console.print(table)
    counts = Counter(finding.severity for finding in findings)
    verdict = "mend the errors first" if counts["error"] else "fit for use"
    console.print(f"{task}: {counts['error']} errors, {counts['warning']} warnings; {verdict}.")
    return findings
