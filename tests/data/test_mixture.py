# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Orders of frames: every share is kept, nothing is seen twice in a pass, any position is found without counting."""

from collections import Counter

import numpy as np
import pytest

from zen_hf.data.mixture import MixtureSpec, mix

GROUPS = np.array([0] * 300 + [1] * 60 + [2] * 7)


def test_one_group_is_a_fresh_permutation_per_pass():
    order = mix(np.zeros(50, int), [1.0], seed=3)
    first, second = [[order(position) for position in range(start, start + 50)] for start in (0, 50)]
    assert sorted(row for row, _ in first) == sorted(row for row, _ in second) == list(range(50))
    assert {number for _, number in first} == {0} and {number for _, number in second} == {1}
    assert first != [(row, 0) for row, _ in second]


def test_shares_are_kept_and_frames_of_a_group_come_evenly():
    shares = [0.5, 0.2, 0.3]
    order = mix(GROUPS, shares, seed=0)
    rows = [order(position)[0] for position in range(4096)]
    counts = np.bincount(GROUPS[rows], minlength=3)
    assert np.abs(counts - 4096 * np.array(shares)).max() <= 1
    for group in range(3):
        seen = Counter(row for row in rows if GROUPS[row] == group)
        assert max(seen.values()) - min(seen.values()) <= 1 and len(seen) == (GROUPS == group).sum()
    early = np.bincount(GROUPS[rows[:512]], minlength=3) / 512
    assert np.abs(early - shares).max() < 0.08  # mixed, not one after the other


def test_a_position_is_a_function_of_the_seed_alone():
    forward = mix(GROUPS, [0.5, 0.2, 0.3], seed=0)
    sequence = [forward(position) for position in range(5000)]
    later = mix(GROUPS, [0.5, 0.2, 0.3], seed=0)
    assert [later(position) for position in range(4990, 5000)] == sequence[4990:]
    other = mix(GROUPS, [0.5, 0.2, 0.3], seed=1)
    assert [other(position) for position in range(100)] != sequence[:100]


def test_tiny_shares_come_too():
    order = mix(GROUPS, [0.9999, 0.00005, 0.00005], seed=0)
    counts = np.bincount([GROUPS[order(position)[0]] for position in range(order.cycle * 2)], minlength=3)
    assert (counts[1:] >= 2 * order.cycle * 0.00005 - 1).all() and counts.min() > 0


@pytest.mark.parametrize("blocks", [40, 3])  # more row groups than lanes, and fewer
def test_lanes_of_a_stream_are_disjoint_and_complete(blocks):
    block_of_row = np.sort(np.random.default_rng(0).integers(0, blocks, len(GROUPS)))
    seen = []
    for lane in range(4):
        order = mix(GROUPS, [0.4, 0.3, 0.3], 0, block_of_row, lane=lane, lanes=4)
        seen.append({order(position)[0] for position in range(3000)})
    assert set.union(*seen) == set(range(len(GROUPS)))
    assert sum(len(rows) for rows in seen) == len(GROUPS)


def test_lanes_have_about_as_many_frames_each():
    """Or frames of a short lane would be seen more often, for ever."""
    for sizes in ([10] * 9, [100, 10, 10, 10, 10], [7, 12, 9, 11, 8, 10, 9, 12, 10, 8] * 10):
        blocks = np.repeat(np.arange(len(sizes)), sizes)
        lanes = [mix(np.zeros(len(blocks), int), [1.0], 0, blocks, lane=lane, lanes=4) for lane in range(4)]
        rows = [len(lane.groups[0].rows) for lane in lanes]
        assert sum(rows) == len(blocks) and max(rows) <= 1.2 * min(rows) + 1


