# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which runs may work in one folder at the same time."""

import subprocess
import sys

import pytest

from zen_hf.engines.held_folder import held
from zen_hf.engines.shards import Shard


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        (None, None, False),
        (None, "0/2", False),
        ("0/2", None, False),
        ("0/2", "0/2", False),
        ("0/2", "1/2", True),
        ("0/2", "1/3", False),
        ("1/2", "1/12", False),
    ],
)
def test_runs_that_would_disturb_each_other_are_kept_out(tmp_path, first, second, together):
    first, second = (None if name is None else Shard.parse(name) for name in (first, second))
    folder = tmp_path / "out"
    with held(folder, first):
        (folder / ".lock").touch()  # of a run's record: no business of these
        if together:
            with held(folder, second):
                pass
        else:
            with pytest.raises(ValueError, match=r"out is being worked on by another run \((whole|share-.*)\.lock\)"):
                with held(folder, second):
                    pytest.fail("two runs in one folder")
    with held(folder, second):  # what is left of a run that ended keeps nobody out
        pass


def test_a_run_that_is_killed_keeps_nobody_out(tmp_path):
    script = (
        "import os, pathlib, sys\nfrom zen_hf.engines.held_folder import held\n"
        "with held(pathlib.Path(sys.argv[1]), None):\n    os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert ended.returncode == -9 and (tmp_path / "whole.lock").exists()
    with held(tmp_path, Shard(0, 2)):
        pass


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(FileExistsError, match="out is a file, expected a folder"):
        with held(tmp_path / "out", None):
            pass
