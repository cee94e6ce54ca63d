# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Finished videos built in code from synthetic surgery."""

import io
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from zen_hf.curation.frame_row import KEPT, REJECTED, SIGNALS
from zen_hf.curation.parts import Part, VideoRecord, write_record
from zen_hf.data.synthetic_surgery import SyntheticSurgery

CHUNK = 8  # frames of a file


@lru_cache(maxsize=4)
def scenes(count: int = 4) -> list[np.ndarray]:
    """Some frames [48, 64, 3] of one video."""
    video = SyntheticSurgery(seed=0, size=(48, 64), frames_per_video=count).video(0)
    return [video[number].image for number in range(count)]


def jpeg(number: int, random: np.random.Generator) -> bytes:
    """A frame that no other equals."""
    frame = scenes()[number % len(scenes())].copy()
    frame[:8] = random.integers(0, 255, (8, 64, 3))
    file = io.BytesIO()
    Image.fromarray(frame).save(file, "JPEG", quality=90)
    return file.getvalue()


def build_part(
    root: Path,
    video_id: str,
    frames: int = 20,
    procedure: str = "cholecystectomy",
    source: str = "north",
    patient: str | None = None,
    rejected: dict[str, int] | None = None,
    embedding: int = 0,
    failed: str | None = None,
    problems: tuple[str, ...] = (),
    image: bytes | None = None,
) -> Part:
    """Writes the folder of a finished video.

    Kept frames are every third of the film, rejected ones lie between; embeddings of length `embedding` are one of three
    directions, with noise.
    """
    random = np.random.default_rng(list(video_id.encode()))
    folder = root / video_id
    folder.mkdir(parents=True)
    patient = video_id if patient is None else patient
    rejected = {"black": 2, "near_duplicate": 3} if rejected is None else rejected

    def signals() -> dict:
        return {name: float(value) for name, value in zip(SIGNALS, random.random(len(SIGNALS)), strict=True)}

    rows = []
    for number in range(frames):
        direction = np.zeros(max(embedding, 3))
        direction[0 if number % 10 < 7 else 1 if number % 10 < 9 else 2] = 1
        direction += 0.01 * random.standard_normal(len(direction))
        rows.append(
            {
                "image": {"bytes": image or jpeg(number, random), "path": None},
                "video_id": video_id,
                "frame_index": 3 * number,
                "time_s": 3 * number / 25,
                "procedure": procedure,
                "source": source,
                "patient_id": patient,
                "border_box": [1, 2, 60, 44],
                "border_circle": [32.0, 24.0, 22.5] if number % 2 else None,
                **signals(),
                "perceptual_hash": int(random.integers(0, 2**63)) * 2 + 1,
                "embedding": direction.tolist() if embedding else None,
            }
        )
    for start in range(0, frames, CHUNK):
        table = pa.Table.from_pylist(rows[start : start + CHUNK], KEPT)
        pq.write_table(table, folder / f"kept-{start // CHUNK:05d}.parquet", compression="none")
    reasons = [reason for reason, count in rejected.items() for _ in range(count)]
    refused = [
        [video_id, 3 * number + 1, (3 * number + 1) / 25, reason, f"{reason} by 0.5", *signals().values()]
        for number, reason in enumerate(reasons)
    ]
    columns = zip(*refused, strict=True) if refused else [[] for _ in REJECTED]
    arrays = [pa.array(list(column), kind) for column, kind in zip(columns, REJECTED.types, strict=True)]
    pq.write_table(pa.table(arrays, schema=REJECTED), folder / "rejected.parquet")
    record = VideoRecord(
        video_id=video_id,
        patient_id=patient,
        source=source,
        procedure=procedure,
        sha256=random.bytes(32).hex(),
        size_bytes=1000 * frames,
        settings="0" * 64,
        duration_s=3.0 * frames / 25,
        fps=25.0,
        width=64,
        height=48,
        codec="h264",
        sampled=frames + len(reasons),
        kept=frames,
        rejected=dict(rejected),
        problems=list(problems),
        failed=failed,
    )
    write_record(folder, record)
    return Part(folder, record)


def build_parts(root: Path, embedding: int = 8) -> list[Part]:
    """Twelve videos of ten patients, two procedures and two hospitals, one of them unreadable."""
    parts = []
    for number in range(11):
        procedure = "hysterectomy" if number % 4 == 3 else "cholecystectomy"
        patient = f"p{number // 2}" if number < 4 else f"p{number}"
        source = "north" if number % 3 else "south"
        name = f"v{number:02d}"
        parts.append(build_part(root, name, 12 + 3 * number, procedure, source, patient, embedding=embedding))
    parts.append(build_part(root, "v99", 0, rejected={}, embedding=embedding, failed="no video stream"))
    return parts
