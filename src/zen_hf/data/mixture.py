# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""In which order frames are seen, source by source: a function of seed and position, so that nothing is lost by a kill."""

import math
from dataclasses import dataclass, field

import numpy as np

WINDOW = 16  # row groups of a stream whose frames are shuffled together
CYCLE = 1024  # positions in which every group has its share, to within one frame


@dataclass
class MixtureSpec:
    """How often frames of each source or procedure are seen.

    Attributes:
        by: `"source"` or `"procedure"`: what weights are given to, and what the log splits the loss by.
        temperature: Weight of a group of n frames is `n ** temperature`: 1 shows every frame equally often, 0 every
            group equally often, 0.5 lies between.
        weights: Weight of every group, in place of the temperature; they need not sum to 1.
    """

    by: str = "source"
    temperature: float = 1.0
    weights: dict[str, float] = field(default_factory=dict)

    def __post_init__(self):
        if self.by not in ("source", "procedure"):
            raise ValueError(f"mixture.by is {self.by!r}; expected 'source' or 'procedure'")
        if self.temperature < 0 or any(weight <= 0 for weight in self.weights.values()):
            raise ValueError(
                f"mixture: temperature {self.temperature} must not be negative and weights {self.weights} must lie "
                "above 0; hold_out leaves videos out"
            )

    def shares(self, sizes: dict[str, int]) -> dict[str, float]:
        """Share of the positions of every group, from its number of frames.

        Raises:
            ValueError: If explicit weights do not name every group and no other.
        """
        if self.weights and set(self.weights) != set(sizes):
            raise ValueError(
                f"mixture.weights names {', '.join(sorted(self.weights))}, but by {self.by} the frames are "
                f"{', '.join(sorted(sizes))}; give a weight to each"
            )
        raw = {name: self.weights.get(name, size**self.temperature) for name, size in sizes.items()}
        return {name: weight / sum(raw.values()) for name, weight in raw.items()}


class ShuffledGroup:
    """Endless passes over a group of frames, each in another order.

    Frames of a stream are shuffled twice: their row groups, and the frames of every `WINDOW` row groups together, so
    that a row group is read once per pass.

    Args:
        rows: Rows of the group in storage order.
        blocks: Row group of each; None if any row is at hand at any time.
        salt: Seeds of the order.
    """

    def __init__(self, rows: np.ndarray, blocks: np.ndarray | None, salt: list[int]):
        self.rows, self.blocks, self.salt = rows, blocks, salt
        self.order_of_pass: tuple[int, np.ndarray] | None = None

    def __call__(self, place: int) -> tuple[int, int]:
        """Row and number of the pass at a place of the endless sequence."""
        number, within = divmod(place, len(self.rows))
        if self.order_of_pass is None or self.order_of_pass[0] != number:
            self.order_of_pass = number, self.rows[self.shuffled(number)]
        return int(self.order_of_pass[1][within]), number

    def shuffled(self, number: int) -> np.ndarray:
        """Places of the rows in the order of a pass."""
        random = np.random.default_rng([*self.salt, number])
        if self.blocks is None:
            return random.permutation(len(self.rows))
        names, block_of_row = np.unique(self.blocks, return_inverse=True)
        window_of_block = random.permutation(len(names)) // WINDOW
        # sorted by window, and by chance within it
        return np.lexsort((random.random(len(self.rows)), window_of_block[block_of_row]))


