# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Keeps runs that would disturb each other out of one folder; shares of one number work in it side by side."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from .shards import Shard


@contextmanager
def held(folder: Path, shard: Shard | None) -> Iterator[None]:
    """Holds a folder until the block ends, or the process dies, however it does.

    It keeps out a second run of the same share, shares of another number, and a run over everything.

    Args:
        folder: Where the run writes; made when absent. Its files `whole.lock` and `share-0-of-8.lock` stay.
        shard: The share of the run; None for a run over everything.

    Raises:
        FileExistsError: If it is a file.
        ValueError: If there is such a run.
    """
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is a file, expected a folder; choose another output folder")
    folder.mkdir(parents=True, exist_ok=True)
    own = folder / ("whole.lock" if shard is None else f"share-{shard.index}-of-{shard.count}.lock")
    beside = set() if shard is None else set(folder.glob(f"share-*-of-{shard.count}.lock"))
    others = {*folder.glob("whole.lock"), *folder.glob("share-*.lock")} - beside - {own}
    with locked(own):  # first: of two runs that begin together, both may stop, but never both go on
        for file in sorted(others):
            with locked(file):
                pass
        yield


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Holds a lock file.

    Raises:
        ValueError: If another run holds it.
    """
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ValueError(
            f"{file.parent} is being worked on by another run ({file.name}); wait for it, or stop it"
        ) from error
    try:
        yield
    finally:
        lock.release()
