# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What goes from the decoder of a film to the encoder of its frames, and what is on the disk until the film is whole."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from zen_hf.atomic_files import atomic_file
from zen_hf.engines.plain_errors import FULL


@dataclass(frozen=True)
class Chunk:
    """Some wanted frames of a video.

    Attributes:
        video: Its name.
        sha256: Of the video's bytes.
        number: Place among the chunks of the video, from 0.
        squares: uint8 [n, 3, S, S].
        frame_index: Numbers of the frames in the video, int64 [n].
        time_s: When they are shown, seconds from the first frame, float64 [n].
    """

    video: str
    sha256: str
    number: int
    squares: np.ndarray
    frame_index: np.ndarray
    time_s: np.ndarray


@dataclass(frozen=True)
class EmptyChunk:
    """Stands for a chunk that is on the disk already, or of which no frame can be decoded.

    Without it, a second attempt at a video, which finds more chunks on the disk than the first, would give other results
    in other places, and an engine that leaves out as many as it had passed on would leave out the wrong ones.

    Attributes:
        video: Name of its video.
        number: Place among the chunks of the video.
    """

    video: str
    number: int


@dataclass(frozen=True)
class VideoEnd:
    """What follows the last chunk of a video.

    Attributes:
        video: Its name.
        sha256: Of the video's bytes; "" where they could not be read.
        wanted: Number of its frames that are wanted.
        numbers: Its chunks that have frames, those of earlier runs as well.
        fresh: Those of them that were decoded in this run.
        problems: What could not be read of it in this run.
        failed: Why there are no features at all; None where there are.
    """

    video: str
    sha256: str = ""
    wanted: int = 0
    numbers: tuple[int, ...] = ()
    fresh: tuple[int, ...] = ()
    problems: tuple[str, ...] = ()
    failed: str | None = None


@dataclass(frozen=True)
class ChunkFolder:
    """Finished chunks, in one folder per video and key.

    Args:
        folder: Of all of them.
        key: All that features depend on but the video, ready for JSON.
    """

    folder: Path
    key: dict

    def path(self, video: str, sha256: str, number: int) -> Path:
        """Where a chunk is, or will be; two videos of the same bytes have a folder each, which goes with its video."""
        whole = hashlib.sha256(json.dumps([self.key, video, sha256], sort_keys=True).encode()).hexdigest()
        return Path(self.folder) / whole[:32] / f"{number:06d}.safetensors"

    def write(self, chunk: Chunk, features: dict[str, torch.Tensor]) -> None:
        """Keep the features of a chunk, whole or not at all.

        Raises:
            OSError: If the disk is full or does not let itself be written.
        """
        path = self.path(chunk.video, chunk.sha256, chunk.number)
        path.parent.mkdir(parents=True, exist_ok=True)
        places = {"frame_index": torch.from_numpy(chunk.frame_index), "time_s": torch.from_numpy(chunk.time_s)}
        try:
            with atomic_file(path) as temporary:
                save_file(features | places, temporary)
        except SafetensorError as error:
            code = re.search(r"os error (\d+)", str(error))  # the only place where safetensors tells it
            advice = "make room, and " if code is not None and int(code[1]) in FULL else ""
            raise OSError(f"{path}: cannot be written ({error}); {advice}start the same command again") from error
