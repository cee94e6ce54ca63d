# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""One step of a pipeline, and what every engine promises of the way items go through the steps."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Stage:
    """A function of one item, run by several workers side by side.

    What it writes must be whole or not there, and the same whenever it is called with the same item: an engine calls it
    again for an item whose worker died.

    Args:
        name: how progress and messages call it.
        build: called once in every worker, without arguments; returns the function from an item to its results, one or
            several or none. It can be pickled, and so can items and results.
        workers: number of workers.
        cpus: processor cores of each.
        gpus: GPUs of each; 0 for work on processors.
    """

    name: str
    build: Callable[[], Callable[[Any], Iterable[Any]]]
    workers: int = 1
    cpus: float = 1.0
    gpus: float = 0.0


class Engine(Protocol):
    """Whatever runs items through stages, each result of a stage being an item of the next."""

    def run(self, items: list[Any], stages: list[Stage]) -> Iterator[Any]:
        """Yields the results of the last stage, in any order; few are waiting between stages at any time.

        Raises:
            RuntimeError: if an item failed in every attempt; the message names stage and item. An exception that a
                stage raises is such a failure: what belongs to the data, a stage reports in its result.
        """
        ...
