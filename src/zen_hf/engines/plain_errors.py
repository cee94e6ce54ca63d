# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What a user is told when a stage failed for a reason that the user can mend."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def plain_errors() -> Iterator[None]:
    """An engine's failure as what a stage raised, where a user can mend that: a full disk, a wrong model."""
    try:
        yield
    except RuntimeError as error:
        if isinstance(error.__cause__, ValueError | OSError):
            raise error.__cause__ from error
        raise
