# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The private folder in which a curation works, so that it can be stopped at any moment and go on.

```text
OUT.private/parts/<video_id>/   one finished video each; see parts.py
OUT.private/inputs/             hash of every input file, so that a large one is read once for it
OUT.private/salt, names.csv     see identities.py
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

from .chunk import VideoTask
from .encode_chunk import WrittenChunk
from .frame_row import REJECTED
from .parts import Part, read_part, write_record
from .video_input import VideoInput

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
        return self.last is not None and (self.last.record.failed or len(self.chunks) == self.last.number + 1)


class WorkFolder:
    """Parts that are finished, and those in the making.

    Args:
        private: The private folder of an output.
    """

    def __init__(self, private: Path):
        self.parts, self.inputs = private / "parts", private / "inputs"
        self.tallies: dict[str, Tally] = {}
        self.failed: set[str] = set()

    def finished(self, task: VideoTask) -> Part | None:
        """The part of a video, if it was finished with these settings and could be read."""
        part = read_part(self.parts / task.video_id)
        if part is None or part.record.failed is not None:
            return None
        asked = task.record()
        same = all(getattr(part.record, name) == getattr(asked, name) for name in ASKED)
        return part if same else None

    def begin(self, task: VideoTask) -> None:
        """Removes what an interrupted run left of a video."""
        shutil.rmtree(self.parts / task.video_id, ignore_errors=True)
        self.tallies.pop(task.video_id, None)
        self.failed.discard(task.video_id)

    def add(self, chunk: WrittenChunk) -> Part | None:
        """Notes a written chunk; returns the part of its video once that is whole."""
        if chunk.video_id in self.failed:  # it was on its way to another worker when its video failed
            for kind in ("kept", "rejected"):
                (self.parts / chunk.video_id / f"{kind}-{chunk.number:05d}.parquet").unlink(missing_ok=True)
            return None
        tally = self.tallies.setdefault(chunk.video_id, Tally())
        tally.chunks[chunk.number] = chunk
        return self.finish(chunk.video_id) if tally.whole else None

    def finish(self, video_id: str) -> Part:
        """Joins what is written of a video, and says that it is finished."""
        folder, tally = self.parts / video_id, self.tallies.pop(video_id)
        record = tally.last.record
        if record.failed:
            self.failed.add(video_id)
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            pq.write_table(REJECTED.empty_table(), folder / "rejected.parquet")
        else:
            self.join_rejected(folder)
            reasons = sum((Counter(chunk.rejected) for chunk in tally.chunks.values()), Counter())
            kept = sum(chunk.kept for chunk in tally.chunks.values())
            record = replace(record, kept=kept, rejected=dict(sorted(reasons.items())))
        write_record(folder, record)
        return Part(folder, record)

    @staticmethod
    def join_rejected(folder: Path) -> None:
        """One file of all rejected frames, in the order of time."""
        files = sorted(folder.glob("rejected-*.parquet"))
        tables = [pq.ParquetFile(file).read() for file in files] or [REJECTED.empty_table()]
        pq.write_table(pa.concat_tables(tables), folder / "rejected.parquet")
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
        now = {"size": state.st_size, "mtime_ns": state.st_mtime_ns}
        note = self.inputs / f"{hashlib.sha256(os.fsencode(os.path.abspath(video.path))).hexdigest()[:32]}.json"
        if note.is_file():
            noted = json.loads(note.read_text())
            if {name: noted[name] for name in now} == now:
                return noted["sha256"]
        now["sha256"] = video.sha256()
        note.parent.mkdir(parents=True, exist_ok=True)
        partial = note.with_name(f"{note.name}.{os.getpid()}.partial")
        partial.write_text(json.dumps(now))
        os.replace(partial, note)
        return now["sha256"]
