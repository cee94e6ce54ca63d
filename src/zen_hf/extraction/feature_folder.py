# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A folder of extracted features that grows video by video, by one process or several.

```text
OUT/features/<video>.safetensors    or .parquet: see video_file.py
OUT/stamps/<video>.json             size and times of what the features were made of, which need no hash while they stay
OUT/chunks/                         what is finished of videos that are not
OUT/index.json                      what all files have in common, and what every video came to
OUT/shards/<i>-of-<n>/              the record of a share of the videos
OUT/*.lock                          see engines/held_folder.py
```
"""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from zen_hf.atomic_files import TEMPORARY, atomic_write_text
from zen_hf.engines.shards import Shard

from .chunks import ChunkFolder, VideoEnd
from .moments import Film, Pictures, Unreadable
from .video_file import VideoFile, join_chunks


@dataclass(frozen=True)
class VideoOutcome:
    """What a video came to.

    Attributes:
        video: Its name.
        frames: Number of frames with features.
        missing: Number of wanted frames that could not be read.
        failed: Why there are no features; None where there are.
    """

    video: str
    frames: int = 0
    missing: int = 0
    failed: str | None = None


class FeatureFolder:
    """Features under one key.

    Args:
        folder: The folder.
        key: All that features depend on but the video; see `FeatureSettings.key`.
        file_format: "safetensors" or "parquet".
    """

    def __init__(self, folder: Path, key: dict, file_format: str):
        self.folder, self.key, self.file_format = Path(folder), key, file_format
        self.chunks = ChunkFolder(self.folder / "chunks", key)

    def path(self, video: str) -> Path:
        """Where a video's features are, or will be."""
        return self.folder / "features" / f"{video}.{self.file_format}"

    def finished(self, video: Film | Pictures) -> VideoOutcome | None:
        """What a finished video came to; None where it is not, or was changed since.

        Raises:
            ValueError: If its file is damaged, or holds features of other settings.
        """
        path = self.path(video.name)
        if not path.is_file():
            return None
        file = VideoFile.open(path)
        of_video = {"sha256", "extent", "wanted"}
        before = {name: value for name, value in file.key.items() if name not in of_video}
        if before != self.key:
            changed = sorted(
                name for name in before.keys() | self.key.keys() if before.get(name) != self.key.get(name)
            )
            words = ", ".join(f"{name} (was {before.get(name)}, now {self.key.get(name)})" for name in changed)
            raise ValueError(f"{path} holds features of other settings: {words}; choose another output folder")
        if file.key["extent"] != video.extent:
            return None
        if not self.is_stamped(video, file.key["sha256"]):
            try:
                if video.sha256() != file.key["sha256"]:
                    return None
            except Unreadable:
                return None  # whoever decodes it says why
            self.stamp(video, file.key["sha256"])
        return VideoOutcome(video.name, file.frames, file.key["wanted"] - file.frames)

    def join(self, video: Film | Pictures, end: VideoEnd) -> VideoOutcome:
        """Make the file of a video whose chunks are all there, and remove them."""
        parts = [self.chunks.path(video.name, end.sha256, number) for number in end.numbers]
        key = self.key | {"sha256": end.sha256, "extent": video.extent, "wanted": end.wanted}
        join_chunks(parts, self.path(video.name), video.name, key)
        self.stamp(video, end.sha256)
        shutil.rmtree(parts[0].parent, ignore_errors=True)
        frames = VideoFile.open(self.path(video.name)).frames
        return VideoOutcome(video.name, frames, end.wanted - frames)

    def stamp_path(self, video: str) -> Path:
        """Where a video's stamp is."""
        return self.folder / "stamps" / f"{video}.json"

    def stamp(self, video: Film | Pictures, sha256: str) -> None:
        """Note what a video's files looked like before they were read, beside the hash of what was read."""
        path = self.stamp_path(video.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write_text(path, json.dumps({"sha256": sha256, "stamp": video.stamp}) + "\n")

    def is_stamped(self, video: Film | Pictures, sha256: str) -> bool:
        """Whether the files of a video look as they did when they had this hash."""
        path = self.stamp_path(video.name)
        if not video.stamp or not path.is_file():
            return False
        return path.read_text(encoding="utf-8") == json.dumps({"sha256": sha256, "stamp": video.stamp}) + "\n"

    def remove_remains(self) -> None:
        """Remove what killed runs left; for a run that holds the whole folder, as shares that are alive need theirs."""
        shutil.rmtree(self.chunks.folder, ignore_errors=True)
        for path in (self.folder / "features").rglob(f"{TEMPORARY}*"):
            path.unlink()

    def outcomes_of_shares(self) -> dict[str, VideoOutcome]:
        """What every video came to in the shares of one number: of those numbers whose shares are all finished, the newest.

        Shares of a number that was given up are left out, whatever they say.

        Raises:
            ValueError: If there is no such number; names the shares that are not finished, of every number.
        """
        shares = {}
        for record in sorted((self.folder / "shards").glob("*-of-*")):
            shares.setdefault(Shard.parse(record.name.replace("-of-", "/")).count, []).append(record)
        missing, finished = [], []
        for count in sorted(shares):
            records = [self.folder / "shards" / f"{index}-of-{count}" / "summary.json" for index in range(count)]
            lacking = [f"{index}/{count}" for index, record in enumerate(records) if not record.is_file()]
            if lacking:
                missing.append(f"{', '.join(lacking[:10])}{' ...' * (len(lacking) > 10)}")
            else:
                finished.append((max(record.stat().st_mtime_ns for record in records), records))
        if not finished:
            words = f"these are not finished: {'; '.join(missing)}" if missing else "there is none"
            raise ValueError(
                f"{self.folder}: a merge needs all shares of one number, and {words}; run them, then merge"
            )
        of_shares = [json.loads(record.read_text(encoding="utf-8"))["outcomes"] for record in max(finished)[1]]
        return {about["video"]: VideoOutcome(**about) for outcomes in of_shares for about in outcomes}

    def write_index(self, outcomes: list[VideoOutcome]) -> None:
        """Say what there is, by name of the video."""
        outcomes = sorted(outcomes, key=lambda outcome: outcome.video)
        videos = {
            outcome.video: {"file": str(self.path(outcome.video).relative_to(self.folder).as_posix())}
            | {name: getattr(outcome, name) for name in ("frames", "missing")}
            for outcome in outcomes
            if outcome.failed is None
        }
        failed = {outcome.video: outcome.failed for outcome in outcomes if outcome.failed is not None}
        index = {"format": self.file_format, "key": self.key, "videos": videos, "failed": failed}
        atomic_write_text(self.folder / "index.json", json.dumps(index, indent=1, sort_keys=True) + "\n")


def outcomes_as_json(outcomes: list[VideoOutcome]) -> list[dict]:
    """For a record of a share of the videos."""
    return [asdict(outcome) for outcome in sorted(outcomes, key=lambda outcome: outcome.video)]


def failure(end: VideoEnd) -> VideoOutcome:
    """What a video without features came to."""
    return VideoOutcome(end.video, failed=end.failed)
