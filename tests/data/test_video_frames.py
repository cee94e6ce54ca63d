# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Batches hold the sampled frames in their order, end where the size changes, and say what could not be read."""

import subprocess
import sys

import numpy as np
import pytest
from data.films import damage_packets, draw, join, read_number, write_film
from PIL import Image

import zen_hf.data
from zen_hf.data import FrameBatch, VideoError, frames


def found(batches):
    """Numbers drawn in the pictures of every batch."""
    lists = []
    for batch in batches:
        assert isinstance(batch, FrameBatch) and batch.images.dtype == np.uint8 and batch.images.shape[3] == 3
        assert batch.time_s.dtype == np.float64 and batch.frame_index.dtype == np.int64
        assert len(batch) == len(batch.time_s) == len(batch.frame_index)
        lists.append([read_number(image) for image in batch.images])
        assert lists[-1] == batch.frame_index.tolist()
        np.testing.assert_allclose(batch.time_s, batch.frame_index / 25)
    return lists


def test_batches(tmp_path):
    film = write_film(tmp_path / "film.mp4", frames=130)
    assert found(zen_hf.data.frames(film, fps=1)) == [[0, 25, 50, 75, 100, 125]]
    assert found(frames(str(film), fps=5, batch_size=8, start_s=1.0, stop_s=4.0)) == [
        [25, 30, 35, 40, 45, 50, 55, 60],
        [65, 70, 75, 80, 85, 90, 95],
    ]
    with film.open("rb") as source:
        assert found(frames(source, fps=1, batch_size=6)) == [[0, 25, 50, 75, 100, 125]]
    assert found(frames(film, fps=1, start_s=100)) == []


def test_a_batch_ends_where_the_size_changes(tmp_path):
    parts = [
        write_film(tmp_path / f"{first}.ts", size=size, gop=10, numbers=range(first, first + 30))
        for first, size in ((0, (96, 128)), (30, (64, 96)))
    ]
    film = join(parts, tmp_path / "film.ts")
    assert found(frames(film, fps=5, batch_size=4)) == [[0, 5, 10, 15], [20, 25], [30, 35, 40, 45], [50, 55]]


def test_damage(tmp_path):
    film = write_film(tmp_path / "film.mp4", frames=130, gop=25, b_frames=0)
    damage_packets(film, [50])
    given = []
    with pytest.raises(VideoError, match=r'film.mp4 could not be read completely: .*00:00:02.*pass on_error="skip"'):
        for batch in frames(film, batch_size=2):
            given += found([batch])
    assert given == [[0, 25], [75, 100], [125]]
    with pytest.warns(UserWarning, match="1 wanted frame not given"):
        assert found(frames(film, batch_size=9, on_error="skip")) == [[0, 25, 75, 100, 125]]


def test_folder_of_pictures(tmp_path):
    for number in range(7):
        Image.fromarray(draw(number, (96, 128))).save(tmp_path / f"{number:03d}.{'png' if number % 2 else 'PNG'}")
    (tmp_path / "notes.txt").write_text("no picture")
    batch = next(frames(tmp_path))
    assert [read_number(image) for image in batch.images] == batch.frame_index.tolist() == list(range(7))
    np.testing.assert_array_equal(batch.time_s, np.arange(7.0))
    assert next(frames(tmp_path, fps=0.5, start_s=1.5)).frame_index.tolist() == [2, 4, 6]
    assert next(frames(tmp_path, fps=3, stop_s=3)).frame_index.tolist() == [0, 1, 2, 3]
    (tmp_path / "003.png").write_bytes(b"broken")
    with pytest.raises(VideoError, match="003.png"):
        list(frames(tmp_path))
    with pytest.warns(UserWarning, match="003.png"):
        assert next(frames(tmp_path, on_error="skip")).frame_index.tolist() == [0, 1, 2, 4, 5, 6]


def test_arguments(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.mp4: no such video"):
        frames(tmp_path / "none.mp4")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="empty: no pictures"):
        list(frames(tmp_path / "empty"))
    for named, message in (
        ({"on_error": "stop"}, "on_error is 'stop'; expected 'raise' or 'skip'"),
        ({"batch_size": 0}, "batch_size is 0; expected 1 or more"),
        ({"fps": -1}, "fps is -1"),
    ):
        with pytest.raises(ValueError, match=message):
            frames(tmp_path, **named)


def test_the_room_imports_nothing_until_it_is_asked():
    code = "import sys, zen_hf.data; assert 'av' not in sys.modules; zen_hf.data.frames; assert 'av' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        zen_hf.data.nothing  # noqa: B018
