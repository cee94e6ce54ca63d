# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Every sampled frame is the one that its picture says it is, in every shape of film, and no other than all of decoding gives."""

import io
import os
import pickle
import struct

import av
import numpy as np
import pytest
from data.films import (
    cut_by_edit_list,
    damage_packets,
    draw,
    join,
    loop_film,
    read_number,
    rotate,
    truncate,
    write_film,
)

from zen_hf.data import video_sampling
from zen_hf.data.video_sampling import Video, VideoError

OPEN_GOP = {"x264-params": "open-gop=1:scenecut=0:threads=1"}
SHAPES = {
    "mp4 h264": (".mp4", {}),
    "mp4 h264, one long group": (".mp4", {"gop": 250, "b_frames": 3}),
    "mp4 h264, open groups": (".mp4", {"gop": 10, "options": OPEN_GOP}),
    "mkv h264, short groups": (".mkv", {"gop": 5}),
    "mkv h264, sound": (".mkv", {"sound": True}),
    "mov hevc": (".mov", {"codec": "hevc"}),
    "mkv hevc, open groups": (
        ".mkv",
        {"codec": "hevc", "options": {"x265-params": "log-level=none:open-gop=1:keyint=12:bframes=3:pools=1"}},
    ),
    "mp4 mpeg4": (".mp4", {"codec": "mpeg4"}),
    "avi mpeg4": (".avi", {"codec": "mpeg4"}),
    "avi h264, no times of showing": (".avi", {}),
    "avi mjpeg": (".avi", {"codec": "mjpeg", "pix_fmt": "yuvj420p"}),
    "mpg mpeg2": (".mpg", {"codec": "mpeg2video"}),
    "mpg mpeg2, sound": (".mpg", {"codec": "mpeg2video", "sound": True}),
    "ts h264": (".ts", {}),
    "ts hevc": (".ts", {"codec": "hevc"}),
    "h264, no times at all": (".h264", {}),
    "m2v": (".m2v", {"codec": "mpeg2video"}),
    "mkv ffv1": (".mkv", {"codec": "ffv1"}),
    "mp4 interlaced": (".mp4", {"interlaced": True}),
    "mp4, 30000/1001": (".mp4", {"fps": 30000 / 1001}),
    "mp4 intra refresh": (
        ".mp4",
        {"gop": 20, "b_frames": 0, "options": {"x264-params": "intra-refresh=1:scenecut=0:threads=1"}},
    ),
}
FRAMES = 130


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """Films by name, written when they are first asked for."""
    folder, written = tmp_path_factory.mktemp("films"), {}

    def film(name):
        suffix, settings = SHAPES[name]
        if name not in written:
            written[name] = write_film(folder / f"{len(written)}{suffix}", frames=FRAMES, **settings)
        return written[name]

    return film


def numbers(video, *arguments, **named):
    """What is drawn in the sampled frames; index and time must agree with it."""
    found = []
    for sampled in video.sample(*arguments, **named):
        assert sampled.time_s == video.times[sampled.frame_index]
        assert sampled.image.dtype == np.uint8 and sampled.image.flags.c_contiguous
        found.append(read_number(sampled.image))
        assert found[-1] == sampled.frame_index
    return found


def nearest(place):
    """Number of the frame nearest to a place between frames; of two as near, the earlier one."""
    return int(np.ceil(place - 0.5 - 1e-6))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_sampled_frame_is_the_right_one(shapes, shape, threads):
    rate = SHAPES[shape][1].get("fps", 25)
    with Video(shapes(shape), threads=threads) as video:
        assert video.frame_count == FRAMES and video.fps == pytest.approx(rate, rel=1e-3)
        assert video.duration_s == pytest.approx(FRAMES / rate, abs=0.002)
        np.testing.assert_allclose(video.times, np.arange(FRAMES) / rate, atol=0.0011)  # mkv counts in ms
        for fps in (1.0, 6.0):
            moments = [k / fps * rate for k in range(FRAMES) if k / fps * rate < FRAMES]
            assert numbers(video, fps) == [min(nearest(place), FRAMES - 1) for place in moments]
        assert numbers(video, 25.0, start_s=1.0, stop_s=2.6) == [nearest(k / 25 * rate) for k in range(25, 65)]
        assert numbers(video, 2.0, start_s=1.2, stop_s=3.5) == [nearest(k / 2 * rate) for k in (3, 4, 5, 6)]
        assert [read_number(video.at(video.times[frame]).image) for frame in (129, 3, 64, 65)] == [129, 3, 64, 65]
        assert video.problems == []


