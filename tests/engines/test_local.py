# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The engine of one machine: the results of a plain loop, whatever dies on the way, and nothing left behind."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import traceback

import numpy as np
import pytest
from engine_stages import (
    Broken,
    Chunk,
    Decode,
    Video,
    alive,
    build_count_up,
    plain_loop,
    stages,
    traces,
    wait_until,
)

from zen_hf.engines.channel import Run
from zen_hf.engines.local import LocalEngine
from zen_hf.engines.stage import Stage

VIDEOS = [Video("a", 3), Video("b", 0), Video("c", 2), Video("d", 4)]


def expected(tmp_path):
    folder = tmp_path / "loop"
    folder.mkdir(exist_ok=True)
    return sorted(plain_loop(VIDEOS, stages(folder)))


@pytest.mark.parametrize("decoders, encoders, lost", [(2, 1, "lost"), (1, 2, None)])
def test_results_are_those_of_a_plain_loop(tmp_path, decoders, encoders, lost):
    pipeline = stages(tmp_path, decoders, encoders, **({} if lost else {"lost": None}))
    assert sorted(LocalEngine().run(VIDEOS, pipeline)) == expected(tmp_path)
    assert not alive(tmp_path) and not multiprocessing.active_children()


@pytest.mark.parametrize("workers", [1, 2])
def test_results_of_an_item_keep_their_order_and_a_stage_is_built_once_per_worker(tmp_path, workers):
    numbers = {"x": [], "y": [], "z": []}
    items = [Video(name, 50) for name in numbers]
    for name, number in LocalEngine().run(items, [Stage("count", build_count_up, workers)]):
        numbers[name].append(number)
    assert all(found == list(range(50)) for found in numbers.values())


def test_no_items_no_results_and_no_stages_the_items():
    assert list(LocalEngine().run([], [Stage("count", build_count_up)])) == []
    assert list(LocalEngine().run([1, 2, 3], [])) == [1, 2, 3]


def test_a_worker_that_dies_is_replaced_and_no_result_is_lost_or_doubled(tmp_path):
    pipeline = stages(tmp_path, harm={"a": "kill", "d": "kill"})
    assert sorted(LocalEngine().run(VIDEOS, pipeline)) == expected(tmp_path)
    assert traces(tmp_path, "attempt") == ["a-0", "a-1", "b-0", "c-0", "d-0", "d-1"]


def test_an_item_that_kills_every_worker_ends_in_words_and_the_run_goes_on(tmp_path):
    found = sorted(LocalEngine(attempts=2).run(VIDEOS, stages(tmp_path, harm={"d": "poison"})))
    others = [result for result in expected(tmp_path) if result[0] != "d"]
    words = "its worker died in each of 2 attempts, at last by SIGKILL"
    first = next(result for result in expected(tmp_path) if result[:2] == ("d", 0))  # passed on before the death, once
    assert found == [*others, ("d", -1, 0, words), first]
    assert [name for name in traces(tmp_path, "attempt") if name.startswith("d")] == ["d-0", "d-1"]


def test_such_an_item_ends_the_run_where_nothing_can_take_its_place(tmp_path):
    pipeline = stages(tmp_path, lost=None, harm={"c": "poison"})
    with pytest.raises(
        RuntimeError, match=r"stage 'decode' failed on Video\(name='c', chunks=2\): its worker died .*3"
    ):
        list(LocalEngine().run(VIDEOS, pipeline))
    assert not alive(tmp_path) and not multiprocessing.active_children()


def test_a_worker_that_hangs_counts_as_one_that_died(tmp_path):
    pipeline = stages(tmp_path, harm={"a": "hang once", "d": "hang"})
    found = sorted(LocalEngine(attempts=2, patience_s=2).run(VIDEOS, pipeline))
    right = [result for result in expected(tmp_path) if result[0] != "d" or result[1] == 0]
    words = "its worker died in each of 2 attempts, at last killed as nothing came of it for 2 s"
    assert found == sorted([*right, ("d", -1, 0, words)])
    assert traces(tmp_path, "attempt") == ["a-0", "a-1", "b-0", "c-0", "d-0", "d-1"]
    assert not alive(tmp_path) and not multiprocessing.active_children()


