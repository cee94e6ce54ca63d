# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The engine of a cluster: what the engine of one machine promises, on two Ray nodes, one of which goes away."""

import os
import re
import sys

import numpy as np
import pytest
from engine_stages import (
    Broken,
    Chunk,
    Decode,
    Video,
    alive,
    end,
    parent_of,
    plain_loop,
    runs_below,
    stages,
    traces,
    wait_until,
)

from zen_hf.engines import ray_data
from zen_hf.engines.ray_data import RayEngine
from zen_hf.engines.stage import Stage

VIDEOS = [Video("a", 3), Video("b", 0), Video("c", 2), Video("d", 4)]
STORE = 100_000_000


def test_ray_is_an_extra_that_is_asked_for_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r'pip install "zen-hf\[ray\]"'):
        RayEngine()


def test_wrong_settings_are_refused_in_words(monkeypatch):
    monkeypatch.setattr(ray_data, "import_ray", lambda: None)
    with pytest.raises(ValueError, match="attempts is 0"):
        RayEngine(attempts=0)
    with pytest.raises(ValueError, match="address is 'auto', a cluster that is running: it has its own num_cpus"):
        RayEngine("auto", cpus=2)


@pytest.mark.parametrize(
    "workers, cores, gpus, room",
    [
        (6, 2, 0, 6),
        (7, 2, 0, 6),
        (2, 5, 0, 1),
        (1, 9, 0, 0),
        (2, 1, 1, 2),
        (3, 1, 1, 2),
        (1, 1, 3, 0),
        (39, 0.3, 0, 39),
    ],
)
def test_each_worker_needs_one_machine_that_is_large_enough(workers, cores, gpus, room):
    machines = [{"CPU": 8.0, "GPU": 2.0}, {"CPU": 4.0}, {"memory": 1e9}]
    stage = Stage("encode", Broken("never"), workers, cores, gpus)
    if workers <= room:
        ray_data.check_machines(stage, machines)
        return
    words = rf"asks for {workers} workers, .* of one machine, but .* have room for {room} \(1 with 0 cores and 0"
    with pytest.raises(ValueError, match=words):
        ray_data.check_machines(stage, machines)


@pytest.fixture(scope="module")
def environment():
    """What Ray's processes need to find the stages, and to tell nobody of them."""
    pytest.importorskip("ray", reason="needs Ray: the extra zen-hf[ray]")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        yield


@pytest.fixture(scope="module")
def cluster(environment):
    """Two nodes of one core each: a stage of two workers of 0.7 cores needs both."""
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    cluster.add_node(num_cpus=1, object_store_memory=STORE)
    yield cluster
    cluster.shutdown()


def spread(notes, **options):
    """The usual stages, the first of them on both nodes."""
    decode, encode = stages(notes, **options)
    return [
        Stage(decode.name, decode.build, 2, cpus=0.7, lost=decode.lost),
        Stage(encode.name, encode.build, 1, cpus=0.2),
    ]


def expected(tmp_path, videos=VIDEOS):
    folder = tmp_path / "loop"
    folder.mkdir(exist_ok=True)
    return sorted(plain_loop(videos, stages(folder)))


@pytest.mark.slow
def test_results_are_those_of_a_plain_loop_whatever_dies(cluster, tmp_path):
    harm = {"a": "kill", "c": "poison", "d": "kill parent"}  # the last one kills the actor itself
    found = sorted(RayEngine(cluster.address).run(VIDEOS, spread(tmp_path, harm=harm)))
    right = [result for result in expected(tmp_path) if result[0] != "c" or result[1] == 0]
    assert found == sorted([*right, ("c", -1, 0, "its worker died in each of 3 attempts, at last by SIGKILL")])
    attempts = traces(tmp_path, "attempt")
    assert set(attempts) >= {"a-0", "a-1", "b-0", "c-0", "c-1", "c-2", "d-0", "d-1"}
    assert wait_until(lambda: not alive(tmp_path))


def halfway_on(node, notes, chunks):
    """Processes on a node that are halfway through a video, and its name."""
    raylet = node.all_processes["raylet"][0].process.pid
    for attempt in traces(notes, "attempt"):
        name, _, number = attempt.rpartition("-")
        worker = int((notes / f"attempt-{name}-{number}").read_text() or 0)
        made = len(traces(notes, f"made-{name}"))
        if number == "0" and 2 <= made < chunks - 2 and runs_below(worker, raylet):
            return name, (worker, parent_of(worker))
    return None


