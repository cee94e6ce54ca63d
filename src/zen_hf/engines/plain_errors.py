# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What a user is told when a stage failed for a reason that the user can mend, in whatever process it ran."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # no room on the disk, for this user, or for so large a file


@contextmanager
def plain_errors(place: Path | None = None) -> Iterator[None]:
    """An engine's failure as what a stage raised, where a user can mend that: a full disk, a wrong model.

    Args:
        place: What is written to, for an error of a full disk that names no file.

    Raises:
        ValueError: As a stage raised it.
        OSError: As a stage or the block raised it; of a full disk, with what to do.
    """
    try:
        yield
    except RuntimeError as error:
        if isinstance(error.__cause__, ValueError | OSError):
            raise with_advice(error.__cause__, place) from error
        raise
    except OSError as error:
        advised = with_advice(error, place)
        if advised is error:
            raise
        raise advised from error


def with_advice(error: ValueError | OSError, place: Path | None) -> ValueError | OSError:
    """The error itself; a bare one of a full disk with the file, or else the place, and what to do."""
    if not isinstance(error, OSError) or error.errno not in FULL or error.strerror != os.strerror(error.errno):
        return error
    words = f"{error.strerror}; make room, and start the same command again"
    return OSError(error.errno, words, str(place) if error.filename is None and place else error.filename)


def plain_copy(error: BaseException | None) -> ValueError | OSError | None:
    """An error that a user can mend, fit to be sent to another process; None for any other.

    It is of a class of Python's own: the other process may not know that of the error, and not every class survives
    being pickled.
    """
    if isinstance(error, OSError):
        return OSError(str(error)) if error.errno is None else OSError(error.errno, error.strerror, error.filename)
    return ValueError(str(error)) if isinstance(error, ValueError) else None
