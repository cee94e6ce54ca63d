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

NUMBERS = ("dispersion", "summary_change", "patch_change")
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
    """The frozen statistics of one teacher.

    Attributes:
        summary: Standardisation of summaries.
        patches: Standardisation of patch tokens.
        dispersion: Mean squared angle of summaries to their mean direction, in squared radians.
        summary_change: `E[(y_k+1 - y_k)^2]` of standardised summaries from frame to frame of a clip; 0 without clips.
        patch_change: The same, for patch tokens.
    """

    summary: Standardisation
    patches: Standardisation
    dispersion: float
    summary_change: float = 0.0
    patch_change: float = 0.0


class TeacherMoments:
    """What is measured of one teacher.

    Args:
        summary_size: Length of its summary.
        patch_size: Length of its patch tokens.
    """

    def __init__(self, summary_size: int, patch_size: int):
        sizes = {"summary": summary_size, "patches": patch_size}
        self.moments = {name: StreamingMoments(size) for name, size in sizes.items()}
        self.changes = {name: StreamingMoments(size) for name, size in sizes.items()}
        self.summaries: list[torch.Tensor] = []
        self.views = 0

    def update(
        self, summary: torch.Tensor, patches: torch.Tensor, weights: torch.Tensor | None, clip_frames: int
    ) -> None:
        """Adds views: summary [B, Cs], patches [B, N, C], share of picture per patch [B, N]."""
        finite = summary.isfinite().all(dim=1) & patches.isfinite().all(dim=2).all(dim=1)
        self.summaries.append(summary[finite].float().cpu())  # a view that a teacher failed on says nothing
        picture = finite[:, None].expand(patches.shape[:2])
        if weights is not None:
            picture = picture & (weights > 0.5)  # the border is the same in all views: it would deflate the variance
        if finite.any():
            self.moments["summary"].update(summary[finite])
        if picture.any():
            self.moments["patches"].update(patches[picture])
        if clip_frames > 1 and finite.all():
            self.changes["summary"].update(summary.unflatten(0, (-1, clip_frames)).double().diff(dim=1))
            self.changes["patches"].update(patches.unflatten(0, (-1, clip_frames)).double().diff(dim=1))

    def parts(self) -> tuple:
        """Everything as tensors and numbers, to be merged with that of other processes."""
        streams = [vars(stream) for stream in (*self.moments.values(), *self.changes.values())]
        return streams, torch.cat(self.summaries)


def calibrate(
    batches: Iterable[tuple[Targets, torch.Tensor | None, int]],
    spec: StandardisationSpec,
    names: list[str],
    world_size: int = 1,
    gather: Callable[[object], list] = lambda value: [value],
    clip_frames: int = 1,
) -> dict[str, Calibration]:
    """Takes the statistics of every teacher over `spec.views` training views, which all processes share.

    Args:
        batches: Teacher outputs for batches of training views, other ones in every process; the share of picture in
            every patch [B, N] or None; and the number of views B.
        spec: Methods and number of views.
        names: The teachers; not all of them need to answer every batch.
        world_size: Number of processes.
        gather: Gives what every process passed to it, in the order of their ranks.
        clip_frames: Consecutive views that are frames of one clip.

    Raises:
        ValueError: If a teacher's features do not vary or are not finite.
    """
    measured: dict[str, TeacherMoments] = {}
    for targets, weights, views in batches:
        for name, (summary, patches) in targets.items():
            teacher = measured.setdefault(name, TeacherMoments(summary.shape[-1], patches.shape[-1]))
            per_frame = len(summary) == views  # else a video teacher speaks of clips
            shares = weights if per_frame else tubelet_weights(weights, len(summary), patches.shape[1])
            teacher.update(summary, patches, shares, clip_frames if per_frame else 1)
            teacher.views += views
        if all(name in measured and measured[name].views * world_size >= spec.views for name in names):
            break
    calibrations = {}
    for name in names:
        teacher = measured[name]
        parts = gather(teacher.parts())
        summary, patches, summary_change, patch_change = (
            merged([streams[index] for streams, _ in parts]) for index in range(4)
        )
        try:
            maps = Standardisation.fit(spec.summary, summary), Standardisation.fit(spec.patches, patches)
            dispersion = measure_dispersion(torch.cat([summaries for _, summaries in parts]))
        except ValueError as error:
            raise ValueError(f"teacher {name}: {error}") from error
        changes = (mean_square(maps[0], summary_change), mean_square(maps[1], patch_change))
        calibrations[name] = Calibration(*maps, dispersion, *changes)
    return calibrations


def tubelet_weights(weights: torch.Tensor | None, clips: int, tokens: int) -> torch.Tensor | None:
    """Share of picture per token of a video teacher [clips, tokens], from that per frame and patch [B, N]."""
    if weights is None:
        return None
    per_clip = weights.unflatten(0, (clips, -1))  # [clips, K, N]
    tubelets = tokens // weights.shape[1]
    return per_clip.unflatten(1, (tubelets, -1)).mean(dim=2).flatten(1)


def mean_square(standardisation: Standardisation, differences: StreamingMoments) -> float:
    """Mean square per channel of standardised differences, from the moments of the raw ones; 0 of none."""
    if not differences.count:
        return 0.0
    second = differences.scatter / differences.count + torch.outer(differences.mean, differences.mean)  # [C, C]
    matrix = standardisation.forward_matrix
    matrix = torch.diag(matrix) if matrix.ndim == 1 else matrix
    return float(torch.einsum("ij,jk,ik->", matrix, second, matrix) / len(second))


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
        for number in NUMBERS:
            tensors[f"{name}.{number}"] = torch.tensor(getattr(calibration, number), dtype=torch.float64)
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
    return {
        name: Calibration(*parts[name], *(float(tensors[f"{name}.{number}"]) for number in NUMBERS)) for name in names
    }
