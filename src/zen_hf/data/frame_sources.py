# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Frames from a folder of images, Parquet files or a Hub dataset, as one `datasets.Dataset`."""

import io
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from datasets import Dataset, Image, concatenate_datasets, load_dataset, load_dataset_builder
from datasets.exceptions import DatasetGenerationError
from datasets.fingerprint import Hasher
from huggingface_hub import metadata_load
from omegaconf import MISSING
from PIL import Image as PILImage
from PIL import UnidentifiedImageError
from rich.progress import track

from zen_hf.data.streamed_frames import StreamedFrames, chain, open_streamed

Frames = Dataset | StreamedFrames  # columns image (not decoded), video_id, source, procedure and what was asked for


@dataclass
class FrameSource:
    """Where frames come from.

    Attributes:
        path: Folder of images, Parquet file, folder of Parquet files, folder of a dataset with a card that names its
            splits (as `zen-hf curate` makes it), or id of a dataset on the Hub.
        files: Which files of an image folder are frames (a glob below `path`). A file that matches and is no image is
            an error, so a stray text file is noticed.
        video: Regular expression on a frame's path below `path`; its first group is the video id. By default the
            frame's folder is its video.
        image_column: Column of images in Parquet or on the Hub.
        video_column: Column of video ids there; None if a source has none (all frames are then one video).
        procedure: Procedure that all frames show, such as `cholecystectomy`.
        procedure_column: Column of procedures in Parquet or on the Hub, in place of `procedure`.
        streaming: Whether Parquet files stay where they are, on a disk or on the Hub, and are read row group by row
            group during training; else they are copied into the cache of `datasets` first. Frames of a stream are not
            checked beforehand. All sources of a recipe stream, or none.
        split: Split of a dataset on the Hub or with a card.
        revision: Commit, tag or branch of a Hub dataset.
        licence: Licence of the frames, carried into the model card.
        patients_of: Public dataset that the videos are of, by the name of its reader, such as `cholec80`; `own` if the
            patients are in no public dataset: the student's leakage is then unknown on tasks over patients of your own.
            Without it, it is unknown on every task.
        on_error: `"raise"` stops at an unreadable frame; `"skip"` drops and counts it; in a stream its successor
            takes its place.
    """

    path: str = MISSING
    files: str = "**/*"
    video: str | None = None
    image_column: str = "image"
    video_column: str | None = "video_id"
    procedure: str = "unknown"
    procedure_column: str | None = None
    streaming: bool = False
    split: str = "train"
    revision: str | None = None
    licence: str = "unknown"
    patients_of: str | None = None
    on_error: str = "raise"

    def __post_init__(self):
        if self.on_error not in ("raise", "skip"):
            raise ValueError(f"on_error is {self.on_error!r}; expected 'raise' or 'skip'")


def load_frames(
    sources: list[FrameSource], hold_out: list[str] | None = None, extra: tuple[str, ...] = ()
) -> tuple[Frames, int]:
    """Loads every source and concatenates them.

    Args:
        sources: Where the frames come from.
        hold_out: Video ids to leave out. Each must exist, so that a typing mistake cannot leak a patient.
        extra: Further columns to keep, such as a label, under their own names; every source must have them.

    Returns:
        The frames, with columns `image` (encoded bytes or a path), `video_id`, `source` and `procedure`, ordered by
        source, video and file name (folders) or as stored (Parquet); and how many unreadable frames were skipped.

    Raises:
        FileNotFoundError: If a source does not exist or holds no frames.
        ValueError: If a frame is unreadable and its source does not skip, a Parquet file is damaged, a held-out video
            does not exist, or only some of the sources stream.
    """
    streaming = {source.streaming for source in sources}
    if len(streaming) > 1:
        raise ValueError(
            "some frames stream and some do not; set streaming for all sources, and write image folders to Parquet "
            "files first (datasets.load_dataset('imagefolder', ...).to_parquet)"
        )
    parts, skipped = [], 0
    for source in sources:
        part = load_source(source, extra)
        if not source.streaming:
            part, unreadable = check_readable(part, source)
            skipped += unreadable
        parts.append(part)
    frames = chain(parts) if True in streaming else concatenate_datasets(parts)
    return leave_out(frames, hold_out or []), skipped


