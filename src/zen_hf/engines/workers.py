# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Who does the work of a run, and which engine the command line names."""

import os
from dataclasses import dataclass

from .local import LocalEngine, gpus_here
from .ray_data import RayEngine
from .stage import Engine


@dataclass(frozen=True)
class Workers:
    """Who does the work.

    Attributes:
        decoders: Processes that decode, a video each at a time.
        gpus: Processes that encode, a GPU each; 0 for one that encodes on the processor.
        cores: Processor cores of each that encodes, which a cluster keeps for it.
        threads: With which each computes that encodes on the processor.
    """

    decoders: int = 1
    gpus: int = 0
    cores: float = 1.0
    threads: int = 1


def engine_named(name: str, address: str | None = None) -> Engine:
    """The engine that the command line names.

    Args:
        name: "local" or "ray".
        address: Of a running Ray cluster; None starts Ray on this machine.

    Raises:
        ImportError: If Ray is not installed.
        ValueError: If it is another name, or an address is given without Ray.
    """
    if name == "ray":
        return RayEngine(address)
    if name != "local" or address is not None:
        raise ValueError(f"engine is {name!r} at {address}; expected 'local', or 'ray' with or without an address")
    return LocalEngine()


def workers_here(decoders: int | None = None, gpus: int | None = None) -> Workers:
    """Who does the work where nobody says otherwise: every GPU of this machine encodes.

    Without a GPU, the one that encodes computes on all cores and shares them with those that decode, who need little: an
    encoder that left them their cores would be slower by as much. A cluster is asked for the cores that are left.

    Args:
        decoders: Processes that decode; by default one, with GPUs one per core that is left.
        gpus: Processes that encode, a GPU each; by default all GPUs of this machine.
    """
    cores = os.cpu_count() or 1
    gpus = gpus_here() if gpus is None else gpus
    decoders = decoders or (max(1, cores - gpus) if gpus else 1)
    if gpus:
        return Workers(decoders, gpus)
    return Workers(decoders, cores=float(max(1, cores - decoders)), threads=cores)
