# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What a user can mend is told in the same words, whether a stage failed in this process or in one of its own."""

import errno
import json
import os
import pickle
from pathlib import Path

import pytest
from engine_stages import Broken, Video, stages

from zen_hf.engines.local import LocalEngine
from zen_hf.engines.plain_errors import plain_copy, plain_errors
from zen_hf.engines.stage import Stage

ADVICE = "No space left on device; make room, and start the same command again"


class FarError(OSError):
    """Cannot be made again of what pickling keeps."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_where_a_stage_writes(tmp_path, workers):
    pipeline = stages(tmp_path, workers, harm={"a": "full"}, lost=None)[:1]
    with pytest.raises(OSError) as raised, plain_errors(tmp_path):
        list(LocalEngine().run([Video("a", 3)], pipeline))
    error = raised.value
    assert (error.errno, error.strerror, error.filename) == (errno.ENOSPC, ADVICE, "a.parquet")
    assert "stage 'decode' failed on Video(name='a', chunks=3)" in str(error.__cause__)  # for --debug


@pytest.mark.parametrize("workers", [1, 2])
def test_a_model_that_is_not_there(workers):
    with pytest.raises(OSError, match="^no weights there$"), plain_errors():
        list(LocalEngine().run([Video("a", 1)], [Stage("broken", Broken("raise"), workers)]))


def test_an_error_in_the_program_keeps_its_place():
    with pytest.raises(RuntimeError, match="stage 'broken' failed on"), plain_errors():
        list(LocalEngine().run([Video("a", 1)], [Stage("broken", Broken("pickle"), 2)]))


def test_a_full_disk_beside_the_stages_names_the_place(tmp_path):
    with pytest.raises(OSError) as raised, plain_errors(tmp_path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert (raised.value.filename, raised.value.strerror) == (str(tmp_path), ADVICE)
    with pytest.raises(FileNotFoundError) as raised, plain_errors(tmp_path):
        Path(tmp_path / "none").read_text()
    assert raised.value.strerror == "No such file or directory"
    said = OSError(errno.ENOSPC, "3 MB free, the run needs 64 MB")
    with pytest.raises(OSError) as raised, plain_errors(tmp_path):
        raise said
    assert raised.value is said


@pytest.mark.parametrize(
    "error, kind",
    [
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "x"), FileNotFoundError),
        (FarError("this", "that"), OSError),
        (ValueError("wrong"), ValueError),
        (json.JSONDecodeError("no JSON", "{", 1), ValueError),
        (KeyError("x"), type(None)),
        (None, type(None)),
    ],
)
def test_a_copy_says_the_same_in_another_process(error, kind):
    copy = pickle.loads(pickle.dumps(plain_copy(error)))
    assert type(copy) is kind and (copy is None or str(copy) == str(error))
