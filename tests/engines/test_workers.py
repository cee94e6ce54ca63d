# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What the command line's words for engines and workers mean."""

import pytest

from zen_hf.engines.local import LocalEngine
from zen_hf.engines.workers import engine_named, workers_here


def test_engines_and_workers():
    assert isinstance(engine_named("local"), LocalEngine)
    with pytest.raises(ValueError, match="engine is 'slurm'"):
        engine_named("slurm")
    with pytest.raises(ValueError, match="engine is 'local' at auto"):
        engine_named("local", "auto")
    assert workers_here(decoders=3, gpus=0).decoders == 3
    assert workers_here(decoders=3, gpus=0).cores >= 1
    assert workers_here(gpus=2).gpus == 2
