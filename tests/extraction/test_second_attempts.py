# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Videos whose decoder died halfway: a second attempt finds chunks on the disk, and yet loses none of the others."""

import pytest
from data.films import write_film
from extraction_parts import PlainEngine, write_vit

from zen_hf.engines.workers import Workers
from zen_hf.extraction import feature_settings
from zen_hf.extraction.extraction import extract_videos
from zen_hf.extraction.feature_folder import FeatureFolder
from zen_hf.extraction.feature_settings import EncoderSource, FeatureSettings
from zen_hf.extraction.moments import find_films

FRAMES, CHUNK = 22, 4


class DyingEngine:
    """A decoder that dies after so many results, tried again as engines do; its results are written early or late.

    Args:
        died: Number of results that each attempt before the last one came to.
        early: Whether results are encoded before the next attempt begins.
        forgotten: Place of a result that never arrives.
    """

    def __init__(self, died, early=True, forgotten=None):
        self.died, self.early, self.forgotten = died, early, forgotten

    def run(self, items, stages):
        decode, encode = (stage.build() for stage in stages)
        for item in items:
            passed_on, waiting = 0, []
            for died in (*self.died, None):
                for place, result in enumerate(decode(item)):
                    if place == died:
                        break
                    if place < passed_on:
                        continue
                    passed_on += 1
                    if place != self.forgotten:
                        waiting.append(result)
                    if self.early:
                        yield from encode(waiting.pop()) if waiting else ()
            for result in reversed(waiting):
                yield from encode(result)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parts")
    films = folder / "films"
    films.mkdir()
    for number in range(2):
        numbers = range(100 * number, 100 * number + FRAMES)
        write_film(films / f"film{number}.mp4", fps=1, size=(64, 96), numbers=numbers)
    return find_films([str(films)]), EncoderSource(str(write_vit(folder / "vit")))


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch):
    monkeypatch.setattr(feature_settings, "CHUNK_FRAMES", CHUNK)


def outcome_of(engine, parts, place):
    """Outcomes of an extraction, and the bytes of its files."""
    films, source = parts
    settings = FeatureSettings(batch_size=CHUNK)
    folder = FeatureFolder(place, settings.key(source.load(), 1.0), settings.file_format)
    outcomes = list(extract_videos(films, folder, source, settings, engine, Workers()))
    return outcomes, {path.name: path.read_bytes() for path in (place / "features").glob("*")}


@pytest.fixture(scope="module")
def undisturbed(parts, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feature_settings, "CHUNK_FRAMES", CHUNK)
        return outcome_of(PlainEngine(), parts, tmp_path_factory.mktemp("plain"))


@pytest.mark.parametrize("died", [(1,), (3,), (6,), (2, 4), (5, 2)])
@pytest.mark.parametrize("early", [True, False])
def test_a_second_attempt_gives_what_the_first_had_not(undisturbed, parts, tmp_path, died, early):
    outcomes, files = outcome_of(DyingEngine(died, early), parts, tmp_path)
    assert [outcome.frames for outcome in undisturbed[0]] == [FRAMES, FRAMES]
    assert (outcomes, files) == undisturbed


@pytest.mark.parametrize("forgotten", [0, 3, 6])
def test_a_video_of_which_something_never_comes_has_failed_and_is_whole_the_next_time(
    undisturbed, parts, tmp_path, forgotten
):
    outcomes, files = outcome_of(DyingEngine((), True, forgotten), parts, tmp_path)
    assert not files and len(outcomes) == 2 and all("two attempts" in outcome.failed for outcome in outcomes)
    assert outcome_of(PlainEngine(), parts, tmp_path) == undisturbed
