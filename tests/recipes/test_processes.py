# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Jobs in several processes: the same results in the same order, and a GPU for each."""

import os

import pytest

from zen_hf.recipes import processes
from zen_hf.recipes.processes import on_every_device


def where(job: int) -> tuple[int, int, str | None]:
    return job, os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES")


def test_one_process_is_this_one():
    assert list(on_every_device(where, [3, 4])) == [(3, os.getpid(), None), (4, os.getpid(), None)]


def test_two_processes_give_results_in_order():
    """`eval`, because a spawned process can import no test module."""
    one, process, two = on_every_device(eval, ["divmod(10, 7)", "__import__('os').getpid()", "2 + 2"], processes=2)
    assert (one, two) == ((1, 3), 4)
    assert process != os.getpid()


@pytest.mark.parametrize(("visible", "expected"), [(None, ["0", "1", "0"]), ("4,7", ["4", "7", "4"])])
def test_every_process_sees_one_gpu(monkeypatch, visible, expected):
    class Numbers(list):
        get = list.pop

    monkeypatch.setattr(processes.torch, "set_num_threads", lambda threads: None)
    seen = []
    for number in range(3):
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        processes._take_device(Numbers([number]), devices=2, threads=1)
        seen.append(os.environ["CUDA_VISIBLE_DEVICES"])
    assert seen == expected
