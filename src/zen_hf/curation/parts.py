# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What is finished of a curation: one folder per video, which appears whole when the video is done.

```text
WORK/<video_id>/kept-00000.parquet ...   schema KEPT, in the order of time
WORK/<video_id>/rejected.parquet         schema REJECTED
WORK/<video_id>/record.json              VideoRecord: its presence says that the video is finished
```
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from zen_hf.atomic_files import atomic_file, atomic_write_text

RECORD = "record.json"


@dataclass(frozen=True)
class VideoRecord:
    """What a finished video came to.

    Attributes:
        video_id: Its id in the dataset.
        patient_id: Its patient's; the video's own where no patient was named.
        source: Its hospital or source.
        procedure: Its procedure.
        sha256: Of its bytes.
        size_bytes: Length of its file.
        settings: Hash of all settings and versions on which the frames depend.
        duration_s: Seconds of film, without the pauses in which nothing was recorded.
        fps: Frames per second, on average.
        width: Of a decoded frame, in px.
        height: Of a decoded frame, in px.
        codec: Name of its codec.
        sampled: Number of frames that were looked at.
        kept: Number of frames that were kept.
        rejected: Number of frames by reason.
        problems: What could not be read, in words without names or paths; a video with kept frames can have some.
        failed: Why nothing of it could be read; None where something could.
    """

    video_id: str
    patient_id: str
    source: str
    procedure: str
    sha256: str
    size_bytes: int
    settings: str
    duration_s: float = 0.0
    fps: float = 0.0
    width: int = 0
    height: int = 0
    codec: str = ""
    sampled: int = 0
    kept: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    failed: str | None = None


@dataclass(frozen=True)
class Part:
    """The folder of one finished video."""

    folder: Path
    record: VideoRecord

    @property
    def kept_files(self) -> list[Path]:
        """Its Parquet files of kept frames, in the order of time."""
        return sorted(self.folder.glob("kept-*.parquet"))

    @property
    def rejected_file(self) -> Path:
        """Its Parquet file of rejected frames."""
        return self.folder / "rejected.parquet"


def write_table(path: Path, table: pa.Table) -> None:
    """Writes a Parquet file of a part, whole or not at all; its frames are compressed already."""
    with atomic_file(path) as temporary:
        pq.write_table(table, temporary, compression="none")


def write_record(folder: Path, record: VideoRecord) -> None:
    """Says that a video is finished, once all its files are there."""
    atomic_write_text(folder / RECORD, json.dumps(asdict(record), indent=1, sort_keys=True))


def read_part(folder: Path) -> Part | None:
    """The part of a folder, or None where its video is not finished."""
    file = folder / RECORD
    return Part(folder, VideoRecord(**json.loads(file.read_text()))) if file.is_file() else None


def read_note(note: Path) -> dict:
    """What an earlier run noted in a file; of one that is not there or is no JSON, nothing."""
    try:
        return json.loads(note.read_text())
    except (OSError, ValueError):
        return {}
