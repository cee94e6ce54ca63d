# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Near-duplicates beside a search through all pairs, in float64 and bit by bit."""

import numpy as np
import pytest

from zen_hf.curation.judging import near_duplicates
from zen_hf.curation.judging.near_duplicates import DuplicateSettings, SeenFrames, close_pairs, duplicates_across
from zen_hf.data.perceptual_hash import FLAT_HASH

RNG = np.random.default_rng(0)


def flipped(hashed, bits, rng):
    for bit in rng.choice(64, bits, replace=False):
        hashed = int(hashed) ^ (1 << int(bit))
    return hashed


def test_a_film_that_comes_back_to_a_view_is_seen_through():
    seen, rng = SeenFrames(DuplicateSettings(bits=4)), np.random.default_rng(1)
    views = [int(view) for view in rng.integers(1, 2**63, 3000, dtype=np.uint64)]
    assert not any(seen.is_near_duplicate(view) for view in views)  # more than it first has room for
    assert all(seen.is_near_duplicate(flipped(view, 4, rng)) for view in views[::100])
    assert not any(seen.is_near_duplicate(flipped(view, 5, rng)) for view in views[::100])


def test_what_was_dropped_is_no_example_for_others():
    seen = SeenFrames(DuplicateSettings(bits=1))
    assert [seen.is_near_duplicate(hashed) for hashed in (0b1, 0b11, 0b111)] == [False, True, False]


def test_nothing_is_dropped_where_the_settings_say_so():
    seen = SeenFrames(DuplicateSettings(bits=-1))
    assert [seen.is_near_duplicate(5), seen.is_near_duplicate(5)] == [False, False]
    same = np.array([5, 6], np.uint64)
    off = DuplicateSettings(across_bits=-1, cosine=1.1)
    assert not any(drop.any() for _, drop in duplicates_across([("a", same, None), ("b", same, None)], off))
    unit = np.eye(2, dtype=np.float32)
    assert not any(drop.any() for _, drop in duplicates_across([("a", same, unit), ("b", same, unit)], off))


def every_pair(videos, like):
    """Greedy, by all pairs."""
    kept, dropped = [], {}
    for number, rows in enumerate(videos):
        drop = [any(other != number and like(row, one) for other, one in kept) for row in rows]
        kept += [(number, row) for row, out in zip(rows, drop, strict=True) if not out]
        dropped[number] = drop
    return [dropped[number] for number in range(len(videos))]


@pytest.mark.parametrize(("batch", "block"), [(2048, 65536), (7, 5)])
def test_embeddings_as_by_all_pairs(monkeypatch, batch, block):
    monkeypatch.setattr(near_duplicates, "BATCH", batch)
    monkeypatch.setattr(near_duplicates, "BLOCK", block)
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(12, 16))
    videos = []
    for length in (9, 0, 14, 3, 11, 6):
        rows = centres[rng.integers(0, 12, length)] + 0.12 * rng.normal(size=(length, 16))
        videos.append(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    expected = every_pair(videos, lambda a, b: a @ b >= 0.98)
    assert 5 < sum(map(sum, expected)) < 35
    rows = ((f"v{n}", np.ones(len(video), np.uint64), video) for n, video in enumerate(videos))
    found = dict(duplicates_across(rows, DuplicateSettings(cosine=0.98)))
    assert [found[f"v{n}"].tolist() for n in range(6)] == expected


@pytest.mark.parametrize("bits", [0, 1, 4])
def test_hashes_as_by_all_pairs(monkeypatch, bits):
    monkeypatch.setattr(near_duplicates, "MOST_PAIRS", 20)
    rng = np.random.default_rng(4)
    views = rng.integers(1, 2**63, 8, dtype=np.uint64)
    videos = [[flipped(view, rng.integers(0, 5), rng) for view in rng.choice(views, 12)] for _ in range(5)]
    expected = every_pair(videos, lambda a, b: (a ^ b).bit_count() <= bits)
    found = duplicates_across(
        [(f"v{n}", np.array(video, np.uint64), None) for n, video in enumerate(videos)],
        DuplicateSettings(across_bits=bits),
    )
    assert [drop.tolist() for _, drop in found] == expected
    assert sum(map(sum, expected)) > 0


def test_flat_frames_drop_none_of_another_video_and_are_dropped_by_none():
    flat, same = np.array([FLAT_HASH, 3], np.uint64), np.ones((2, 4), np.float32) / 2
    for embeddings in (None, same):
        found = dict(
            duplicates_across(
                [("a", flat[:1], embeddings if embeddings is None else same[:1]), ("b", flat, embeddings)],
                DuplicateSettings(),
            )
        )
        assert not found["a"].any() and not found["b"].any()


def test_hundred_thousand_hashes_are_not_compared_with_one_another():
    hashes = RNG.integers(1, 2**63, 100_000, dtype=np.uint64)
    hashes[90_000:90_500] = hashes[:500]
    earlier, later = close_pairs(hashes, np.repeat(np.arange(10), 10_000), 4)
    assert earlier.tolist() == list(range(500)) and later.tolist() == list(range(90_000, 90_500))


def test_wrong_input_is_named():
    one = np.ones(1, np.uint64)
    with pytest.raises(ValueError, match="video a comes after b"):
        list(duplicates_across([("b", one, None), ("a", one, None)], DuplicateSettings()))
    with pytest.raises(ValueError, match="a and b has embeddings"):
        list(duplicates_across([("a", one, None), ("b", one, np.ones((1, 2)))], DuplicateSettings()))
    with pytest.raises(ValueError, match="1 hashes and 2 embeddings"):
        list(duplicates_across([("a", one, np.ones((2, 2)))], DuplicateSettings()))
    with pytest.raises(ValueError, match="duplicates.bits is 40"):
        DuplicateSettings(bits=40)
    with pytest.raises(ValueError, match="duplicates.cosine is -1"):
        DuplicateSettings(cosine=-1)
    assert list(duplicates_across([], DuplicateSettings())) == []


def test_the_time_to_compare_grows_with_the_square_of_the_frames(monkeypatch):
    clock = iter([0.0, 2.0, 10.0, 12.0])
    monkeypatch.setattr(near_duplicates.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(near_duplicates, "BATCH", 8)
    monkeypatch.setattr(near_duplicates, "BLOCK", 16)
    assert near_duplicates.seconds_across(128, 4) == 2.0 * 128**2 / 2 / 128
    assert near_duplicates.seconds_across(256, 4) == 4 * 2.0 * 128**2 / 2 / 128