def test_a_worker_that_hangs_ends_the_run_where_nothing_can_take_its_place(tmp_path):
    pipeline = stages(tmp_path, lost=None, harm={"c": "hang"})
    with pytest.raises(RuntimeError, match=r"stage 'decode' failed on Video\(name='c', .* nothing came of it for 1 s"):
        list(LocalEngine(attempts=1, patience_s=1).run(VIDEOS[2:], pipeline))
    assert not alive(tmp_path)


def test_a_worker_that_nobody_asks_for_more_does_not_hang(tmp_path):
    taken = 0
    for _ in LocalEngine(attempts=1, patience_s=1).run([Video("a", 8)], stages(tmp_path)[:1]):
        time.sleep(1.5 if taken < 3 else 0)
        taken += 1
    assert taken == 8 and traces(tmp_path, "attempt") == ["a-0"]


@pytest.mark.parametrize("lost", ["process", None])
def test_an_exception_ends_the_run_at_once_and_names_stage_and_item(tmp_path, lost):
    pipeline = stages(tmp_path, 1, harm={"a": "raise"}, **({} if lost else {"lost": None}))
    threads = threading.active_count()
    with pytest.raises(
        RuntimeError, match=r"stage 'decode' failed on Video\(name='a'.*ValueError: no frame 1"
    ) as raised:
        list(LocalEngine().run(VIDEOS, pipeline))
    told = "".join(traceback.format_exception(raised.value))
    assert "in chunks" in told and 'raise ValueError(f"no frame {number}")' in told
    assert [name for name in traces(tmp_path, "attempt") if name.startswith("a")] == ["a-0"]  # not tried again
    assert not alive(tmp_path) and threading.active_count() <= threads


@pytest.mark.parametrize(
    "how, workers, words",
    [
        ("raise", 1, "stage 'broken' could not be built: OSError: no weights there"),
        ("raise", 2, "stage 'broken' could not be built: OSError: no weights there"),
        ("die", 2, "stage 'broken' could not be built: its worker died in each of 2 attempts, at last by SIGKILL"),
        ("pickle", 2, r"stage 'broken' failed on Video\(name='a', chunks=1\): .*[Pp]ickle"),
    ],
)
def test_a_stage_that_cannot_be_built_or_hands_over_what_cannot_be_pickled(how, workers, words):
    with pytest.raises(RuntimeError, match=words):
        list(LocalEngine(attempts=2).run([Video("a", 1)] * 2, [Stage("broken", Broken(how), workers)]))


@pytest.mark.parametrize("lost", ["process", None])
def test_few_results_wait_for_a_slow_consumer(tmp_path, lost):
    pipeline = [
        Stage("decode", Decode(tmp_path, size=1_000_000), 1, lost=None if lost is None else stages(tmp_path)[0].lost)
    ]
    most, waiting = 0, 2
    for taken, _ in enumerate(LocalEngine(waiting=waiting).run([Video("a", 30)], pipeline), start=1):
        time.sleep(0.02)
        most = max(most, len(traces(tmp_path, "made")) - taken)
    assert waiting <= most <= waiting + 2


def test_large_arrays_arrive_exactly(tmp_path):
    pipeline = stages(tmp_path, size=8_000_000)[:1]
    for chunk in LocalEngine().run([Video("a", 2), Video("b", 2)], pipeline):
        made = list(Decode(tmp_path, size=8_000_000).chunks(Video(chunk.video, 2)))[chunk.number]
        assert isinstance(chunk, Chunk) and np.array_equal(chunk.pixels, made.pixels)


