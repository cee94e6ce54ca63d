# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What other videos show too is found once, and again only where videos or settings are others."""

from curation.dataset.part_builder import build_part

from zen_hf.curation import across_videos
from zen_hf.curation.across_videos import shown_before
from zen_hf.curation.judging.near_duplicates import DuplicateSettings

SETTINGS = DuplicateSettings(cosine=0.9)


def test_frames_of_a_direction_that_another_video_shows_are_named_by_their_numbers(tmp_path):
    parts = [build_part(tmp_path, name, frames=10, embedding=4) for name in ("a", "b")]
    dropped = shown_before(parts, SETTINGS, tmp_path / "note.json")
    assert dropped == {"b": [3 * number for number in range(10)]}  # of three directions, "a" shows all
    assert shown_before(parts[::-1], DuplicateSettings(cosine=1.1), tmp_path / "note.json") == {}


def test_the_answer_is_kept_for_the_same_videos_and_settings(tmp_path, monkeypatch):
    parts = [build_part(tmp_path, name, embedding=4) for name in ("a", "b", "c")]
    asked, compare = [], across_videos.compare
    monkeypatch.setattr(across_videos, "compare", lambda *given: asked.append(given) or compare(*given))
    first = shown_before(parts, SETTINGS, tmp_path / "note.json")
    assert shown_before(parts, SETTINGS, tmp_path / "note.json") == first and len(asked) == 1
    assert shown_before(parts[:2], SETTINGS, tmp_path / "note.json") == {"b": first["b"]} and len(asked) == 2
    (tmp_path / "note.json").write_text("{torn")
    assert shown_before(parts, SETTINGS, tmp_path / "note.json") == first and len(asked) == 3
    shown_before(parts, DuplicateSettings(cosine=0.95), tmp_path / "note.json")
    assert len(asked) == 4
