# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Files and folders that appear whole or not at all: written beside their place under a `.tmp-` name, then renamed.

They survive a power cut once they are there, and a full disk leaves nothing but what was there before.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY = ".tmp-"  # begins the names of what is not yet whole; a kill leaves it behind


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Give a temporary name to write a file under; it becomes `path` when the block ends, and vanishes when it raises.

    Raises:
        OSError: It cannot be written; what was at `path` before is untouched and nothing is left beside it.

    Example:
        with atomic_file(folder / "features.safetensors") as temporary:
            save_file(tensors, temporary)
    """
    path = Path(path)
    temporary = temporary_name(path)
    try:
        yield temporary
        _fsync(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _fsync(path.parent)


def atomic_write_text(path: Path, text: str) -> None:
    """Write a text file that appears whole or not at all; errors are those of [`atomic_file`]."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder to fill; it becomes `path` when the block ends, and vanishes when the block raises.

    Raises:
        FileExistsError: `path` exists already.
        OSError: The disk is full or not writable; nothing is left at `path` or beside it.

    Example:
        with atomic_folder(run.path / "student") as folder:
            model.save_pretrained(folder)
    """
    path = Path(path)
    if path.exists():
        raise FileExistsError(f"{path} exists already; choose another name or remove it")
    temporary = temporary_name(path)
    try:
        temporary.mkdir(parents=True)
        yield temporary
        flush_to_disk(temporary)
        os.rename(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    _fsync(path.parent)


def flush_to_disk(folder: Path) -> None:
    """Make all files below a folder survive a power cut.

    Raises:
        OSError: The disk cannot take them.
    """
    for file in folder.rglob("*"):
        _fsync(file)


def temporary_name(path: Path) -> Path:
    """A hidden name in the same folder, hence on the same disk, so that the rename is atomic; no other process has it."""
    return path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}-{path.name}")


def _fsync(path: Path) -> None:
    """Make a file, or the names in a folder, survive a power cut."""
    if os.name == "nt" and path.is_dir():  # Windows cannot open a folder
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
