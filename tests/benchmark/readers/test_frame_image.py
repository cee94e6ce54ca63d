# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Frames by time are those that decoding the whole video in order gives, whatever order they are asked for in."""

import av
import datasets
import numpy as np
import pytest
from PIL import Image

from zen_hf.benchmark.readers.canonical import canonical_dataset, frame_row
from zen_hf.benchmark.readers.frame_image import (
    VideoDecoder,
    frame_reference,
    open_frame,
    split_reference,
    video_length,
)

FPS, FRAMES = 25, 700


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """28 s with B frames and a key frame every 50 frames; the brightness of four tiles counts in base 6."""
    path = tmp_path_factory.mktemp("film") / "video01.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "10", "preset": "fast", "bf": "2"})
        stream.width = stream.height = 32
        stream.pix_fmt, stream.gop_size = "yuv420p", 50
        for number in range(FRAMES):
            pixels = np.zeros((32, 32, 3), np.uint8)
            for tile in range(4):
                y, x = 16 * (tile // 2), 16 * (tile % 2)
                pixels[y : y + 16, x : x + 16] = 20 + 40 * (number // 6**tile % 6)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def number_of(picture) -> int:
    """Read the number of a frame off its tiles."""
    pixels = np.asarray(picture.convert("L"), float)
    digits = [
        round((pixels[16 * (t // 2) + 4 : 16 * (t // 2) + 12, 16 * (t % 2) + 4 : 16 * (t % 2) + 12].mean() - 20) / 40)
        for t in range(4)
    ]
    return sum(digit * 6**place for place, digit in enumerate(digits))


def test_length(film):
    assert video_length(film) == (FRAMES, FPS)


@pytest.mark.parametrize(
    "numbers",
    [range(0, FRAMES, 25), range(FRAMES - 1, 0, -63), [0, 699, 1, 698, 2, 2, 350, 349, 351, 0], range(100, 112)],
)
def test_frames_by_time(film, numbers):
    assert [number_of(open_frame(frame_reference(film, number / FPS))) for number in numbers] == list(numbers)


@pytest.mark.parametrize("step", [25, 7, 1])
def test_frames_are_those_of_decoding_everything_to_the_pixel(film, step):
    with av.open(str(film)) as container:
        expected = [np.asarray(frame.to_image()) for frame in container.decode(video=0)]
    assert len(expected) == FRAMES
    decoder = VideoDecoder(str(film))
    for number in range(step // 2, FRAMES, step):
        np.testing.assert_array_equal(np.asarray(decoder.at(number / FPS)), expected[number])


def test_frames_that_nobody_needs_are_not_decoded(film):
    """Of the B frames between two wanted ones, a decoder gives those alone on which others depend."""
    decoder, given = VideoDecoder(str(film)), 0

    def counted(frames):
        nonlocal given
        for frame in frames:
            given += 1
            yield frame

    decoder.at(0.0)
    decoder.frames = counted(decoder.frames)
    for second in range(1, 28):
        decoder.at(float(second))
    assert given < 0.8 * FRAMES


def test_after_the_end_and_before_it_again(film):
    with pytest.raises(ValueError, match="has no frame at 40.00 s"):
        open_frame(frame_reference(film, 40.0))
    assert number_of(open_frame(frame_reference(film, 27.96))) == 699
    with pytest.raises(ValueError, match="has no frame at 28.40 s"):
        open_frame(frame_reference(film, 28.4))
    assert number_of(open_frame(frame_reference(film, 27.92))) == 698


def test_missing_and_broken_video(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such video"):
        open_frame(frame_reference(tmp_path / "none.mp4", 0.0))
    (tmp_path / "broken.mp4").write_bytes(b"no video" * 100)
    with pytest.raises(ValueError, match="broken.mp4 cannot be read as a video"):
        open_frame(frame_reference(tmp_path / "broken.mp4", 0.0))
    with pytest.raises(ValueError, match="broken.mp4 cannot be read as a video"):
        video_length(tmp_path / "broken.mp4")


def test_reference_of_a_picture_is_its_path():
    assert split_reference("a/b.png") == ("a/b.png", None)
    assert split_reference(frame_reference("a#b.mp4", 3.25)) == ("a#b.mp4", 3.25)


def test_column_decodes_both_and_survives_saving(film, tmp_path):
    Image.new("RGB", (4, 4), (250, 0, 0)).save(tmp_path / "red.png")
    rows = [frame_row(frame_reference(film, 4.0), "v", 100, FPS), frame_row(str(tmp_path / "red.png"), "w", 0, FPS)]
    dataset = canonical_dataset(rows, {})
    dataset.save_to_disk(tmp_path / "saved")
    for same in (dataset, datasets.load_from_disk(tmp_path / "saved"), dataset.select([0, 1])):
        assert number_of(same[0]["image"]) == 100
        assert same[1]["image"].getpixel((0, 0)) == (250, 0, 0)
        plain = same.cast_column("image", datasets.Image(decode=False))[0]["image"]
        assert plain == {"bytes": None, "path": f"{film}#t=4.000000"}
