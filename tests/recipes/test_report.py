# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""`zen-hf report` on runs that are finished, unfinished and none at all."""

import re
import shutil

import pytest
import yaml

from zen_hf.recipes.distill import distill
from zen_hf.recipes.report import report


@pytest.fixture
def finished(recipe):
    return distill(recipe).parent


def rows(html: str) -> dict[str, list[float]]:
    """Name to numbers of every row of the table of measurements."""
    table = re.search(r"<table class=scores>(.*?)</table>", html, re.S).group(1)
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in table.split("<tr")[2:]]
    return {row[0]: [float(cell) for cell in row[1:]] for row in cells}


def test_the_page_of_a_finished_run_measures_held_out_videos_and_needs_nothing_else(finished):
    path = report(finished, frames=4)
    html = path.read_text(encoding="utf-8")
    assert path == finished / "report.html" and "http" not in html.replace("http-equiv", "")
    assert "4 of 4 steps on 8 frames of 2 videos; held out: B" in html
    assert "tested on the held-out ones (B)" in html
    table = rows(html)
    assert set(table) == {"vit", "cnn"} and all(len(values) == 8 for values in table.values())
    assert all(value > 0 for values in table.values() for value in values)
    assert html.count("<img") == 1 + 4 * 5  # curves; per shown frame the frame and four models
    assert report(finished, frames=4).read_text(encoding="utf-8") == html  # the same run, the same page


def test_an_unfinished_run_has_curves_alone(finished):
    shutil.rmtree(finished / "model")
    html = report(finished).read_text(encoding="utf-8")
    assert "Curves" in html and "Measurements" not in html


def test_without_held_out_videos_the_page_says_so(finished):
    config = yaml.safe_load((finished / "config.yaml").read_text())
    (finished / "config.yaml").write_text(yaml.safe_dump(config | {"hold_out": []}))
    assert "the student has seen all frames" in report(finished, frames=4).read_text(encoding="utf-8")


def test_too_few_videos_and_a_folder_of_something_else_are_errors(finished, tmp_path):
    config = yaml.safe_load((finished / "config.yaml").read_text())
    (finished / "config.yaml").write_text(yaml.safe_dump(config | {"hold_out": ["B", "C"]}))
    with pytest.raises(ValueError, match="the frames have 3 videos, 2 of them to test on"):
        report(finished)
    assert not (finished / "report.html").exists()
    with pytest.raises(FileNotFoundError, match="expected the folder of a zen-hf distill run"):
        report(tmp_path)