class Mixture:
    """Endless frames of several groups, each with its share of the positions.

    In every cycle of positions each group has its share to within one frame, in an order by chance; where a group
    stands follows from the number of the cycle, so any position is found without counting up to it.

    Args:
        groups: The groups.
        shares: Share of the positions of each; sum 1.
        salt: Seeds of the order.
    """

    def __init__(self, groups: list[ShuffledGroup], shares: list[float], salt: list[int]):
        self.groups, self.salt = groups, salt
        self.cycle = max(CYCLE, math.ceil(1 / min(shares)))
        self.bounds = np.concatenate([np.cumsum(shares)[:-1], [1.0]])
        self.places_of_cycle: tuple[int, list[tuple[int, int]]] | None = None

    def __call__(self, position: int) -> tuple[int, int]:
        """Row and number of its group's pass at a position."""
        if len(self.groups) == 1:
            return self.groups[0](position)
        number, within = divmod(position, self.cycle)
        if self.places_of_cycle is None or self.places_of_cycle[0] != number:
            self.places_of_cycle = number, self.places(number)
        group, place = self.places_of_cycle[1][within]
        return self.groups[group](place)

    def seen(self, cycles: int) -> np.ndarray:
        """Positions that each group has had after a number of cycles."""
        return np.diff(np.floor(cycles * self.cycle * self.bounds + 1e-6).astype(np.int64), prepend=0)

    def places(self, number: int) -> list[tuple[int, int]]:
        """Group, and place in its sequence, of every position of a cycle."""
        before, after = self.seen(number), self.seen(number + 1)
        order = np.repeat(np.arange(len(self.groups)), after - before)
        np.random.default_rng([*self.salt, number]).shuffle(order)
        places, next_place = [], before.tolist()
        for group in order.tolist():
            places.append((group, next_place[group]))
            next_place[group] += 1
        return places


def mix(
    group_of_row: np.ndarray,
    shares: list[float],
    seed: int,
    blocks: np.ndarray | None = None,
    lane: int = 0,
    lanes: int = 1,
) -> Mixture:
    """The mixture that one reader sees.

    Frames that are at hand are mixed by one order that all processes share. A stream is dealt out: every lane (a
    worker of a process) reads row groups of its own, about as many rows as any other; where lanes would differ by more
    than a fifth (few or unequal row groups), it is dealt row by row, and lanes read the same row groups.

    Args:
        group_of_row: Number of the group of every row [N].
        shares: Share of the positions of each group.
        seed: Seed of the run.
        blocks: Row group of every row [N] of a stream.
        lane: Number of this reader.
        lanes: Number of readers.

    Raises:
        ValueError: If a group has fewer frames than there are lanes.
    """
    groups = []
    for group in range(len(shares)):
        rows = np.flatnonzero(group_of_row == group)
        names = None if blocks is None else np.unique(blocks[rows])
        if lanes > 1:
            random = np.random.default_rng([seed, 8, group])
            hands = deal(random.permutation(names), blocks[rows], lanes) if names is not None else None
            if hands is not None:
                mine = np.isin(blocks[rows], hands[lane])
            else:
                mine = np.sort(random.permutation(len(rows))[lane::lanes])
            rows = rows[mine]
        if not len(rows):
            raise ValueError(
                f"a group of frames is smaller than the number of readers ({lanes}: processes x workers); use fewer "
                "workers, or join the group with another"
            )
        salt = [seed, 1] if len(shares) == 1 and lanes == 1 else [seed, 1, group, lane]
        groups.append(ShuffledGroup(rows, None if blocks is None else blocks[rows], salt))
    return Mixture(groups, shares, [seed, 6, lane])


def deal(names: np.ndarray, block_of_row: np.ndarray, lanes: int) -> list[list[int]] | None:
    """Deals row groups out, each to the lane with the fewest rows so far.

    Args:
        names: The row groups, in any order.
        block_of_row: Row group of every row.
        lanes: Number of lanes.

    Returns:
        The row groups of each lane; None if one lane would have more than 1.2 times the rows of another.
    """
    sizes = dict(zip(*np.unique(block_of_row, return_counts=True), strict=True))
    hands, rows = [[] for _ in range(lanes)], [0] * lanes
    for name in sorted(names.tolist(), key=lambda name: -int(sizes[name])):  # stable: equals stay in their order
        poorest = rows.index(min(rows))
        hands[poorest].append(name)
        rows[poorest] += int(sizes[name])
    return hands if min(rows) and max(rows) <= 1.2 * min(rows) else None