def test_a_stream_reads_each_row_group_in_one_stretch():
    block_of_row = np.repeat(np.arange(64), 10)
    order = mix(np.zeros(640, int), [1.0], 0, block_of_row)
    rows = [order(position)[0] for position in range(640)]
    assert sorted(rows) == list(range(640))
    for block in range(64):
        places = [place for place, row in enumerate(rows) if row // 10 == block]
        assert max(places) - min(places) < 16 * 10  # the frames of 16 row groups are shuffled together
    assert np.abs(np.corrcoef(rows[:160], range(160))[0, 1]) < 0.3  # and are: no order is left inside


def test_weights_by_temperature_and_by_name():
    sizes = {"a": 900, "b": 100}
    assert MixtureSpec().shares(sizes) == pytest.approx({"a": 0.9, "b": 0.1})
    assert MixtureSpec(temperature=0.5).shares(sizes) == pytest.approx({"a": 0.75, "b": 0.25})
    assert MixtureSpec(temperature=0).shares(sizes) == pytest.approx({"a": 0.5, "b": 0.5})
    assert MixtureSpec(weights={"a": 1, "b": 3}).shares(sizes) == pytest.approx({"a": 0.25, "b": 0.75})


def test_what_cannot_be_mixed_is_refused():
    with pytest.raises(ValueError, match="names a, but by source the frames are a, b"):
        MixtureSpec(weights={"a": 1.0}).shares({"a": 1, "b": 1})
    with pytest.raises(ValueError, match="expected 'source' or 'procedure'"):
        MixtureSpec(by="hospital")
    with pytest.raises(ValueError, match="must lie above 0"):
        MixtureSpec(weights={"a": 0.0})
    with pytest.raises(ValueError, match="smaller than the number of readers"):
        mix(GROUPS, [0.4, 0.3, 0.3], 0, np.arange(len(GROUPS)), lane=7, lanes=8)


WEIGHTS = np.concatenate([np.full(200, 0.25), np.full(40, 3.0), np.full(100, 1.3), np.zeros(20), [7.5]])


@pytest.mark.parametrize("blocks", [None, np.arange(len(WEIGHTS)) // 10])
def test_frames_are_seen_as_often_as_their_weights_say(blocks):
    order = mix(np.zeros(len(WEIGHTS), int), [1.0], 0, blocks, weights=WEIGHTS)
    rows = np.array([order(position)[0] for position in range(341 * 400)])
    seen = np.bincount(rows, minlength=len(WEIGHTS)) / len(rows)
    expected = WEIGHTS / WEIGHTS.sum()
    assert seen[340:360].sum() == 0  # never, what weighs nothing
    for alike in (slice(0, 200), slice(200, 240), slice(240, 340), slice(360, 361)):
        assert seen[alike].sum() == pytest.approx(expected[alike].sum(), rel=0.005)
    assert seen == pytest.approx(expected, rel=0.35)  # of 118 times or more, each rounded by chance
    one_pass = np.bincount(rows[:341], minlength=len(WEIGHTS))
    assert np.abs(one_pass - expected * 341).max() < 1  # rounded up or down, never more


def test_weights_count_within_groups_and_groups_keep_their_shares():
    groups = np.arange(len(WEIGHTS)) % 2
    order = mix(groups, [0.75, 0.25], 0, weights=WEIGHTS)
    seen = np.bincount([order(position)[0] for position in range(1024 * 60)], minlength=len(WEIGHTS)) / (1024 * 60)
    for group, share in enumerate((0.75, 0.25)):
        inside = np.where(groups == group, WEIGHTS, 0)
        assert seen[groups == group].sum() == pytest.approx(share, abs=1e-4)
        for value in (0.25, 3.0, 1.3):
            alike = inside == value
            assert seen[alike].sum() == pytest.approx(share * inside[alike].sum() / inside.sum(), rel=0.01)


def test_a_frame_that_is_seen_again_has_another_view_and_any_position_is_found():
    order = mix(np.zeros(len(WEIGHTS), int), [1.0], 5, weights=WEIGHTS)
    sequence = [order(position) for position in range(2000)]
    assert len(set(sequence)) == 2000
    later = mix(np.zeros(len(WEIGHTS), int), [1.0], 5, weights=WEIGHTS)
    assert [later(position) for position in range(1990, 2000)] == sequence[1990:]


@pytest.mark.parametrize("size", [10, 150])  # row groups that can be dealt out, and too few of them
def test_lanes_of_a_weighted_stream_have_about_the_same_weight(size):
    random = np.random.default_rng(0)
    weights = random.uniform(0.2, 1, 600) * np.repeat(random.uniform(0.2, 2, 60), 10)
    seen, total = [], np.zeros(600)
    for lane in range(4):
        order = mix(np.zeros(600, int), [1.0], 0, np.arange(600) // size, lane=lane, lanes=4, weights=weights)
        rows = [order(position)[0] for position in range(20_000)]
        seen.append(set(rows))
        total += np.bincount(rows, minlength=600)
    assert sum(map(len, seen)) == len(set.union(*seen)) == (weights > 0).sum()
    of_block, expected = (array.reshape(60, 10).sum(axis=1) / array.sum() for array in (total, weights))
    assert of_block == pytest.approx(expected, rel=0.2)  # lanes differ by a fifth at most


@pytest.mark.parametrize(
    "weights, said", [([1.0, None], "row 1 has nan"), ([1.0, -1.0], "row 1 has -1"), ([0.0, 0.0], "all are 0")]
)
def test_wrong_weights_are_refused(weights, said):
    assert MixtureSpec().frame_weights({}) is None
    with pytest.raises(ValueError, match=said):
        MixtureSpec(weight_column="cluster_weight").frame_weights({"cluster_weight": weights})
