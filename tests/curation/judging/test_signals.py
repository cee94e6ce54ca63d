"""Signals against independent computations, hand-worked pictures, and invariance to what should not count."""

import colorsys
import time

import numpy as np
import pytest
from curation.judging import junk_frames as made
from PIL import Image
from scipy import ndimage

from zen_hf.curation.frame_row import SIGNALS
from zen_hf.curation.judging.signals import Signals, measure


def test_the_signals_are_the_columns_of_a_frame():
    assert tuple(Signals.__dataclass_fields__) == SIGNALS


def slow_signals(picture, area):
    """The same signals of a picture of at most 448 px, by loops and float64, from the words of the documentation."""
    height, width = picture.shape[0] // 3, picture.shape[1] // 3
    coarse = np.zeros((height, width, 3))
    inside = np.zeros((height, width), bool)
    for y in range(height):
        for x in range(width):
            coarse[y, x] = picture[3 * y : 3 * y + 3, 3 * x : 3 * x + 3].reshape(9, 3).mean(axis=0)
            row, column = int((y + 0.5) * picture.shape[0] / height), int((x + 0.5) * picture.shape[1] / width)
            inside[y, x] = area[row, column]
    counts = dict.fromkeys(("n", "dark", "bright", "flat", "lit", "red"), 0)
    brightness = []
    for y, x in zip(*np.nonzero(inside), strict=True):
        red, green, blue = coarse[y, x]
        counts["n"] += 1
        brightness.append(max(red, green, blue) / 255)
        counts["dark"] += max(red, green, blue) < 20
        counts["bright"] += min(red, green, blue) >= 235
        window = coarse[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].reshape(-1, 3)
        counts["flat"] += bool((np.ptp(window, axis=0) <= 4).all())
        if max(red, green, blue) >= 20 and min(red, green, blue) < 235:
            counts["lit"] += 1
            hue, saturation, _ = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
            counts["red"] += red / max(green, 1e-9) > 1.2 and red / max(blue, 1e-9) >= 0.9
    grey = picture.astype(float) @ [0.299, 0.587, 0.114]
    smooth = np.log(ndimage.convolve(grey, np.full((3, 3), 1 / 9)) + 16)
    down, across = np.gradient(smooth)
    steep = np.hypot(across, down)
    inner = area.copy()
    for rows, columns in ((-4, 0), (4, 0), (0, -4), (0, 4)):
        inner &= np.array(
            [
                [
                    area[min(max(y + rows, 0), area.shape[0] - 1), min(max(x + columns, 0), area.shape[1] - 1)]
                    for x in range(area.shape[1])
                ]
                for y in range(area.shape[0])
            ]
        )
    inner[:2] = inner[-2:] = inner[:, :2] = inner[:, -2:] = (
        False  # where the filters would need pixels beyond the frame
    )
    share = {name: counts[name] / counts["n"] for name in ("dark", "bright", "flat")}
    return (
        np.mean(brightness),
        *share.values(),
        counts["red"] / counts["lit"],
        100 * np.percentile(steep[inner], 95),
    )


@pytest.mark.parametrize("kind", ["surgery", "room", "burnt"])
def test_they_are_what_their_words_say(kind):
    picture = {
        "surgery": made.surgery(1)[0],
        "room": made.in_scope(made.room()),
        "burnt": made.in_scope(made.gauze()),
    }[kind]
    picture = picture[:150, 100:340].copy()
    if kind == "burnt":
        picture[40:80, 60:120] = 250
    area = made.disc()[:150, 100:340]
    found = measure(picture, area)
    expected = slow_signals(picture, area)
    np.testing.assert_allclose([getattr(found, name) for name in SIGNALS[:6]], expected, rtol=2e-4, atol=2e-4)


def test_hand_worked_values():
    half = made.flat((200, 50, 50))
    half[:, 240:] = (50, 200, 50)
    found = measure(half)
    assert found.brightness == pytest.approx(200 / 255, abs=0.002)
    assert found.redness == pytest.approx(0.5, abs=0.01)
    assert found.flat_share == pytest.approx(1 - 4 / 149, abs=0.01)  # windows of 5 that the edge crosses
    assert (found.dark_share, found.bright_share, found.change) == (0, 0, None)
    slope = np.exp(np.linspace(np.log(36), np.log(236), 240)) - 16  # 0.79 % brighter per px, of brightness + 16
    ramp = np.repeat(np.repeat(slope[None, :, None], 150, axis=0), 3, axis=2).astype(np.float32)
    sharpness = measure(np.round(ramp).astype(np.uint8)).sharpness
    assert sharpness == pytest.approx(100 * np.log(236 / 36) / 239, rel=0.25)  # rounding to bytes adds to it


