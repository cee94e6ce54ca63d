# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What runs the function of a stage: this process, or a process of its own that is replaced when it dies."""

import os
import pickle
import signal
import threading
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import connection as connections
from multiprocessing import get_context, parent_process
from multiprocessing.util import Finalize
from typing import Any

from .plain_errors import plain_copy
from .stage import Stage

BUILT, RESULT, END, FAILED = b"built", b"result", b"end", b"failed"
PARTING_S = 10.0  # for a worker to end by itself
PATIENCE_S = 3600.0  # the first result of a film comes when all its bytes were read twice, over whatever network


@dataclass(frozen=True)
class Pickled:
    """An item on its way between two processes; whoever only passes it on need not look inside."""

    data: bytes


def pickled(item: Any) -> Pickled:
    """The item as bytes."""
    return item if isinstance(item, Pickled) else Pickled(pickle.dumps(item, protocol=pickle.HIGHEST_PROTOCOL))


def unpickled(item: Any) -> Any:
    """The item itself."""
    return pickle.loads(item.data) if isinstance(item, Pickled) else item


def check_patience(seconds: float) -> None:
    """Refuses what is no time to wait for a result.

    Raises:
        ValueError: if it is not above 0, or more than a million seconds, for which no system waits.
    """
    if not 0 < seconds <= 1e6:
        raise ValueError(
            f"patience_s is {seconds}; expected seconds above 0 and up to a million, such as {PATIENCE_S:g}"
        )


def failure(stage: Stage, item: Any, words: str) -> RuntimeError:
    """Says which stage failed on which item."""
    return RuntimeError(f"stage {stage.name!r} failed on {str(unpickled(item))[:200]}: {words}")


class WorkerThread:
    """Runs a stage in the thread that asks for results.

    Args:
        stage: What to run.
    """

    def __init__(self, stage: Stage):
        self.stage, self.function = stage, None

    def results(self, item: Any) -> Iterator[Any]:
        """Results of an item, in their order.

        Raises:
            RuntimeError: if the stage raised an exception, which is its cause.
        """
        if self.function is None:
            try:
                self.function = self.stage.build()
            except Exception as error:
                words = f"stage {self.stage.name!r} could not be built: {type(error).__name__}: {error}"
                raise RuntimeError(words) from error
        item = unpickled(item)
        try:
            yield from self.function(item)
        except Exception as error:
            raise failure(self.stage, item, f"{type(error).__name__}: {error}") from error

    def finish(self) -> None:
        """Lets go of what was built, as nothing more comes."""
        self.function = None

    close = finish


