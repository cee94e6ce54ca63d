# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Colours stay apart however they are seen."""

import numpy as np

from zen_hf.pages.palette import COLOURS, colours

# G. Machado et al., IEEE TVCG 15 (2009) 1291: severity 1.0, for linear RGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def lab_as_seen(matrix):
    """CIELAB (D65) of all colours as an eye sees them, [colours, 3]."""
    coded = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in COLOURS]) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    xyz = np.clip(linear @ np.array(matrix).T, 0, 1) @ TO_XYZ.T / [0.95047, 1, 1.08883]
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def test_colours_differ_for_every_eye():
    """A CIE76 distance of 2.3 is just noticed; here it is five times that and more."""
    for matrix in VISION.values():
        lab = lab_as_seen(matrix)
        distances = np.linalg.norm(lab[:, None] - lab[None], axis=2) + 1e3 * np.eye(len(lab))
        assert distances.min() > 12


def test_no_colour_vanishes_on_a_page():
    lightness = lab_as_seen(VISION["normal"])[:, 0]
    assert 24 < lightness.min() and lightness.max() < 94


def test_colours_of_names():
    assert list(colours(["a", "b"])) == ["a", "b"] and len(set(colours(list("abcdefghijklmnopqrstu")).values())) == 21
