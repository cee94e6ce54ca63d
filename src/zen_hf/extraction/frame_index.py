# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The moments of films that look most like a picture, by the features of `zen-hf extract`.

Search is exact: every moment is compared, in float64, one block of frames at a time and mapped from the disk, so memory does
not grow with the number of films. Moments that are equally like the picture come in the order of the films' names, and those of
a film in the order of time.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zen_hf.modeling.frame_encoder import FrameEncoder

from .video_file import VideoFile

BLOCK_FRAMES = 4096  # that are compared at once; 13 MB of 384 numbers each


@dataclass(frozen=True)
class Moment:
    """A frame that was found.

    Attributes:
        video: Name of its film.
        frame_index: Its number in the film.
        time_s: When it is shown, seconds from the first frame; nan where nobody knows.
        cosine: How much it is like the query, 1 at most.
    """

    video: str
    frame_index: int
    time_s: float
    cosine: float


@dataclass(frozen=True)
class FrameIndex:
    """Extracted features of some films.

    Attributes:
        folder: What `zen-hf extract` wrote.
        key: All that the features depend on.
        files: File of every film, by its name.
        feature: Which features are compared, `summary` or `layer5.summary`.
    """

    folder: Path
    key: dict
    files: dict[str, VideoFile]
    feature: str = "summary"

    @classmethod
    def open(cls, folder: str | Path, feature: str = "summary") -> "FrameIndex":
        """Read the headers.

        Raises:
            FileNotFoundError: If there is no finished extraction.
            ValueError: If a file is damaged, or the files are of different encoders.
        """
        folder = Path(folder)
        if not (folder / "index.json").is_file():
            raise FileNotFoundError(f"{folder}: no index.json, expected the folder of a finished zen-hf extract")
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        files = {video: VideoFile.open(folder / about["file"]) for video, about in index["videos"].items()}
        for video, file in files.items():
            if any(file.key.get(name) != value for name, value in index["key"].items()):
                raise ValueError(f"{file.path}: features of {video} are not those that {folder}/index.json tells of")
        return cls(folder, index["key"], files, feature)

    def require(self, encoder: FrameEncoder) -> None:
        """Refuse an encoder that did not make these features.

        Raises:
            ValueError: If it is another one.
        """
        if encoder.fingerprint != self.key["encoder"]:
            raise ValueError(
                f"{self.folder} holds features of another encoder ({self.key['encoder'][:16]}) than {encoder.name} "
                f"({encoder.fingerprint[:16]}); give the model that they were extracted with"
            )

    def __len__(self) -> int:
        return sum(file.frames for file in self.files.values())

    def nearest(self, vector: np.ndarray, top: int = 12, apart_s: float = 0.0) -> list[Moment]:
        """The moments most like a vector.

        Args:
            vector: What to compare with, [D]; its length does not matter.
            top: How many, at most.
            apart_s: Moments of a film nearer to each other than this are one; the best one stands for them, of equals the
                first.

        Returns:
            The best one first; equals in the order of the films' names, then of time.

        Raises:
            ValueError: If the vector has another length than the features, or is zero or not finite.
        """
        vector = np.asarray(vector, np.float32).reshape(1, -1)
        if not np.isfinite(vector).all() or not vector.any():
            raise ValueError("the vector to search with is zero or not finite; expected features of a picture")
        if top < 1:
            raise ValueError(f"top is {top}; expected at least 1")
        found = [moment for video in sorted(self.files) for moment in self.nearest_in(video, vector, top, apart_s)]
        return sorted(found, key=lambda moment: -moment.cosine)[:top]

    def nearest_in(self, video: str, vector: np.ndarray, top: int, apart_s: float) -> Iterator[Moment]:
        """The moments of one film, the best one first."""
        arrays = self.files[video].read([self.feature, "frame_index", "time_s"])
        features = arrays[self.feature]
        if features.shape[1] != vector.shape[1]:
            raise ValueError(
                f"the vector to search with has {vector.shape[1]} numbers and {self.feature} of {self.folder} has "
                f"{features.shape[1]}; expected features of the same encoder"
            )
        cosines, times = cosines_of(features, vector[0]), arrays["time_s"]
        free, taken = np.ones(len(cosines), bool), 0
        for row in np.argsort(-cosines, kind="stable"):
            if not free[row]:
                continue
            yield Moment(video, int(arrays["frame_index"][row]), float(times[row]), float(cosines[row]))
            taken += 1
            if taken == top:
                return
            if apart_s > 0:
                free[np.abs(times - times[row]) < apart_s] = False


def cosines_of(features: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """How much each row is like a vector, float64 [T]; rows of the same numbers are so to the last bit.

    A matrix product of BLAS would be free to sum a row in another order at another place.

    Args:
        features: [T, D], on the disk.
        vector: [D], not zero.
    """
    vector, cosines = vector.astype(np.float64), np.empty(len(features))
    vector /= np.linalg.norm(vector)
    for start in range(0, len(features), BLOCK_FRAMES):
        rows = np.asarray(features[start : start + BLOCK_FRAMES], np.float64)
        lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows))
        lengths[lengths == 0] = 1.0  # like nothing
        cosines[start : start + BLOCK_FRAMES] = np.einsum("nd,d->n", rows, vector) / lengths
    return cosines.clip(-1.0, 1.0)
