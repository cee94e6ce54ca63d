# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Curation and extraction find the same films in a folder."""

import os

import pytest

from zen_hf.curation.inputs.video_input import InputSettings, find_videos
from zen_hf.data.video_folder import VIDEO_EXTENSIONS, files_below, is_video_name
from zen_hf.extraction.extraction import usable
from zen_hf.extraction.moments import find_films


@pytest.mark.parametrize(
    "name, is_one",
    [("a/b.mp4", True), ("B.MPEG", True), ("c.264", True), (".b.mp4", False), ("b.mp4.txt", False), ("mp4", False)],
)
def test_names_of_videos(name, is_one):
    assert is_video_name(name) == is_one


def test_curation_and_extraction_find_the_same_films(tmp_path):
    folder = tmp_path / "films"
    (folder / "ward" / ".trash").mkdir(parents=True)
    (folder / "a").mkdir()
    (tmp_path / "disk").mkdir()
    for ending in VIDEO_EXTENSIONS:
        (folder / "ward" / f"of_{ending}.{ending.upper()}").write_bytes(ending.encode())
    for name in ("films/a/1.mp4", "films/a/1.txt", "films/.hidden.mp4", "films/ward/.trash/2.mp4", "disk/3.mkv"):
        (tmp_path / name).write_bytes(name.encode())
    (folder / "z").symlink_to(tmp_path / "disk")
    (folder / "ward" / "loop").symlink_to(folder)
    (folder / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    curated, _ = find_videos(InputSettings([str(folder)]))
    extracted, failed = usable(find_films([folder]))
    assert [outcome.video for outcome in failed] == ["gone"]  # told, where curation has a line of its own
    assert [film.path for film in extracted] == [video.path for video in curated]
    assert len(extracted) == len(VIDEO_EXTENSIONS) + 2
    assert [film.name for film in extracted][0] == "a/1" and [film.name for film in extracted][-1] == "z/3"
    assert sorted(files_below(str(folder))[0], key=lambda file: file.split(os.sep)) == files_below(str(folder))[0]


def test_a_folder_without_a_film_says_what_is_expected(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(FileNotFoundError, match="no film in this folder; expected names that end in one of .*mp4"):
        find_films([tmp_path])
