# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""`zen_hf.extract`: the features of a film or of pictures as an array."""

import copy
import itertools
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from transformers import PreTrainedModel

from zen_hf.data.frame_pixels import frame_to_square
from zen_hf.data.frame_sources import FrameSource
from zen_hf.modeling.frame_encoder import FrameEncoder
from zen_hf.modeling.pretrained_encoder import read_settings

from .feature_settings import EncoderSource, FeatureSettings
from .frame_reader import ahead, squares_of
from .moments import Film, Unreadable, find_pictures
from .preconditions import require_fitting_size

Pictures = Sequence[str | Path | Image.Image | np.ndarray]


def extract(
    model: FrameEncoder | PreTrainedModel | str | Path,
    path: str | Path | Pictures,
    fps: float = 1.0,
    kind: str = "summary",
    image_size: int | None = None,
    batch_size: int = 32,
    bf16: bool = False,
    return_times: bool = False,
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """Features of the frames of a film, a folder of pictures, or pictures.

    Args:
        model: A `FrameEncoder`; a folder or Hub id of any `AutoModel` for pictures; or such a model, which must have been
            loaded from where its preprocessing lies too.
        path: A film; a folder of pictures, which are taken in the order of their names; or a list of picture files,
            pictures of Pillow's and arrays uint8 [H, W, 3].
        fps: Frames per second of a film.
        kind: `"summary"` or `"patches"`.
        image_size: Side of the square that frames are resized to, in px; by default the encoder's own.
        batch_size: Frames that the encoder sees at once.
        bf16: Whether it computes in bfloat16.
        return_times: Whether the times of the frames are given too.

    Returns:
        float32 [T, D], or [T, N, C] of patches; with `return_times` also the times [T], seconds from the first frame of
        the film (of pictures their places, as nobody knows more).

    Raises:
        FileNotFoundError: If there is no such model, film or folder.
        ValueError: If a film or picture cannot be read, or a setting is not possible.

    Frames of a film that cannot be decoded are left out, with a warning that says which.

    Example:
        >>> features, times = zen_hf.extract("zen-quickstart/student", "operation.mp4", return_times=True)
    """
    settings = FeatureSettings(kind=kind, bf16=bf16, image_size=image_size or 0, batch_size=batch_size)
    if kind == "both":
        raise ValueError("kind is 'both', but extract gives one array; ask for 'summary', then for 'patches'")
    encoder = as_encoder(model)
    size = settings.image_size or encoder.default_image_size
    require_fitting_size(encoder, size)
    problems, features, times = [], [], []
    frames = ahead(frames_of(path, fps, size, problems), waiting=2 * batch_size)
    try:
        while batch := list(itertools.islice(frames, batch_size)):
            squares, moments = zip(*batch, strict=True)
            features.append(settings.encode(encoder, np.stack(squares))[kind].numpy())
            times += moments
    except Unreadable as error:
        raise ValueError(f"{path}: {error}") from error
    finally:
        frames.close()
    if problems:
        warnings.warn("; ".join(problems), stacklevel=2)
    if not features:
        raise ValueError(f"{path}: no frame can be decoded")
    found = np.concatenate(features)
    return (found, np.array(times)) if return_times else found


def as_encoder(model: FrameEncoder | PreTrainedModel | str | Path) -> FrameEncoder:
    """An encoder of whatever stands for one.

    Raises:
        FileNotFoundError: If there is no such model.
        ValueError: If its preprocessing is unknown.
    """
    if isinstance(model, FrameEncoder):
        return model
    if isinstance(model, PreTrainedModel):
        if not model.name_or_path:
            raise ValueError(
                f"this {type(model).__name__} was not loaded from anywhere, so its preprocessing is unknown; give "
                "FrameEncoder(model, image_mean, image_std)"
            )
        # a copy: an encoder is frozen, and the model may be in training
        return FrameEncoder(copy.deepcopy(model), **read_settings(model, model.name_or_path))
    return EncoderSource(str(model)).load()


def frames_of(path: str | Path | Pictures, fps: float, size: int, problems: list[str]) -> Iterator[tuple]:
    """Squares with their times."""
    if not isinstance(path, str | Path):
        for place, picture in enumerate(path):
            yield square_of(picture, size), place
        return
    path = Path(path)
    if path.is_dir():
        found = find_pictures(FrameSource(str(path)))
        if len(found) > 1:
            names = ", ".join(pictures.name for pictures in found[:5])
            raise ValueError(f"{path} holds {len(found)} videos ({names} ...); extract from one at a time")
        video = found[0]
    elif path.is_file():
        video = Film(path.name, str(path))
    else:
        raise FileNotFoundError(f"{path}: no such film or folder of pictures")
    moments = video.open(fps)
    try:
        for place, (square, _, time_s) in enumerate(squares_of(moments, size)):
            yield square, place if np.isnan(time_s) else time_s
        if path.is_dir() and moments.problems:
            raise ValueError(f"{len(moments.problems)} pictures cannot be read (first: {moments.problems[0]})")
        problems += [f"{path}: {problem}" for problem in moments.problems]
    finally:
        moments.close()


def square_of(picture: str | Path | Image.Image | np.ndarray, size: int) -> np.ndarray:
    """The square of a picture.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no picture.
    """
    if not isinstance(picture, str | Path):
        return frame_to_square(picture, size)
    try:
        with Image.open(picture) as opened:
            return frame_to_square(opened, size)
    except FileNotFoundError:
        raise
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError(f"{picture}: not a readable picture ({error})") from error
