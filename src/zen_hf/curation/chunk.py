# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What goes from the decoder of a video to the encoder of its frames."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .inputs.video_input import VideoInput
from .parts import VideoRecord


@dataclass(frozen=True)
class VideoTask:
    """One video to curate, under the ids that the output knows.

    Attributes:
        video: Where it is read from.
        video_id: Its id in the output.
        patient_id: Its patient's.
        source: Its hospital's or source's.
        sha256: Of its bytes.
        settings: Hash of all that its frames depend on.
        size_bytes: Length of its file, when it was hashed.
    """

    video: VideoInput
    video_id: str
    patient_id: str
    source: str
    sha256: str
    settings: str
    size_bytes: int = 0

    def __str__(self) -> str:
        return f"video {self.video_id}"

    def record(self, **found: Any) -> VideoRecord:
        """What the video came to."""
        return VideoRecord(
            video_id=self.video_id,
            patient_id=self.patient_id,
            source=self.source,
            procedure=self.video.procedure,
            sha256=self.sha256,
            size_bytes=self.size_bytes,
            settings=self.settings,
            **found,
        )


@dataclass(frozen=True)
class Chunk:
    """Some frames of a video in the order of time.

    Attributes:
        video_id: Its video.
        number: Its place among the chunks of the video, from 0.
        candidates: Rows of schema KEPT, but for the embedding.
        pixels: What the encoder sees of them, uint8 [n, 3, S, S]; None where there is no encoder.
        rejected: Rows of schema REJECTED.
        record: In the last chunk of the video, what the video came to before its frames were encoded.
        private: In the last chunk, words for the user alone, which may hold names.
    """

    video_id: str
    number: int
    candidates: list[dict[str, Any]] = field(default_factory=list)
    pixels: np.ndarray | None = None
    rejected: list[dict[str, Any]] = field(default_factory=list)
    record: VideoRecord | None = None
    private: str | None = None

    def __str__(self) -> str:
        return f"chunk {self.number} of video {self.video_id}"
