# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""How a result was measured: everything that its number depends on, folded away."""

import json
from html import escape

from .entries import Entry


def measured(entry: Entry) -> str:
    """Split, data, encoder, versions, seeds and chosen settings of one result."""
    summary, split = entry.summary, entry.summary["split"]
    model = ", ".join(f"{key} {value}" for key, value in summary["model"].items() if value not in (None, False))
    leakage = summary["leakage"]
    frames = summary["dataset"]["frames"]
    rows = {
        "Folder": str(entry.result.folder),
        "Encoder": model,
        "Pictures": f"{summary['image_size']} px; {summary['frame_to_pixels']}",
        "Split": f"{split['name']} ({split['origin']}), unit {split['unit']}, SHA-256 {split['sha256']}",
        "Test videos": " | ".join(", ".join(fold) for fold in split["held_out"]),
        "Data": f"{len(frames)} videos, {sum(frames.values()):,} frames, fingerprint {summary['dataset']['fingerprint']}",
        "Leakage": f"{leakage['flag']}: {leakage['why']}",
        "Seeds": ", ".join(map(str, summary["seeds"])),
        "Versions": ", ".join(f"{name} {version}" for name, version in summary["versions"].items()),
    }
    lines = [
        f"<details><summary>{escape(entry.task)}, {escape(entry.protocol)}, {escape(entry.encoder)}</summary><dl>"
    ]
    lines += [f"<dt>{name}</dt><dd>{escape(words)}</dd>" for name, words in rows.items()]
    return "\n".join([*lines, "</dl>", chosen(entry), "</details>"])


def chosen(entry: Entry) -> str:
    """The settings that every head chose, per run and fold."""
    lines = ["<details><summary>Chosen settings of every head, run and fold</summary><pre>"]
    for target, of_target in entry.summary["targets"].items():
        for head, of_head in of_target["heads"].items():
            for run in of_head["runs"]:
                said = json.dumps(run["chosen"], ensure_ascii=False)
                lines.append(escape(f"{target} / {head} / {run['run']}: {said}"))
    return "\n".join([*lines, "</pre></details>"])
