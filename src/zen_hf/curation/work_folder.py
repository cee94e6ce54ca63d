# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The private folder in which a curation works, so that it can be stopped at any moment and go on.

```text
OUT.private/parts/<settings>/<video_id>/   one finished video each; see parts.py
OUT.private/inputs/                        hash of every input file, so that a large one is read once for it
OUT.private/across_videos.json             which frames other videos show too; see across_videos.py
OUT.private/salt, names.csv                see identities.py
```
"""

import hashlib
import json
import os
import shutil
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from zen_hf.atomic_files import atomic_write_text

from .chunk import VideoTask
from .encode_chunk import WrittenChunk
from .frame_row import REJECTED
from .inputs.video_input import VideoInput
from .parts import Part, read_note, read_part, write_record, write_table

ASKED = ("settings", "sha256", "patient_id", "source", "procedure")  # what decides on a video's frames


@dataclass
class Tally:
    """Chunks of one video that are written; they may come in any order, and twice if a worker died."""

    chunks: dict[int, WrittenChunk] = field(default_factory=dict)

    @property
    def last(self) -> WrittenChunk | None:
        """The chunk with the record, if it came."""
        return next((chunk for chunk in self.chunks.values() if chunk.record is not None), None)

    @property
    def whole(self) -> bool:
        """Whether all chunks of the video are written."""
        if self.last is None:
            return False
        return self.last.record.failed is not None or self.chunks.keys() >= set(range(self.last.number + 1))


class WorkFolder:
    """Parts that are finished, and those in the making.

    Args:
        private: The private folder of an output.
        settings: Hash of all that frames depend on: parts of other settings are never touched before a dataset stands.
    """

    def __init__(self, private: Path, settings: str = "unnamed"):
        self.private, self.parts, self.inputs = private, private / "parts" / settings[:16], private / "inputs"
        self.tallies: dict[str, Tally] = {}
        self.told: dict[str, Part] = {}  # what was finished since this run began

    def finished(self, task: VideoTask, failed_too: bool = False) -> Part | None:
        """The part of a video, if it was finished with these settings, and could be read or need not be."""
        part = read_part(self.parts / task.video_id)
        if part is None or (part.record.failed is not None and not failed_too):
            return None
        asked = task.record()
        same = all(getattr(part.record, name) == getattr(asked, name) for name in ASKED)
        return part if same else None

    def begin(self, task: VideoTask) -> None:
        """Removes what an interrupted run left of a video."""
        shutil.rmtree(self.parts / task.video_id, ignore_errors=True)
        self.tallies.pop(task.video_id, None)
        self.told.pop(task.video_id, None)

    def add(self, chunk: WrittenChunk) -> Part | None:
        """Notes a written chunk; returns the part of its video once, when that is whole."""
        part = self.told.get(chunk.video_id)
        if part is not None:  # it was on its way when its video failed, or was written twice
            for kind in ("kept", "rejected") if part.record.failed is not None else ("rejected",):
                (part.folder / f"{kind}-{chunk.number:05d}.parquet").unlink(missing_ok=True)
            return None
        if chunk.record is not None and chunk.record.failed is not None:
            self.tallies.pop(chunk.video_id, None)  # whatever came before
        tally = self.tallies.setdefault(chunk.video_id, Tally())
        tally.chunks[chunk.number] = chunk
        return self.finish(chunk.video_id) if tally.whole else None

    def finish(self, video_id: str) -> Part:
        """Joins what is written of a video, and says that it is finished."""
        folder, tally = self.parts / video_id, self.tallies.pop(video_id)
        record = tally.last.record
        if record.failed is not None:
            folder.mkdir(parents=True, exist_ok=True)
            for file in (*folder.glob("kept-*.parquet"), *folder.glob("rejected-*.parquet")):
                file.unlink()  # not the folder: another worker may be writing to it
            write_table(folder / "rejected.parquet", REJECTED.empty_table())
        else:
            self.join_rejected(folder)
            reasons = sum((Counter(chunk.rejected) for chunk in tally.chunks.values()), Counter())
            kept = sum(chunk.kept for chunk in tally.chunks.values())
            record = replace(record, kept=kept, rejected=dict(sorted(reasons.items())))
        write_record(folder, record)
        self.told[video_id] = Part(folder, record)
        return self.told[video_id]

    @staticmethod
    def join_rejected(folder: Path) -> None:
        """One file of all rejected frames, in the order of time."""
        files = sorted(folder.glob("rejected-*.parquet"))
        tables = [pq.ParquetFile(file).read() for file in files] or [REJECTED.empty_table()]
        write_table(folder / "rejected.parquet", pa.concat_tables(tables))
        for file in files:
            file.unlink()

    def sha256_of(self, video: VideoInput) -> str:
        """Hash of a video's bytes, from the notes if its file has not changed since.

        Raises:
            OSError: If it cannot be read.
        """
        if not os.path.isfile(video.path):
            return video.sha256()
        state = os.stat(video.path)
        # a file copied over it with its times has another change time or another number
        now = {
            "size": state.st_size,
            "mtime_ns": state.st_mtime_ns,
            "ctime_ns": state.st_ctime_ns,
            "inode": state.st_ino,
        }
        note = self.inputs / f"{hashlib.sha256(os.fsencode(os.path.abspath(video.path))).hexdigest()[:32]}.json"
        noted = read_note(note)
        if {name: noted.get(name) for name in now} == now:
            return noted["sha256"]
        now["sha256"] = video.sha256()
        note.parent.mkdir(parents=True, exist_ok=True)
        atomic_write_text(note, json.dumps(now))
        return now["sha256"]

    def remove_other_settings(self) -> None:
        """Removes parts of other settings, which no dataset needs any more."""
        for folder in self.parts.parent.iterdir():
            if folder != self.parts:
                shutil.rmtree(folder, ignore_errors=True)