def test_the_border_does_not_count():
    frame = made.surgery(1)[0]
    wide = np.pad(frame, ((0, 0), (150, 150), (0, 0)))
    area = np.pad(np.ones(frame.shape[:2], bool), ((0, 0), (150, 150)))
    reduced = np.array(
        Image.fromarray(frame).resize((round(480 * 448 / 780), round(270 * 448 / 780)), Image.Resampling.BILINEAR)
    )
    inside, alone = measure(wide, area), measure(reduced, np.ones(reduced.shape[:2], bool))
    for name in ("brightness", "bright_share", "redness"):
        assert getattr(inside, name) == pytest.approx(getattr(alone, name), abs=0.03)
    assert inside.sharpness == pytest.approx(alone.sharpness, rel=0.15)
    known, guessed = measure(made.in_scope(made.room()), made.disc()), measure(made.in_scope(made.room()))
    for name in ("brightness", "dark_share", "redness"):
        assert getattr(known, name) == pytest.approx(getattr(guessed, name), abs=0.05)


def test_size_hardly_matters():
    small = made.surgery(1)[0]
    large = np.array(Image.fromarray(small).resize((1600, 900), Image.Resampling.BICUBIC))
    for name in ("brightness", "dark_share", "bright_share", "redness"):
        assert getattr(measure(large), name) == pytest.approx(getattr(measure(small), name), abs=0.02)
    assert measure(large).sharpness == pytest.approx(measure(small).sharpness, rel=0.1)


def test_sharpness_falls_with_defocus_and_not_with_the_light():
    frame = made.surgery(1)[0]
    blurred = [measure(made.defocused(frame, radius), made.disc()).sharpness for radius in (0, 2, 5, 12, 30)]
    assert blurred == sorted(blurred, reverse=True) and blurred[0] > 4 * blurred[-1]
    dim = (frame * 0.5).astype(np.uint8)
    assert measure(dim, made.disc()).sharpness == pytest.approx(measure(frame, made.disc()).sharpness, rel=0.3)


def test_change_sees_movement_and_not_noise():
    frame = made.surgery(1)[0]
    still = measure(made.noisy(frame, 4, 1), None, made.noisy(frame, 4, 2)).change
    moved = measure(frame, None, np.roll(frame, 3, axis=1)).change
    clock = frame.copy()
    clock[10:30, 200:260] = 255
    assert still < 0.35 and moved > 3 and measure(clock, None, frame).change < 0.4
    instrument = frame.copy()
    instrument[60:200, 200:300] = 128
    assert measure(instrument, None, frame).change > 3
    assert measure(frame, None, frame).change == 0


def test_change_is_of_the_picture_alone():
    frame = made.surgery(1)[0]
    beside = frame.copy()
    beside[~made.disc()] = 90
    assert measure(beside, made.disc(), frame).change == pytest.approx(0, abs=1e-6)
    assert measure(beside, None, frame).change > 50


@pytest.mark.parametrize("shape", [(1, 1), (2, 700), (5, 5), (31, 17)])
def test_odd_sizes_are_measured(shape):
    picture = np.random.default_rng(0).integers(0, 255, (*shape, 3), dtype=np.uint8)
    found = measure(picture, np.ones(shape, bool), picture[::-1])
    assert all(np.isfinite(getattr(found, name)) for name in SIGNALS)
    assert measure(picture[:, ::-1]).brightness == pytest.approx(found.brightness, abs=0.2)


def test_an_area_of_nothing_is_the_whole_frame():
    frame = made.surgery(1)[0]
    assert measure(frame, np.zeros(frame.shape[:2], bool)) == measure(frame, np.ones(frame.shape[:2], bool))


def test_the_frame_stays_as_it_was():
    frame = made.surgery(1)[0].copy()
    frame.setflags(write=False)
    measure(frame, made.disc(), frame)


def test_what_does_not_fit_is_named():
    frame = made.surgery(1)[0]
    with pytest.raises(ValueError, match=r"float64 \[270, 480, 3\]; expected RGB bytes"):
        measure(frame.astype(float))
    with pytest.raises(ValueError, match=r"area is \[3, 4\]"):
        measure(frame, np.ones((3, 4), bool))
    with pytest.raises(ValueError, match="the frame before is"):
        measure(frame, None, frame[:20])


@pytest.mark.slow
def test_a_large_frame_is_measured_fast():
    frame = made.surgery(1)[0].repeat(4, axis=0).repeat(4, axis=1)
    area = np.ones(frame.shape[:2], bool)
    seconds = []
    for _ in range(7):
        start = time.process_time()
        measure(frame, area, frame)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.1, f"{min(seconds):.3f} s"
