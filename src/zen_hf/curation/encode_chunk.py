# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The second stage of a curation: an encoder looks at the candidates, and what remains is written."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from zen_hf.data.frame_pixels import to_unit_range

from .chunk import Chunk
from .frame_row import KEPT, REJECTED, SIGNALS
from .parts import VideoRecord, write_table

if TYPE_CHECKING:
    from zen_hf.modeling.frame_encoder import FrameEncoder


@dataclass
class EncoderSettings:
    """An encoder that looks at every candidate frame.

    Attributes:
        model: Folder or Hub id of any `AutoModel` of images; null for none: duplicates across videos are then found by
            perceptual hash, and frames outside the body by signals alone.
        revision: Commit, tag or branch on the Hub.
        trust_remote_code: Whether the model's own code may run.
        image_size: Side of what it sees, in px; 0 for its own.
        batch_size: Frames that it sees at once.
        threads: Of the encoder on a processor: another number may change the last bits of its sums.
        classifier: Folder `classifier` that `python -m zen_hf.recipes.teach_filter` wrote for this encoder; null for none.
    """

    model: str | None = None
    revision: str | None = None
    trust_remote_code: bool = False
    image_size: int = 0
    batch_size: int = 32
    threads: int = 2
    classifier: str | None = None

    def __post_init__(self):
        if self.classifier is not None and self.model is None:
            raise ValueError(
                f"encoder.classifier is {self.classifier!r}, but encoder.model is null; set the encoder it was taught on"
            )
        if min(self.batch_size, self.threads) < 1 or self.image_size < 0:
            raise ValueError(
                f"encoder.batch_size is {self.batch_size}, encoder.threads {self.threads} and encoder.image_size "
                f"{self.image_size}; expected at least 1, at least 1, and a side in px or 0"
            )

    def anywhere(self) -> "EncoderSettings":
        """The same with whole paths, for workers whose working directory is another one."""
        model = os.path.abspath(self.model) if self.model is not None and os.path.exists(self.model) else self.model
        classifier = None if self.classifier is None else os.path.abspath(self.classifier)
        return replace(self, model=model, classifier=classifier)

    def load(self) -> "FrameEncoder":
        """The encoder."""
        from zen_hf.modeling.frame_encoder import FrameEncoder  # takes seconds, and many runs have no encoder

        return FrameEncoder.from_pretrained(
            self.model, revision=self.revision, trust_remote_code=self.trust_remote_code
        )


@dataclass(frozen=True)
class WrittenChunk:
    """What became of a chunk.

    Attributes:
        video_id: Its video.
        number: Its place among the chunks of the video.
        kept: Number of frames written.
        rejected: Number of frames by reason.
        record: As in `Chunk`.
        private: As in `Chunk`.
    """

    video_id: str
    number: int
    kept: int
    rejected: dict[str, int]
    record: VideoRecord | None
    private: str | None


@dataclass(frozen=True)
class ChunkEncoding:
    """Builds the stage; see `engines.stage.Stage`.

    Args:
        work: Folder of the parts.
        settings: The encoder.
        gpu: Whether it runs on a GPU.
    """

    work: Path
    settings: EncoderSettings
    gpu: bool = False

    def __call__(self):
        """Loads the encoder once, and returns the function of one chunk."""
        return ChunkEncoder(self.work, self.settings, self.gpu)


class ChunkEncoder:
    """Encodes, judges and writes chunks.

    Args:
        work: Folder of the parts.
        settings: The encoder.
        gpu: Whether it runs on a GPU.

    Raises:
        ValueError: If the classifier was taught on another encoder, or the encoder is incomplete.
    """

    def __init__(self, work: Path, settings: EncoderSettings, gpu: bool = False):
        self.work, self.settings, self.encoder, self.classifier = work, settings, None, None
        self.image_size: int | None = None  # of the pixels that it wants to see
        if settings.model is not None:
            self.encoder = settings.load()
            self.image_size = settings.image_size or self.encoder.default_image_size
            self.encoder.to("cuda" if gpu else "cpu")
            if settings.classifier is not None:
                from .judging.frame_classifier import (
                    FrameClassifier,  # brings scikit-learn, which most runs do without
                )

                self.classifier = FrameClassifier.load(Path(settings.classifier), self.encoder, self.image_size)

    def __call__(self, chunk: Chunk) -> Iterator[WrittenChunk]:
        """Writes what remains of a chunk; of a video that failed, nothing."""
        if chunk.record is not None and chunk.record.failed is not None:
            yield WrittenChunk(chunk.video_id, chunk.number, 0, {}, chunk.record, chunk.private)
            return
        kept, rejected = chunk.candidates, list(chunk.rejected)
        if kept and self.encoder is not None:
            import torch  # the encoder has brought it

            torch.set_num_threads(self.settings.threads)
            kept, outside = self.judged(kept, summaries(self.encoder, chunk.pixels, self.settings.batch_size))
            rejected = sorted(rejected + outside, key=lambda row: row["frame_index"])
        folder = self.work / chunk.video_id
        folder.mkdir(parents=True, exist_ok=True)
        write_rows(folder / f"kept-{chunk.number:05d}.parquet", kept, KEPT)
        write_rows(folder / f"rejected-{chunk.number:05d}.parquet", rejected, REJECTED)
        reasons = dict(Counter(row["reason"] for row in rejected))
        yield WrittenChunk(chunk.video_id, chunk.number, len(kept), reasons, chunk.record, chunk.private)

    def judged(self, rows: list[dict], features: np.ndarray) -> tuple[list[dict], list[dict]]:
        """Rows that stay, with their embeddings, and rows outside the body."""
        lengths = np.linalg.norm(features, axis=1, keepdims=True)
        embeddings = features / np.maximum(lengths, 1e-12)
        outside = np.zeros(len(rows)) if self.classifier is None else self.classifier.probabilities(features)
        limit = np.inf if self.classifier is None else self.classifier.threshold
        kept, refused = [], []
        for row, embedding, probability in zip(rows, embeddings, outside, strict=True):
            if probability < limit:
                kept.append(row | {"embedding": embedding.tolist()})
                continue
            detail = f"probability {probability:.3f} of the classifier, at least {limit:.3f}"
            place = {name: row[name] for name in ("video_id", "frame_index", "time_s", *SIGNALS)}
            refused.append(place | {"reason": "outside_body", "detail": detail})
        return kept, refused


def summaries(encoder: "FrameEncoder", squares: np.ndarray, batch_size: int) -> np.ndarray:
    """Summaries float32 [n, D] of squares uint8 [n, 3, S, S]."""
    import torch

    with torch.no_grad():
        parts = [
            encoder(to_unit_range(squares[start : start + batch_size], encoder.mean.device))
            .summary.float()
            .cpu()
            .numpy()
            for start in range(0, len(squares), batch_size)
        ]
    return np.concatenate(parts)


def write_rows(path: Path, rows: list[dict], schema: pa.Schema) -> None:
    """Writes rows as Parquet; no rows, no file."""
    if not rows:
        path.unlink(missing_ok=True)
        return
    write_table(path, pa.Table.from_pylist(rows, schema))