@pytest.mark.slow
def test_a_node_goes_away_during_the_run_and_another_one_comes(cluster, tmp_path):
    chunks = 12
    videos = [Video(f"v{number}", chunks) for number in range(4)]
    run = RayEngine(cluster.address).run(videos, spread(tmp_path, seconds=0.2, size=100_000))
    found = [next(run)]
    node = cluster.worker_nodes.copy().pop()
    assert wait_until(lambda: halfway_on(node, tmp_path, chunks))
    name, processes = halfway_on(node, tmp_path, chunks)
    cluster.remove_node(node, allow_graceful=False)
    for process in processes:  # a machine that goes away takes them along at once
        end(process)
    cluster.add_node(num_cpus=1, object_store_memory=STORE)
    found += run
    folder = tmp_path / "loop"
    folder.mkdir()
    assert sorted(found) == sorted(plain_loop(videos, stages(folder, size=100_000)))
    assert len(traces(tmp_path, f"attempt-{name}")) > 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "build, words, cause",
    [
        ("raise", r"stage 'decode' failed on Video\(name='d', chunks=4\): ValueError: no frame 1", "no frame 1"),
        (
            "full",
            r"stage 'decode' failed on Video\(name='d'.* No space left",
            "[Errno 28] No space left .*'d.parquet'",
        ),
        ("hang", r"stage 'decode' failed on Video\(name='d'.* at last killed as nothing came of it for 3 s", None),
        (Broken("raise"), "stage 'decode' could not be built: OSError: no weights there", "no weights there"),
        (
            Broken("die"),
            "stage 'decode' could not be built: its worker died in each of 2 attempts, at last by SIGKILL",
            None,
        ),
    ],
)
def test_what_fails_ends_the_run_and_is_named(cluster, tmp_path, build, words, cause):
    """What a user can mend is the cause, of which a command tells; see `plain_errors`."""
    harm = build if isinstance(build, str) else None
    pipeline = spread(tmp_path, harm={"d": harm}, lost=None)
    if harm is None:
        pipeline[0] = Stage("decode", build, 2, cpus=0.7)
    with pytest.raises(RuntimeError, match=f"^{words}") as raised:
        list(RayEngine(cluster.address, attempts=2, patience_s=3).run(VIDEOS, pipeline))
    found = raised.value.__cause__
    assert found is None if cause is None else re.fullmatch(cause.replace("[", r"\["), str(found))
    attempts = {None: 0, "hang": 2}.get(harm, 1)  # an exception is not tried again
    assert len(traces(tmp_path, "attempt-d")) == attempts
    assert wait_until(lambda: not alive(tmp_path))


@pytest.mark.slow
def test_results_that_nobody_takes_hold_the_stages_back(cluster, tmp_path):
    size, chunks = 4_000_000, 60  # 480 MB in all go through stores of 100 MB on each of two nodes
    pipeline = spread(tmp_path, size=size, encode_s=0.1)
    run = RayEngine(cluster.address).run([Video("a", chunks), Video("b", chunks)], pipeline)
    waiting = []
    for number, _ in enumerate(run):
        waiting.append(len(traces(tmp_path, "made")) - len(traces(tmp_path, "encoded")))
        if number == 40:
            break
    assert len(traces(tmp_path, "made")) < 2 * chunks
    assert max(waiting) * size < 2 * STORE
    run.close()
    assert wait_until(lambda: not alive(tmp_path))


@pytest.mark.slow
def test_more_workers_than_the_cluster_has_cores_for(cluster, tmp_path):
    with pytest.raises(ValueError, match="workers of 'decode', 'encode' need 5.5 CPUs together, but .* has 2;"):
        list(RayEngine(cluster.address).run(VIDEOS, stages(tmp_path, decoders=10)))
    large = Stage("encode", Broken("never"), cpus=1.5)
    with pytest.raises(
        ValueError, match=r"'encode' asks for 1 workers, each with 1.5 cores .* \(2 with 1 cores and 0"
    ):
        list(RayEngine(cluster.address).run(VIDEOS, [large]))


@pytest.mark.slow
def test_ray_that_is_started_here_ends_with_the_run_and_large_arrays_arrive_exactly(environment, tmp_path):
    import ray

    assert not ray.is_initialized()
    pipeline = stages(tmp_path, size=10_000_000)[:1]
    engine = RayEngine(cpus=2, gpus=0, object_store_bytes=STORE)
    for chunk in engine.run([Video("a", 2), Video("b", 2)], pipeline):
        made = list(Decode(tmp_path, size=10_000_000).chunks(Video(chunk.video, 2)))[chunk.number]
        assert isinstance(chunk, Chunk) and np.array_equal(chunk.pixels, made.pixels)
    assert not ray.is_initialized() and wait_until(lambda: not alive(tmp_path))
    assert list(engine.run([], pipeline)) == []
