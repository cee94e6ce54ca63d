# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Shares and whole runs of `zen-hf extract` that meet in one folder, at the same time or one after the other."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from data.films import write_film
from extraction_parts import PlainEngine, write_vit

from zen_hf.data.frame_sources import FrameSource
from zen_hf.engines.workers import Workers
from zen_hf.extraction import feature_settings
from zen_hf.extraction.feature_settings import EncoderSource, FeatureSettings
from zen_hf.recipes.extract import ExtractRecipe, extract


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    return write_vit(tmp_path_factory.mktemp("vit"))


@pytest.fixture
def config(vit, tmp_path, monkeypatch):
    """Two films in chunks of four frames, and one that is broken."""
    monkeypatch.setattr(feature_settings, "CHUNK_FRAMES", 4)
    films = tmp_path / "films"
    films.mkdir()
    for number, name in enumerate("ab"):
        write_film(films / f"{name}.mp4", frames=40 - number, fps=4, size=(64, 96))
    (films / "broken.mp4").write_bytes(b"no film" * 10)
    features = FeatureSettings(batch_size=4)
    return ExtractRecipe(str(tmp_path / "out"), EncoderSource(str(vit)), [str(films)], features=features)


class Interrupted(Exception):
    """Ends a run that has begun."""


class EngineWith(PlainEngine):
    """Calls something when the first chunk is on the disk."""

    def __init__(self, call):
        self.call = call

    def run(self, items, stages):
        for number, result in enumerate(super().run(items, stages)):
            if number == 0:
                self.call()
            yield result


@pytest.mark.parametrize(
    ("first", "second", "merge"),
    [("0/1", None, False), ("0/1", None, True), ("0/1", "0/2", False), (None, "0/1", False)],
)
def test_a_run_that_is_alive_loses_no_chunk(config, first, second, merge):
    """The other one is refused while it works, and it ends as it would have alone."""
    one = replace(config, videos=[f"{config.videos[0]}/b.mp4"])

    def disturb():
        before = sorted(Path(config.output).rglob("*.safetensors"))
        assert before
        with pytest.raises(ValueError, match="is being worked on by another run"):
            extract(one, PlainEngine(), Workers(), shard=second, merge=merge)
        assert sorted(Path(config.output).rglob("*.safetensors")) == before

    outcomes = extract(config, EngineWith(disturb), Workers(), shard=first)
    assert {outcome.video: outcome.frames for outcome in outcomes} == {"a": 10, "b": 10, "broken": 0}


def test_shares_of_a_number_that_was_given_up_do_not_block_the_merge(config):
    def stop():
        raise Interrupted

    with pytest.raises(Interrupted):
        extract(config, EngineWith(stop), Workers(), shard="0/3")
    with pytest.raises(ValueError, match="these are not finished: 0/3, 1/3, 2/3; run them"):
        extract(config, PlainEngine(), Workers(), merge=True)
    extract(config, PlainEngine(), Workers(), shard="0/2")
    with pytest.raises(ValueError, match="these are not finished: 1/2; 0/3, 1/3, 2/3; run them"):
        extract(config, PlainEngine(), Workers(), merge=True)
    extract(config, PlainEngine(), Workers(), shard="1/2")
    extract(config, PlainEngine(), Workers(), merge=True)
    index = json.loads((Path(config.output) / "index.json").read_text())
    assert index["videos"].keys() == {"a", "b"} and index["failed"].keys() == {"broken"}


def test_a_failure_that_an_old_number_of_shares_tells_of_is_not_believed(config):
    """The broken film came to share 0 of 1 alone: the two shares, which ran without it, never saw it."""
    broken = Path(config.videos[0]) / "broken.mp4"
    extract(config, PlainEngine(), Workers(), shard="0/1")
    broken.rename(broken.with_suffix(".away"))
    for share in ("0/2", "1/2"):
        extract(config, PlainEngine(), Workers(), shard=share)
    broken.with_suffix(".away").rename(broken)
    with pytest.raises(ValueError, match="broken has no features in .*, and no finished share says why"):
        extract(config, PlainEngine(), Workers(), merge=True)


def test_settings_that_contradict_each_other(config, tmp_path):
    with pytest.raises(ValueError, match="shard is 0/2 with merge; run every share without merge"):
        extract(config, PlainEngine(), Workers(), shard="0/2", merge=True)
    assert not Path(config.output).exists()
    frames = [FrameSource(str(tmp_path))]
    with pytest.raises(ValueError, match="fps is 0.5, but there are no videos to sample"):
        ExtractRecipe("out", config.encoder, frames=frames, fps=0.5)
    assert ExtractRecipe("out", config.encoder, frames=frames).fps == 1.0
