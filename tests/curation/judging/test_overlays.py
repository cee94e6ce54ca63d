# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What a recorder writes is no longer legible, and tissue stays; on drawn films of which all is known, and on real ones."""

import importlib.util
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from zen_hf.curation.decode_video import DecodeSettings, looks_of
from zen_hf.curation.judging.different_frames import different_frames
from zen_hf.curation.judging.geometry import GeometrySettings, find_geometry
from zen_hf.curation.judging.overlays import (
    FEWEST_DIFFERENT,
    SMALLEST,
    Overlays,
    OverlaySettings,
    find_overlays,
    frame_overlay,
)
from zen_hf.data.video_sampling import Video


def beside(name):
    """A module of this folder."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


films, recall = beside("overlay_films"), beside("overlay_recall")
Writing, film = films.Writing, films.film

SETTINGS = OverlaySettings()
SLOW = pytest.mark.slow
SIZE = (360, 640)
WHITE, YELLOW, GREEN, CYAN, RED, BLACK = (
    (255,) * 3,
    (255, 255, 0),
    (0, 255, 0),
    (0, 255, 255),
    (255, 60, 60),
    (0, 0, 0),
)


def look(frames):
    geometry = find_geometry(frames, GeometrySettings())
    return geometry, find_overlays(frames, geometry, SETTINGS)


def correlation(writing, frame, number):
    """How well the letters can still be seen: of their ink with the brightness where they were written."""
    ink = writing.glyphs(frame.shape, number)
    rows, columns = np.nonzero(ink)
    place = np.s_[rows.min() - 2 : rows.max() + 3, columns.min() - 2 : columns.max() + 3]
    ink, seen = ink[place].ravel(), frame[place].mean(axis=2).ravel()
    return 0.0 if seen.std() < 1e-6 else abs(float(np.corrcoef(ink, seen)[0, 1]))


WRITINGS = {
    "name inside, white": ("alpha", [Writing("MUSTERMANN, ERIKA", 0.3, 0.1, 16)]),
    "name large, yellow": ("gamma", [Writing("Mustermann", 0.2, 0.5, 40, YELLOW)]),
    "name small, outlined": ("beta", [Writing("Li, Anna *1961", 0.5, 0.8, 12, outline=True)]),
    "red on red tissue": ("gamma", [Writing("ID 4711-0815", 0.1, 0.2, 18, RED)]),
    "black": ("epsilon", [Writing("SMITH 12.03.1961", 0.35, 0.4, 20, BLACK)]),
    "half transparent": ("delta", [Writing("MUSTERMANN", 0.3, 0.6, 24, WHITE, 0.5)]),
    "on a panel": ("alpha", [Writing("Dr. Li  OP 3", 0.35, 0.75, 16, CYAN, panel=(20, 40, 160))]),
    "outside the circle": ("epsilon", [Writing("SMITH J", 0.01, 0.02, 12), Writing("{clock}", 0.01, 0.93, 12, GREEN)]),
    "clock": ("beta", [Writing("2024-05-17  {clock}", 0.05, 0.04, 16)]),
    "large clock": ("gamma", [Writing("{clock}", 0.6, 0.85, 30, YELLOW)]),
    "logo and counter": ("delta", [Writing("STORZ", 0.75, 0.05, 34, CYAN), Writing("frame 000{n:03}", 0.2, 0.9, 14)]),
}


OFTEN = ("name inside, white", "red on red tissue", "clock")  # the others take long


@pytest.mark.parametrize("what", [what if what in OFTEN else pytest.param(what, marks=SLOW) for what in WRITINGS])
def test_writing_is_no_longer_legible(what):
    hospital, writings = WRITINGS[what]
    frames = film(hospital, 0, SIZE, writings)
    geometry, overlays = look(frames)
    for writing in writings:
        assert films.visible_ink(writing, overlays.boxes, SIZE) < 0.02
        assert correlation(writing, frames[3], 3) > 0.2  # it could be read before
        assert max(correlation(writing, overlays.apply(frame), number) for number, frame in enumerate(frames)) < 0.1
    assert films.masked_share(overlays.boxes, geometry.area(SIZE)) < 0.25


@pytest.mark.slow
def test_recall_over_many_films():
    """Of random lines on the seed of development: none that is opaque is missed where the film moves.

    It guards what was reached; it is no promise that a line is found (docs/endoscope-geometry.md has held-out figures).
    """
    missed = {(kind, opacity): [] for kind in recall.KINDS for opacity in (1.0, 0.6)}
    for kind, name, writings, seen, overlays, _ in recall.readings(101, numbers=(0,)):
        for writing, ink in zip(writings, seen, strict=True):
            if ink > 0.02 and not overlays.doubtful:
                missed[kind, writing.opacity].append((name, writing))
    print(missed)
    assert {what: len(lines) for what, lines in missed.items() if len(lines) > (what == ("pausing", 0.6))} == {}


@pytest.mark.parametrize(
    "hospital", ["alpha", *(pytest.param(h, marks=SLOW) for h in ("beta", "gamma", "delta", "epsilon"))]
)
def test_nothing_is_masked_where_nothing_is_written(hospital):
    frames = film(hospital, 1, SIZE)
    geometry, overlays = look(frames)
    assert films.masked_share(overlays.boxes, geometry.area(SIZE)) < 0.01
    assert [frame_overlay(frame, geometry, SETTINGS) for frame in frames[:4]] == [None] * 4


@pytest.mark.parametrize("hospital", ["alpha", pytest.param("beta", marks=SLOW), pytest.param("delta", marks=SLOW)])
def test_a_still_scene_is_not_masked_and_a_name_on_a_panel_is(hospital):
    geometry, overlays = look(film(hospital, 0, SIZE, moves="still"))
    assert films.masked_share(overlays.boxes, geometry.area(SIZE)) < 0.05
    writing = Writing("MUSTERMANN, ERIKA", 0.3, 0.75, 23, panel=BLACK)
    _, overlays = look(film(hospital, 0, SIZE, [writing], moves="still"))
    assert films.visible_ink(writing, overlays.boxes, SIZE) < 0.02


def test_a_film_too_still_to_tell_writing_from_the_scene_is_doubtful():
    assert look(film("beta", 0, SIZE, moves="still"))[1].doubtful
    assert not look(film("beta", 0, SIZE, moves="pausing"))[1].doubtful


def only_an_instrument_moves(hospital):
    """A fixed camera: one scene with noise, before which a shaft swings."""
    scene = film(hospital, 0, SIZE, moves="still")
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    rng, frames = np.random.default_rng(1), []
    for frame in scene:
        angle, tip = np.radians(rng.uniform(20, 75)), rng.uniform(0.4, 0.9) * SIZE[1]
        along = columns * np.cos(angle) + (rows - 36) * np.sin(angle)
        across = np.abs((rows - 36) * np.cos(angle) - columns * np.sin(angle))
        shaft = (across < 0.12 * SIZE[0]) & (along < tip)
        frames.append(np.where(shaft[..., None], (200 - 2 * across)[..., None], frame).astype(np.uint8))
    return frames


@pytest.mark.parametrize("hospital", ["gamma", *(pytest.param(h, marks=SLOW) for h in ("alpha", "epsilon"))])
def test_a_fixed_camera_before_which_an_instrument_moves_is_doubtful(hospital):
    frames = only_an_instrument_moves(hospital)
    assert len(different_frames(frames)) >= FEWEST_DIFFERENT  # whole frames differ, so that this alone tells nothing
    assert look(frames)[1].doubtful
    assert not look(film(hospital, 0, SIZE))[1].doubtful


def test_a_still_window_that_is_masked_makes_no_film_doubtful():
    frames = [frame.copy() for frame in film("gamma", 0, SIZE)]
    panel = film("delta", 3, SIZE)[0][:200, :400]
    for frame in frames:
        frame[100:300, 200:600] = panel
    _, overlays = look(frames)
    assert overlays.apply(frames[0])[104:296, 204:596].max() == 0
    assert not overlays.doubtful


def dark_at_the_edge(rgb):
    """A frame as some recorders leave it: its outermost row and column half as bright, with ringing beside them."""
    picture = rgb.astype(np.float32)
    for depth, gain in enumerate((0.5, 1.06, 0.95)):
        for line in (depth, -1 - depth):
            picture[line] *= gain
            picture[:, line] *= gain
    return films.compressed(np.clip(picture, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("hospital", ["beta", *(pytest.param(h, marks=SLOW) for h in ("alpha", "gamma", "epsilon"))])
def test_a_dark_outermost_row_and_column_are_no_writing(hospital):
    frames = [dark_at_the_edge(frame) for frame in film(hospital, 0, SIZE)]
    assert look(frames)[1].boxes == ()


def test_a_film_that_pauses_is_not_masked():
    geometry, overlays = look(film("beta", 1, SIZE, moves="pausing"))
    assert films.masked_share(overlays.boxes, geometry.area(SIZE)) < 0.02


def test_an_instrument_that_stands_still_stays():
    frames = [frame.copy() for frame in film("gamma", 2, SIZE)]
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    across = (rows - 0.5 * columns - 20) / 1.118
    shaft = (np.abs(across) < 24) & (columns < 400)
    shade = (150 - 3 * np.abs(across))[..., None]
    frames = [np.where(shaft[..., None], shade, frame).astype(np.uint8) for frame in frames]
    geometry, overlays = look(frames)
    assert films.masked_share(overlays.boxes, shaft) < 0.1
    assert films.masked_share(overlays.boxes, geometry.area(SIZE)) < 0.04


def test_a_window_of_the_whole_film_is_filled():
    frames, others = film("gamma", 0, SIZE), film("delta", 3, SIZE)
    small = [np.asarray(Image.fromarray(other).resize((160, 90))) for other in others]
    frames = [frame.copy() for frame in frames]
    for frame, window in zip(frames, small, strict=True):
        frame[20:110, 460:620] = window
    _, overlays = look(frames)
    assert overlays.apply(frames[0])[24:106, 464:616].max() == 0
    assert films.masked_share(overlays.boxes, np.ones(SIZE, bool)) < 0.12


def test_single_frames_with_a_window_two_pictures_or_a_text_screen():
    frames, other = film("gamma", 0, SIZE), film("alpha", 3, SIZE)[5]
    geometry, _ = look(frames)
    window = frames[4].copy()
    window[200:340, 20:260] = np.asarray(Image.fromarray(other).resize((240, 140)))
    assert "window of 1" in frame_overlay(window, geometry, SETTINGS)
    pair = np.concatenate([frames[2][:, 160:480], other[:, 160:480]], axis=1)
    assert "side by side" in frame_overlay(pair, geometry, SETTINGS)
    screen = np.full((*SIZE, 3), (30, 60, 120), np.uint8)
    for line in range(6):
        screen = Writing("Patient MUSTERMANN ERIKA", 0.1, 0.1 + 0.13 * line, 24).draw(screen, 0)
    assert "lines of text" in frame_overlay(screen, geometry, SETTINGS)
    assert frame_overlay(window, geometry, OverlaySettings(refuse_frames=False)) is None


def test_small_frames_are_not_refused_for_windows():
    """Downscaled surgery has rectangles of few pixels; a drawn window above the floor is refused, below it is not."""
    frames = [frame.copy() for frame in film("gamma", 0, SIZE)[:4]]
    for frame in frames:
        frame[200:340, 20:260] = 255 - frame[200:340, 20:260]

    def verdicts(height):
        size = (round(height * SIZE[1] / SIZE[0]), height)
        small = [np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BOX)) for frame in frames]
        return [frame_overlay(frame, find_geometry(small, GeometrySettings()), SETTINGS) for frame in small]

    assert verdicts(64) == verdicts(SMALLEST - 1) == [None] * 4
    assert any(verdicts(SMALLEST))


def test_known_boxes_are_always_masked():
    settings = OverlaySettings(find=False, boxes=[[0.5, 0.9, 0.5, 0.1]])
    frames = film("gamma", 0, SIZE)
    geometry = find_geometry(frames, GeometrySettings())
    overlays = find_overlays(frames, geometry, settings)
    assert overlays == Overlays(((320, 324, 320, 36),))
    before = frames[0].copy()
    masked = overlays.apply(frames[0])
    assert masked[324:, 320:].max() == 0 and (masked[:324] == before[:324]).all() and (frames[0] == before).all()


@pytest.mark.parametrize(
    "wrong",
    [{"boxes": [[0, 0, 1]]}, {"boxes": [[0.5, 0, 0.6, 1]]}, {"share": 0.4}, {"margin": -1}, {"window_share": 2}],
)
def test_wrong_settings_are_named(wrong):
    with pytest.raises(ValueError, match=f"overlays.{next(iter(wrong))}"):
        OverlaySettings(**wrong)


def real_frames(files):
    frames = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    return [frame for frame in frames if frame.shape == frames[0].shape]


@pytest.mark.slow
@pytest.mark.real
def test_real_films_without_writing_are_not_masked(shared_data):
    sets = [
        sorted((shared_data / "cholect50-val" / "videos" / video).iterdir())
        for video in ("VID68", "VID70", "VID73", "VID74")
    ]
    sets.append(sorted((shared_data / "sinus-sfm-381").glob("*.jpg")))
    for files in sets:
        frames = real_frames(files[:: len(files) // 32][:32])
        geometry, overlays = look(frames)
        assert films.masked_share(overlays.boxes, geometry.area(frames[0].shape)) < 0.02
        assert [frame_overlay(frame, geometry, SETTINGS) for frame in frames[::8]] == [None] * 4


def write_film(path, pictures, fps=5):
    """H.264, every picture held for a second."""
    height, width = (side // 2 * 2 for side in pictures[0].shape[:2])
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "20", "preset": "veryfast"}
        for number in range(len(pictures) * fps):
            picture = np.ascontiguousarray(pictures[number // fps][:height, :width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.parametrize("patient", ["VID68", "VID70", "VID73", "VID74"])
def test_real_films_as_curation_sees_them_get_no_mask_at_all(patient, shared_data, tmp_path):
    """Sixty frames of an operation as an H.264 film; recorders of these left a dark outermost row and column."""
    files = sorted((shared_data / "cholect50-val" / "videos" / patient).glob("*.jpg"))
    evenly = np.linspace(0, len(files) - 1, 60).round().astype(int)
    write_film(tmp_path / "film.mp4", real_frames([files[i] for i in evenly]))
    with Video((tmp_path / "film.mp4").open("rb"), "film") as video:
        (look_at_all,) = looks_of(video, DecodeSettings()).values()
    assert look_at_all.overlays == Overlays((), doubtful=False)


@pytest.mark.slow
@pytest.mark.real
def test_real_films_that_move_are_not_doubtful(shared_data):
    files = sorted((shared_data / "intermountain-stanford-lap").glob("*.jpg"))
    sets = [files[20 * video : 20 * video + 20] for video in range(16)]
    sets += [sorted((shared_data / "endovis15-rigid" / f"OP{n}").glob("img_??.jpg")) for n in (1, 2, 3)]
    assert [look(real_frames(files))[1].doubtful for files in sets] == [False] * 19


@pytest.mark.slow
@pytest.mark.real
def test_the_insufflators_readings_of_real_films_are_masked(shared_data):
    """Sixteen films show readings at the lower left, or at the upper left: seen on drawn pictures."""
    files = sorted((shared_data / "intermountain-stanford-lap").glob("*.jpg"))
    for video in range(16):
        _, overlays = look(real_frames(files[20 * video : 20 * video + 20]))
        covered = np.zeros((252, 448), bool)
        for x, y, width, height in overlays.boxes:
            covered[y : y + height, x : x + width] = True
        upper = video in (4, 13)
        assert covered[0:6, 25:55].mean() > 0.8 if upper else covered[230:248, 25:90].mean() > 0.9, video
