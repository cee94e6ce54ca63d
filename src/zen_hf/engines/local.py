# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs the stages of a pipeline on this machine."""

import os
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from .channel import Channel, Run, Stopped
from .stage import Stage
from .worker import PATIENCE_S, WorkerProcess, WorkerThread, check_patience, unpickled


class LocalEngine:
    """Runs every worker of a stage in a process of its own, and one worker without `lost` in a thread of this process.

    All stages work at the same time. Between two stages wait at most `waiting` results, and two more for each worker
    that makes them: one in this process and one in its own (or as many as fit into the buffer of a pipe, some 200 kB).

    Args:
        attempts: How often an item is tried whose worker dies.
        waiting: Number of results that may wait between two stages.
        patience_s: Seconds that a worker may take for one result of an item; then it hangs, is killed, and counts as one
            that died. A worker in a thread of this process cannot be killed, and is waited for without limit.

    Raises:
        ValueError: if one of the first two is below 1, or the patience no time.
    """

    def __init__(self, attempts: int = 3, waiting: int = 2, patience_s: float = PATIENCE_S):
        if attempts < 1 or waiting < 1:
            raise ValueError(f"attempts is {attempts} and waiting is {waiting}; expected at least 1 of each")
        check_patience(patience_s)
        self.attempts, self.waiting, self.patience_s = attempts, waiting, patience_s

    def run(self, items: list[Any], stages: list[Stage]) -> Iterator[Any]:
        """Yields the results of the last stage; see [`Engine`].

        Raises:
            RuntimeError: if a stage failed on an item.
            ValueError: if a stage asks for more GPUs than this machine has.
        """
        run = Run()
        source = Channel(run, self.waiting, writers=1)
        threads = [threading.Thread(target=feed, args=(items, source), daemon=True)]
        workers = []
        for stage in stages:
            target = Channel(run, self.waiting, stage.workers)
            for worker in self.workers_of(stage):
                workers.append(worker)
                threads.append(threading.Thread(target=work, args=(worker, source, target), daemon=True))
            source = target
        try:
            for thread in threads:
                thread.start()
            for result in source:
                yield unpickled(result)
        except Stopped:
            pass  # a worker stopped the run, and left its error
        finally:
            run.let_go()
            run.stop()
            for worker in workers:
                worker.close()
            for thread in threads:
                thread.join()
        if run.error is not None:
            raise run.error

    def workers_of(self, stage: Stage) -> list[WorkerThread | WorkerProcess]:
        """The workers of a stage, none of them started."""
        check_gpus(stage)
        if stage.workers == 1 and stage.lost is None:
            return [WorkerThread(stage)]
        return [
            WorkerProcess(stage, self.attempts, self.patience_s, devices_of(stage, number))
            for number in range(stage.workers)
        ]


def feed(items: Iterable[Any], target: Channel) -> None:
    """Puts the items before the first stage."""
    try:
        for item in items:
            target.put(item)
        target.close()
    except Stopped:
        pass
    except Exception as error:
        target.run.stop(error)


def work(worker: WorkerThread | WorkerProcess, source: Channel, target: Channel) -> None:
    """Lets a worker work on whatever waits, until nothing more comes."""
    try:
        for item in source:
            for result in worker.results(item):
                target.put(result)
        worker.finish()  # before its channel ends, and with the last channel the run, which kills who is left
        target.close()
    except Stopped:
        pass
    except Exception as error:
        target.run.stop(error)
    finally:
        worker.close()


def check_gpus(stage: Stage) -> None:
    """Refuses what this machine does not have: a model without its GPU would run on processors without a word."""
    if stage.gpus and stage.workers * stage.gpus > gpus_here():
        raise ValueError(
            f"stage {stage.name!r} asks for {stage.workers} workers with {stage.gpus:g} GPUs each, but this machine "
            f"shows {gpus_here()}; ask for fewer"
        )


def gpus_here() -> int:
    """Number of GPUs that this process sees."""
    import torch  # takes seconds, and is needed by those alone who have a GPU

    return torch.cuda.device_count()


def devices_of(stage: Stage, number: int) -> str | None:
    """The GPUs of one worker, as in `CUDA_VISIBLE_DEVICES`; None where it has none of its own."""
    if not stage.gpus:
        return None
    visible = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(gpus_here())))
    first = int(number * stage.gpus)
    return ",".join(visible.split(",")[first : first + max(1, int(stage.gpus))])
