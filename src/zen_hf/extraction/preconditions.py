# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What is checked before the first frame is encoded, and what features depend on beside weights and frames."""

import importlib.metadata
import shutil
from collections.abc import Iterable
from pathlib import Path

from zen_hf.modeling.frame_encoder import FrameEncoder


def require_fitting_size(encoder: FrameEncoder, image_size: int) -> None:
    """Refuse an image size that the encoder cannot take, and name the nearest ones.

    Raises:
        ValueError: if the size is not a positive multiple of the encoder's stride.
    """
    if image_size <= 0 or image_size % encoder.stride:
        below = image_size // encoder.stride * encoder.stride
        nearest = " or ".join(str(size) for size in (below, below + encoder.stride) if size > 0)
        raise ValueError(
            f"image size {image_size} is not divisible by the encoder's stride {encoder.stride}: use {nearest}."
        )


def require_room(folder: Path, frames: int, per_frame: int) -> None:
    """Refuse to extract what the disk cannot hold.

    Args:
        folder: of the cache; need not exist yet.
        frames: number of frames to extract.
        per_frame: size of their features, in bytes.

    Raises:
        OSError: if less is free; the message names the sizes.
    """
    place = next(parent for parent in (Path(folder).absolute(), *Path(folder).absolute().parents) if parent.exists())
    free = shutil.disk_usage(place).free
    if frames * per_frame > free:
        raise OSError(
            f"features of {frames} frames take {frames * per_frame / 1e9:.3g} GB ({per_frame / 1e3:.3g} kB each), and "
            f"{folder} has {free / 1e9:.3g} GB free; make room, or choose a folder on another disk with --cache."
        )


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """Installed versions."""
    return {name: importlib.metadata.version(name) for name in packages}
