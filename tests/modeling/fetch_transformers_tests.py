# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Unpacks the common tests of the installed transformers from its source distribution, and prints their folder.

export ZEN_TRANSFORMERS_TESTS=$(python tests/modeling/fetch_transformers_tests.py build)
"""

import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path


def fetch(destination: Path) -> Path:
    """Return the folder of the tests below `destination`, downloading with pip only what is not there yet."""
    name = f"transformers-{version('transformers')}"
    tests = destination / name / "tests"
    if tests.is_dir():
        return tests
    with tempfile.TemporaryDirectory() as folder:
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "transformers"]
        subprocess.run([*download, "--dest", folder, name.replace("-", "==")], check=True, stdout=sys.stderr)
        with tarfile.open(Path(folder) / f"{name}.tar.gz") as archive:
            members = [member for member in archive if member.name.startswith(f"{name}/tests/")]
            archive.extractall(destination, members, filter="data")
    return tests


if __name__ == "__main__":
    print(fetch(Path(sys.argv[1]).resolve()))
