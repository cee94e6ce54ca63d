# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Films whose clock starts again or leaps ahead: every frame comes once, in the order of the file, at times that go on."""

import itertools
import struct
from pathlib import Path

import numpy as np
import pytest
from data.films import box_at, loop_film, read_number, truncate, write_film

from zen_hf.data import video_sampling
from zen_hf.data.video_clock import on_one_clock, part_starts, pauses
from zen_hf.data.video_frames import frames
from zen_hf.data.video_sampling import Video, sample_times

OPEN_GOP = {"gop": 10, "options": {"x264-params": "open-gop=1:scenecut=0:threads=1"}}
JOINED = {
    "ts h264": (".ts", {}),
    "ts h264, no B frames": (".ts", {"b_frames": 0}),
    "ts h264, open groups": (".ts", OPEN_GOP),
    "ts h264, sound": (".ts", {"sound": True}),
    "ts hevc": (".ts", {"codec": "hevc"}),
    "ts mpeg2": (".ts", {"codec": "mpeg2video"}),
    "mpg mpeg2": (".mpg", {"codec": "mpeg2video"}),
    "mpg mpeg2, sound": (".mpg", {"codec": "mpeg2video", "sound": True}),
    "vob mpeg2": (".vob", {"codec": "mpeg2video", "format": "vob"}),
    "m2v": (".m2v", {"codec": "mpeg2video"}),
    "h264, no times at all": (".h264", {}),
}
WRAP_S = 2**33 / 90000
JOINT = "its clock starts again, as of parts that were joined: they are shown one after the other (from "


def cat(parts, path):
    """Join files byte by byte, as `cat` does."""
    Path(path).write_bytes(b"".join(Path(part).read_bytes() for part in parts))
    return path


