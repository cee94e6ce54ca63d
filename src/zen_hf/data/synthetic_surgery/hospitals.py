# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""How each hospital's camera, light and instruments look."""

from dataclasses import dataclass

from .vocabulary import HOSPITALS


@dataclass(frozen=True)
class Hospital:
    """The look of one hospital.

    Args:
        white_balance: gain of red, green and blue.
        gain: exposure, about 1.
        saturation: 0 is grey, 1 leaves colours as they are.
        border: 'circle', 'octagon' or 'rectangle', the shape of the visible field.
        radius: half the width of the visible field, as a share of half the longer side of the frame.
        vignette: how much darker the rim of the field is, 0 to 1.
        light_mm: distance of the light from the optical axis; it casts the shadows.
        shaft: colour of the instruments' shafts, RGB in [0, 1].
        noise: standard amplitude of the sensor's noise, in 8-bit steps.
    """

    white_balance: tuple[float, float, float]
    gain: float
    saturation: float
    border: str
    radius: float
    vignette: float
    light_mm: float
    shaft: tuple[float, float, float]
    noise: float

    def seen(self, colour: tuple[float, float, float]) -> tuple[float, float, float]:
        """Return a colour with the camera's saturation."""
        grey = (colour[0] + colour[1] + colour[2]) / 3.0
        red, green, blue = (grey + (value - grey) * self.saturation for value in colour)
        return red, green, blue


LOOKS = {
    "alpha": Hospital((1.00, 1.00, 1.00), 1.00, 1.00, "circle", 0.98, 0.35, 22.0, (0.13, 0.13, 0.15), 5.0),
    "beta": Hospital((1.08, 0.98, 0.86), 0.90, 1.10, "circle", 1.16, 0.55, 26.0, (0.42, 0.43, 0.46), 9.0),
    "gamma": Hospital((0.93, 1.00, 1.12), 1.12, 0.85, "rectangle", 1.00, 0.20, 20.0, (0.10, 0.16, 0.30), 4.0),
    "delta": Hospital((1.04, 0.95, 1.02), 0.82, 1.20, "octagon", 1.00, 0.45, 28.0, (0.20, 0.20, 0.19), 12.0),
    "epsilon": Hospital((0.97, 1.05, 0.95), 1.05, 0.95, "circle", 0.88, 0.30, 24.0, (0.58, 0.57, 0.53), 7.0),
}


def hospital_look(name: str) -> Hospital:
    """Return the look of a hospital.

    Args:
        name: one of `HOSPITALS`.

    Raises:
        ValueError: if there is no such hospital.
    """
    if name not in LOOKS:
        raise ValueError(f"hospital {name!r} does not exist; choose from {', '.join(HOSPITALS)}")
    return LOOKS[name]
