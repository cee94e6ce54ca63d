# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What a frame dataset is made of, and whether its files are still what they were: `manifest.json`.

No name, no path and no time stands in it: who has the input files can find them again by their SHA-256 alone.
"""

import hashlib
import importlib.metadata
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .dataset_summary import Row
from .kept_video import KeptVideo
from .splits import Splits

MANIFEST = "manifest.json"
FORMAT = "zen-hf frame dataset 1"
PACKAGES = ("zen-hf", "datasets", "numpy", "pillow", "pyarrow", "scikit-learn")


def manifest(
    root: Path,
    videos: Sequence[KeptVideo],
    splits: Splits,
    total: Row,
    settings: dict[str, Any],
    packages: dict[str, str],
    notes: Sequence[str] = (),
    left_out: dict[str, int] | None = None,
) -> dict[str, Any]:
    """The manifest of the files below a folder.

    Args:
        root: Folder of the dataset, all other files being written.
        videos: All videos, sorted by id, those without frames too.
        splits: Their splits.
        total: Sums over all videos.
        settings: What the dataset depends on, without paths.
        packages: Versions of packages that frames depend on beside those of this room.
        notes: What the user should know.
        left_out: Number of inputs that are left out or have a remark, by what is said of them.
    """
    return {
        "format": FORMAT,
        "settings": settings,
        "packages": dict(sorted((packages | versions(PACKAGES)).items())),
        "totals": total.as_dict(),
        "splits": {
            split: {
                "frames": sum(video.frames for video in videos if splits.of_video.get(video.record.video_id) == split),
                "patients": sorted(
                    {v.record.patient_id for v in videos if splits.of_video.get(v.record.video_id) == split}
                ),
                "videos": splits.videos(split),
            }
            for split in splits.names
        },
        "notes": [*splits.notes, *notes],
        "left_out": left_out or {},
        "videos": [entry(video, splits) for video in videos],
        "files": hashes(root),
    }


def entry(video: KeptVideo, splits: Splits) -> dict[str, Any]:
    """What the manifest says of a video."""
    record = video.record
    names = "video_id patient_id source procedure sha256 size_bytes settings duration_s fps width height codec sampled"
    return {
        **{name: getattr(record, name) for name in names.split()},
        "split": splits.of_video.get(record.video_id),
        "kept": video.frames,
        "rejected": video.reasons,
        "image_bytes": video.image_bytes,
        "problems": list(record.problems),
        "failed": record.failed,
    }


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Installed versions of packages, sorted by name; those that are not installed are left out."""
    found = {}
    for package in sorted(packages):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def write_manifest(root: Path, content: dict[str, Any]) -> None:
    """Writes it, the same bytes for the same content."""
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    (root / MANIFEST).write_text(text + "\n", encoding="utf-8", newline="\n")


def hashes(root: Path) -> dict[str, dict[str, Any]]:
    """SHA-256 and length of every file below a folder but the manifest, by path."""
    found = {}
    for file in sorted(path for path in root.rglob("*") if path.is_file()):
        if file != root / MANIFEST:
            with file.open("rb") as opened:
                digest = hashlib.file_digest(opened, "sha256").hexdigest()
            found[file.relative_to(root).as_posix()] = {"sha256": digest, "bytes": file.stat().st_size}
    return found


def verify(root: Path) -> list[str]:
    """Reads every file of a dataset again.

    Args:
        root: Folder of the dataset.

    Returns:
        What differs from the manifest, a line per file; nothing if all is as it was written. Files whose name begins
        with a dot, such as those of git, are not looked at unless the manifest names them.

    Raises:
        FileNotFoundError: If there is no manifest.
        ValueError: If it is of another format.
    """
    file = root / MANIFEST
    if not file.is_file():
        raise FileNotFoundError(f"{root} has no {MANIFEST}; expected the folder that `zen-hf curate` made")
    try:
        noted = json.loads(file.read_text(encoding="utf-8"))
        expected = noted["files"] if noted["format"] == FORMAT else None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{file}: no manifest of a frame dataset ({error!r}); curate again or copy it again"
        ) from error
    if expected is None:
        raise ValueError(f"{file}: format {noted['format']!r}; expected {FORMAT!r}: use the version that wrote it")
    found, lines = hashes(root), []
    for name in sorted(expected | found):
        if name not in found:
            lines.append(f"{name}: missing")
        elif name not in expected:
            hidden = any(part.startswith(".") for part in Path(name).parts)
            lines += [] if hidden else [f"{name}: not in the manifest"]
        elif found[name] != expected[name]:
            was, now = expected[name], found[name]
            sizes = f" of {was['bytes']} bytes, now {now['bytes']}" if was["bytes"] != now["bytes"] else ""
            lines.append(f"{name}: changed{sizes}: SHA-256 {now['sha256'][:12]}..., expected {was['sha256'][:12]}...")
    return lines
