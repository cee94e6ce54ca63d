# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The frozen encoder that looks at every candidate frame, and the classifier that was taught on its features."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zen_hf.data.frame_pixels import to_unit_range

from .frame_row import SIGNALS

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

    def known(self) -> "KnownEncoder | None":
        """What a run must know of the encoder before its workers have it; None without one.

        Raises:
            ValueError: If the classifier was taught on another encoder, or the encoder is incomplete.
        """
        if self.model is None:
            return None
        candidates = CandidateEncoder(self)
        return KnownEncoder(candidates.encoder.fingerprint, candidates.image_size)


@dataclass(frozen=True)
class KnownEncoder:
    """What is known of an encoder without having it.

    Attributes:
        fingerprint: Of its weights.
        image_size: Side of what it sees, in px.
    """

    fingerprint: str
    image_size: int


class CandidateEncoder:
    """Embeds candidate frames, and finds those outside the body.

    Args:
        settings: The encoder, which is not null.
        device: Where it computes.

    Raises:
        ValueError: If the classifier was taught on another encoder, or the encoder is incomplete.
    """

    def __init__(self, settings: EncoderSettings, device: str = "cpu"):
        self.settings, self.encoder, self.classifier = settings, settings.load().to(device), None
        self.image_size = settings.image_size or self.encoder.default_image_size
        if settings.classifier is not None:
            from .judging.frame_classifier import FrameClassifier  # scikit-learn, which most runs do without

            self.classifier = FrameClassifier.load(Path(settings.classifier), self.encoder, self.image_size)

    def judge(self, rows: list[dict], pixels: np.ndarray) -> tuple[list[dict], list[dict]]:
        """Rows that stay, with their embeddings, and rows outside the body.

        Args:
            rows: Candidates.
            pixels: Of each, uint8 [n, 3, S, S].
        """
        import torch  # the encoder has brought it

        torch.set_num_threads(self.settings.threads)
        features = summaries(self.encoder, pixels, self.settings.batch_size)
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
