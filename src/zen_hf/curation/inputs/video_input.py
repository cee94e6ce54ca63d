# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The videos of a curation, from files, folders, globs, CSV tables and rows of a `datasets` dataset."""

import hashlib
import os
import stat
import unicodedata
from collections import Counter
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from zen_hf.data.video_folder import VIDEO_EXTENSIONS, files_below, glob_files, is_glob, is_video_name

from .video_rows import VideoRow, find_rows
from .video_table import read_video_table

BLOCK = 2**20

KINDS_OF_FILE = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass
class InputSettings:
    """Which videos are curated, and what is known of them.

    Attributes:
        paths: Files, folders, globs (`**` for any number of folders) and CSV tables with a column `video` and, where
            known, `procedure`, `hospital` and `patient`. Relative paths in a table are relative to the table. A file
            that is named counts whatever its ending; of folders and globs, only files with one of `extensions` do,
            and hidden ones never.
        dataset: Id on the Hub, folder or Parquet file of a `datasets` dataset with a column `video` and, where known,
            `procedure`, `hospital` and `patient`; None for no dataset.
        split: Split of the dataset.
        procedure: Procedure of every video for which no table or dataset names one.
        hospital: Hospital of every video for which no table or dataset names one; empty if it is unknown.
        extensions: Endings of the files that count as videos, in any case.
    """

    paths: list[str] = field(default_factory=list)
    dataset: str | None = None
    split: str = "train"
    procedure: str = "unknown"
    hospital: str = ""
    extensions: list[str] = field(default_factory=lambda: list(VIDEO_EXTENSIONS))

    def __post_init__(self):
        if any(not path.strip() for path in self.paths):
            raise ValueError(
                f"paths is {self.paths}; expected files, folders, globs or CSV tables, none of them empty"
            )
        if not self.procedure.strip():
            raise ValueError("procedure is empty; expected a name such as cholecystectomy, or unknown")
        if not self.extensions or any(not ending.strip(". ") for ending in self.extensions):
            raise ValueError(f"extensions is {self.extensions}; expected endings such as mp4, at least one")


@dataclass(frozen=True)
class InputProblem:
    """An input that is left out, or a remark about one.

    Attributes:
        name: The input, as its owner calls it: for the console and the private folder only.
        kind: What is wrong, in words that name nothing and nobody.
        detail: More on it, for its owner: may hold names and paths.
    """

    name: str
    kind: str
    detail: str = ""


@dataclass(frozen=True)
class VideoInput:
    """A video that is to be curated.

    Attributes:
        path: Its file; of a dataset's row, the dataset and the row.
        name: How its owner's console calls it. Neither of the two is ever written to the output.
        procedure: Its procedure.
        hospital: Its hospital; empty if it is unknown.
        patient: Its patient; empty if the video is its own patient.
        row: Where it is stored, if it is no file.
    """

    path: str
    name: str
    procedure: str = "unknown"
    hospital: str = ""
    patient: str = ""
    row: VideoRow | None = None

    def open(self) -> str | BinaryIO:
        """What a decoder reads: the path of a file, or the bytes of a dataset's row.

        Raises:
            OSError: The dataset cannot be read.
            ValueError: The row holds no video.
        """
        if self.row is None:
            return self.path
        stored = self.row.read()
        return stored if isinstance(stored, str) else BytesIO(stored)

    @property
    def size_bytes(self) -> int:
        """Length of the video."""
        source = self.open()
        return os.stat(source).st_size if isinstance(source, str) else source.getbuffer().nbytes

    def sha256(self) -> str:
        """SHA-256 of the video's bytes, in hexadecimal; a file is read in blocks of 1 MiB."""
        source, digest = self.open(), hashlib.sha256()
        with open(source, "rb") if isinstance(source, str) else source as file:
            while block := file.read(BLOCK):
                digest.update(block)
        return digest.hexdigest()


def find_videos(settings: InputSettings) -> tuple[list[VideoInput], list[InputProblem]]:
    """Every video of the settings once, and every input that is left out.

    Tables come first, so that what they say of a video counts where a folder holds it too; then files, folders and globs
    in the order of the settings, a folder's files by path; then the dataset's rows. Two names of one file, such as a link
    and its target, are one video.

    Raises:
        FileNotFoundError: A path does not exist, a glob matches nothing, or there is no video at all.
        ValueError: There is no input, a table or dataset is malformed, or two rows disagree about a video.
    """
    if not settings.paths and settings.dataset is None:
        raise ValueError("no input: give paths=[...] (files, folders, globs, a CSV table) or dataset=...")
    search = _Search(settings)
    tables = [path for path in settings.paths if path.lower().endswith(".csv")]
    for path in tables:
        search.add_table(path)
    for path in settings.paths:
        if path not in tables:
            search.add_path(path)
    if settings.dataset is not None:
        search.add_dataset(settings.dataset)
    if search.named_again:
        detail = f"{search.named_again}, such as a table's in a folder that is named too; each counts once"
        search.problems.append(InputProblem("inputs", "files that are named again", detail))
    if not search.videos:
        found = [f"{problem.name!r}: {problem.kind} {problem.detail}".strip() for problem in search.problems[:5]]
        raise FileNotFoundError(
            f"no video in {', '.join(settings.paths) or settings.dataset}; expected files ending in one of "
            f"{', '.join(settings.extensions)}; name the files, or set extensions{'; found: ' * bool(found)}{'; '.join(found)}"
        )
    return list(search.videos.values()), search.problems