@pytest.mark.parametrize(
    "shape", ["mp4 h264", "mp4 h264, open groups", "mov hevc", "mpg mpeg2", "mp4 mpeg4", "ts h264"]
)
def test_pixels_are_those_of_decoding_everything(shapes, shape):
    with av.open(str(shapes(shape))) as container:
        expected = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(expected) == FRAMES
    for fps in (1.0, 3.0, 25.0):
        with Video(shapes(shape)) as video:
            for sampled in video.sample(fps):
                np.testing.assert_array_equal(sampled.image, expected[sampled.frame_index])


def decoded_frames(path, monkeypatch, fps, shape_skipping=video_sampling.SKIPPING):
    """How many frames the decoder gives while a film is sampled."""
    given, feed = [], Video._feed
    monkeypatch.setattr(video_sampling, "SKIPPING", shape_skipping)
    with monkeypatch.context() as patched, Video(path, threads=1) as video:
        patched.setattr(Video, "_feed", lambda self, *args: given.append(feed(self, *args)) or given[-1])
        numbers(video, fps)
    return sum(map(len, given))


@pytest.mark.parametrize("shape", ["mp4 h264, one long group", "mp4 h264", "mov hevc", "mpg mpeg2", "mp4 mpeg4"])
def test_frames_that_nobody_needs_are_not_decoded(shapes, shape, monkeypatch):
    assert decoded_frames(shapes(shape), monkeypatch, 1.0) < 0.65 * FRAMES
    everything = decoded_frames(shapes(shape), monkeypatch, 1.0, ())
    assert decoded_frames(shapes(shape), monkeypatch, 1.0) < everything


def test_between_key_frames_that_are_wanted_nothing_is_decoded(tmp_path, monkeypatch):
    film = write_film(tmp_path / "recorder.mp4", frames=130, gop=25, b_frames=0)
    assert decoded_frames(film, monkeypatch, 1.0) == 5  # the first is decoded when the film is opened


TIMES = [0.0, 0.04, 0.08, 0.5, 0.52, 1.3, 1.36, 4.9, 4.94, 5.6]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".ts"])
def test_variable_frame_rate(tmp_path, suffix):
    film = write_film(tmp_path / f"film{suffix}", times=TIMES, gop=4)
    with Video(film) as video:
        np.testing.assert_allclose(video.times, TIMES, atol=0.0011)
        # 0: 0.0, 1: 1.3, 2: 1.36, 3: 1.36 again, 4: 4.9, 5: 4.94, 6: 5.6
        assert numbers(video, 1.0) == [0, 5, 6, 7, 8, 9]
        assert numbers(video, 100.0) == list(range(10))
        assert read_number(video.at(3.0).image) == 6 and read_number(video.at(3.2).image) == 7


def test_edit_list(tmp_path):
    film = write_film(tmp_path / "cut.mp4", frames=80, gop=12)
    cut_by_edit_list(film, 10, 40)
    with Video(film) as video:
        assert video.frame_count == 40 and video.times[0] == 0 and video.problems == []
        assert [read_number(sampled.image) for sampled in video.sample(5.0)] == list(range(10, 50, 5))
        assert read_number(video.at(0.4).image) == 20


@pytest.mark.parametrize("start_s", [0.0, 3600.0, 7.36])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".mov"])
def test_times_count_from_the_first_frame(tmp_path, suffix, start_s):
    once = write_film(tmp_path / "once.mp4", frames=60, gop=15)
    film = loop_film(once, tmp_path / f"late{suffix}", 1, start_s)
    with Video(film) as video:
        assert video.frame_count == 60
        np.testing.assert_allclose(video.times, np.arange(60) / 25, atol=0.0011)
        assert numbers(video, 2.5) == [0, 10, 20, 30, 40, 50]
        assert video.problems == []


def test_a_truncated_film_that_begins_late(tmp_path):
    once = write_film(tmp_path / "once.mp4", frames=50, gop=25)
    film = loop_film(once, tmp_path / "late.mkv", 4, 3600.0)
    truncate(film, 0.5)
    with Video(film) as video:
        assert any("its header promises 00:00:08" in line for line in video.problems), video.problems


SLOW = [pytest.param(suffix, marks=pytest.mark.slow) for suffix in (".mkv", ".ts", ".mov")]


