"""Every filter on what it is there for, and none on surgery."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from curation.judging import junk_frames as made
from PIL import Image

from zen_hf.curation.frame_row import REASONS
from zen_hf.curation.judging.filters import FilterSettings, rejection
from zen_hf.curation.judging.geometry import GeometrySettings, find_geometry
from zen_hf.curation.judging.signals import Signals, measure
from zen_hf.recipe_configuration import load_recipe

REAL = Path(__file__).resolve().parents[4] / "shared" / "data"
USABLE = Signals(
    brightness=0.5, dark_share=0.1, bright_share=0.02, flat_share=0.02, redness=0.9, sharpness=12.0, change=20.0
)


def reason_of(picture, area=None, before=None):
    found = rejection(measure(picture, area, before), FilterSettings())
    return found and found[0]


def test_surgery_passes():
    before = None
    for frame in made.surgery(6):
        assert reason_of(frame, made.disc(), before) is None
        assert reason_of(frame, None, before) is None
        assert reason_of(made.noisy(frame, 6), made.disc(), before) is None
        before = frame


def with_text(picture):
    picture = picture.copy()
    picture[250:256, 20:120:3] = 255
    return picture


JUNK = {
    "black": (made.flat(0), "black"),
    "black with noise": (made.noisy(made.flat(6), 6), "black"),
    "video black": (made.flat(16), "black"),
    "black with text": (with_text(made.flat(0)), "black"),
    "blue": (made.flat((16, 32, 210)), "test_screen"),
    "light blue with an icon": (
        np.pad(made.room()[:60, :80], ((105, 105), (200, 200), (0, 0)), constant_values=140),
        "test_screen",
    ),
    "grey": (made.noisy(made.flat(128), 3), "test_screen"),
    "green": (made.flat((10, 200, 30)), "test_screen"),
    "bars": (made.bars(), "test_screen"),
    "bars with noise": (made.noisy(made.bars(), 2), "test_screen"),
    "burnt out": (
        made.in_scope(np.where(np.indices((270, 480))[1][..., None] < 330, 252, made.surgery(1)[0])),
        "over_exposed",
    ),
    "out of focus": (made.in_scope(made.defocused(made.surgery(1)[0], 30)), "blurred"),
    "room": (made.room(), "outside_body"),
    "room in the scope": (made.in_scope(made.room()), "outside_body"),
    "drapes": (made.drapes(), "outside_body"),
    "gauze": (made.in_scope(made.gauze()), "outside_body"),
    "green cloth": (made.green_cloth(), "outside_body"),
    "snow": (np.random.default_rng(0).integers(0, 255, (270, 480, 1), dtype=np.uint8).repeat(3, 2), "outside_body"),
}


@pytest.mark.parametrize("known", [True, False], ids=["border known", "border unknown"])
@pytest.mark.parametrize("name", JUNK)
def test_junk_is_refused_for_the_right_reason(name, known):
    picture, reason = JUNK[name]
    full = np.ones(picture.shape[:2], bool)
    in_scope = name in ("burnt out", "out of focus", "room in the scope", "gauze", "black")
    assert reason_of(picture, (made.disc() if in_scope else full) if known else None) == reason


def test_white_is_refused():
    assert reason_of(made.flat(255)) == "over_exposed"


def test_a_frozen_frame_is_refused_through_noise():
    frame = made.surgery(1)[0]
    assert reason_of(made.noisy(frame, 5, 1), made.disc(), made.noisy(frame, 5, 2)) == "frozen"
    assert reason_of(frame, made.disc(), np.roll(frame, 2, axis=1)) is None


def test_detail_names_signal_value_and_threshold():
    found = rejection(replace(USABLE, sharpness=1.25), FilterSettings())
    assert found == ("blurred", "sharpness 1.250, below 2.4")
    found = rejection(replace(USABLE, dark_share=0.95), FilterSettings())
    assert found == ("black", "dark_share 0.950, at least 0.95")


@pytest.mark.parametrize(
    ("filter_name", "signal", "refused", "kept"),
    [
        ("black", "dark_share", 0.95, 0.9499),
        ("test_screen", "flat_share", 0.6, 0.5999),
        ("over_exposed", "bright_share", 0.5, 0.4999),
        ("blurred", "sharpness", 2.3999, 2.4),
        ("frozen", "change", 0.4999, 0.5),
        ("outside_body", "redness", 0.2499, 0.25),
    ],
)
def test_each_threshold_and_each_switch(filter_name, signal, refused, kept):
    assert filter_name in REASONS
    assert rejection(USABLE, FilterSettings()) is None
    assert rejection(replace(USABLE, **{signal: refused}), FilterSettings())[0] == filter_name
    assert rejection(replace(USABLE, **{signal: kept}), FilterSettings()) is None
    assert rejection(replace(USABLE, **{signal: refused}), FilterSettings(**{filter_name: None})) is None


def test_the_first_frame_is_never_frozen():
    assert rejection(replace(USABLE, change=None), FilterSettings()) is None


@pytest.mark.parametrize("name", asdict(FilterSettings()))
def test_thresholds_out_of_range_are_named(name):
    for value in (0, -1, 1000):
        with pytest.raises(ValueError, match=rf"filters\.{name} is {value}; expected .*null for off"):
            FilterSettings(**{name: value})


def test_a_recipe_can_turn_a_filter_off():
    settings = load_recipe(FilterSettings, None, ["outside_body=null", "blurred=3.5"])
    assert settings.outside_body is None and settings.blurred == 3.5


REAL_SETS = {
    # folder: frames, video of a frame, how many may be refused
    "cholect50-val": ("videos/*/*.jpg", 0.01),
    "endovis15-rigid": ("OP*/img_??.jpg", 0.01),
}


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("name", REAL_SETS)
def test_real_operations_pass(name):
    pattern, most = REAL_SETS[name]
    files = sorted((REAL / name).glob(pattern))
    if not files:
        pytest.skip(f"{REAL / name} is absent")
    refused = []
    for folder in sorted({file.parent for file in files}):
        frames = [np.array(Image.open(file).convert("RGB")) for file in files if file.parent == folder]
        geometry = find_geometry(frames[:: max(1, len(frames) // 32)], GeometrySettings())
        area = geometry.area(frames[0].shape)
        settings = FilterSettings(frozen=None)
        refused += [found for frame in frames if (found := rejection(measure(frame, area), settings))]
    assert len(refused) <= most * len(files), refused
    assert {reason for reason, _ in refused} <= {"blurred", "outside_body"}
