# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Finished videos become the frame dataset: whole or not at all, and the same bytes whatever order they came in."""

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from ..frame_row import REJECTED
from ..parts import Part
from .contact_sheet import write_contact_sheet
from .dataset_card import CardSettings, dataset_card, write_dataset_card
from .dataset_summary import histograms, summarise
from .kept_video import KeptVideo
from .manifest import MANIFEST, manifest, write_manifest
from .sampling_weights import FrameWeights, WeightSettings, weigh
from .shards import ShardSettings, plan_shards, write_shard
from .splits import SplitSettings, divide
from .statistics_page import statistics_page

NO_CLUSTERS = "no encoder looked at the frames, so there are no clusters, and the column `cluster_weight` is empty"


@dataclass
class AssemblySettings:
    """How finished videos become a dataset; see the parts."""

    splits: SplitSettings = field(default_factory=SplitSettings)
    shards: ShardSettings = field(default_factory=ShardSettings)
    weights: WeightSettings = field(default_factory=WeightSettings)
    card: CardSettings = field(default_factory=CardSettings)


def assemble(
    output: Path,
    parts: Sequence[Part],
    settings: AssemblySettings,
    dropped: dict[str, Collection[int]] | None = None,
    curation: dict[str, Any] | None = None,
    packages: dict[str, str] | None = None,
    left_out: dict[str, int] | None = None,
) -> dict[str, Any]:
    """Writes the dataset.

    It is written beside its place, to `.OUTPUT.zen-partial`, and renamed; a dataset that stood there before is replaced.

    Args:
        output: Folder of the dataset.
        parts: All videos, in any order, those that could not be read too.
        settings: How.
        dropped: Video id to the `frame_index` of its kept frames that a video before it shows too.
        curation: Settings on which the frames depend, for manifest and card; plain values, without names and paths. Those
            of `assembly` among them give way to `settings`, without paths.
        packages: Versions of packages on which the frames depend.
        left_out: Number of inputs that are left out, or about which there is a remark, by what is said of them in words
            without names; for manifest and card.

    Returns:
        The manifest.

    Raises:
        ValueError: If no frame stays, a part is damaged or there twice, or lists of splits are wrong.
        FileExistsError: If the output, or a folder that is needed beside it, is one of something else.
        OSError: If the output cannot be written; what was there before stays.
    """
    output = Path(os.path.realpath(output))  # of a link, what it leads to is replaced
    partial, old = (output.with_name(f".{output.name}.zen-{state}") for state in ("partial", "old"))
    for folder in (output, partial, old):
        refuse_foreign(folder)
    if old.exists() and not output.exists():  # an earlier run was killed between two renames
        os.replace(old, output)
    videos = kept_videos(parts, dropped or {})
    splits = divide(
        [video.record for video in videos], {video.record.video_id: video.frames for video in videos}, settings.splits
    )
    train = set(splits.videos("train"))
    weights = weigh(videos, train, settings.weights)
    left_out = left_out or {}
    notes = [NO_CLUSTERS] if weights.cluster is None else []
    notes += [inputs_note(left_out)] if left_out else []
    summary = summarise(videos, splits, cluster_sizes(videos, weights, train), notes)
    shards = plan_shards(videos, splits.of_video, settings.shards)
    described = (curation or {}) | {"assembly": plain(settings)}
    discard(partial)
    try:
        partial.mkdir(parents=True)
        (partial / MANIFEST).touch()  # says whose the folder is
        (partial / "data").mkdir()
        for shard in shards:
            write_shard(partial / "data" / shard.name, shard, videos, weights, settings.shards)
        write_rejected(partial / "rejected.parquet", videos)
        write_contact_sheet(partial / "contact_sheet.jpg", videos)
        page = statistics_page(settings.card.name, summary, histograms(videos))
        (partial / "statistics.html").write_text(page, encoding="utf-8", newline="\n")
        write_dataset_card(
            partial / "README.md",
            dataset_card(summary, shards, described, settings.card, fingerprint(videos, described)),
        )
        content = manifest(partial, videos, splits, summary.total, described, packages or {}, notes, left_out)
        write_manifest(partial, content)
        put_in_place(partial, output, old)
    finally:
        discard(partial)
    return content