@pytest.fixture(scope="module")
def numbered(tmp_path_factory):
    """A film of 9,000 frames, each with a number of its own: a wrong place of it is a wrong number."""
    path = tmp_path_factory.mktemp("numbered") / "once.mp4"
    return write_film(path, frames=9_000, gop=50, size=(48, 64), options={"preset": "ultrafast"})


@pytest.mark.parametrize("suffix", [".mp4", *SLOW])
def test_two_hours(tmp_path, numbered, suffix):
    film = loop_film(numbered, tmp_path / f"long{suffix}", 1, step=20)  # frames of 0.8 s
    with Video(film) as video:
        assert video.frame_count == 9_000 and video.duration_s == pytest.approx(7200, abs=0.01)
        np.testing.assert_allclose(video.times, np.arange(9_000) * 0.8, atol=0.0011)
        assert numbers(video, 1 / 480) == list(range(0, 9_000, 600))  # farther apart than what is passed over
        for time_s in (7199.2, 0.0, 3600.0, 5400.8, 241.6):
            assert read_number(video.at(time_s).image) == round(time_s / 0.8)
        assert video._can_seek


def test_a_file_that_cannot_be_searched_is_read_on(tmp_path, monkeypatch):
    film = write_film(tmp_path / "film.mp4", frames=2000, gop=25, size=(48, 64), options={"preset": "ultrafast"})
    with Video(film) as video:
        monkeypatch.setattr(video_sampling, "LEAP", 60)
        video.container.seek(0)
        monkeypatch.setattr(Video, "_seek", lambda self, packet: False)
        assert numbers(video, 0.1) == list(range(0, 2000, 250))
        assert read_number(video.at(40.12).image) == 1003


@pytest.mark.parametrize("degrees", [90, 180, 270])
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_rotated_films_are_upright(tmp_path, degrees, suffix):
    with Video(write_film(tmp_path / f"film{suffix}")) as video:
        straight = video.at(0.6).image
    rotate(tmp_path / f"film{suffix}", degrees)
    with Video(tmp_path / f"film{suffix}") as video:
        turned = video.at(0.6).image
        assert turned.shape[:2] == (video.height, video.width) == ((96, 128) if degrees == 180 else (128, 96))
    np.testing.assert_array_equal(turned, np.rot90(straight, -degrees // 90))


def test_mirrored_film(tmp_path):
    film = write_film(tmp_path / "film.mp4")
    with Video(film) as video:
        straight = video.at(0.0).image
    rotate(film, 180)
    data = bytearray(film.read_bytes())
    struct.pack_into(">i", data, data.index(b"tkhd") + 4 + 40 + 16, 1 << 16)  # up stays up
    film.write_bytes(data)
    with Video(film) as video:
        np.testing.assert_array_equal(video.at(0.0).image, straight[:, ::-1])


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "h264"), (".mpg", "mpeg2video"), (".avi", "mpeg4")])
def test_an_interlaced_frame_shows_one_moment(tmp_path, suffix, codec):
    """Its picture is that of the first field; two fields 3 frames apart are 6 px apart."""
    film = write_film(tmp_path / f"film{suffix}", interlaced=True, frames=30, codec=codec, size=(192, 256))
    with Video(film) as video:
        for sampled in video.sample(5.0):
            first, second = (draw(sampled.frame_index + late, (192, 256)).astype(float)[4:128] for late in (0, 3))
            own = np.abs(sampled.image[4:128] - first).mean()
            assert own < 0.35 * np.abs(sampled.image[4:128] - second).mean()
            both = np.where((np.arange(4, 128) % 2 == 0)[:, None, None], second, first)
            assert own < 0.5 * np.abs(both - first).mean()


def colour_film(path, pix_fmt, **tags):
    """Smooth colours, tagged."""
    y, x = np.mgrid[0:96, 0:128]
    picture = np.stack([255 * x / 127, 255 * y / 95, 255 - 255 * (x + y) / 222], axis=2).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"qp": "1"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, pix_fmt
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
            format=pix_fmt,
            dst_colorspace=tags.get("colorspace") == 1 and "itu709" or "itu601",
            dst_color_range=tags.get("color_range"),
        )
        for number in range(3):
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return picture


