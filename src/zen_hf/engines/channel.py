# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Where results wait between two stages: a queue of bounded length that ends, and that can be stopped from anywhere."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any


class Stopped(Exception):
    """The run is over; nothing is put or taken any more."""


class Run:
    """What the channels of one run share.

    Attributes:
        changed: Held by whoever reads or changes a channel.
        stopped: Whether the run is over.
        error: Why it is over, where a stage failed; the first such error.
    """

    def __init__(self):
        self.changed = threading.Condition()
        self.stopped = False
        self.error: Exception | None = None

    def let_go(self) -> None:
        """Frees the channels from the thread that calls this, in whatever state an exception has left it.

        Ctrl-C can be raised in the first thread after it has taken the lock and before the block that gives it back, or
        before the giving back itself; all others would wait for ever.
        """
        with suppress(RuntimeError):  # it holds the lock no more
            while True:
                self.changed.release()

    def stop(self, error: Exception | None = None) -> None:
        """Ends the run for all who wait at a channel."""
        with self.changed:
            self.error = self.error or error
            self.stopped = True
            self.changed.notify_all()


class Channel:
    """A queue between the workers of two stages.

    Args:
        run: The run that it belongs to.
        limit: Number of results that may wait in it; who has another one waits.
        writers: Number of workers that put results into it; it ends when all have closed it.
    """

    def __init__(self, run: Run, limit: int, writers: int):
        self.run, self.limit, self.writers = run, limit, writers
        self.waiting = deque()

    def put(self, result: Any) -> None:
        """Adds a result when there is room.

        Raises:
            Stopped: If the run is over.
        """
        with self.run.changed:
            self.run.changed.wait_for(lambda: self.run.stopped or len(self.waiting) < self.limit)
            if self.run.stopped:
                raise Stopped
            self.waiting.append(result)
            self.run.changed.notify_all()

    def close(self) -> None:
        """One of the writers has nothing more to put."""
        with self.run.changed:
            self.writers -= 1
            self.run.changed.notify_all()

    def __iter__(self) -> Iterator[Any]:
        """Takes results until there are no more.

        Raises:
            Stopped: If the run is over.
        """
        while True:
            with self.run.changed:
                self.run.changed.wait_for(lambda: self.run.stopped or self.waiting or not self.writers)
                if self.run.stopped:
                    raise Stopped
                if not self.waiting:
                    return
                result = self.waiting.popleft()
                self.run.changed.notify_all()
            yield result
