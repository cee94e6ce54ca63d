# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Files and folders appear whole or not at all."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from zen_hf.atomic_files import atomic_file, atomic_folder, atomic_write_text


def names(folder: Path) -> list[str]:
    found = (str(path.relative_to(folder)) for path in folder.rglob("*"))
    return sorted(name for name in found if name != ".lock")


def test_disk_full_while_writing_leaves_nothing(tmp_path, monkeypatch):
    atomic_write_text(tmp_path / "kept", "before")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        atomic_write_text(tmp_path / "kept", "after")
    with pytest.raises(OSError, match="No space left"), atomic_folder(tmp_path / "folder") as folder:
        (folder / "weights").write_text("x")
    assert names(tmp_path) == ["kept"]
    assert (tmp_path / "kept").read_text() == "before"


LIMITED = """
import resource, signal, sys
from pathlib import Path
from zen_hf.atomic_files import atomic_folder, atomic_write_text
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
here = Path(sys.argv[1])
for write in (lambda: atomic_write_text(here / "text", "x" * 5000), lambda: fill(here / "folder")):
    def fill(path):
        with atomic_folder(path) as folder:
            (folder / "small").write_text("x")
            (folder / "large").write_text("x" * 5000)
    try:
        write()
    except OSError as error:
        print(error.errno)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits a process's file size, which Windows cannot")
def test_operating_system_stops_a_write_half_way(tmp_path):
    """Not simulated: the kernel takes the first 1,000 bytes and refuses the rest."""
    done = subprocess.run([sys.executable, "-c", LIMITED, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(errno.EFBIG)] * 2, done.stderr
    assert names(tmp_path) == []


def test_atomic_folder(tmp_path):
    with atomic_folder(tmp_path / "a" / "model") as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "weights").write_text("x")
        assert not (tmp_path / "a" / "model").exists()
    assert names(tmp_path) == ["a", "a/model", "a/model/sub", "a/model/sub/weights"]
    with pytest.raises(FileExistsError, match="exists already"), atomic_folder(tmp_path / "a" / "model"):
        pass
    with pytest.raises(KeyboardInterrupt), atomic_folder(tmp_path / "b"):
        raise KeyboardInterrupt
    assert "b" not in names(tmp_path) and (tmp_path / "a" / "model" / "sub" / "weights").read_text() == "x"


def test_atomic_file(tmp_path):
    (tmp_path / "film.mp4").write_text("before")
    with atomic_file(tmp_path / "film.mp4") as temporary, atomic_file(tmp_path / "film.mp4") as other:
        assert (
            temporary != other and temporary.suffix == ".mp4"
        )  # two processes may write the same; the last one counts
        temporary.write_text("after")
        other.write_text("other")
        assert (tmp_path / "film.mp4").read_text() == "before"
    assert (tmp_path / "film.mp4").read_text() == "after" and names(tmp_path) == ["film.mp4"]
    with pytest.raises(KeyboardInterrupt), atomic_file(tmp_path / "film.mp4") as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert (tmp_path / "film.mp4").read_text() == "after" and names(tmp_path) == ["film.mp4"]
