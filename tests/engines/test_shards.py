# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Dividing the work among runs that know nothing of each other."""

import numpy as np
import pytest

from zen_hf.engines.shards import Shard


def test_the_shards_hold_every_item_once_however_the_files_are_listed():
    generator = np.random.default_rng(0)
    keys = [f"video-{number}" for number in range(101)]
    weights = dict(zip(keys, generator.lognormal(20, 1, 101).astype(int).tolist(), strict=True))
    shuffled = generator.permutation(keys).tolist()
    shards = []
    for index in range(8):
        mine = Shard(index, 8).mine(keys, keys, [weights[key] for key in keys])
        assert mine == sorted(mine, key=keys.index)
        assert set(mine) == set(Shard(index, 8).mine(shuffled, shuffled, [weights[key] for key in shuffled]))
        shards.append(mine)
    assert sorted(sum(shards, [])) == sorted(keys)
    loads = [sum(weights[key] for key in shard) for shard in shards]
    bound = max(sum(weights.values()) / 8, max(weights.values()))
    assert max(loads) <= 4 / 3 * bound


def test_items_without_weight_are_spread_too():
    keys = list("abcdefgh")
    assert [len(Shard(index, 4).mine(keys, keys, [1] * 8)) for index in range(4)] == [2, 2, 2, 2]
    assert [Shard(index, 2).mine(keys, keys, [8, 1, 1, 1, 1, 1, 1, 1]) for index in range(2)] == [
        ["a"],
        list("bcdefgh"),
    ]
    assert Shard(5, 6).mine([10], ["a"], [1]) == []


@pytest.mark.parametrize("text, words", [("8/8", "counted from 0: 7/8 is the last"), ("0/0", "does not exist")])
def test_a_shard_that_is_not_there(text, words):
    with pytest.raises(ValueError, match=words):
        Shard.parse(text)


@pytest.mark.parametrize("text", ["", "3", "1:4", "-1/4", "1/4/2", "a/b"])
def test_what_is_no_shard(text):
    with pytest.raises(ValueError, match="not of the form i/n; expected i from 0"):
        Shard.parse(text)


def test_parsed_and_printed():
    assert Shard.parse(" 2/8 ") == Shard(2, 8) and str(Shard(2, 8)) == "2/8"


def test_two_items_of_one_name():
    with pytest.raises(ValueError, match="two items are called 'a'"):
        Shard(0, 2).mine([1, 2], ["a", "a"], [1, 1])