def alike(name: str) -> str:
    """A name of a patient or a hospital as it is compared: without spaces around it, in small letters, ä one sign."""
    return unicodedata.normalize("NFC", name).strip().casefold()


class _Search:
    """What is found so far."""

    def __init__(self, settings: InputSettings):
        self.settings = settings
        self.endings = {ending.strip(". ").lower() for ending in settings.extensions}
        self.videos: dict[str, VideoInput] = {}  # by real path, so that a file is one video whatever its names
        self.problems: list[InputProblem] = []
        self.named_again = 0

    def add_table(self, path: str) -> None:
        """The videos of a CSV table; one that is missing is a problem of its own."""
        table = Path(path).expanduser()
        for row in read_video_table(table):
            target = str(table.parent / Path(row.pop("video")).expanduser())
            if os.path.isdir(target):
                self.add_folder(target, **row)
            else:
                self.add_file(target, **row)

    def add_path(self, path: str) -> None:
        """A file, a folder or a glob of the settings."""
        path = os.path.expanduser(path)
        if os.path.isdir(path):
            self.add_folder(path)
        elif os.path.lexists(path):
            self.add_file(path)
        elif is_glob(path):
            files, others = glob_files(path)
            if not files:
                raise FileNotFoundError(f"paths: no file matches {path!r}; check the glob, or give the folder")
            self._add_found(path, files, others)
        else:
            raise FileNotFoundError(f"paths: no file or folder {path!r}; check the path")

    def add_folder(self, folder: str, **known: str) -> None:
        """The videos below a folder."""
        files, others = files_below(folder)
        if not self._add_found(folder, files, others, **known):
            self.problems.append(InputProblem(folder, "folder without a video"))

    def add_dataset(self, dataset: str) -> None:
        """The rows of a `datasets` dataset."""
        for row, columns in find_rows(dataset, self.settings.split):
            known = {"procedure": self.settings.procedure, "hospital": self.settings.hospital}
            known |= {key: value for key, value in columns.items() if value}
            path = f"{row.dataset}#{row.index}"
            self.videos[path] = VideoInput(path, row.name, **known, row=row)

    def add_file(self, path: str, **known: str) -> None:
        """One file, if it is a file, and for the first time."""
        problem = _problem_of_file(path)
        if problem is not None:
            self.problems.append(problem)
            return
        defaults = {"procedure": self.settings.procedure, "hospital": self.settings.hospital}
        video = VideoInput(path, path, **(defaults | {key: value for key, value in known.items() if value}))
        real = os.path.realpath(path)
        earlier = self.videos.setdefault(real, video)
        if earlier is video:
            return
        _check_agreement(earlier, path, known)
        news = {key: value for key, value in known.items() if getattr(earlier, key) in ("", "unknown") and value}
        self.videos[real] = replace(earlier, **news)
        if os.path.abspath(earlier.path) == os.path.abspath(path):  # a table and the folder around it
            self.named_again += 1
        else:
            self.problems.append(InputProblem(path, "the same file again", f"as {earlier.name}; counted once"))

    def _add_found(self, name: str, files: list[str], problems: list[tuple[str, str, str]], **known: str) -> int:
        """The videos among the files of a folder or glob, whose number is returned, and how many files are none."""
        self.problems += [InputProblem(*problem) for problem in problems]
        videos, others = [], Counter()
        for file in files:
            if is_video_name(file, self.endings):
                videos.append(file)
            elif os.path.basename(file).startswith("."):
                others["hidden"] += 1
            else:
                others[os.path.splitext(file)[1].lower() or "without an ending"] += 1
        for file in videos:
            self.add_file(file, **known)
        if others:
            kinds = sorted(others.items(), key=lambda kind: (-kind[1], kind[0]))
            counts = ", ".join(f"{count} {ending}" for ending, count in kinds[:6]) + (", ..." if kinds[6:] else "")
            plural = "file" if others.total() == 1 else "files"
            self.problems.append(
                InputProblem(name, "files of other kinds left", f"{others.total()} {plural}: {counts}")
            )
        return len(videos)


def _problem_of_file(path: str) -> InputProblem | None:
    """Why a path is no file with bytes in it, or None if it is one."""
    try:
        status = os.stat(path)
    except OSError as error:
        if os.path.islink(path):
            return InputProblem(path, "broken link", f"to {os.readlink(path)} ({error.strerror})")
        kind = "missing file" if isinstance(error, FileNotFoundError) else "unreadable file"
        return InputProblem(path, kind, error.strerror)
    except ValueError as error:  # a NUL in the name
        return InputProblem(path, "missing file", str(error))
    kind = stat.S_IFMT(status.st_mode)
    if kind != stat.S_IFREG:
        return InputProblem(path, "not a file", f"but {KINDS_OF_FILE.get(kind, 'something else')}")
    return None if status.st_size else InputProblem(path, "empty file", "0 bytes")


def _check_agreement(earlier: VideoInput, path: str, known: dict[str, str]) -> None:
    """Refuse two statements about one video that cannot both be true: a wrong patient would leak between splits."""
    for key, value in known.items():
        said = getattr(earlier, key)
        if value and said and alike(value) != alike(said) and said != "unknown":
            raise ValueError(
                f"{key} of {path!r} is {value!r}, but was {said!r} where the same file was named before "
                f"({earlier.name!r}); correct one of the two rows"
            )
