# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Features of every frame, extracted once per encoder, image size and video, and kept as safetensors.

One file per video holds the summary and the mean patch token of its frames. Its name and its metadata carry the key:
the encoder's fingerprint (weights, configuration, normalisation), the image size, the way frames become pixels, and the
content of the frames. A file that does not hold exactly what is asked for, or whose bytes were damaged, is never served.
Files are written whole or not at all, so an interrupted extraction goes on with the first video that is missing.
"""

import hashlib
import io
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import datasets
import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from rich.console import Console
from rich.progress import track
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from zen_hf.modeling.frame_encoder import FrameEncoder

from .readers.frame_image import open_frame, split_reference

# The whole field of view goes to every encoder, so that none misses a tool that a centre crop would cut away; the
# aspect ratio changes alike for all. Pillow's bicubic filter is antialiased. A new rule needs a new name: it is in the key.
FRAME_TO_PIXELS = "rgb, whole frame resized to a square, pillow bicubic, [0, 1]"


@dataclass(frozen=True)
class VideoFeatures:
    """Features of one video, a row per frame in the order of the dataset.

    Args:
        summary: [frames, summary channels], float32.
        mean_patch: mean over the patch tokens, [frames, patch channels], float32.
    """

    summary: np.ndarray
    mean_patch: np.ndarray


def extract_features(
    encoder: FrameEncoder,
    dataset: datasets.Dataset,
    videos: Iterable[str],
    image_size: int,
    cache_dir: Path,
    batch_size: int = 16,
) -> dict[str, VideoFeatures]:
    """Features of some videos, from the cache where it holds them.

    Args:
        encoder: the frozen encoder.
        dataset: frames with the columns `image` and `video_id`.
        videos: ids of the videos wanted.
        image_size: side of the square that frames are resized to, in pixels; divisible by the encoder's stride.
        cache_dir: folder of all cached features; made if absent.
        batch_size: frames per forward pass; it does not change the features beyond rounding.

    Raises:
        ValueError: if the image size does not fit the encoder, a video has no frame, or a frame cannot be decoded.
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
        }
        path = cache_path(Path(cache_dir), video, key)
        features[video] = load_features(path, key)
        if features[video] is None:
            missing.append((video, frames, key, path))
    total = sum(len(frames) for _, frames, _, _ in missing)
    progress = iter(track(range(total), "extracting features", console=Console(stderr=True), disable=not total))
    for video, frames, key, path in missing:
        features[video] = encode_video(encoder, frames, image_size, batch_size, progress)
        save_features(path, key, features[video])
    next(progress, None)  # lets the bar finish
    return features


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


def require_readable(dataset: datasets.Dataset) -> None:
    """Refuse frames that are not pictures, before any time is spent; reads the headers only.

    Raises:
        ValueError: if there are any; the message counts them and names the first.
    """
    unreadable = []
    for row in undecoded(dataset):
        try:
            open_image(row["image"]).close()
        except (UnidentifiedImageError, ValueError, OSError):
            unreadable.append(frame_name(row))
    if unreadable:
        raise ValueError(
            f"{len(unreadable)} of {len(dataset)} frames are not readable pictures (first: {unreadable[0]}); "
            "replace or complete these files."
        )


def rows_by_video(dataset: datasets.Dataset) -> dict[str, list[int]]:
    """Row indices of every video, in the order of the dataset."""
    rows = {}
    for row, video in enumerate(dataset["video_id"]):
        rows.setdefault(video, []).append(row)
    return rows


def frames_hash(frames: datasets.Dataset) -> str:
    """SHA-256 over the encoded bytes of the frames, in order."""
    digest, films = hashlib.sha256(), {}
    for row in undecoded(frames.select_columns("image")):
        content, (path, time_s) = row["image"]["bytes"], split_reference(row["image"]["path"] or "")
        if content is None and time_s is not None:  # the film once, then the moments
            if path not in films:
                with open(path, "rb") as film:
                    films[path] = hashlib.file_digest(film, "sha256").digest()
            digest.update(films[path] + f"{time_s:.6f}".encode())
            continue
        content = Path(path).read_bytes() if content is None else content
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def cache_path(cache_dir: Path, video: str, key: dict) -> Path:
    """File of one video under one key."""
    encoder, whole = key["encoder"][:16], hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    return cache_dir / f"{encoder}-{key['image_size']}" / f"{video}-{whole}.safetensors"


def save_features(path: Path, key: dict, features: VideoFeatures) -> None:
    """Write the features of one video with their key and their own hash, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {"summary": features.summary, "mean_patch": features.mean_patch}
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        save_file(
            tensors, partial, metadata={"key": json.dumps(key, sort_keys=True), "content": content_hash(tensors)}
        )
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def load_features(path: Path, key: dict) -> VideoFeatures | None:
    """Read the features of one video, or None where there is no file.

    Raises:
        ValueError: if the file is damaged, or was stored under another key than its name says.
    """
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in ("summary", "mean_patch")}
    except SafetensorError as error:
        raise ValueError(f"{path}: damaged feature file ({error}); delete it, and it is extracted anew.") from error
    if metadata.get("key") != json.dumps(key, sort_keys=True) or metadata.get("content") != content_hash(tensors):
        raise ValueError(f"{path}: the features are not those that were stored here; delete the file.")
    return VideoFeatures(**tensors)


def content_hash(tensors: dict[str, np.ndarray]) -> str:
    """SHA-256 over names, shapes, types and values."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.shape} {tensor.dtype}".encode())
        digest.update(np.ascontiguousarray(tensor).tobytes())
    return digest.hexdigest()


def encode_video(
    encoder: FrameEncoder, frames: datasets.Dataset, image_size: int, batch_size: int, progress: Iterable
) -> VideoFeatures:
    """Run the encoder over the frames of one video, advancing `progress` by one per frame."""
    frames, summaries, means = undecoded(frames), [], []
    for start in range(0, len(frames), batch_size):
        batch = [frames[row] for row in range(start, min(start + batch_size, len(frames)))]
        pixels = torch.stack([frame_to_pixels(row, image_size) for row in batch])  # [B, 3, S, S]
        output = encoder(pixels)
        summaries.append(output.summary.float().cpu().numpy())
        means.append(output.patches.float().mean(dim=1).cpu().numpy())  # [B, N, C] -> [B, C]
        for _ in batch:
            next(progress)
    features = VideoFeatures(np.concatenate(summaries), np.concatenate(means))
    if not (np.isfinite(features.summary).all() and np.isfinite(features.mean_patch).all()):
        raise ValueError(
            f"the encoder's features of video {frames[0]['video_id']} are not all finite; check its weights."
        )
    return features


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
            square = picture.convert("RGB").resize((image_size, image_size), Image.Resampling.BICUBIC)
    except (UnidentifiedImageError, ValueError, OSError) as error:
        raise ValueError(f"{frame_name(row)}: not a readable picture ({error}); replace the file.") from error
    return torch.from_numpy(np.array(square)).permute(2, 0, 1).float() / 255
