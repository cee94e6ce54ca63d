# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A ribbon has each segment where it is in time."""

import re

import numpy as np

from zen_hf.benchmark.report.ribbons import minutes, ribbon


def segments(svg):
    """{class: [(left, width), ...]} of a ribbon."""
    found = {}
    for path, name in re.findall(r"<path[^>]*d='([^']*)'><title>([^<]*)</title>", svg):
        found[name] = [(float(a), float(b)) for a, b in re.findall(r"M([\d.]+) 0h([\d.]+)v1", path)]
    return found


def test_segments_of_a_hand_worked_video():
    """Ten seconds, a frame each; 1000 units long."""
    classes = np.array([0, 0, 1, 1, 1, 2, 0, 0, 0, 0])
    assert segments(ribbon(classes, np.arange(10.0), ["a", "b", "<c>"])) == {
        "a": [(0, 200), (600, 400)],
        "b": [(200, 300)],
        "&lt;c&gt;": [(500, 100)],
    }


def test_gaps_between_frames_belong_to_the_frame_before():
    """Frames at 0, 1, 2 and 7 s: the third one lasts five of eight seconds."""
    drawn = segments(ribbon(np.array([0, 0, 1, 0]), np.array([0.0, 1, 2, 7]), ["a", "b"]))
    assert drawn == {"a": [(0, 250), (875, 125)], "b": [(250, 625)]}


def test_a_video_of_one_frame():
    assert segments(ribbon(np.array([1]), np.array([30.0]), ["a", "b"])) == {"b": [(0, 1000)]}
    assert "0.00" in minutes(np.array([30.0]))


def test_marks_of_the_axis_are_minutes():
    marks = re.findall(r"left:([\d.]+)%'>([\d.]+)<", minutes(np.arange(600.0)))
    assert [(float(place), float(minute)) for place, minute in marks] == [(10 * m, m) for m in range(11)]
    assert 4 < len(re.findall("<span style", minutes(np.arange(0, 7200, 0.1)))) < 12