@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
def test_colours(tmp_path, matrix, full):
    """As they were drawn, and as ffmpeg's own scale filter gives them."""
    tags = {"colorspace": {"bt601": 6, "bt709": 1}[matrix], "color_range": 2 if full else 1}
    picture = colour_film(tmp_path / "film.mp4", "yuv420p", **tags)
    with Video(tmp_path / "film.mp4") as video:
        found = video.at(0.0).image.astype(float)
    assert np.abs(found - picture)[4:-4, 4:-4].mean() < 3
    with av.open(str(tmp_path / "film.mp4")) as container:
        frame = next(container.decode(video=0))
        assert (frame.colorspace, frame.color_range) == (tags["colorspace"], tags["color_range"])
        graph = av.filter.Graph()
        source = graph.add_buffer(template=container.streams.video[0])
        scale = graph.add("scale", f"in_range={'full' if full else 'limited'}:in_color_matrix={matrix}:out_range=full")
        last = [source, scale, graph.add("format", "rgb24"), graph.add("buffersink")]
        for before, after in zip(last, last[1:], strict=False):
            before.link_to(after)
        graph.configure()
        graph.push(frame)
        own = graph.pull().to_ndarray().astype(float)
    assert np.abs(found - own).mean() < 1 and np.abs(found - own).max() <= 6


def test_pixels_that_are_not_square_stay_as_they_are_stored(tmp_path):
    film = write_film(tmp_path / "film.mp4", options={"aspect": "16:9", "x264-params": "sar=2/1:threads=1"})
    with Video(film) as video:
        assert (video.height, video.width) == (96, 128) and video.at(0.0).image.shape == (96, 128, 3)


@pytest.mark.parametrize("suffix", [".ts", ".h264"])
def test_a_change_of_size(tmp_path, suffix):
    parts = [
        write_film(tmp_path / f"{size[0]}{suffix}", frames=30, gop=10, size=size, numbers=range(first, first + 30))
        for first, size in ((0, (96, 128)), (30, (64, 96)))
    ]
    film = join(parts, tmp_path / f"film{suffix}")
    with Video(film) as video:
        found = {sampled.frame_index: sampled.image for sampled in video.sample(5.0)}
        assert {index: read_number(image) for index, image in found.items()} == {n: n for n in range(0, 60, 5)}
        assert found[25].shape == (96, 128, 3) and found[30].shape == (64, 96, 3)
        assert video.problems == ["pictures of 64 x 96 px from 00:00:01 on, of 96 x 128 px at first"]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("suffix", "settings"),
    [(".mp4", {}), (".mkv", {"codec": "hevc"}), (".mp4", {"codec": "mpeg4"}), (".avi", {})],
    ids=["h264", "hevc", "mpeg4", "h264 avi"],
)
def test_what_follows_damage_up_to_the_next_key_frame_is_not_given(tmp_path, suffix, settings, threads):
    film = write_film(tmp_path / f"film{suffix}", frames=100, gop=20, **settings)
    with av.open(str(film)) as container:
        expected = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with av.open(str(film)) as container:
        next_key = next(n for n, packet in enumerate(container.demux(video=0)) if packet.is_keyframe and n > 42)
    damage_packets(film, [41, 42])
    with Video(film, threads=threads) as video:
        found = {}
        for sampled in video.sample(25.0):
            found[sampled.frame_index] = sampled.image
        assert set(found) >= {*range(0, 40), *range(next_key + 2, 100)}  # 2 B frames stand behind it in the file
        hit = {index for index in found if 40 <= index < next_key}
        assert len(hit) <= 4  # shown before the damage, or of damage that the decoder does not notice
        for index in set(found) - hit:
            np.testing.assert_array_equal(found[index], expected[index])
        assert any("wanted frame" in line and "00:00:0" in line for line in video.problems), video.problems
        assert all(str(tmp_path) not in line for line in video.problems)


def test_a_damaged_frame_is_noted_and_not_replaced(tmp_path):
    film = write_film(tmp_path / "film.mp4", frames=100, gop=25, b_frames=0)
    damage_packets(film, [50])
    with Video(film) as video:
        assert numbers(video, 1.0) == [0, 25, 75]
        assert len(video.problems) == 2
        assert video.problems[0].startswith("1 damaged packet (first at 00:00:02, last at 00:00:02: ")
        assert video.problems[1] == "1 wanted frame not given: damaged, or behind damaged data (at 00:00:02)"
        with pytest.raises(VideoError, match="film.mp4 has a frame at 2.00 s that cannot be decoded"):
            video.at(2.0)
        assert read_number(video.at(3.0).image) == 75