def refuse_foreign(output: Path) -> None:
    """Makes sure that nothing but a frame dataset, whole or half made, is replaced or removed."""
    if output.exists() and not (output / MANIFEST).is_file() and (not output.is_dir() or any(output.iterdir())):
        raise FileExistsError(f"{output} exists and is no frame dataset; choose another output, or move it away")


def kept_videos(parts: Sequence[Part], dropped: dict[str, Collection[int]]) -> list[KeptVideo]:
    """All videos, sorted by id.

    Raises:
        ValueError: If one is there twice, dropped frames are of none, or no frame stays.
    """
    ids = sorted(part.record.video_id for part in parts)
    if twice := [one for one, other in zip(ids, ids[1:], strict=False) if one == other]:
        raise ValueError(f"video {twice[0]} is there twice; pass every finished video once")
    if unknown := sorted(set(dropped) - set(ids)):
        raise ValueError(f"frames of video {unknown[0]} are to be dropped, but there is no such video")
    ordered = sorted(parts, key=lambda part: part.record.video_id)
    videos = [KeptVideo.of(part, dropped.get(part.record.video_id, ())) for part in ordered]
    if not any(video.frames for video in videos):
        failed = sum(video.record.failed is not None for video in videos)
        reasons: dict[str, int] = {}
        for video in videos:
            for reason, count in video.reasons.items():
                reasons[reason] = reasons.get(reason, 0) + count
        said = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items())) or "none was looked at"
        raise ValueError(
            f"no frame of {len(videos)} videos is left ({failed} videos unreadable; frames: {said}); there is no dataset "
            "to write: lower the thresholds of the filters, or give other videos"
        )
    return videos


def fingerprint(videos: Sequence[KeptVideo], settings: dict[str, Any]) -> str:
    """SHA-256 of all that the frames follow from."""
    frames = [
        [video.record.video_id, video.record.sha256, video.record.settings, video.frames, sorted(video.dropped)]
        for video in videos
    ]
    return hashlib.sha256(json.dumps([frames, settings], sort_keys=True).encode()).hexdigest()


def cluster_sizes(videos: Sequence[KeptVideo], weights: FrameWeights, train: set[str]) -> list[int] | None:
    """Training frames of every cluster that has some, largest first."""
    if weights.cluster is None:
        return None
    training = np.repeat([video.record.video_id in train for video in videos], [video.frames for video in videos])
    sizes = np.bincount(weights.cluster[training])
    return sorted(sizes[sizes > 0].tolist(), reverse=True)


def plain(settings: AssemblySettings) -> dict[str, Any]:
    """The settings without paths: of lists of splits, only that there were some; the manifest has what they say."""
    tree = asdict(settings)
    tree["splits"]["lists"] = None if settings.splits.lists is None else "given"
    return tree


def write_rejected(path: Path, videos: Sequence[KeptVideo]) -> None:
    """One file of all rejected frames, video after video, each in the order of time."""
    with pq.ParquetWriter(path, REJECTED, compression="zstd", use_dictionary=["video_id", "reason"]) as writer:
        for video in videos:
            table = video.rejected()
            if len(table):
                writer.write_table(table)


def inputs_note(left_out: dict[str, int]) -> str:
    """How many inputs are left out, or have a remark, and why."""
    said = ", ".join(f"{kind} ({count})" for kind, count in sorted(left_out.items()))
    return f"inputs that are left out, and remarks about inputs: {said}"


def put_in_place(partial: Path, output: Path, old: Path) -> None:
    """Gives the finished dataset its name; an older one goes once the new one stands there."""
    if output.exists():
        discard(old)
        os.replace(output, old)
    os.replace(partial, output)
    if old.exists():
        os.replace(old, partial)  # what is half removed never has the name from which a dataset is put back
        discard(partial)


def discard(folder: Path) -> None:
    """Removes a dataset that is half made or not needed any more; what says that it is one goes last."""
    if not folder.is_dir():
        return
    refuse_foreign(folder)
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.name != MANIFEST:
            with suppress(OSError):
                entry.unlink()
    shutil.rmtree(folder, ignore_errors=True)