def check(film, count, fps=25.0, **options):
    """Every frame comes once, in order, a frame's time apart; also of those that are few and far between."""
    with Video(film, **options) as video:
        found = [(read_number(sampled.image), sampled.frame_index) for sampled in video.sample(fps)]
        assert found == [(number, number) for number in range(count)]
        np.testing.assert_allclose(video.times, np.arange(count) / fps, atol=0.0011)
        assert video.duration_s == pytest.approx(count / fps, abs=0.002) and video.fps == pytest.approx(fps, rel=1e-3)
        assert [read_number(sampled.image) for sampled in video.sample(fps / 7)] == list(range(0, count, 7))
        for number in (count - 1, 0, count // 2, count // 3):
            assert read_number(video.at(number / fps).image) == number
        assert video.faults == []
        return video.problems


@pytest.mark.parametrize("shape", JOINED)
def test_parts_of_any_length_follow_each_other(tmp_path, shape):
    suffix, settings = JOINED[shape]
    edges = (0, 60, 70, 73, 130)
    parts = [
        write_film(tmp_path / f"{first}{suffix}", numbers=range(first, end), **settings)
        for first, end in itertools.pairwise(edges)
    ]
    film = cat(parts, tmp_path / f"film{suffix}")
    expected = [] if suffix in (".m2v", ".h264") else [f"{JOINT}00:00:02 on)"]
    assert check(film, 130) == check(film, 130, threads=1) == expected
    given = np.concatenate([batch.frame_index for batch in frames(film, fps=25)])  # nothing is lost: no error
    np.testing.assert_array_equal(given, np.arange(130))


@pytest.mark.parametrize(
    ("one_s", "other_s"),
    [(0, 0), (3600, 0), (72_000, 0), (0, 3.8), (0, 3.9), (100, 103.5), (WRAP_S - 30, 0), (WRAP_S - 4, 100)],
)
def test_wherever_the_next_part_begins(tmp_path, one_s, other_s):
    """Parts of 100 and 60 frames; ffmpeg takes a clock that falls below its first time for one that wrapped."""
    for name, numbers, start_s in (("one", range(100), one_s), ("other", range(100, 160), other_s)):
        write_film(tmp_path / f"{name} once.ts", numbers=numbers)
        loop_film(tmp_path / f"{name} once.ts", tmp_path / f"{name}.ts", 1, start_s)
    assert check(cat([tmp_path / "one.ts", tmp_path / "other.ts"], tmp_path / "film.ts"), 160) == [
        f"{JOINT}00:00:04 on)"
    ]


def test_a_clock_that_wraps_goes_on(tmp_path):
    once = write_film(tmp_path / "once.ts", frames=160)
    assert check(loop_film(once, tmp_path / "film.ts", 1, WRAP_S - 3), 160) == []


def test_parts_of_other_frame_rates(tmp_path):
    slow = write_film(tmp_path / "slow.ts", frames=100, gop=25)
    fast = write_film(tmp_path / "fast.ts", numbers=range(100, 200), fps=50, gop=25)
    with Video(cat([slow, fast, slow], tmp_path / "film.ts")) as video:
        expected = np.concatenate([np.arange(100) / 25, 4 + np.arange(100) / 50, 6 + np.arange(100) / 25])
        np.testing.assert_allclose(video.times, expected, atol=1e-4)
        assert [read_number(sampled.image) for sampled in video.sample(1.0)] == [
            0,
            25,
            50,
            75,
            100,
            150,
            0,
            25,
            50,
            75,
        ]
        assert video.problems == [f"{JOINT}00:00:04, 00:00:06 on)"]


def test_a_part_without_its_first_key_frame_loses_no_more_than_its_beginning(tmp_path):
    one = write_film(tmp_path / "one.ts", frames=60)
    other = write_film(tmp_path / "other.ts", numbers=range(60, 130), gop=12)
    packets = other.read_bytes()
    other.write_bytes(
        packets[: 188 * 3] + packets[len(packets) // 4 // 188 * 188 :]
    )  # its tables, then the middle of a group
    with Video(cat([one, other], tmp_path / "film.ts")) as video:
        found = [read_number(sampled.image) for sampled in video.sample(25.0)]
        assert found[:60] == list(range(60)) and found[60:] == list(range(found[60], 130)) and found[60] < 100
        assert video.times[-1] < 5.2 and any(line.startswith(JOINT) for line in video.problems)


def test_a_long_joined_film_is_read_on_and_never_searched(tmp_path, monkeypatch):
    parts = [write_film(tmp_path / f"{n}.ts", numbers=range(300 * n, 300 * n + 300), size=(48, 64)) for n in range(4)]
    film = cat(parts, tmp_path / "film.ts")
    monkeypatch.setattr(video_sampling, "LEAP", 50)
    read, opened = [], []
    feed, restart = Video._read, Video._restart
    monkeypatch.setattr(Video, "_seek", lambda *_: pytest.fail("searched"))
    monkeypatch.setattr(Video, "_read", lambda self: read.append(1) or feed(self))
    monkeypatch.setattr(Video, "_restart", lambda self: opened.append(1) or restart(self))
    with Video(film) as video:
        assert [read_number(sampled.image) for sampled in video.sample(0.25)] == list(range(0, 1200, 100))
        assert len(opened) == 1 and len(read) < 1300  # going on never begins anew
        assert read_number(video.at(4.0).image) == 100 and len(opened) == 2


def test_of_a_truncated_joined_film_what_is_there(tmp_path):
    parts = [
        write_film(tmp_path / f"{n}.mpg", numbers=range(100 * n, 100 * n + 100), codec="mpeg2video") for n in range(3)
    ]
    truncate(cat(parts, tmp_path / "film.mpg"), 0.8)
    with Video(tmp_path / "film.mpg") as video:
        found = [read_number(sampled.image) for sampled in video.sample(5.0, stop_s=video.duration_s - 0.2)]
        assert found == list(range(0, 5 * len(found), 5)) and 200 < found[-1] < 280


def test_a_pause_keeps_its_time_and_no_frame_is_lost(tmp_path):
    once = write_film(tmp_path / "once.ts", numbers=range(100))
    later = write_film(tmp_path / "later.ts", numbers=range(100, 160))
    loop_film(later, tmp_path / "at three hours.ts", 1, 3 * 3600)
    with Video(cat([once, tmp_path / "at three hours.ts"], tmp_path / "film.ts")) as video:
        found = {read_number(sampled.image): sampled.time_s for sampled in video.sample(25.0)}
        assert list(found) == list(range(160))
        assert found[100] - found[99] == pytest.approx(
            3 * 3600 - 3.96, abs=0.2
        )  # a muxer shifts its first part a little
        assert video.shown_s == pytest.approx(6.4) and video.fps == pytest.approx(25)
        assert video.duration_s == pytest.approx(found[159] + 0.04)
        assert [read_number(sampled.image) for sampled in video.sample(1.0)] == [0, 25, 50, 75, 99, 100, 102, 127, 152]
        assert video.faults == [] and video.problems == ["nothing is recorded for up to 02:59:55 (after 00:00:03)"]
    for batch in frames(tmp_path / "film.ts", fps=1):
        assert len(batch) == 9


def test_a_stamp_of_centuries_costs_no_memory(tmp_path):
    times = [*(np.arange(30) / 25), 3e9]
    video = Video.__new__(Video)
    video.times, video.frame_count, video.duration_s = np.array(times), 31, 3e9 + 0.04
    assert list(video.wanted(25.0)) == list(range(31))
    assert list(video.wanted(5.0, 0.4, 1.1)) == [10, 15, 20, 25]


def test_wanted_frames_are_those_nearest_to_the_moments():
    random = np.random.default_rng(0)
    for _ in range(500):
        video = Video.__new__(Video)
        video.frame_count = count = int(random.integers(1, 60))
        even = np.arange(count) / random.choice([25, 30000 / 1001, 50, 1, 12.5])
        video.times = even if random.random() < 0.5 else np.cumsum(random.integers(1, 90, count)) / 25
        video.times = video.times - video.times[0]
        video.duration_s = float(video.times[-1] + 0.04)
        fps, start_s = random.choice([1, 2, 25, 12.5, 6, 0.2, 3.7]), random.choice([0, 0.04, 1.2, 3 * random.random()])
        stop_s = None if random.random() < 0.4 else start_s + random.choice([0.02, 1, 3.5, 100])
        expected = video.nearest(sample_times(fps, start_s, stop_s, video.duration_s))
        np.testing.assert_array_equal(video.wanted(fps, start_s, stop_s), expected)


def two_edits(path, *edits, fps=25):
    """Let an mp4 file, its index last, show several pieces: (first frame, frames)."""
    data = bytearray(path.read_bytes())
    way = (b"moov", b"trak", b"edts", b"elst")
    clocks = [(b"moov", b"mvhd"), (b"moov", b"trak", b"mdia", b"mdhd")]
    movie, media = (struct.unpack_from(">I", data, box_at(data, *box) + 12)[0] for box in clocks)
    content = box_at(data, *way)
    shown_from = struct.unpack_from(">Ii", data, content + 8)[1]
    entries = b"".join(
        struct.pack(">IiI", round(count / fps * movie), shown_from + round(first / fps * media), 1 << 16)
        for first, count in edits
    )
    for depth in range(1, 5):
        place = box_at(data, *way[:depth]) - 8
        struct.pack_into(">I", data, place, struct.unpack_from(">I", data, place)[0] + len(entries) - 12)
    struct.pack_into(">I", data, content + 4, len(edits))
    data[content + 8 : content + 20] = entries
    path.write_bytes(data)


def test_what_an_edit_list_hides_starts_no_clock(tmp_path):
    """The frames from a key frame up to where a second piece begins are decoded and not shown."""
    film = write_film(tmp_path / "film.mp4", frames=150, gop=50, b_frames=0)
    two_edits(film, (5, 60), (98, 40))
    with Video(film) as video:
        found = [read_number(sampled.image) for sampled in video.sample(25.0)]
        assert found == [*range(5, 65), *range(98, 138)] and video.problems == []
        assert video._can_seek


def in_coding_order(stamps, depth):
    """Every `depth` + 1st frame before those it is shown after, as with B frames."""
    groups = [stamps[place : place + depth + 1] for place in range(0, len(stamps), depth + 1)]
    return np.array([stamp for group in groups for stamp in [group[-1], *group[:-1]]])


@pytest.mark.parametrize("depth", [1, 2, 7, 15])
@pytest.mark.parametrize("steps", ["even", "hours between frames"])
def test_b_frames_start_no_clock(depth, steps):
    """However long the time between them is; with any time of decoding, of any key frame that is sound."""
    step = np.full(480, 3600) if steps == "even" else np.random.default_rng(depth).integers(1, 10**9, 480)
    stamps = in_coding_order(np.cumsum(step), depth)
    assert part_starts(stamps, np.zeros(480, bool)) == [0]
    anchors = stamps == np.maximum.accumulate(stamps)
    assert part_starts(stamps, anchors) == [0]


def test_one_wrong_stamp_starts_no_clock():
    stamps = np.arange(200) * 3600
    for place, wrong in itertools.product((50, 51, 100), (-(10**7), 0, 10**9)):
        changed = stamps.copy()
        changed[place] = wrong
        assert part_starts(changed, np.zeros(200, bool)) == [0]
        fell = np.concatenate([[False], changed[1:] < changed[:-1]])
        assert len(part_starts(changed, fell & (np.arange(200) % 25 == 0))) == 1


def test_mended_stamps_by_hand():
    pts = np.array([100, 300, 200, 400, 90, 290, 190, 390, 80])
    dts, keys = np.array([0, 100, 200, 300, 0, 100, 200, 300, 0]), np.array([1, 0, 0, 0, 1, 0, 0, 0, 1], bool)
    mended, parts = on_one_clock(pts, dts, keys, np.arange(9), False, 1000.0, 40.0)
    assert mended.tolist() == [100, 300, 200, 400, 500, 700, 600, 800, 900] and parts.tolist() == [0, 4, 8]


def test_pauses():
    assert pauses(np.arange(50) * 300.0).tolist() == []  # a picture every five minutes
    assert pauses(np.array([0, 1, 2, 59, 60.0])).tolist() == []
    times = np.arange(100) / 25
    times[40:] += 90
    times[60:] += 7200
    assert pauses(times).tolist() == [39, 59]