@pytest.mark.parametrize("how", ["close", "raise"])
def test_whoever_takes_no_more_results_leaves_no_process_and_no_thread(tmp_path, how):
    threads = threading.active_count()
    run = LocalEngine().run([Video(f"v{number}", 10_000) for number in range(4)], stages(tmp_path, seconds=0.01))
    next(run)
    assert alive(tmp_path)
    start = time.monotonic()
    if how == "close":
        run.close()
    else:
        with pytest.raises(KeyError):
            run.throw(KeyError("consumer"))
    assert time.monotonic() - start < 5
    assert not alive(tmp_path) and not multiprocessing.active_children() and threading.active_count() <= threads


@pytest.mark.parametrize("busy_s", [0.0, 60.0])
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_ctrl_c_and_the_death_of_the_first_process_end_all_others(tmp_path, sent, busy_s):
    paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
    code = f"from engine_stages import run_for_ever; run_for_ever({str(tmp_path)!r}, {busy_s})"
    first = subprocess.Popen([sys.executable, "-c", code], env=os.environ | paths, stderr=subprocess.PIPE)
    try:
        assert wait_until(lambda: traces(tmp_path, "encoded") and len(alive(tmp_path)) >= 2)
        first.send_signal(sent)
        _, words = first.communicate(timeout=30)
    finally:
        first.kill()
    assert first.returncode == -sent and (sent == signal.SIGKILL or b"KeyboardInterrupt" in words)
    assert wait_until(lambda: not alive(tmp_path), 10)


class InterruptedCondition(threading.Condition):
    """Ctrl-C comes in the first thread just before, or just after, it has given the lock back for the fifth time."""

    times, released = 0, False

    def __exit__(self, *error):
        if threading.current_thread() is not threading.main_thread():
            return super().__exit__(*error)
        self.times += 1
        if self.times != 5:
            return super().__exit__(*error)
        if self.released:
            super().__exit__(*error)
        raise KeyboardInterrupt


@pytest.mark.timeout(60)
@pytest.mark.parametrize("released", [False, True])
def test_ctrl_c_while_the_lock_is_given_back_ends_the_run(tmp_path, monkeypatch, released):
    class InterruptedRun(Run):
        def __init__(self):
            super().__init__()
            self.changed = InterruptedCondition()

    monkeypatch.setattr(InterruptedCondition, "released", released)
    monkeypatch.setattr("zen_hf.engines.local.Run", InterruptedRun)
    started = LocalEngine().run([Video("v", 1000)], stages(tmp_path, seconds=0.01))
    with pytest.raises(KeyboardInterrupt):
        list(started)
    assert not alive(tmp_path) and not multiprocessing.active_children()


LOCKED = """
import multiprocessing

def build():
    lock = multiprocessing.RLock()  # a semaphore of the system, as the bars of many libraries have one

    def locked(item):
        with lock:
            yield item

    return locked

if __name__ == "__main__":
    import locked
    from zen_hf.engines.local import LocalEngine
    from zen_hf.engines.stage import Stage

    print(sorted(LocalEngine().run([1, 2, 3], [Stage("locked", locked.build, 2)])))
"""


def test_workers_that_came_to_their_end_leave_no_semaphore(tmp_path):
    (tmp_path / "locked.py").write_text(LOCKED)
    paths = {"PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])}
    command = [sys.executable, str(tmp_path / "locked.py")]
    ran = subprocess.run(command, env=os.environ | paths, capture_output=True, text=True, timeout=60)
    assert (ran.stdout, ran.stderr) == ("[1, 2, 3]\n", "")  # Python warns of those that are left


def test_wrong_settings_are_refused_in_words():
    with pytest.raises(ValueError, match="attempts is 0 and waiting is 2; expected at least 1"):
        LocalEngine(attempts=0)
    for seconds in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"patience_s is {seconds}; expected seconds above 0"):
            LocalEngine(patience_s=seconds)
    with pytest.raises(
        ValueError, match="stage 'decode' has 0 workers of 1.0 cores and 0.0 GPUs; expected at least 1"
    ):
        Stage("decode", build_count_up, workers=0)
    with pytest.raises(
        ValueError, match="stage 'encode' asks for 99 workers with 1 GPUs each, but this machine shows"
    ):
        list(LocalEngine().run([1], [Stage("encode", build_count_up, workers=99, gpus=1.0)]))
