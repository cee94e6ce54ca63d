# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What a run has to do: every video under its ids, with a hash of all that its frames depend on."""

import csv
import hashlib
import importlib.metadata
import json
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

import zen_hf
from zen_hf.engines.shards import Shard

from .candidate_encoder import EncoderSettings, KnownEncoder
from .chunk import VideoTask
from .decode_video import DecodeSettings
from .inputs.identities import Identities, Identity
from .inputs.video_input import InputProblem, InputSettings, VideoInput, find_videos
from .work_folder import WorkFolder

PACKAGES = ("av", "numpy", "pillow", "scipy", "torch")  # other versions may give other frames
ENCODING_PACKAGES = ("scikit-learn", "transformers")
ACROSS = ("cosine", "across_bits")  # of DuplicateSettings: they act on finished videos


def find_tasks(
    inputs: InputSettings, identities: Identities, work: WorkFolder, settings: str, shard: Shard | None
) -> tuple[list[VideoTask], list[tuple[VideoInput, Identity]], list[InputProblem]]:
    """The videos of a run, or of a share of it.

    Args:
        inputs: Where they are.
        identities: Gives their ids.
        work: Notes the hashes of their files.
        settings: Hash of all that their frames depend on.
        shard: The share; None for all.

    Returns:
        Tasks, the videos with their ids, and what is left out.
    """
    videos, problems = find_videos(inputs)
    videos = [video if video.row else replace(video, path=os.path.abspath(video.path)) for video in videos]
    if shard is not None:
        videos = share_of(videos, shard)
    identified, unreadable = identities.identify(videos, work.sha256_of)
    tasks = [
        VideoTask(video, found.video_id, found.patient_id, found.source, found.sha256, settings, size_of(video))
        for video, found in identified
    ]
    return tasks, identified, problems + unreadable


def share_of(videos: list[VideoInput], shard: Shard) -> list[VideoInput]:
    """The videos of a share; copies of one file stay together, since files of the same size do."""
    of_video = [size_of(video) for video in videos]
    counts = Counter(of_video)
    sizes = sorted(counts)
    mine = set(shard.mine(sizes, [str(size) for size in sizes], [size * counts[size] for size in sizes]))
    return [video for video, size in zip(videos, of_video, strict=True) if size in mine]


def require_shares(private: Path, found: Iterable[str]) -> None:
    """Makes sure that no video of a share is missing where shares are merged, as when a disk is not mounted.

    Raises:
        ValueError: If one is.
    """
    known = set(found)
    for names in sorted(private.glob("names-*-of-*.csv")):
        with open(names, encoding="utf-8", errors="surrogateescape", newline="") as file:
            missing = [row for row in csv.DictReader(file) if row["video_id"] not in known]
        if missing:
            raise ValueError(
                f"{len(missing)} videos of the share in {names.name} are not among the inputs any more (first: "
                f"{missing[0]['path']!r}); give all inputs again, or remove {names} if they are to be left out"
            )


def size_of(video: VideoInput) -> int:
    """Bytes of a video; of one that cannot be looked at none, as whoever reads it will report."""
    try:
        return video.size_bytes
    except (OSError, ValueError):
        return 0


def versions_of(encoder: EncoderSettings) -> dict[str, str]:
    """Versions of the packages on which frames depend, our own among them."""
    packages = PACKAGES + (ENCODING_PACKAGES if encoder.model is not None else ())
    return {"zen-hf": zen_hf.__version__} | {name: importlib.metadata.version(name) for name in packages}


def settings_hash(frames: DecodeSettings, encoder: EncoderSettings, known: KnownEncoder | None) -> str:
    """What the frames of a video depend on beside its bytes."""
    decoding = asdict(frames)
    for name in ACROSS:
        decoding["duplicates"].pop(name)
    depends = {"frames": decoding, "encoder": None, "versions": versions_of(encoder)}
    if known is not None:
        depends["encoder"] = [known.fingerprint, known.image_size, encoder.batch_size, encoder.threads]
        if encoder.classifier is not None:
            files = sorted(file for file in Path(encoder.classifier).iterdir() if file.is_file())
            depends["classifier"] = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()