@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".mpg", ".avi", ".h264"])
def test_of_a_truncated_file_what_is_there(tmp_path, suffix):
    codec = {".mpg": "mpeg2video", ".avi": "mpeg4"}.get(suffix, "h264")
    film = write_film(tmp_path / f"film{suffix}", frames=200, codec=codec)
    truncate(film, 0.6)
    with Video(film) as video:
        # Of a stream without a header nobody knows that its last frame is cut.
        found = numbers(video, 5.0, stop_s=video.duration_s - 0.2)
        assert found == list(range(0, 5 * len(found), 5)) and 10 <= len(found) < 38
        if suffix in (".mkv", ".avi"):  # whose header knows the length
            assert any("header promises" in line for line in video.problems), video.problems


def test_a_truncated_mp4_with_its_index_first(tmp_path):
    film = write_film(tmp_path / "film.mp4", frames=200, faststart=True)
    truncate(film, 0.6)
    with Video(film) as video:
        found = numbers(video, 5.0)
        assert found == list(range(0, 5 * len(found), 5)) and 10 <= len(found) < 38
        assert any("its header promises 00:00:08" in line for line in video.problems)


def test_nothing_readable(tmp_path):
    write_film(tmp_path / "cut.mp4")
    truncate(tmp_path / "cut.mp4", 0.9)  # the index of an mp4 file is at its end
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video" * 100)
    (tmp_path / "folder.mp4").mkdir()
    names = ["cut.mp4", "empty.mp4", "text.mp4", "folder.mp4", "none.mp4"]
    for name in names:
        with pytest.raises(VideoError, match=f"{name} cannot be read as a video") as raised:
            Video(tmp_path / name)
        assert str(tmp_path) not in raised.value.reason
    damaged = write_film(tmp_path / "damaged.mp4", frames=20)
    damage_packets(damaged, range(20))
    with pytest.raises(VideoError, match="none of 20 frames can be decoded") as raised:
        Video(damaged, name="my film")
    assert str(raised.value).startswith("my film cannot be read")
    again = pickle.loads(pickle.dumps(raised.value))
    assert (str(again), again.reason) == (str(raised.value), raised.value.reason)


def test_sound_alone(tmp_path):
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        track = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        frame.sample_rate = 44100
        container.mux(track.encode(frame))
        container.mux(track.encode(None))
    with pytest.raises(VideoError, match="it has no moving pictures"):
        Video(tmp_path / "sound.mp4")


@pytest.mark.parametrize(
    "name", ["mit Leer zeichen.mp4", "öp éß 手術.mp4", "two\nlines.mp4", "http:a.mp4", "%03d.mp4"]
)
def test_names(tmp_path, monkeypatch, name):
    os.rename(write_film(tmp_path / "film.mp4"), tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for path in (name, tmp_path / name):
        with Video(path) as video:
            assert numbers(video, 1.0) == [0, 25]


def test_bytes_are_a_video_too(tmp_path):
    source = io.BytesIO(write_film(tmp_path / "film.mp4", gop=10).read_bytes())
    with Video(source, name="row 7") as video:
        assert numbers(video, 5.0) == list(range(0, 50, 5))
        assert read_number(video.at(0.2).image) == 5
    assert not source.closed
    with pytest.raises(VideoError, match="^row 8 cannot be read"):
        Video(io.BytesIO(b"nothing"), name="row 8")


def test_arguments(shapes):
    with Video(shapes("mp4 h264")) as video:
        for arguments, message in (
            ((0.0,), "fps is 0.0; expected a positive number"),
            ((float("nan"),), "fps is nan"),
            ((1.0, -1.0), "start_s is -1.0; expected 0 or more"),
            ((1.0, 3.0, 2.0), r"stop_s is 2.0; expected more than start_s \(3.0\)"),
        ):
            with pytest.raises(ValueError, match=message):
                list(video.sample(*arguments))
        with pytest.raises(VideoError, match="has no frame at 99.00 s; it ends before"):
            video.at(99.0)
        assert list(video.sample(1.0, start_s=50.0)) == []
        one, other = video.sample(25.0), video.sample(25.0)
        next(one), next(one), next(other)
        with pytest.raises(RuntimeError, match="another reading began"):
            next(one)


def test_two_readings_give_the_same_bytes(shapes):
    with Video(shapes("mp4 h264")) as video, Video(shapes("mp4 h264"), threads=1) as other:
        for _ in range(2):
            for one, two in zip(video.sample(2.0), other.sample(2.0), strict=True):
                np.testing.assert_array_equal(one.image, two.image)
