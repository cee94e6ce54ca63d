# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Pictures are matched to native frames by rate and numbering, or refused."""

import pytest

from zen_hf.benchmark.readers.pictures import labelled_frames, numbered_pictures

FPS, SECONDS = 5, 8
LABELLED = FPS * SECONDS


def pictures(folder, numbers, name="{:06d}.png"):
    folder.mkdir()
    for number in numbers:
        (folder / name.format(number)).touch()
    return folder


def found(folder, wanted=None):
    wanted = range(0, LABELLED, FPS) if wanted is None else wanted
    return labelled_frames(folder / "none.mp4", folder, list(wanted), LABELLED, FPS)


@pytest.mark.parametrize(
    ("numbers", "picture_of_second"),
    [
        (range(SECONDS), lambda t: t),  # one per second, from 0
        (range(1, SECONDS + 1), lambda t: t + 1),  # from 1, as ffmpeg names them
        (range(LABELLED), lambda t: FPS * t),  # every frame
        (range(1, LABELLED + 1), lambda t: FPS * t + 1),
        (range(LABELLED - 3), lambda t: FPS * t),  # the last ones do not decode
        (range(0, LABELLED, FPS), lambda t: FPS * t),  # one per second, by native frame
    ],
)
def test_rates_and_numberings(tmp_path, numbers, picture_of_second):
    folder = pictures(tmp_path / "video", numbers, "frame_{:05d}.jpg")
    expected = {
        FPS * t: f"frame_{picture_of_second(t):05d}.jpg" for t in range(SECONDS) if picture_of_second(t) in numbers
    }
    assert {frame: path.rsplit("/", 1)[1] for frame, path in found(folder).items()} == expected
    assert len(expected) >= SECONDS - 1


@pytest.mark.parametrize(
    "numbers",
    [
        range(SECONDS + 4),
        range(4),
        [0, 1, 2, 4, 5, 6, 7],
        range(7, 7 + SECONDS),
        range(2 * SECONDS),
        range(LABELLED + 20),
    ],
)
def test_anything_else_is_refused(tmp_path, numbers):
    with pytest.raises(ValueError, match="fit neither the 8 .1 per second. nor the 40 labelled frames"):
        found(pictures(tmp_path / "video", numbers))


def test_one_per_second_does_not_serve_a_task_that_needs_more(tmp_path):
    with pytest.raises(ValueError, match="fit not the 40 labelled frames"):
        found(pictures(tmp_path / "video", range(SECONDS)), wanted=range(0, LABELLED, 2))


def test_no_frames_at_all(tmp_path):
    with pytest.raises(FileNotFoundError, match="neither the video .*none.mp4 nor a folder"):
        found(tmp_path / "absent")


def test_names(tmp_path):
    with pytest.raises(ValueError, match="must end in its number"):
        numbered_pictures(pictures(tmp_path / "a", [3], "{}_x.png"))
    folder = pictures(tmp_path / "b", [3])
    (folder / "3.png").touch()
    with pytest.raises(ValueError, match="have the same number"):
        numbered_pictures(folder)
    with pytest.raises(ValueError, match="holds no picture"):
        numbered_pictures(pictures(tmp_path / "c", []))
