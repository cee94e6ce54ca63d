# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The page and the card count alike, shout about failures alone, and cut no name."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from curation.dataset.part_builder import build_part

from zen_hf.curation.dataset.dataset_card import cell, section
from zen_hf.curation.dataset.dataset_summary import HISTOGRAMS, Histogram, histograms, summarise
from zen_hf.curation.dataset.kept_video import KeptVideo
from zen_hf.curation.dataset.splits import Splits
from zen_hf.curation.dataset.statistics_page import histogram_chart, statistics_page

LONG = "robot-assisted laparoscopic radical prostatectomy & <lymph> node dissection"


class Balanced(HTMLParser):
    """Refuses a tag that closes none of those open; tags of HTML that need no end may stay open."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "rect", "line", "polyline", "th", "td"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if tag not in ("rect", "th", "td"):
            assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"


@pytest.fixture(scope="module")
def summed(tmp_path_factory):
    """Three videos of two patients, and an unreadable one of a third patient."""
    root = tmp_path_factory.mktemp("parts")
    parts = [
        build_part(root, "a", 9, patient="p", problems=("1 frame damaged",)),
        build_part(root, "b", 9, patient="p"),
        build_part(root, "c", 9, LONG, patient="q"),
        build_part(root, "z", 0, rejected={}, patient="r", failed="no video stream"),
    ]
    videos = [KeptVideo.of(part) for part in parts]
    splits = Splits({"a": "train", "b": "train", "c": "train"}, ["too few to hold any out"])
    return videos, summarise(videos, splits, [3, 2], ["a remark about `inputs`"])


def test_a_patient_of_whom_nothing_could_be_read_is_not_counted(summed):
    _, summary = summed
    assert (summary.total.videos, summary.total.failed, summary.total.patients) == (4, 1, 2)
    assert "<b>3</b>videos of 2 patients" in statistics_page("Frames", summary, [])
    row = next(line for line in section("By source", summary.tables["source"]).splitlines() if "north" in line)
    assert [cell.strip() for cell in row.strip("|").split("|")][:4] == ["north", "4", "1", "2"]
    head, rule = section("By source", summary.tables["source"]).splitlines()[:2]
    assert head.count("|") == rule.count("|") == row.count("|")


def test_a_name_in_the_card_is_shown_as_it_stands():
    assert cell("a|b <c> & *d*\n[e](f) `g` \\ x_y") == r"a\|b &lt;c&gt; &amp; \*d\* \[e\](f) \`g\` \\ x_y"
    assert cell(" ") == "unknown"


def test_only_failures_are_alarms(summed):
    _, summary = summed
    page = statistics_page("Frames", summary, [])
    alarms = re.findall("<p class=alarm>(.*?)</p>", page)
    assert alarms == [
        "videos that could not be read: 1; manifest.json says why.",
        "videos of which some part could not be read: 1; manifest.json says which.",
    ]
    assert re.findall("<li>([^<]*)</li>", page) == ["too few to hold any out.", "a remark about inputs."]
    assert summary.remarks[-2:] == summary.failures and len(summary.remarks) == 4


def test_names_stand_whole_and_escaped_and_every_tag_ends(summed):
    videos, summary = summed
    page = statistics_page(LONG, summary, histograms(videos))
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    assert page.count(LONG.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")) == 2 + 2 + len(HISTOGRAMS)
    assert LONG not in page and "<text class=title" not in page


def test_bars_and_line_of_a_histogram_are_shares_that_stand_on_the_floor():
    histogram = Histogram("brightness", np.array([0.00007, 0.5, 1.0]), {}, {})
    chart = histogram_chart("x", histogram, np.array([30, 10]), np.array([1, 3]))
    heights = [float(height) for height in re.findall(r"<rect [^>]* height=([0-9.]+)>", chart)]
    assert heights[0] == pytest.approx(3 * heights[1], abs=0.02)
    points = re.search("points='(.*?)'", chart)[1].split()
    assert points[0] == "10,90" and points[-1] == "290,90"
    assert len({points[3].split(",")[1], points[4].split(",")[1]}) == 1  # the higher bin is a level line
    assert re.findall(">([0-9.e-]+)</text>", chart) == ["0", "1"]
