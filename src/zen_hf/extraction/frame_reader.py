# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Squares of pixels for an encoder, decoded in the background while it is busy."""

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from zen_hf.data.frame_pixels import frame_to_square


def squares_of(moments, image_size: int) -> Iterator[tuple[np.ndarray, int, float]]:
    """Square [3, S, S], number and time of every frame of an open video."""
    for _, frame in moments.frames():
        yield frame_to_square(frame.image, image_size), frame.frame_index, frame.time_s


def ahead(items: Iterable[Any], waiting: int) -> Iterator[Any]:
    """The items, made by a thread of its own, of which some wait.

    Args:
        items: What to make.
        waiting: How many may wait.
    """
    ready, stopped, end = queue.Queue(waiting), threading.Event(), object()

    def put(item: Any) -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def make() -> None:
        try:
            for item in items:
                if not put((item, None)):
                    return
            put((end, None))
        except Exception as error:
            put((end, error))

    thread = threading.Thread(target=make, name="decode", daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if error is not None:
                raise error
            if item is end:
                return
            yield item
    finally:
        stopped.set()
        thread.join()
