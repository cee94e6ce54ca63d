# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Features of every frame, extracted once per encoder, image size and video, and kept as safetensors.

One file per video holds the summary and the mean patch token of its frames, and one beside it the patch tokens on a coarse
grid, where they were asked for. Name and metadata of a file carry the key: the encoder's fingerprint (weights,
configuration, normalisation), the image size, the way frames become pixels, the content of the frames, and the versions of
the packages that decode and encode them; so tasks on the same frames share their features. A file that does not hold exactly what is asked for, or whose bytes were damaged, is never
served. Files are written whole or not at all, so an interrupted extraction goes on with the first video that is missing.
"""

import functools
import hashlib
import io
import itertools
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import datasets
import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from rich.console import Console
from rich.progress import track

from zen_hf.data.frame_pixels import FRAME_TO_PIXELS, frame_to_square, to_unit_range
from zen_hf.extraction.feature_file import FeatureFile
from zen_hf.extraction.preconditions import require_fitting_size, require_room, versions_of
from zen_hf.modeling.frame_encoder import FrameEncoder

from .readers.frame_image import VideoDecoder, open_frame, split_reference

TOKEN_GRID = 8  # rows and columns of kept patch tokens, at most
TOKENS = f"patch tokens averaged on a grid of at most {TOKEN_GRID}x{TOKEN_GRID}, float16"
BATCHES_AHEAD = 2  # that are decoded while the encoder is busy
PACKAGES = ("torch", "transformers", "pillow")  # other versions may give other features; for films PyAV too
ROWS_AT_ONCE = 1024  # cells that are read from the dataset together
FILES_AT_ONCE = 8  # files that are looked at side by side


@dataclass(frozen=True)
class VideoFeatures:
    """Features of one video, a row per frame in the order of the dataset.

    Args:
        summary: [frames, summary channels], float32.
        mean_patch: mean over the patch tokens, [frames, patch channels], float32.
        tokens: patch tokens averaged on a grid of at most 8x8 (the encoder's own where that is coarser), row by row,
            [frames, tokens, patch channels], float16; None where they were not asked for.

    From the cache, all are mapped from the disk: what is not looked at takes no memory.
    """

    summary: np.ndarray
    mean_patch: np.ndarray
    tokens: np.ndarray | None = None


def extract_features(
    encoder: FrameEncoder,
    dataset: datasets.Dataset,
    videos: Iterable[str],
    image_size: int,
    cache_dir: Path,
    batch_size: int = 16,
    tokens: bool = False,
) -> dict[str, VideoFeatures]:
    """Features of some videos, from the cache where it holds them.

    Args:
        encoder: the frozen encoder.
        dataset: frames with the columns `image` and `video_id`.
        videos: ids of the videos wanted.
        image_size: side of the square that frames are resized to, in pixels; divisible by the encoder's stride.
        cache_dir: folder of all cached features; made if absent.
        batch_size: frames per forward pass; it does not change the features beyond rounding.
        tokens: whether patch tokens are wanted too. They are extracted in the same pass as the others.

    Raises:
        ValueError: if the image size does not fit the encoder, a video has no frame, a frame cannot be decoded, or a
            cached file is damaged.
        OSError: if the disk of the cache has no room for the features that are missing.
    """
    require_fitting_size(encoder, image_size)
    fingerprint = encoder.fingerprint
    rows_of = rows_by_video(dataset)
    features, missing = {}, []
    for video in videos:
        if video not in rows_of:
            raise ValueError(f"no frame of video {video!r} in the dataset; it holds {sorted(rows_of)}.")
        frames = dataset.select(rows_of[video])
        key = {
            "encoder": fingerprint,
            "image_size": image_size,
            "frame_to_pixels": FRAME_TO_PIXELS,
            "frames": frames_hash(frames),
            "versions": versions_of(PACKAGES + (("av",) if are_of_films(frames) else ())),
        }
        files = [FeatureFile(cache_dir, video, key)]
        files += [FeatureFile(cache_dir, video, key | {"tokens": TOKENS})] if tokens else []
        features[video] = read_features(files)
        if features[video] is None:
            missing.append((video, frames, files))
    total = sum(len(frames) for _, frames, _ in missing)
    require_room(cache_dir, total, bytes_per_frame(encoder, image_size, tokens))
    progress = iter(track(range(total), "extracting features", console=Console(stderr=True), disable=not total))
    for video, frames, files in missing:
        write_features(files, encode_video(encoder, frames, image_size, batch_size, progress, tokens))
        features[video] = read_features(files)
    next(progress, None)  # lets the bar finish
    return features


def read_features(files: list[FeatureFile]) -> VideoFeatures | None:
    """Join the files of one video, the second with its tokens where given; None where one is missing."""
    contents = [file.read() for file in files]
    if None in contents:
        return None
    return VideoFeatures(**{name: tensor for content in contents for name, tensor in content.items()})


def write_features(files: list[FeatureFile], features: VideoFeatures) -> None:
    """Write those files of one video that are not there; one that is stays, so that nothing that was served changes."""
    contents = [{"summary": features.summary, "mean_patch": features.mean_patch}, {"tokens": features.tokens}]
    for file, tensors in zip(files, contents, strict=False):
        if not file.path.is_file():
            file.write(tensors)


def bytes_per_frame(encoder: FrameEncoder, image_size: int, tokens: bool) -> int:
    """What a frame takes in the cache: float32 summary and mean patch token, float16 patch tokens."""
    pooled = 4 * (encoder.summary_size + encoder.hidden_size)
    return pooled + tokens * 2 * encoder.hidden_size * min(image_size // encoder.stride, TOKEN_GRID) ** 2


def require_readable(dataset: datasets.Dataset) -> None:
    """Refuse frames that cannot be read, before any time is spent.

    Of pictures the header is read; of every film the last frame that is wanted, which a download that broke off lacks.

    Raises:
        ValueError: if there are any; the message counts them and names the first.
    """
    unreadable, ends, row = [], {}, 0
    with ThreadPoolExecutor(FILES_AT_ONCE, "look") as pool:
        for cells in stored_images(dataset):
            moments = [split_reference(cell["path"]) if cell["bytes"] is None else (None, None) for cell in cells]
            for path, time_s in moments:
                if time_s is not None:
                    ends[path] = max(time_s, ends.get(path, 0.0))
            pictures = [index for index, (_, time_s) in enumerate(moments) if time_s is None]
            readable = pool.map(is_picture, (cells[index] for index in pictures))
            unreadable += [row + index for index, good in zip(pictures, readable, strict=True) if not good]
            row += len(cells)
        errors = [error for error in pool.map(why_unreadable, ends, ends.values()) if error is not None]
    if unreadable:
        raise ValueError(
            f"{len(unreadable)} of {len(dataset)} frames are not readable pictures (first: "
            f"{frame_name(undecoded(dataset)[unreadable[0]])}); replace or complete these files."
        )
    if errors:
        raise ValueError(f"{len(errors)} of {len(ends)} films cannot be read (first: {errors[0]})")


def is_picture(image: dict) -> bool:
    """Whether a cell's header is one of a picture."""
    try:
        open_image(image).close()
    except (UnidentifiedImageError, ValueError, OSError):
        return False
    return True


def why_unreadable(path: str, time_s: float) -> str | None:
    """What hinders a film from being read to a time, in seconds; None if nothing does."""
    try:
        VideoDecoder(path).at(time_s)
    except (ValueError, OSError) as error:
        return str(error)
    return None


def rows_by_video(dataset: datasets.Dataset) -> dict[str, list[int]]:
    """Row indices of every video, in the order of the dataset."""
    rows = {}
    for row, video in enumerate(dataset["video_id"][:]):
        rows.setdefault(video, []).append(row)
    return rows


def stored_images(frames: datasets.Dataset) -> Iterator[list[dict]]:
    """The cells of the image column as they are stored, `{"bytes", "path"}`, many at a time."""
    for table in frames.select_columns("image").with_format("arrow").iter(ROWS_AT_ONCE):
        yield table["image"].to_pylist()


def are_of_films(frames: datasets.Dataset) -> bool:
    """Whether frames are moments of films, judged by the first; no dataset mixes them with pictures."""
    first = next(stored_images(frames.select([0])))[0]
    return first["bytes"] is None and split_reference(first["path"])[1] is not None


def frames_hash(frames: datasets.Dataset) -> str:
    """SHA-256 over the encoded bytes of the frames, in order; of frames of a film, over the film and their times."""
    digest, films = hashlib.sha256(), {}
    for image in itertools.chain.from_iterable(stored_images(frames)):
        if image["bytes"] is not None:
            digest.update(hashlib.sha256(image["bytes"]).digest())
            continue
        path, time_s = split_reference(image["path"])
        if time_s is None:
            digest.update(hash_now(path))
            continue
        if path not in films:  # its state is asked for once, not for every frame
            films[path] = hash_now(path)
        digest.update(films[path])
        digest.update(f"{time_s:.6f}".encode())
    return digest.hexdigest()


def hash_now(path: str) -> bytes:
    """SHA-256 of a file as it is now."""
    state = os.stat(path)
    return file_hash(path, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=2**20)
def file_hash(path: str, size: int, mtime_ns: int) -> bytes:
    """SHA-256 of a file; read once per process while size and time of change (in ns) stay what they are."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def encode_video(
    encoder: FrameEncoder,
    frames: datasets.Dataset,
    image_size: int,
    batch_size: int,
    progress: Iterable,
    tokens: bool = False,
) -> VideoFeatures:
    """Run the encoder over the frames of one video, advancing `progress` by one per frame."""
    frames, summaries, means, grids = undecoded(frames), [], [], None
    with closing(decode_ahead(frames, image_size, batch_size)) as batches:
        for pixels in batches:
            output = encoder(pixels)
            if tokens:
                pooled = pool_tokens(output.patches, output.grid)
                if grids is None:  # at once for the whole video: it is large, and joining parts would double it
                    grids = np.empty((len(frames), *pooled.shape[1:]), np.float16)
                done = sum(map(len, summaries))
                grids[done : done + len(pixels)] = pooled.half().cpu().numpy()
            summaries.append(output.summary.float().cpu().numpy())
            means.append(output.patches.float().mean(dim=1).cpu().numpy())  # [B, N, C] -> [B, C]
            for _ in pixels:
                next(progress)
    features = VideoFeatures(np.concatenate(summaries), np.concatenate(means), grids)
    name = frames[0]["video_id"]
    if not (np.isfinite(features.summary).all() and np.isfinite(features.mean_patch).all()):
        raise ValueError(f"the encoder's features of video {name} are not all finite; check its weights.")
    if tokens and not all(np.isfinite(frame).all() for frame in features.tokens):
        raise ValueError(
            f"patch tokens of video {name} exceed what float16 holds (65504), in which they are kept; "
            "this encoder cannot be probed on its patch tokens."
        )
    return features


def pool_tokens(patches: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
    """Average patch tokens on a grid of at most `TOKEN_GRID` rows and columns, [B, h * w, C] -> [B, tokens, C]."""
    placed = patches.float().transpose(1, 2).unflatten(2, grid)  # [B, C, h, w]
    coarse = (min(grid[0], TOKEN_GRID), min(grid[1], TOKEN_GRID))
    return torch.nn.functional.adaptive_avg_pool2d(placed, coarse).flatten(2).transpose(1, 2)


def decode_ahead(frames: datasets.Dataset, image_size: int, batch_size: int) -> Iterator[torch.Tensor]:
    """Pixels of all frames in order, [B, 3, S, S] in [0, 1]; threads decode the next batches while one is in use.

    Pictures are decoded side by side. Frames of a film come from one thread, whose decoder goes on in the order of time.
    """
    pool = ThreadPoolExecutor(1 if are_of_films(frames) else torch.get_num_threads(), "decode")
    waiting = deque()
    try:
        for start in range(0, len(frames), batch_size):
            rows = [frames[row] for row in range(start, min(start + batch_size, len(frames)))]
            waiting.append([pool.submit(frame_to_pixels, row, image_size) for row in rows])
            if len(waiting) > BATCHES_AHEAD:
                yield torch.stack([pixels.result() for pixels in waiting.popleft()])
        while waiting:
            yield torch.stack([pixels.result() for pixels in waiting.popleft()])
    finally:
        pool.shutdown(cancel_futures=True)


def undecoded(frames: datasets.Dataset) -> datasets.Dataset:
    """The same rows with the picture as its path or bytes, so that a bad one can be named."""
    return frames.cast_column("image", datasets.Image(decode=False))


def open_image(image: dict) -> Image.Image:
    """Open a cell: the bytes inside the dataset, a picture file, or a moment of a video."""
    return open_frame(image["path"]) if image["bytes"] is None else Image.open(io.BytesIO(image["bytes"]))


def frame_name(row: dict) -> str:
    """How a message calls a frame."""
    return row["image"]["path"] or f"{row['video_id']}, frame {row['frame']}"


def frame_to_pixels(row: dict, image_size: int) -> torch.Tensor:
    """Decode one frame into pixels [3, S, S] in [0, 1], by the rule `FRAME_TO_PIXELS`.

    Raises:
        ValueError: if it cannot be decoded; the message names the file.
    """
    try:
        with open_image(row["image"]) as picture:
            return to_unit_range(frame_to_square(picture, image_size))
    except (UnidentifiedImageError, ValueError, OSError) as error:
        raise ValueError(f"{frame_name(row)}: not a readable picture ({error}); replace the file.") from error
