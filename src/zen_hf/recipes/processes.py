# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Independent jobs on all GPUs of a machine: one process per GPU, each takes the next job when it is done with one."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import torch


def on_every_device(work: Callable[[Any], Any], jobs: Sequence[Any], processes: int | None = None) -> Iterator[Any]:
    """Call a function for every job, and give what it returns in the order of the jobs.

    Args:
        work: can be pickled; called in this process if one is enough.
        jobs: its arguments.
        processes: how many at once; by default one per GPU, and one without any. Process i sees the GPU i modulo their number.

    Raises:
        concurrent.futures.process.BrokenProcessPool: if a process dies; what others finished is on the disk.
    """
    processes = min(processes or max(1, torch.cuda.device_count()), len(jobs))
    if processes <= 1:
        yield from map(work, jobs)
        return
    context = multiprocessing.get_context("spawn")  # a CUDA context does not survive a fork
    numbers = context.Queue()
    for number in range(processes):
        numbers.put(number)
    threads = max(1, (os.cpu_count() or 1) // processes)
    with ProcessPoolExecutor(processes, context, _take_device, (numbers, torch.cuda.device_count(), threads)) as pool:
        yield from pool.map(work, jobs)


def _take_device(numbers: multiprocessing.Queue, devices: int, threads: int) -> None:
    """Give this process a GPU of its own before CUDA starts, and its share of the cores."""
    number = numbers.get()
    if devices:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(devices)))).split(",")
        os.environ["CUDA_VISIBLE_DEVICES"] = visible[number % devices]
    torch.set_num_threads(threads)
