# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Films and sets of pictures whose frames are wanted, and the frames themselves, in the order of time."""

import hashlib
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import UnidentifiedImageError

from zen_hf.data.frame_sources import Frames, FrameSource, image_bytes, load_source, open_image
from zen_hf.data.video_folder import VIDEO_EXTENSIONS, files_below, is_video_name
from zen_hf.data.video_sampling import SampledFrame, Video, VideoError, sample_times

PLACES = ("frame_index", "time_s")  # columns of curated frames


class Unreadable(Exception):
    """Why a film or a picture cannot be read, in words for the user."""


@dataclass(frozen=True)
class Film:
    """A video file.

    Attributes:
        name: How its features are called.
        path: Where it is.
    """

    name: str
    path: str

    @property
    def place(self) -> str:
        """Where it is."""
        return self.path

    @property
    def extent(self) -> int:
        """Its length in bytes; 0 where it cannot be looked at."""
        return os.path.getsize(self.path) if os.path.isfile(self.path) else 0

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
            with open(film.path, "rb") as file:
                self.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        except VideoError as error:
            raise Unreadable(error.reason) from error
        except OSError as error:
            raise Unreadable(error.strerror or str(error)) from error
        self.fps = fps
        self.wanted = self.video.nearest(sample_times(fps, 0.0, None, self.video.duration_s))

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
    """

    name: str
    source: FrameSource
    rows: tuple[int, ...]

    @property
    def place(self) -> str:
        """Where they are."""
        return self.source.path

    @property
    def extent(self) -> int:
        """Their number."""
        return len(self.rows)

    def open(self, fps: float) -> "PictureMoments":
        """All of them, whatever `fps`: they were sampled when they were written."""
        return PictureMoments(load_places(self.source), self.rows)


class PictureMoments:
    """Pictures in the order of their rows."""

    def __init__(self, table: Frames, rows: tuple[int, ...]):
        """Read the hash of the encoded pictures."""
        self.table, self.rows, self.problems = table, rows, []
        digest = hashlib.sha256()
        for row in rows:
            try:
                digest.update(hashlib.sha256(image_bytes(table[row]["image"])).digest())
            except OSError as error:
                raise Unreadable(f"{table[row]['image']['path']}: {error.strerror or error}") from error
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
                where = row["image"]["path"] or f"row {self.rows[place]}"
                self.problems.append(f"{where}: not a readable picture ({error})")
                continue
            yield place, SampledFrame(image, row.get("frame_index", place), row.get("time_s", math.nan))

    def close(self) -> None:
        """Nothing is open."""


def load_places(source: FrameSource) -> Frames:
    """A source, with number and time of every frame where curated files hold them."""
    path = Path(source.path)
    files = [path] if path.is_file() else sorted(path.glob("**/*.parquet")) if path.is_dir() else []
    known = set(pq.read_schema(files[0]).names) if files else set()
    return load_source(source, PLACES if known >= set(PLACES) else ())


def find_pictures(source: FrameSource) -> list[Pictures]:
    """The videos of a source, by name.

    Raises:
        FileNotFoundError: If it does not exist or holds no frames.
        ValueError: If its columns are others.
    """
    table, rows = load_places(source), {}
    for row, video in enumerate(table["video_id"][:]):
        rows.setdefault(video, []).append(row)
    return [Pictures(video, source, tuple(rows[video])) for video in sorted(rows)]


def find_films(paths: Iterable[str | Path]) -> list[Film]:
    """Films by name: files as they are given, and all below folders that are called as films are.

    A film in a folder is named by its path below the folder, without the ending. Links are followed, and no folder is read
    twice; hidden files and folders are left.

    Raises:
        FileNotFoundError: If a path does not exist, or a folder holds no film.
    """
    films = []
    for given in map(Path, paths):
        if given.is_file():
            films.append(Film(given.stem, str(given)))
            continue
        if not given.is_dir():
            raise FileNotFoundError(f"{given}: no such film or folder of films")
        found = [Path(file) for file in files_below(str(given))[0] if is_video_name(file) and os.path.isfile(file)]
        if not found:
            raise FileNotFoundError(
                f"{given}: no film in this folder; expected names that end in one of {', '.join(VIDEO_EXTENSIONS)}"
            )
        films += [Film(file.relative_to(given).with_suffix("").as_posix(), str(file)) for file in found]
    return films
