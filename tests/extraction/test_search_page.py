# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The page of a search is whole in itself, takes any name of a film, and carries nothing else of the picture's file."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from zen_hf.extraction.frame_index import Moment
from zen_hf.extraction.search_page import search_page, when

NAME = "north/<b>möller & co\n2</b>"


@pytest.fixture
def page():
    picture = Image.new("RGBA", (1000, 500), (200, 30, 30, 255))
    picture.info["comment"] = b"Mustermann"
    moments = [Moment(NAME, 93, 3723.25, 0.75), Moment("gone", 7, float("nan"), -0.2)]
    return search_page(picture, moments, [np.full((90, 160, 3), 128, np.uint8), None], "frame.jpg among <2> moments")


def test_names_are_escaped_and_stand_on_one_line(page):
    assert "<b>north/&lt;b&gt;möller &amp; co\N{REPLACEMENT CHARACTER}2&lt;/b&gt;</b>" in page
    assert "frame.jpg among &lt;2&gt; moments. Pictures and names are of your films" in page


def test_pictures_are_inside_the_page_reduced_and_without_metadata(page):
    assert "http" not in page and "<script" not in page
    files = [base64.b64decode(found) for found in re.findall('src="data:image/jpeg;base64,([^"]+)"', page)]
    with Image.open(io.BytesIO(files[0])) as query, Image.open(io.BytesIO(files[1])) as thumbnail:
        assert query.size == (840, 420) and thumbnail.size == (160, 90)
    assert len(files) == page.count("<img") == 2 and b"Mustermann" not in files[0]


def test_a_film_that_is_away_and_a_cosine_below_nought_are_shown(page):
    assert page.count("its film is not at hand") == 1 and "cosine -0.200" in page
    assert re.findall(r"--share:([0-9.-]+)", page) == ["0.7500", "0.0000"]


def test_times_are_hours_minutes_and_seconds():
    said = [
        when(Moment("a", frame, seconds, 1.0)) for frame, seconds in ((93, 3723.21), (1498, 59.96), (8999, 3599.97))
    ]
    assert said == ["1:02:03.2", "0:01:00.0", "1:00:00.0"]
    assert when(Moment("a", 7, float("nan"), 1.0)) == "frame 7"
