# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which frames are refused for what was measured of them; `docs/frame-filters.md` gives the reasons for each threshold."""

from dataclasses import dataclass

from .signals import Signals


@dataclass
class FilterSettings:
    """Thresholds of the signals; null turns a filter off.

    Attributes:
        black: `black` from this share of dark picture on.
        test_screen: `test_screen` from this share of single-coloured picture on.
        over_exposed: `over_exposed` from this share of white picture on.
        blurred: `blurred` below this sharpness, in % per px.
        frozen: `frozen` below this change since the frame before, in grey levels.
        outside_body: `outside_body` below this share of tissue colours. Turn it off for films in fluorescence or narrow-band
            light, where tissue is not red.
    """

    black: float | None = 0.95
    test_screen: float | None = 0.6
    over_exposed: float | None = 0.5
    blurred: float | None = 2.4
    frozen: float | None = 0.5
    outside_body: float | None = 0.25

    def __post_init__(self):
        for name in ("black", "test_screen", "over_exposed", "outside_body"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= 1:
                raise ValueError(f"filters.{name} is {value}; expected a share above 0 and up to 1, or null for off")
        for name, most in (("blurred", 100), ("frozen", 255)):
            value = getattr(self, name)
            if value is not None and not 0 < value <= most:
                raise ValueError(f"filters.{name} is {value}; expected above 0 and up to {most}, or null for off")


def rejection(signals: Signals, settings: FilterSettings) -> tuple[str, str] | None:
    """Why a frame is refused: reason and detail of the first filter that refuses it, or None.

    Args:
        signals: What was measured of it.
        settings: The thresholds.
    """
    rules = (
        ("black", "dark_share", settings.black, "at least"),
        ("over_exposed", "bright_share", settings.over_exposed, "at least"),
        ("test_screen", "flat_share", settings.test_screen, "at least"),
        ("blurred", "sharpness", settings.blurred, "below"),
        ("frozen", "change", settings.frozen, "below"),
        ("outside_body", "redness", settings.outside_body, "below"),
    )
    for reason, signal, threshold, way in rules:
        value = getattr(signals, signal)
        if threshold is None or value is None:  # the first frame of a film has no change
            continue
        if value >= threshold if way == "at least" else value < threshold:
            return reason, f"{signal} {value:.3f}, {way} {threshold:g}"
    return None
