# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Frames on which a film shows a name for seconds are refused, and those before and after it stay."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zen_hf.curation.judging.brief_writing import common_lines, stroke_signs

spec = importlib.util.spec_from_file_location("overlay_films", Path(__file__).with_name("overlay_films.py"))
films = importlib.util.module_from_spec(spec)
spec.loader.exec_module(films)

SIZE = (360, 640)
NAME = films.Writing("MUSTERMANN, ERIKA", 0.3, 0.12, 18)


def test_a_name_of_three_frames_is_found_between_them_alone():
    frames = films.film("delta", 0, SIZE)[:7]
    frames[2:5] = [films.compressed(NAME.draw(frame, 0)) for frame in frames[2:5]]
    signs = [stroke_signs(frame) for frame in frames]
    found = [common_lines(*pair) for pair in zip(signs, signs[1:], strict=False)]
    assert [bool(boxes) for boxes in found] == [False, False, True, True, False, False]
    for boxes in found[2:4]:
        assert films.visible_ink(NAME, boxes, SIZE) < 0.05  # the box lies on the name, not elsewhere


def test_words_at_different_places_are_no_line_in_common():
    one, other = films.film("delta", 0, SIZE)[2:4]
    one = NAME.draw(one, 0)
    other = films.Writing("WWWIIIWWIIWIWIW", 0.3, 0.5, 18).draw(other, 0)
    assert common_lines(stroke_signs(one), stroke_signs(other)) == []


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.parametrize("patient", ["VID68", "VID70", "VID73", "VID74"])
def test_few_real_frames_without_writing_are_refused(patient, shared_data):
    files = sorted((shared_data / "cholect50-val" / "videos" / patient).glob("*.jpg"))
    signs = [stroke_signs(np.asarray(Image.open(file).convert("RGB"))) for file in files]
    common = [bool(common_lines(*pair)) for pair in zip(signs, signs[1:], strict=False)]
    refused = np.array([False, *common]) | np.array([*common, False])
    assert refused.mean() < 0.01
