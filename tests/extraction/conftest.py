# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Films, and a tiny encoder on the disk."""

import pytest
from data.films import write_film
from extraction_parts import write_vit


@pytest.fixture(scope="session")
def vit(tmp_path_factory):
    """Folder of a tiny encoder; not to be changed."""
    return write_vit(tmp_path_factory.mktemp("vit"))


@pytest.fixture(scope="session")
def films(tmp_path_factory):
    """Folder of two films of 10 s and 7 s at 5 frames per second; not to be changed (copy it)."""
    folder = tmp_path_factory.mktemp("films")
    write_film(folder / "one.mp4", frames=50, fps=5, size=(64, 96))
    (folder / "more").mkdir()
    write_film(folder / "more" / "two.mkv", frames=35, fps=5, size=(64, 96), numbers=list(range(100, 135)))
    return folder
