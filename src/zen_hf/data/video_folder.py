# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which files are videos, and the files below a folder or behind a glob, in a fixed order.

Links are followed, and no folder is read twice.

`glob` and `Path.rglob` of Python follow a link that leads upwards again and again, until the path is too long.
"""

import glob
import os
from collections.abc import Callable, Collection
from fnmatch import fnmatchcase

Problem = tuple[str, str, str]  # a path, what is wrong with it in words that name nothing, and more on it

VIDEO_EXTENSIONS = (
    "264 265 3gp asf avi divx dv f4v flv h264 h265 hevc m2t m2ts m2v m4v mjpeg mkv mov mp4 mpeg mpg mts mxf ogm ogv ts vob "
    "webm wmv"
).split()


def is_video_name(path: str, endings: Collection[str] = VIDEO_EXTENSIONS) -> bool:
    """Whether a file is called as a video is: not hidden, with one of the endings, in any case."""
    name = os.path.basename(path)
    return not name.startswith(".") and os.path.splitext(name)[1][1:].lower() in endings


def is_glob(path: str) -> bool:
    """Whether a path has wildcards."""
    return glob.has_magic(path)


def glob_files(pattern: str) -> tuple[list[str], list[Problem]]:
    """The files that match a glob, or lie below a folder that does; `**` stands for any number of folders."""
    parts = pattern.split(os.sep)
    first = next(index for index, part in enumerate(parts) if is_glob(part))
    root = os.sep.join(parts[:first]) or (os.sep if pattern.startswith(os.sep) else "")
    wanted = [part for part in parts[first:] if part]
    if root and not os.path.isdir(root):
        return [], []
    files, problems = files_below(root or ".", lambda parts: _leads_to(parts, wanted))
    skip = 0 if root else len(os.path.join(".", ""))  # a relative glob stays relative as it was given
    files = [file[skip:] for file in files]
    start = len(os.path.join(root, "")) if root else 0
    return [file for file in files if _matches(file[start:].split(os.sep), wanted)], problems


def files_below(root: str, enter: Callable[[list[str]], bool] = lambda parts: True) -> tuple[list[str], list[Problem]]:
    """Everything below a folder that is no folder, sorted by path; hidden folders are left.

    Args:
        root: The folder.
        enter: Says by a folder's path below the root whether to look into it.

    Returns:
        The paths, and what could not be read or was not read again. Folders are read before links to them, so a file has
        its own name where it has one.
    """
    files, problems, links = [], [], [(root, [])]
    seen = set()
    while links:
        folders = [links.pop(0)]
        while folders:
            folder, parts = folders.pop()
            real = os.path.realpath(folder)
            if real in seen:
                if parts and os.path.islink(folder):
                    problems.append((folder, "link to a folder that is read already", f"to {real}; read once"))
                continue
            seen.add(real)
            try:
                with os.scandir(folder) as listing:
                    entries = sorted(listing, key=lambda entry: entry.name)
            except OSError as error:
                problems.append((folder, "unreadable folder", error.strerror or str(error)))
                continue
            if not entries:
                problems.append((folder, "empty folder", ""))
            for entry in entries:
                below = [*parts, entry.name]
                if not os.path.isdir(entry.path):
                    files.append(entry.path)
                elif not entry.name.startswith(".") and enter(below):
                    (links if entry.is_symlink() else folders).append((entry.path, below))
    return sorted(files, key=lambda file: file.split(os.sep)), sorted(problems)


def _matches(parts: list[str], pattern: list[str]) -> bool:
    """Whether a path, or a folder that it lies in, matches."""
    if not pattern:
        return True
    if pattern[0] == "**":
        return _matches(parts, pattern[1:]) or (bool(parts) and _matches(parts[1:], pattern))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _leads_to(parts: list[str], pattern: list[str]) -> bool:
    """Whether something below a folder can match."""
    if not pattern or not parts or pattern[0] == "**":
        return True
    return fnmatchcase(parts[0], pattern[0]) and _leads_to(parts[1:], pattern[1:])
