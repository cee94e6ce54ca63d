# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What the command line's words for engines and workers mean."""

import pytest

from zen_hf.engines.local import LocalEngine
from zen_hf.engines.workers import Workers, engine_named, workers_here


def test_engines_and_workers():
    assert isinstance(engine_named("local"), LocalEngine)
    with pytest.raises(ValueError, match="engine is 'slurm'"):
        engine_named("slurm")
    with pytest.raises(ValueError, match="engine is 'local' at auto"):
        engine_named("local", "auto")
    assert workers_here(decoders=3, gpus=0).decoders == 3
    assert workers_here(gpus=2).gpus == 2


def test_without_a_gpu_the_encoder_computes_on_all_cores_and_a_cluster_keeps_those_that_are_left(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert workers_here(gpus=0) == Workers(decoders=1, gpus=0, cores=7.0, threads=8)
    assert workers_here(decoders=12, gpus=0) == Workers(decoders=12, gpus=0, cores=1.0, threads=8)
    assert workers_here(gpus=2) == Workers(decoders=6, gpus=2)