def leave_out(frames: Frames, videos: list[str]) -> Frames:
    """The frames of all other videos.

    Raises:
        FileNotFoundError: If no frame is left.
        ValueError: If a video does not exist.
    """
    known = set(frames["video_id"][:])
    unknown = sorted(set(videos) - known)
    if unknown:
        raise ValueError(
            f"hold_out names {', '.join(unknown)}, but the frames have the videos {', '.join(sorted(known))}"
        )
    if known <= set(videos):
        raise FileNotFoundError(f"no frames are left after hold_out={videos}")
    if not videos:
        return frames
    held_out = set(videos)
    return frames.select([row for row, video in enumerate(frames["video_id"][:]) if video not in held_out])


def load_source(source: FrameSource, extra: tuple[str, ...] = ()) -> Frames:
    """One source as a dataset with the columns of every frame dataset."""
    path = Path(source.path)
    if path.is_dir() and not list(path.glob("**/*.parquet")):
        if source.streaming or extra:
            wanted = "streaming: true" if source.streaming else f"the column {extra[0]!r}"
            raise ValueError(
                f"{source.path} is a folder of images and cannot give {wanted}; write it to Parquet files"
            )
        return load_folder(path, source)
    if names_splits(path):
        local = split_files(source)
    else:
        local = [str(path)] if path.is_file() else sorted(str(file) for file in path.glob("**/*.parquet"))
    if not local and (path.is_absolute() or source.path.startswith((".", "~")) or source.path.count("/") != 1):
        raise FileNotFoundError(f"{source.path}: no such folder or Parquet file; give a path or a Hub id 'owner/name'")
    if source.streaming:
        return stream_source(source, local or split_files(source), extra)
    try:
        if local:
            table = load_dataset("parquet", data_files=local, split="train")
        else:
            table = load_dataset(source.path, split=source.split, revision=source.revision)
    except DatasetGenerationError as error:
        for file in local:
            open_streamed([file], source.image_column, {}, {})  # names the damaged file
        raise ValueError(f"{source.path}: cannot be read ({error.__cause__ or error})") from error
    return normalise_columns(table, source, extra)


def names_splits(path: Path) -> bool:
    """Whether a path is the folder of a dataset with a card that says which files belong to which split."""
    card = path / "README.md"
    return card.is_file() and bool((metadata_load(card) or {}).get("configs"))


def split_files(source: FrameSource) -> list[str]:
    """Addresses of the Parquet files of a split, of a dataset with a card or on the Hub at a fixed commit."""
    files = load_dataset_builder(source.path, revision=source.revision).config.data_files or {}
    if source.split not in files:
        raise ValueError(f"{source.path} has no split {source.split!r} but {', '.join(map(str, files))}; set split")
    urls = [str(url) for url in files[source.split]]
    others = [url for url in urls if not url.endswith(".parquet")]
    if others:
        raise ValueError(
            f"{source.path}: {others[0]} is no Parquet file; a stream needs them, so set streaming: false"
        )
    return urls


def stream_source(source: FrameSource, urls: list[str], extra: tuple[str, ...]) -> StreamedFrames:
    """A source whose images stay in their files."""
    columns = {name: name for name in extra}
    columns |= {"video_id": source.video_column} if source.video_column else {}
    columns |= {"procedure": source.procedure_column} if source.procedure_column else {}
    constants = {"video_id": source.path, "procedure": source.procedure, "source": source.path}
    constants = {name: value for name, value in constants.items() if name not in columns}
    frames = open_streamed(urls, source.image_column, columns, constants)
    for name in ("video_id", "procedure"):
        frames.columns[name] = [str(value) for value in frames.columns[name]]
    return frames


