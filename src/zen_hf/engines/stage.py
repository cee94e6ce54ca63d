# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""One step of a pipeline, and what every engine promises of the way items go through the steps."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Stage:
    """A function of one item, run by several workers side by side.

    What it writes must be whole or not there, and what it returns the same whenever it is called with the same item: an
    engine calls it again for an item whose worker died, and passes on those results alone that it had not passed on
    before.

    Args:
        name: how progress and messages call it.
        build: called once in every worker, without arguments; returns the function from an item to its results, one or
            several or none. It can be pickled, and so can items and results.
        workers: number of workers.
        cpus: processor cores of each; libraries that compute with several threads are told so.
        gpus: GPUs of each; 0 for work on processors.
        lost: gives the results that take the place of an item's when its worker died (a decoder that crashes or hangs,
            too little memory) in every attempt, from the item and words that hold nothing of it. They follow results of the
            item that were passed on before the death. A stage that has it keeps its function in a process of its own.
            None: such an item ends the run, and an only worker may share this process, where one that hangs cannot be
            killed: it is waited for without limit.

    Raises:
        ValueError: if it has no worker, or a worker without a core.
    """

    name: str
    build: Callable[[], Callable[[Any], Iterable[Any]]]
    workers: int = 1
    cpus: float = 1.0
    gpus: float = 0.0
    lost: Callable[[Any, str], Iterable[Any]] | None = None

    def __post_init__(self):
        if self.workers < 1 or self.cpus <= 0 or self.gpus < 0:
            raise ValueError(
                f"stage {self.name!r} has {self.workers} workers of {self.cpus} cores and {self.gpus} GPUs; expected at "
                "least 1 worker, more than 0 cores, and 0 or more GPUs"
            )


class Engine(Protocol):
    """Whatever runs items through stages, each result of a stage being an item of the next."""

    def run(self, items: list[Any], stages: list[Stage]) -> Iterator[Any]:
        """Yields the results of the last stage, in any order; few are waiting between stages at any time.

        Results of one item leave its stage in their order. Closing the generator stops all workers.

        Raises:
            RuntimeError: if the worker of an item died in every attempt and its stage has no `lost`, or if a stage
                raised an exception, which is not tried again: what belongs to the data, a stage reports in its result.
                The message names stage and item.
        """
        ...
