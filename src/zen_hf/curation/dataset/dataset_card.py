# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The card of a frame dataset, `README.md`: what `datasets` needs to find the splits, then tables for people."""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..frame_row import REASONS
from .dataset_summary import Row, Summary
from .shards import Shard

SIZES = [(10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M")]


@dataclass
class CardSettings:
    """What only the user knows of the dataset.

    Attributes:
        name: Its title.
        license: Of the frames, as the Hub calls licences, such as `cc-by-nc-4.0`.
        description: A paragraph for the card: where the videos are from, who may use them and for what.
        tags: Further tags for the Hub.
    """

    name: str = "Surgical frames"
    license: str = "unknown"
    description: str = ""
    tags: list[str] = field(default_factory=list)

    def __post_init__(self):
        if not self.name.strip() or "\n" in self.name:
            raise ValueError(f"card.name is {self.name!r}; expected a title of one line")
        if not re.fullmatch(r"[a-z0-9][a-z0-9.\-]*", self.license):
            raise ValueError(
                f"card.license is {self.license!r}; expected a licence as the Hub calls it, such as 'cc-by-nc-4.0', "
                "'other' or 'unknown'"
            )


def dataset_card(
    summary: Summary, shards: Sequence[Shard], settings: dict[str, Any], card: CardSettings, fingerprint: str
) -> str:
    """The card.

    Args:
        summary: Its numbers.
        shards: Its files.
        settings: What the dataset depends on, without paths.
        card: What only the user knows.
        fingerprint: Of all frames, in hexadecimal digits.
    """
    total = summary.total
    parts = [
        front_matter(summary, card, fingerprint),
        f"# {card.name}\n",
        *([card.description.strip() + "\n"] if card.description.strip() else []),
        f"{total.kept:,} frames of {total.videos - total.failed:,} videos ({hours(total)} of {total.patients:,} patients), "
        f"made by `zen-hf curate` from {total.sampled:,} that were looked at. [statistics.html](statistics.html) shows more.\n",
        "![Some of the frames](contact_sheet.jpg)\n",
        "".join(f"* {remark}.\n" for remark in summary.remarks),
        "## Frames\n",
        *(section(f"By {key}", summary.tables[key]) for key in ("procedure", "source", "split")),
        reasons_table(summary),
        "## Reading\n",
        reading(summary.splits.names),
        "## Files\n",
        files_table(shards),
        FILES,
        "## Settings\n",
        f"```yaml\n{yaml.safe_dump(settings, sort_keys=True, allow_unicode=True)}```\n",
    ]
    return "\n".join(parts)


def front_matter(summary: Summary, card: CardSettings, fingerprint: str) -> str:
    """What the Hub and `datasets` read.

    `datasets` takes folders of one name and one configuration for the same dataset, and would show the frames of whichever
    it saw first; so the configuration has a name of its own.
    """
    files = [{"split": split, "path": f"data/{split}-*.parquet"} for split in summary.splits.names]
    about = {
        "pretty_name": card.name,
        "license": card.license,
        "task_categories": ["image-feature-extraction"],
        "size_categories": [next((name for limit, name in SIZES if summary.total.kept < limit), "10M<n<100M")],
        "tags": list(dict.fromkeys(["medical", "surgery", "endoscopy", "zen-hf", *card.tags])),
        "configs": [{"config_name": f"frames-{fingerprint[:12]}", "default": True, "data_files": files}],
    }
    return f"---\n{yaml.safe_dump(about, sort_keys=False, allow_unicode=True)}---\n"


def section(title: str, rows: Sequence[Row]) -> str:
    """A table with a row per procedure, source or split."""
    lines = [
        f"| {title} | videos | unreadable | patients | hours | looked at | kept | rejected | images |",
        f"|---|{'--:|' * 8}",
    ]
    for row in rows:
        refused = sum(row.rejected.values())
        lines.append(
            f"| {cell(row.name)} | {row.videos:,} | {row.failed:,} | {row.patients:,} | {row.hours:.2f} | "
            f"{row.sampled:,} | {row.kept:,} | {refused:,} | {megabytes(row.image_bytes)} |"
        )
    return "\n".join(lines) + "\n"


def reasons_table(summary: Summary) -> str:
    """Why frames were rejected: a row per procedure, a column per reason that occurs."""
    reasons = [reason for reason in REASONS if summary.total.rejected.get(reason)]
    if not reasons:
        return "No frame was rejected.\n"
    lines = [f"| Rejected | {' | '.join(reasons)} |", f"|---|{'--:|' * len(reasons)}"]
    for row in [*summary.tables["procedure"], summary.total]:
        counts = " | ".join(f"{row.rejected.get(reason, 0):,}" for reason in reasons)
        lines.append(f"| {cell(row.name)} | {counts} |")
    return "\n".join(lines) + "\n"


def reading(splits: Sequence[str]) -> str:
    """How the dataset is read."""
    return f"""The splits are {" and ".join(f"`{name}`" for name in splits)}.

```python
from datasets import load_dataset

frames = load_dataset("PATH_OR_HUB_ID", split="{splits[0]}", streaming=True)
frame = next(iter(frames))["image"]  # a PIL image
```

In a recipe of `zen-hf distill`:

```yaml
frames:
  - path: PATH_OR_HUB_ID
    split: train
    procedure_column: procedure
    streaming: true
mixture:
  weight_column: procedure_weight
```
"""


def files_table(shards: Sequence[Shard]) -> str:
    """How many files every split and source has."""
    lines = ["| Split | source | files | frames of each |", "|---|---|--:|--:|"]
    for split, source in dict.fromkeys((shard.split, shard.source) for shard in shards):
        rows = [shard.rows for shard in shards if (shard.split, shard.source) == (split, source)]
        sizes = f"{min(rows):,}" if min(rows) == max(rows) else f"{min(rows):,} to {max(rows):,}"
        lines.append(f"| {split} | {cell(source)} | {len(rows)} | {sizes} |")
    return "\n".join(lines) + "\n"


FILES = """* `rejected.parquet`: every rejected frame with its reason, its time and what was measured of it. Of rejected frames no pixel
  is in this dataset.
* `manifest.json`: SHA-256 of every video and of every file, counts, problems, settings and versions.
* `contact_sheet.jpg` shows kept frames, which are of patients: pass it on to nobody who may not see them.
"""


def cell(text: str) -> str:
    """A text that ends no cell of a table, and that Markdown shows as it stands."""
    shown = html.escape(" ".join(text.split()), quote=False)
    return re.sub(r"([\\|*`\[\]])", r"\\\1", shown) or "unknown"


def hours(row: Row) -> str:
    """Length of films in words."""
    return f"{row.hours:,.1f} hours" if row.hours >= 1 else f"{row.hours * 60:,.1f} minutes"


def megabytes(size: int) -> str:
    """A number of bytes in words."""
    return f"{size / 1e9:,.2f} GB" if size >= 1e9 else f"{size / 1e6:,.2f} MB"


def write_dataset_card(path: Path, text: str) -> None:
    """Writes the card, with the same ends of lines everywhere."""
    path.write_text(text, encoding="utf-8", newline="\n")