def load_folder(root: Path, source: FrameSource) -> Dataset:
    """Every file of an image folder that the pattern matches."""
    files = sorted(
        file
        for file in root.glob(source.files)
        if not file.is_dir() and not any(part.startswith(".") for part in file.relative_to(root).parts)
    )
    if not files:
        raise FileNotFoundError(f"{root}: no file matches files={source.files!r}")
    videos = [video_of(file.relative_to(root), source.video) for file in files]
    columns = {"image": [str(file) for file in files], "video_id": videos, "source": [source.path] * len(files)}
    columns["procedure"] = [source.procedure] * len(files)
    return Dataset.from_dict(columns).cast_column("image", Image(decode=False))


def video_of(path: Path, pattern: str | None) -> str:
    """The video that a frame belongs to."""
    if pattern is None:
        return path.parent.name
    match = re.search(pattern, path.as_posix())
    if match is None or not match.groups():
        raise ValueError(f"{path}: video={pattern!r} finds no first group in this path; expected the video id there")
    return match.group(1)


def normalise_columns(table: Dataset, source: FrameSource, extra: tuple[str, ...]) -> Dataset:
    """The columns of every frame dataset, from a table with columns of its own."""
    for column in filter(None, (source.image_column, source.video_column, source.procedure_column, *extra)):
        if column not in table.column_names:
            raise ValueError(
                f"{source.path} has no column {column!r} but {', '.join(table.column_names)}; set image_column and "
                "video_column (video_column: null if there are no videos)"
            )
    videos = table[source.video_column][:] if source.video_column else [source.path] * len(table)
    procedures = table[source.procedure_column][:] if source.procedure_column else [source.procedure] * len(table)
    columns = {
        "video_id": [str(video) for video in videos],
        "source": [source.path] * len(table),
        "procedure": [str(procedure) for procedure in procedures],
    }
    kept = [name for name in extra if name not in columns]
    table = table.select_columns([source.image_column, *kept]).rename_columns({source.image_column: "image"})
    table = table.cast_column("image", Image(decode=False))
    for name, values in columns.items():
        # hashing millions of values would take most of the time, and they follow from these
        known = Hasher.hash((table._fingerprint, name, asdict(source)))
        table = table.add_column(name, values, new_fingerprint=known)
    return table


def check_readable(frames: Dataset, source: FrameSource) -> tuple[Dataset, int]:
    """Decodes every frame once, coarsely, so that a broken one is found before anything is written."""
    with ThreadPoolExecutor() as pool:
        results = pool.map(lambda index: unreadable_reason(frames[index]["image"]), range(len(frames)))
        described = f"Checking {source.path}"
        reasons = list(track(results, described, total=len(frames), transient=True))
    bad = [(index, reason) for index, reason in enumerate(reasons) if reason]
    if not bad:
        return frames, 0
    first, reason = bad[0]
    where = frames[first]["image"]["path"] or f"row {first}"
    if source.on_error == "raise":
        raise ValueError(
            f"{source.path}: {len(bad)} of {len(frames)} frames unreadable (first: {where}: {reason}); remove them, "
            "narrow `files` to the images, or set on_error: skip to go on without them"
        )
    if len(bad) == len(frames):
        raise ValueError(f"{source.path}: none of {len(frames)} frames is readable (first: {where}: {reason})")
    dropped = {index for index, _ in bad}
    return frames.select([i for i in range(len(frames)) if i not in dropped]), len(bad)


def unreadable_reason(image: dict) -> str | None:
    """Why a frame cannot be decoded, or None if it can."""
    try:
        with open_image(image) as opened:
            opened.draft("RGB", (64, 64))  # JPEG decodes at an eighth of its size: still reads every byte
            opened.load()
    except UnidentifiedImageError:
        return "not an image"
    except (OSError, SyntaxError, ValueError) as error:
        return str(error) or type(error).__name__
    return None


def open_image(image: dict) -> PILImage.Image:
    """Opens an undecoded `datasets.Image` value, which holds bytes or a path."""
    return PILImage.open(io.BytesIO(image["bytes"]) if image["bytes"] is not None else image["path"])


def image_bytes(image: dict) -> bytes:
    """The encoded bytes of an undecoded `datasets.Image` value."""
    return image["bytes"] if image["bytes"] is not None else Path(image["path"]).read_bytes()
