# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs the stages of a pipeline by Ray Data: on this machine, or on a cluster."""

import logging
import os
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from .plain_errors import plain_copy
from .stage import Stage
from .worker import PATIENCE_S, Pickled, WorkerProcess, check_patience, pickled, unpickled

ITEM = "item"  # column of items and results as bytes, which are exact for whatever Python can pickle
FAILED = "failed"  # column that says whether the item is the `Failure` of an earlier stage


class RayEngine:
    """Runs every worker of a stage in a Ray actor, which builds the stage once.

    Results stream from stage to stage through Ray's object store, each as a block of its own; Ray Data holds stages
    back whose results are not taken. The stage itself runs in a process below its actor: where an item kills that, the
    actor lives and counts the attempts. An actor that dies, by itself or with its machine, is replaced by Ray, and its
    item tried again without limit.

    Args:
        address: Of a running cluster, such as `"auto"` or `"HOST:6379"`; None starts Ray on this machine for as
            long as the run takes, unless the process is connected already.
        attempts: How often an item is tried that kills the process of its stage.
        patience_s: Seconds that such a process may take for one result of an item; then it hangs, is killed, and counts
            as one that died.
        cpus: Cores of a Ray that is started here; None for all.
        gpus: GPUs of a Ray that is started here; None for all.
        object_store_bytes: Memory for results on their way of a Ray that is started here; None for Ray's own choice.

    Raises:
        ImportError: if Ray is not installed.
        ValueError: if `attempts` is below 1, the patience no time, or the resources of a running cluster are given.
    """

    def __init__(
        self,
        address: str | None = None,
        attempts: int = 3,
        patience_s: float = PATIENCE_S,
        cpus: int | None = None,
        gpus: int | None = None,
        object_store_bytes: int | None = None,
    ):
        if attempts < 1:
            raise ValueError(f"attempts is {attempts}; expected at least 1")
        check_patience(patience_s)
        here = {"num_cpus": cpus, "num_gpus": gpus, "object_store_memory": object_store_bytes}
        here = {name: value for name, value in here.items() if value is not None}
        if address is not None and here:
            raise ValueError(f"address is {address!r}, a cluster that is running: it has its own {', '.join(here)}")
        self.address, self.attempts, self.patience_s, self.here = address, attempts, patience_s, here
        self.ray = import_ray()

    def run(self, items: list[Any], stages: list[Stage]) -> Iterator[Any]:
        """Yields the results of the last stage; see [`Engine`].

        Raises:
            RuntimeError: if a stage failed on an item.
            ValueError: if the cluster, or its largest machine, has too few cores or GPUs for the stages.
        """
        if not items:
            return
        with self.connected(), quiet_log():
            self.check_resources(stages)
            rows = [{ITEM: pickled(item).data, FAILED: False} for item in items]
            with self.ray.data.DataContext.current(self.settings()):
                results = self.ray.data.from_items(rows, override_num_blocks=len(rows))
                for stage in stages:
                    results = self.mapped(results, stage)
            batches = iter(results.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0))
            try:
                for batch in batches:
                    yield from map(result_of, batch[ITEM])
            except self.ray.exceptions.RayError as error:
                words = next(iter(str(error).splitlines()), "")
                raise RuntimeError(f"Ray itself failed: {type(error).__name__}: {words}") from error
            finally:
                batches.close()  # ends the run on the cluster

    def mapped(self, items: Any, stage: Stage) -> Any:
        """The dataset of a stage's results."""
        return items.map_batches(
            StageActor,
            fn_constructor_args=(stage.name, pickled(stage), self.attempts, self.patience_s, os.getcwd()),
            batch_size=1,
            batch_format="pyarrow",
            zero_copy_batch=True,
            compute=self.ray.data.ActorPoolStrategy(size=stage.workers, max_tasks_in_flight_per_actor=1),
            num_cpus=stage.cpus,
            num_gpus=stage.gpus or None,
        )  # Ray Data's actors restart, and their tasks are retried, without limit: machines come and go

    def check_resources(self, stages: list[Stage]) -> None:
        """Refuses a cluster that could never start all workers: Ray would wait for more machines for ever."""
        has = self.ray.cluster_resources()
        for name, needed in (
            ("CPU", sum(stage.workers * stage.cpus for stage in stages)),
            ("GPU", sum(stage.workers * stage.gpus for stage in stages)),
        ):
            if needed > has.get(name, 0):
                raise ValueError(
                    f"the workers of {', '.join(repr(stage.name) for stage in stages)} need {needed:g} {name}s together, "
                    f"but the Ray cluster has {has.get(name, 0):g}; ask for fewer workers, or add machines"
                )
        machines = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        for stage in stages:
            check_machines(stage, machines)

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Connects to the cluster, or starts Ray here, and undoes it at the end; uses a connection that exists."""
        if self.ray.is_initialized():
            yield
            return
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
        started_here = {} if self.address else {"include_dashboard": False, **self.here}
        # Without "local", Ray would join whatever cluster it finds on this machine.
        self.ray.init(self.address or "local", log_to_driver=False, logging_level=logging.ERROR, **started_here)
        try:
            yield
        finally:
            self.ray.shutdown()

    def settings(self) -> Any:
        """Settings of Ray Data for the run: every result a block of its own, no progress bars."""
        context = self.ray.data.DataContext.get_current().copy()
        context.target_max_block_size = 1
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        return context


@dataclass(frozen=True)
class Failure:
    """Goes through all stages to whoever started the run, in place of a result; Ray's own way buries the words.

    Attributes:
        words: Stage, item and what happened.
        trace: Where, for whoever mends the stage.
        cause: What a user can mend.
    """

    words: str
    trace: str
    cause: ValueError | OSError | None = None


def check_machines(stage: Stage, machines: list[dict[str, float]]) -> None:
    """Refuses machines of which each is too small for a worker, or that together have room for too few.

    Args:
        stage: The stage.
        machines: Resources of each machine of the cluster, by Ray's names.

    Raises:
        ValueError: if the workers of this stage alone do not fit.
    """
    wanted = {"CPU": stage.cpus, "GPU": stage.gpus}
    room = sum(
        min(int(machine.get(name, 0) / amount + 1e-6) for name, amount in wanted.items() if amount)
        for machine in machines
    )
    if room >= stage.workers:
        return
    kinds = Counter(f"{machine.get('CPU', 0):g} cores and {machine.get('GPU', 0):g} GPUs" for machine in machines)
    has = "; ".join(f"{number} with {kind}" for kind, number in sorted(kinds.items()))
    raise ValueError(
        f"stage {stage.name!r} asks for {stage.workers} workers, each with {stage.cpus:g} cores and {stage.gpus:g} GPUs of "
        f"one machine, but the machines of the Ray cluster have room for {room} ({has}); ask for fewer workers, or for "
        "fewer cores or GPUs for each, or add larger machines"
    )


def result_of(item: pa.Scalar) -> Any:
    """A result of the last stage, from its bytes.

    Raises:
        RuntimeError: if a stage failed in its place; its cause is what the user can mend.
    """
    result = unpickled(Pickled(item.as_py()))
    if isinstance(result, Failure):
        error = RuntimeError(result.words)
        error.add_note(result.trace)
        raise error from result.cause
    return result


class StageActor:
    """Runs a stage in a Ray actor.

    Args:
        name: Of the stage.
        stage: The stage, pickled.
        attempts: How often an item is tried that kills its process.
        patience_s: Seconds that its process may take for one result.
        folder: Where the run was started; relative paths in stage and items begin there.
    """

    def __init__(self, name: str, stage: Pickled, attempts: int, patience_s: float, folder: str):
        self.name, self.stage, self.attempts, self.patience_s = name, stage, attempts, patience_s
        self.folder, self.worker = folder, None

    def __call__(self, batch: pa.Table) -> Iterator[pa.Table]:
        """Results of the one item of a batch, each in a table of its own."""
        if batch[FAILED][0].as_py():
            yield batch
            return
        for result in self.results(Pickled(batch[ITEM][0].as_py())):
            data = pa.array([pickled(result).data], pa.large_binary())
            yield pa.table({ITEM: data, FAILED: [isinstance(result, Failure)]})

    def results(self, item: Pickled) -> Iterator[Any]:
        """Results of an item, or at last a failure."""
        try:
            if self.worker is None:
                os.chdir(self.folder)
                self.worker = WorkerProcess(unpickled(self.stage), self.attempts, self.patience_s)
            yield from self.worker.results(item)
        except ImportError as error:
            words = f"stage {self.name!r} needs a module that a machine of the Ray cluster lacks: {error}"
            yield Failure(words, traceback.format_exc(), ValueError(words))
        except FileNotFoundError as error:
            words = (
                f"stage {self.name!r}: a machine of the Ray cluster has no folder {self.folder}; start where all have"
            )
            yield Failure(words, str(error), ValueError(words))
        except RuntimeError as error:
            yield Failure(str(error), "\n".join(getattr(error, "__notes__", [])), plain_copy(error.__cause__))


@contextmanager
def quiet_log() -> Iterator[None]:
    """Keeps Ray Data's running commentary from the console; what goes wrong is raised."""
    log = logging.getLogger("ray.data")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


def import_ray() -> Any:
    """Ray, which is an extra."""
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ImportError('the Ray engine needs Ray; install it by `pip install "zen-hf[ray]"`') from error
    return ray
