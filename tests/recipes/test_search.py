# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""`zen-hf search` finds the moment that a picture was taken from, and shows it where its film is at hand."""

import base64
import io
import re
import shutil
import sys

import numpy as np
import pytest
from data.films import read_number, write_film
from extraction_parts import PlainEngine, write_vit
from PIL import Image

from zen_hf.cli import main
from zen_hf.data.video_sampling import Video
from zen_hf.engines.workers import Workers
from zen_hf.extraction.feature_settings import EncoderSource
from zen_hf.recipes.extract import ExtractRecipe, extract
from zen_hf.recipes.search import search


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Films, a tiny encoder, features and a picture of one moment."""
    folder = tmp_path_factory.mktemp("search")
    (folder / "films").mkdir()
    for number, name in enumerate(("a & b", "c")):
        numbers = list(range(100 * number, 100 * number + 40))
        write_film(folder / "films" / f"{name}.mp4", frames=40, fps=4, size=(96, 128), numbers=numbers)
    write_vit(folder / "vit")
    config = ExtractRecipe(str(folder / "out"), EncoderSource(str(folder / "vit")), [str(folder / "films")])
    extract(config, PlainEngine(), Workers())
    with Video(folder / "films" / "c.mp4") as video:
        Image.fromarray(video.at(5.0).image).save(folder / "picture.png")
    return folder


def pictures_of(page: str) -> list[np.ndarray]:
    """The pictures of a page."""
    found = re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", page)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for data in found]


def test_a_picture_finds_its_moment(place, tmp_path, capsys, monkeypatch):
    line = ["search", "--image", place / "picture.png", "--features", place / "out", "--out", tmp_path / "page.html"]
    monkeypatch.setattr(sys, "argv", ["zen-hf", *map(str, line), "--top", "4", "--apart", "2"])
    with pytest.raises(SystemExit) as stop:
        raise SystemExit(main())
    assert not stop.value.code
    printed = capsys.readouterr().out
    assert re.search(r"c +0:00:05.0 +20 +1.000", printed)
    page = (tmp_path / "page.html").read_text()
    assert page.count("<figure>") == 4 and "a &amp; b" in page and "not at hand" not in page
    query, best, *_ = pictures_of(page)
    assert read_number(query) == read_number(best) == 120


def test_films_elsewhere_or_nowhere(place, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(place, moved)
    config = moved / "out" / "config.yaml"
    config.write_text(config.read_text().replace(str(place / "films"), str(tmp_path / "gone")))
    search(moved / "picture.png", moved / "out", top=2, out=tmp_path / "without.html")
    assert (tmp_path / "without.html").read_text().count("not at hand") == 2
    search(moved / "picture.png", moved / "out", top=2, out=tmp_path / "with.html", videos=[moved / "films"])
    assert "not at hand" not in (tmp_path / "with.html").read_text()


def test_another_encoder_is_refused(place, tmp_path):
    other = write_vit(tmp_path / "other", seed=1)
    with pytest.raises(ValueError, match="holds features of another encoder"):
        search(place / "picture.png", place / "out", model=str(other))
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="bad.png: not a readable picture"):
        search(tmp_path / "bad.png", place / "out")
    with pytest.raises(FileNotFoundError, match="no index.json"):
        search(place / "picture.png", tmp_path)


def test_a_model_that_moved_keeps_its_revision_and_the_trust_in_its_code(place, tmp_path, monkeypatch):
    moved = tmp_path / "moved"
    shutil.copytree(place, moved)
    config = moved / "out" / "config.yaml"
    recorded = config.read_text()
    for name, value in (("revision: null", "revision: v2"), ("trust_remote_code: false", "trust_remote_code: true")):
        assert recorded.count(name) == 1
        recorded = recorded.replace(name, value)
    config.write_text(recorded)
    load, asked = EncoderSource.load, []
    monkeypatch.setattr(
        EncoderSource,
        "load",
        lambda source, *device: asked.append(source) or load(EncoderSource(source.model), *device),
    )
    search(moved / "picture.png", moved / "out", top=1, model=str(moved / "vit"))
    assert asked == [EncoderSource(str(moved / "vit"), "v2", True)]


def test_films_without_a_page_are_refused(place, tmp_path):
    with pytest.raises(ValueError, match="videos are given for thumbnails, but no page to show them on"):
        search(place / "picture.png", place / "out", videos=[tmp_path])