class WorkerProcess:
    """Runs a stage in a process of its own, and starts another one when that dies.

    Args:
        stage: What to run.
        attempts: How often an item is tried whose process dies.
        patience_s: Seconds that the process may take for one result of an item; then it is killed, as one that hangs.
        devices: GPUs that it sees, as in `CUDA_VISIBLE_DEVICES`; None for those that this process sees.
    """

    def __init__(self, stage: Stage, attempts: int, patience_s: float, devices: str | None = None):
        self.stage, self.attempts, self.patience_s = stage, attempts, patience_s
        self.environment = {"OMP_NUM_THREADS": str(max(1, round(stage.cpus)))}  # as Ray does for its actors
        if devices is not None:
            self.environment["CUDA_VISIBLE_DEVICES"] = devices
        self.process = self.connection = None
        self.closed, self.lock = False, threading.Lock()

    def results(self, item: Any) -> Iterator[Pickled]:
        """Results of an item, in their order, each once, however often it had to be tried.

        Raises:
            RuntimeError: if the stage raised an exception, of which the cause is a copy where the user can mend it; if
                the process died in every attempt and the stage has no `lost`.
        """
        item, passed_on, died = pickled(item), 0, ""
        for _ in range(self.attempts):
            if self.process is None and not self.start():
                return
            try:
                self.connection.send_bytes(item.data)
                for number, result in enumerate(self.received(item)):
                    if number >= passed_on:
                        passed_on += 1
                        yield result
                return
            except TimeoutError:
                self.process.kill()
                self.bury()
                died = f"killed as nothing came of it for {self.patience_s:g} s"
            except (EOFError, OSError):  # the other end is gone
                died = self.bury()
            if self.closed:
                return
        words = f"its worker died in each of {self.attempts} attempts, at last {died}"
        if self.stage.lost is None:
            raise failure(self.stage, item, words)
        yield from map(pickled, self.stage.lost(unpickled(item), words))

    def start(self) -> bool:
        """Starts the process and waits until it has built the stage; False if it was closed meanwhile.

        Raises:
            RuntimeError: if the stage could not be built.
        """
        died = ""
        for _ in range(self.attempts):
            with self.lock:
                if self.closed:
                    return False
                context = get_context("spawn")  # a fork would copy threads' locks in whatever state they are
                self.connection, other = context.Pipe()
                self.process = context.Process(
                    target=serve, args=(other, pickled(self.stage.build).data, self.environment), daemon=True
                )
                self.process.start()
                other.close()
            try:
                kind = self.connection.recv_bytes()
                if kind == BUILT:
                    return True
                words, trace, cause = pickle.loads(self.connection.recv_bytes())
            except (EOFError, OSError):
                died = self.bury()
                continue
            error = RuntimeError(f"stage {self.stage.name!r} could not be built: {words}")
            error.add_note(trace)
            raise error from cause
        if self.closed:
            return False
        raise RuntimeError(
            f"stage {self.stage.name!r} could not be built: its worker died in each of {self.attempts} attempts, at "
            f"last {died}"
        )

    def received(self, item: Pickled) -> Iterator[Pickled]:
        """What the process answers to an item.

        Raises:
            TimeoutError: if it says nothing for too long; the time in which nobody asks for a result is not counted.
        """
        while (kind := self.heard()) != END:
            data = self.heard()
            if kind == FAILED:
                words, trace, cause = pickle.loads(data)
                error = failure(self.stage, item, words)
                error.add_note(trace)
                raise error from cause
            yield Pickled(data)

    def heard(self) -> bytes:
        """What the process says next; see `received`."""
        if not self.connection.poll(self.patience_s):
            raise TimeoutError
        return self.connection.recv_bytes()

    def bury(self) -> str:
        """Ends the process, if it has not ended; says how it did."""
        self.connection.close()
        self.process.join(1)  # it may have closed its end a moment before it ends by itself
        self.process.kill()
        self.process.join()
        code = self.process.exitcode
        self.process = self.connection = None
        return f"by {signal.Signals(-code).name}" if code is not None and code < 0 else f"with exit code {code}"

    def finish(self) -> None:
        """Lets the process end by itself, as nothing more comes: one that is killed leaves semaphores to the system."""
        if self.process is not None:
            self.connection.close()
            self.process.join(PARTING_S)

    def close(self) -> None:
        """Ends the process at once; whoever waits for its results sees no more of them. Any thread may call this."""
        with self.lock:
            self.closed = True
            process = self.process
            if process is not None:
                process.kill()
                process.join()


def serve(connection: connections.Connection, build: bytes, environment: dict[str, str]) -> None:
    """Life of a worker process: builds the stage, then answers every item with its results."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the first one decides
    threading.Thread(target=end_with_parent, daemon=True).start()
    os.environ.update(environment)  # before the stage is unpickled, which imports what reads it
    try:
        function = pickle.loads(build)()
    except Exception as error:
        send_failure(connection, error)
        return
    connection.send_bytes(BUILT)
    while True:
        try:
            item = connection.recv_bytes()
        except (EOFError, OSError):
            Finalize(None, os._exit, (0,), exitpriority=-1)  # after the semaphores, before the slow end of torch
            return
        try:
            answer(connection, function(pickle.loads(item)))
        except Exception as error:
            send_failure(connection, error)


def answer(connection: connections.Connection, results: Iterable[Any]) -> None:
    """Sends results one by one."""
    for result in results:
        data = pickled(result).data
        connection.send_bytes(RESULT)
        connection.send_bytes(data)
    connection.send_bytes(END)


def send_failure(connection: connections.Connection, error: Exception) -> None:
    """Sends an exception in words, as not every exception can be pickled, and a copy of one that the user can mend."""
    words = f"{type(error).__name__}: {error}"
    try:
        connection.send_bytes(FAILED)
        connection.send_bytes(pickle.dumps((words, traceback.format_exc(), plain_copy(error))))
    except OSError:  # nobody is there to hear it
        os._exit(1)


def end_with_parent() -> None:
    """Ends this process when its parent has died, whatever it is doing."""
    connections.wait([parent_process().sentinel])
    os._exit(1)
