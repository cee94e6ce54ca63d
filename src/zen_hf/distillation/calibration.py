# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Measures every teacher once on training views and freezes its standardisation and dispersion."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from zen_hf.distillation.losses.angle import measure_dispersion
from zen_hf.distillation.standardisation import METHODS, Standardisation, StreamingMoments

Targets = dict[str, tuple[torch.Tensor, torch.Tensor]]  # teacher -> summary [B, Cs], patches [B, N, C]


@dataclass
class StandardisationSpec:
    """How targets are standardised.

    Attributes:
        patches: `"none"`, `"global"`, `"channel"`, `"phis"` or `"pca_whiten"`, for patch tokens.
        summary: The same, for summaries.
        views: Training views that the statistics are taken from.
    """

    patches: str = "phis"
    summary: str = "phis"
    views: int = 2048

    def __post_init__(self):
        for name in ("patches", "summary"):
            if getattr(self, name) not in METHODS:
                raise ValueError(
                    f"standardisation.{name} is {getattr(self, name)!r}; expected one of {', '.join(METHODS)}"
                )
        if self.views < 2:
            raise ValueError(f"standardisation.views is {self.views}; expected at least 2, better 1000")


@dataclass
class Calibration:
    """The frozen statistics of one teacher."""

    summary: Standardisation
    patches: Standardisation
    dispersion: float


def calibrate(
    batches: Iterable[Targets],
    spec: StandardisationSpec,
    world_size: int = 1,
    gather: Callable[[object], list] = lambda value: [value],
) -> dict[str, Calibration]:
    """Takes the statistics of every teacher over `spec.views` training views, which all processes share.

    Args:
        batches: Teacher outputs for batches of training views, other ones in every process.
        spec: Methods and number of views.
        world_size: Number of processes.
        gather: Gives what every process passed to it, in the order of their ranks.

    Raises:
        ValueError: If a teacher's features do not vary or are not finite.
    """
    moments: dict[str, tuple[StreamingMoments, StreamingMoments]] = {}
    summaries: dict[str, list[torch.Tensor]] = {}
    views = 0
    for targets in batches:
        for name, (summary, patches) in targets.items():
            finite = summary.isfinite().all(dim=1) & patches.isfinite().all(dim=2).all(dim=1)
            summary, patches = summary[finite], patches[finite]  # a view that a teacher failed on says nothing
            if name not in moments:
                moments[name] = StreamingMoments(summary.shape[-1]), StreamingMoments(patches.shape[-1])
            if len(summary):
                moments[name][0].update(summary)
                moments[name][1].update(patches)
            summaries.setdefault(name, []).append(summary.float().cpu())
        views += len(finite)
        if views * world_size >= spec.views:
            break
    calibrations = {}
    for name in moments:
        parts = gather((*(vars(part) for part in moments[name]), torch.cat(summaries[name])))
        summary, patches = (merged([part[index] for part in parts]) for index in (0, 1))
        try:
            calibrations[name] = Calibration(
                summary=Standardisation.fit(spec.summary, summary),
                patches=Standardisation.fit(spec.patches, patches),
                dispersion=measure_dispersion(torch.cat([part[2] for part in parts])),
            )
        except ValueError as error:
            raise ValueError(f"teacher {name}: {error}") from error
    return calibrations


def merged(parts: list[dict]) -> StreamingMoments:
    """One stream's moments from those of several, each the fields of a `StreamingMoments`."""
    total = StreamingMoments(len(parts[0]["mean"]))
    for part in parts:
        total.merge(**part)
    return total


def save_calibrations(calibrations: dict[str, Calibration], path: Path) -> None:
    """Stores the statistics in a safetensors file."""
    tensors, methods = {}, {}
    for name, calibration in calibrations.items():
        tensors |= calibration.summary.tensors(f"{name}.summary") | calibration.patches.tensors(f"{name}.patches")
        tensors[f"{name}.dispersion"] = torch.tensor(calibration.dispersion, dtype=torch.float64)
        methods |= {f"{name}.summary": calibration.summary.method, f"{name}.patches": calibration.patches.method}
    save_file(tensors, path, metadata=methods)


def load_calibrations(path: Path) -> dict[str, Calibration]:
    """Reads what [`save_calibrations`] stored."""
    with safe_open(path, framework="pt") as file:
        methods = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    names = sorted({key.rsplit(".", 1)[0] for key in methods})
    parts = {
        name: [
            Standardisation.from_tensors(methods[f"{name}.{part}"], tensors, f"{name}.{part}")
            for part in ("summary", "patches")
        ]
        for name in names
    }
    return {name: Calibration(*parts[name], float(tensors[f"{name}.dispersion"])) for name in names}
