# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The file that tells a miniature from a download that lacks most of its videos."""

import json
from pathlib import Path

NAME = "ZEN_MINIATURE.json"


def mark_miniature(folder: Path, source: str, videos: list[str]) -> None:
    """Write down that a folder holds a miniature of a dataset, with which videos."""
    content = {"source": source, "videos": videos, "frames": "synthetic surgery; no patient is shown"}
    (folder / NAME).write_text(json.dumps(content, indent=1) + "\n")


def miniature_videos(folder: Path, source: str) -> list[str] | None:
    """Videos of a miniature, or None where the folder is none.

    Args:
        folder: where the data lies.
        source: name of the dataset that is expected there.

    Raises:
        ValueError: if it is a miniature of another dataset.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    content = json.loads(path.read_text())
    if content["source"] != source:
        raise ValueError(f"{folder} is a miniature of {content['source']}, expected {source}; give its own folder.")
    return content["videos"]
