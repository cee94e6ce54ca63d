# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Films and sets of pictures whose frames are wanted, and the frames themselves, in the order of time."""

import hashlib
import math
import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from datasets import concatenate_datasets, load_dataset_builder
from PIL import UnidentifiedImageError

from zen_hf.data.frame_sources import Frames, FrameSource, image_bytes, load_source, names_splits, open_image
from zen_hf.data.streamed_frames import StreamedFrames, chain
from zen_hf.data.video_folder import VIDEO_EXTENSIONS, files_below, is_video_name
from zen_hf.data.video_sampling import SampledFrame, Video, VideoError

PLACES = ("frame_index", "time_s")  # columns of curated frames
ALL = "all"  # name of a split that is all of them


class Unreadable(Exception):
    """Why a film or a picture cannot be read, in words for the user."""


@dataclass(frozen=True)
class Film:
    """A video file.

    Attributes:
        name: How its features are called.
        path: Where it is.
        stamp: Size and times of its file before it was read; "" where nobody looked, so that only its hash tells.
    """

    name: str
    path: str
    stamp: str = ""

    @property
    def extent(self) -> int:
        """Its length in bytes; 0 where it cannot be looked at."""
        return os.path.getsize(self.path) if os.path.isfile(self.path) else 0

    def sha256(self) -> str:
        """Hash of its bytes.

        Raises:
            Unreadable: If it cannot be read.
        """
        try:
            with open(self.path, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise Unreadable(error.strerror or str(error)) from error

    def open(self, fps: float) -> "FilmMoments":
        """Its frames at so many per second."""
        return FilmMoments(self, fps)


class FilmMoments:
    """The frames of a film that are nearest to the moments k / fps.

    Raises:
        Unreadable: If it cannot be opened.
    """

    def __init__(self, film: Film, fps: float):
        """Read the film's index and the hash of its bytes."""
        try:
            self.video = Video(film.path, film.name, threads=1)
        except VideoError as error:
            raise Unreadable(error.reason) from error
        except OSError as error:
            raise Unreadable(error.strerror or str(error)) from error
        self.sha256 = film.sha256()
        self.fps = fps
        self.wanted = self.video.wanted(fps)

    def __len__(self) -> int:
        return len(self.wanted)

    @property
    def problems(self) -> list[str]:
        """What could not be read so far."""
        return self.video.problems

    def frames(self, first: int = 0) -> Iterator[tuple[int, SampledFrame]]:
        """Frames with their places among those that are wanted, from one place on; unreadable ones are left out."""
        start_s = max(float(self.video.times[self.wanted[first]]) - 1 / self.fps, 0.0) if first else 0.0
        for frame in self.video.sample(self.fps, start_s):
            place = int(np.searchsorted(self.wanted, frame.frame_index))
            if place >= first:
                yield place, frame

    def close(self) -> None:
        """Close the film."""
        self.video.close()


@dataclass(frozen=True)
class Pictures:
    """The frames of one video in a folder of pictures or a frame dataset.

    Attributes:
        name: How their features are called.
        source: Folder or dataset.
        rows: Their numbers in it, in the order of time.
        stamp: As of a `Film`, of all their files.
        found: The same for all that were found together, whose rows are those of one state of the source.
    """

    name: str
    source: FrameSource
    rows: tuple[int, ...]
    stamp: str = ""
    found: str = ""

    @property
    def extent(self) -> int:
        """Their number."""
        return len(self.rows)

    def sha256(self) -> str:
        """Hash of the encoded pictures, their numbers and times.

        Raises:
            Unreadable: If one cannot be read.
        """
        return self.open(0.0).sha256

    def open(self, fps: float) -> "PictureMoments":
        """All of them, whatever `fps`: they were sampled when they were written."""
        return PictureMoments(loaded_once(self.found, *astuple(self.source)), self.rows)


class PictureMoments:
    """Pictures in the order of their rows."""

    def __init__(self, table: Frames, rows: tuple[int, ...]):
        """Read the hash of the encoded pictures, their numbers and times."""
        self.table, self.rows, self.problems = table, rows, []
        digest = hashlib.sha256()
        for frame in map(table.__getitem__, rows):
            try:
                digest.update(hashlib.sha256(image_bytes(frame["image"])).digest())
            except OSError as error:
                raise Unreadable(f"{Path(frame['image']['path']).name}: {why(error)}") from error
            digest.update(repr([frame.get(name) for name in PLACES]).encode())
        self.sha256 = digest.hexdigest()

    def __len__(self) -> int:
        return len(self.rows)

    def frames(self, first: int = 0) -> Iterator[tuple[int, SampledFrame]]:
        """Frames with their places, from one place on; an unreadable one is left out and told in `problems`."""
        for place in range(first, len(self.rows)):
            row = self.table[self.rows[place]]
            try:
                with open_image(row["image"]) as picture:
                    image = np.array(picture.convert("RGB"))
            except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
                path = row["image"]["path"]
                where = Path(path).name if path else f"row {self.rows[place]}"
                self.problems.append(f"{where}: not a readable picture ({why(error)})")
                continue
            yield place, SampledFrame(image, row.get("frame_index", place), row.get("time_s", math.nan))

    def close(self) -> None:
        """Nothing is open."""


def why(error: Exception) -> str:
    """An error of a picture in words that are the same in every run, and tell no folder."""
    if isinstance(error, UnidentifiedImageError):
        return "of no known format"  # Pillow's words hold a path, or an address in memory
    return getattr(error, "strerror", None) or str(error)


def splits_of(source: FrameSource) -> list[str]:
    """The splits that are read of a source, sorted; none where its files belong to no splits, and all are read."""
    path = Path(source.path)
    if path.exists() and not names_splits(path):
        return []
    if source.split != ALL:
        return [source.split]
    return sorted(map(str, load_dataset_builder(source.path, revision=source.revision).config.data_files or {}))


def load_places(source: FrameSource) -> Frames:
    """A source, with number and time of every frame where curated files hold them; of the split "all", all of them."""
    if source.split == ALL and (splits := splits_of(source)):
        parts = [load_places(replace(source, split=split)) for split in splits]
        return chain(parts) if source.streaming else concatenate_datasets(parts)
    path = Path(source.path)
    files = [path] if path.is_file() else sorted(path.glob("**/*.parquet")) if path.is_dir() else []
    known = set(pq.read_schema(files[0]).names) if files else set()
    return load_source(source, PLACES if known >= set(PLACES) else ())


@lru_cache(maxsize=2)  # videos of a source follow each other
def loaded_once(found: str, *source) -> Frames:
    """Pictures, numbers and times of a source, remembered by this process: one source may hold thousands of videos.

    The other columns are left, as they would lie in the memory of every worker; these stay on the disk.

    Args:
        found: Of the videos.
        source: Values of its fields.
    """
    table = load_places(replace(FrameSource(*source), video_column=None, procedure_column=None))
    if isinstance(table, StreamedFrames):
        return table
    return table.select_columns([name for name in ("image", *PLACES) if name in table.column_names])


def find_pictures(source: FrameSource) -> list[Pictures]:
    """The videos of a source, by name.

    Raises:
        FileNotFoundError: If it does not exist or holds no frames.
        ValueError: If its columns are others.
    """
    path = Path(source.path)
    files = [path] if path.is_file() else sorted(path.glob("**/*.parquet"))
    stamp = stamp_of(files) if files else None
    table, rows = load_places(source), {}
    for row, video in enumerate(table["video_id"][:]):
        rows.setdefault(video, []).append(row)
    if PLACES[0] in table.column_names:  # a video may lie in several splits, each in its order
        numbers = table[PLACES[0]][:]
        rows = {video: sorted(of_video, key=numbers.__getitem__) for video, of_video in rows.items()}

    def stamp_of_rows(of_video: list[int]) -> str:
        """Of all shards of a dataset, or of the pictures themselves; a dataset on the Hub has none."""
        if stamp is not None or not path.is_dir():
            return stamp or ""
        return stamp_of([Path(table[row]["image"]["path"]) for row in of_video])

    found = secrets.token_hex(8)
    return [Pictures(video, source, tuple(rows[video]), stamp_of_rows(rows[video]), found) for video in sorted(rows)]


def stamp_of(files: Iterable[Path]) -> str:
    """What changes when files are written or replaced: their sizes and times; "" if one cannot be looked at.

    The time of the last change of a file's entry is one of them, as that of its content can be set at will.
    """
    digest = hashlib.sha256()
    for file in files:
        try:
            about = file.stat()
        except OSError:
            return ""
        digest.update(repr((file.name, about.st_size, about.st_mtime_ns, about.st_ctime_ns)).encode())
    return digest.hexdigest()


def find_films(paths: Iterable[str | Path]) -> list[Film]:
    """Films by name: files as they are given, and all below folders that are called as films are.

    A film in a folder is named by its path below the folder, without the ending. Links are followed, and no folder is read
    twice; hidden files and folders are left. Broken links, pipes and folders that may not be read are given as films:
    `usable` says of each why it is none.

    Raises:
        FileNotFoundError: If a path does not exist, or a folder holds no film.
    """
    films = []
    for given in map(Path, paths):
        if given.is_file():
            films.append(Film(given.stem, str(given), stamp_of([given])))
            continue
        if not given.is_dir():
            raise FileNotFoundError(f"{given}: no such film or folder of films")
        files, problems = files_below(str(given))
        closed = [folder for folder, kind, _ in problems if kind == "unreadable folder"]  # who knows what is in it
        found = [Path(file) for file in [*filter(is_video_name, files), *closed]]
        if not found:
            raise FileNotFoundError(
                f"{given}: no film in this folder; expected names that end in one of {', '.join(VIDEO_EXTENSIONS)}"
            )
        films += [
            Film(file.relative_to(given).with_suffix("").as_posix(), str(file), stamp_of([file])) for file in found
        ]
    return films
