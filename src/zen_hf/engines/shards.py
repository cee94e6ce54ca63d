# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which items belong to one of several runs that know nothing of each other, as in a Slurm array."""

import heapq
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Shard:
    """One of `count` runs that share the work.

    Args:
        index: Which one, from 0, as a Slurm array `--array=0-7` counts.
        count: How many there are.

    Raises:
        ValueError: if there is no such shard.
    """

    index: int
    count: int

    def __post_init__(self):
        if self.count < 1 or not 0 <= self.index < self.count:
            first = f"; shards are counted from 0: {self.count - 1}/{self.count} is the last one" * (self.count >= 1)
            raise ValueError(f"shard {self} does not exist{first}; expected i/n with i from 0 to n - 1, such as 0/8")

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """The shard that `"2/8"` names: the third of eight.

        Raises:
            ValueError: if the text names none.
        """
        found = re.fullmatch(r"(\d+)/(\d+)", text.strip())
        if found is None:
            raise ValueError(f"shard {text!r} is not of the form i/n; expected i from 0 to n - 1, such as 0/8")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def mine(self, items: Sequence[Any], keys: Sequence[str], weights: Sequence[float]) -> list[Any]:
        """Items of this shard, in the order of `items`; every item belongs to exactly one shard.

        The heaviest item goes first, each to the shard that has least so far (R. L. Graham, Bounds on Multiprocessing
        Timing Anomalies, 1969: the heaviest shard has at most 4/3 of what the best division would give it). It
        depends on keys and weights alone, not on the order in which a machine lists its files.

        Args:
            items: All items of the run, the same for every shard.
            keys: What each item is called; no two the same.
            weights: How much work each is, such as the bytes of a video; 0 or more.

        Raises:
            ValueError: if two items have the same key, or if the lengths differ.
        """
        if len(set(keys)) < len(keys):
            twice = next(key for number, key in enumerate(keys) if key in keys[:number])
            raise ValueError(f"two items are called {twice!r}; expected a key of its own for each, to divide them")
        mine = set()
        shards = [(0, number) for number in range(self.count)]  # a heap of (weight so far, shard)
        for weight, key in sorted(zip(weights, keys, strict=True), key=lambda pair: (-pair[0], pair[1])):
            total, number = heapq.heappop(shards)
            heapq.heappush(shards, (total + weight, number))
            if number == self.index:
                mine.add(key)
        return [item for item, key in zip(items, keys, strict=True) if key in mine]
