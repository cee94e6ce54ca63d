# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""In which order frames are seen, source by source: a function of seed and position, so that nothing is lost by a kill."""

import math
from dataclasses import dataclass, field

import numpy as np

from zen_hf.data.frame_sources import Frames

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
        weight_column: Column of weights of the frames, such as `cluster_weight` of a curated dataset: a frame of weight 2
            is seen twice as often as one of weight 1 of its group, one of weight 0 never. A group then counts as its
            weights' sum in place of its number of frames. Null shows the frames of a group equally often.
    """

    by: str = "source"
    temperature: float = 1.0
    weights: dict[str, float] = field(default_factory=dict)
    weight_column: str | None = None

    def __post_init__(self):
        if self.by not in ("source", "procedure"):
            raise ValueError(f"mixture.by is {self.by!r}; expected 'source' or 'procedure'")
        if self.temperature < 0 or any(weight <= 0 for weight in self.weights.values()):
            raise ValueError(
                f"mixture: temperature {self.temperature} must not be negative and weights {self.weights} must lie "
                "above 0; hold_out leaves videos out"
            )

    def frame_weights(self, frames: Frames) -> np.ndarray | None:
        """Weights of the frames [N], or None if all are seen equally often.

        Raises:
            ValueError: If a weight is missing, negative or infinite, or all are 0.
        """
        if self.weight_column is None:
            return None
        weights = np.array(frames[self.weight_column][:], dtype=np.float64)  # None becomes NaN
        if not np.isfinite(weights).all() or weights.min() < 0 or not weights.any():
            bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
            found = f"row {bad[0]} has {weights[bad[0]]}" if len(bad) else "all are 0"
            raise ValueError(
                f"mixture.weight_column {self.weight_column!r}: {found}; expected a weight of at least 0 for every frame "
                "(a dataset that was curated without an encoder has no cluster_weight, and only its training split has "
                "weights above 0)"
            )
        return weights

    def shares(self, sizes: dict[str, float]) -> dict[str, float]:
        """Share of the positions of every group, from its number of frames or the sum of their weights.

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
        weights: Weight of each row, above 0; a pass has as many positions as rows, and shows a row its weight's share of
            them, rounded up in some passes and down in others. None shows every row once per pass.
    """

    def __init__(
        self, rows: np.ndarray, blocks: np.ndarray | None, salt: list[int], weights: np.ndarray | None = None
    ):
        self.rows, self.blocks, self.salt = rows, blocks, salt
        self.ends = None if weights is None else np.cumsum(weights) * (len(rows) / weights.sum())
        # a row is seen anew each time: passes are so many numbers apart
        self.repeats = 1 if weights is None else math.ceil(weights.max() * len(rows) / weights.sum()) + 1
        self.order_of_pass: tuple[int, np.ndarray, np.ndarray] | None = None

    def __call__(self, place: int) -> tuple[int, int]:
        """Row, and a number that no other place of this row has, at a place of the endless sequence.

        Without weights it is the number of the pass.
        """
        number, within = divmod(place, len(self.rows))
        if self.order_of_pass is None or self.order_of_pass[0] != number:
            self.order_of_pass = number, *self.shuffled(number)
        _, places, repeats = self.order_of_pass
        return int(self.rows[places[within]]), number * self.repeats + int(repeats[within])

    def shuffled(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Places of the rows in the order of a pass, and how often each was shown before in this pass."""
        random = np.random.default_rng([*self.salt, number])
        shown = np.arange(len(self.rows)) if self.ends is None else self.drawn(random)
        before = np.arange(len(shown)) - np.searchsorted(shown, shown)
        if self.blocks is None:
            order = random.permutation(len(shown))
        else:
            names, block_of_row = np.unique(self.blocks, return_inverse=True)
            window_of_block = random.permutation(len(names)) // WINDOW
            # sorted by window, and by chance within it
            order = np.lexsort((random.random(len(shown)), window_of_block[block_of_row[shown]]))
        return shown[order], before[order]

    def drawn(self, random: np.random.Generator) -> np.ndarray:
        """Places of the rows of a pass, sorted, each as often as its weight says: systematic sampling."""
        marks = np.arange(len(self.rows)) + random.random()
        return np.minimum(np.searchsorted(self.ends, marks, side="right"), len(self.rows) - 1)


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
        """Row, and a number that no other position of this row has, at a position; see `ShuffledGroup`."""
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
    weights: np.ndarray | None = None,
) -> Mixture:
    """The mixture that one reader sees.

    Frames that are at hand are mixed by one order that all processes share. A stream is dealt out: every lane (a
    worker of a process) reads row groups of its own, about as many rows (by weight) as any other; where lanes would differ
    by more than a fifth (few or unequal row groups), it is dealt row by row, and lanes read the same row groups.

    Args:
        group_of_row: Number of the group of every row [N].
        shares: Share of the positions of each group.
        seed: Seed of the run.
        blocks: Row group of every row [N] of a stream.
        lane: Number of this reader.
        lanes: Number of readers.
        weights: Weight of every row [N]; None shows the rows of a group equally often.

    Raises:
        ValueError: If a group has fewer frames (of a weight above 0) than there are lanes.
    """
    groups = []
    for group in range(len(shares)):
        seen = group_of_row == group
        rows = np.flatnonzero(seen if weights is None else seen & (weights > 0))
        of_row = None if weights is None else weights[rows]
        names = None if blocks is None else np.unique(blocks[rows])
        if lanes > 1:
            random = np.random.default_rng([seed, 8, group])
            hands = None if names is None else deal(random.permutation(names), blocks[rows], lanes, of_row)
            if hands is not None:
                mine = np.isin(blocks[rows], hands[lane])
            else:
                mine = np.sort(random.permutation(len(rows))[lane::lanes])
            rows, of_row = rows[mine], None if weights is None else of_row[mine]
        if not len(rows):
            raise ValueError(
                f"a group of frames is smaller than the number of readers ({lanes}: processes x workers); use fewer "
                "workers, or join the group with another"
            )
        salt = [seed, 1] if len(shares) == 1 and lanes == 1 else [seed, 1, group, lane]
        groups.append(ShuffledGroup(rows, None if blocks is None else blocks[rows], salt, of_row))
    return Mixture(groups, shares, [seed, 6, lane])


def deal(
    names: np.ndarray, block_of_row: np.ndarray, lanes: int, weights: np.ndarray | None = None
) -> list[list[int]] | None:
    """Deals row groups out, each to the lane with the fewest rows so far, or the least weight.

    Args:
        names: The row groups, in any order.
        block_of_row: Row group of every row.
        lanes: Number of lanes.
        weights: Weight of every row, above 0; None for rows alike.

    Returns:
        The row groups of each lane; None if one lane would have more than 1.2 times the rows (or weight) of another.
    """
    found, block_of_row = np.unique(block_of_row, return_inverse=True)
    sizes = dict(zip(found.tolist(), np.bincount(block_of_row, weights).tolist(), strict=True))
    hands, rows = [[] for _ in range(lanes)], [0] * lanes
    for name in sorted(names.tolist(), key=lambda name: -sizes[name]):  # stable: equals stay in their order
        poorest = rows.index(min(rows))
        hands[poorest].append(name)
        rows[poorest] += sizes[name]
    return hands if min(rows) and max(rows) <= 1.2 * min(rows) else None
