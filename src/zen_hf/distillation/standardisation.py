# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Standardised targets: teachers speak on scales that differ by 100 and more, so their features are rescaled, once."""

from dataclasses import dataclass, field

import torch

from zen_hf.distillation.hadamard import hadamard, schur_horn

METHODS = ("none", "global", "channel", "phis", "pca_whiten")
WHITENING_FLOOR = 1e-4  # share of the mean variance below which a component counts as noise


class StreamingMoments:
    """Mean and covariance of a stream of vectors in float64, merged batch by batch (Chan et al., 1979).

    Args:
        size: Length C of the vectors.
    """

    def __init__(self, size: int):
        self.count = 0
        self.mean = torch.zeros(size, dtype=torch.float64)
        self.scatter = torch.zeros(size, size, dtype=torch.float64)

    def update(self, vectors: torch.Tensor) -> None:
        """Adds vectors [..., C]."""
        batch = vectors.reshape(-1, vectors.shape[-1]).to("cpu", torch.float64)
        mean = batch.mean(dim=0)
        centred = batch - mean
        self.merge(len(batch), mean, centred.T @ centred)

    def merge(self, count: int, mean: torch.Tensor, scatter: torch.Tensor) -> None:
        """Adds the moments of another stream, which may be empty."""
        if not count:
            return
        total = self.count + count
        delta = mean - self.mean
        self.scatter += scatter + torch.outer(delta, delta) * (self.count * count / total)
        self.mean += delta * (count / total)
        self.count = total

    @property
    def covariance(self) -> torch.Tensor:
        """Population covariance [C, C]."""
        if self.count < 2:
            raise ValueError(f"a covariance needs at least 2 vectors, got {self.count}")
        return self.scatter / self.count


@dataclass
class Standardisation:
    """The frozen affine map between a teacher's space and the space of the loss.

    Attributes:
        method: One of `METHODS`.
        mean: Mean of the teacher's features [C].
        forward_matrix: F [C, C] or, where it is diagonal, its diagonal [C]: `standardised = (features - mean) F^T`.
        inverse_matrix: G, with `features = standardised G^T + mean`.
    """

    method: str
    mean: torch.Tensor
    forward_matrix: torch.Tensor
    inverse_matrix: torch.Tensor
    copies: dict[torch.device, tuple[torch.Tensor, ...]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def fit(cls, method: str, moments: StreamingMoments) -> "Standardisation":
        """Fits the map to calibrated moments.

        Args:
            method: `"none"`; `"global"`: one scale phi for all channels, the root of their mean variance; `"channel"`:
                unit variance per channel; `"phis"`: PHI-S of Ranzinger et al. (2024), arXiv 2410.01680:
                `phi^-1 H U^T (y - mean)`, the same scale and a rotation after which every channel has the variance 1;
                `"pca_whiten"`: `L^-1/2 U^T (y - mean)`, uncorrelated channels of variance 1, where directions of less
                than 1e-4 of the mean variance keep less.
            moments: Mean and covariance of the teacher's features.

        Raises:
            ValueError: If the method is unknown or the features do not vary.
        """
        covariance = moments.covariance
        mean_variance = covariance.diagonal().mean()
        if method not in METHODS:
            raise ValueError(f"standardisation is {method!r}; expected one of {', '.join(METHODS)}")
        if not torch.isfinite(mean_variance) or mean_variance <= 0:
            raise ValueError(f"the teacher's features have the mean variance {mean_variance:.3g}; they must vary")
        if method == "none":
            ones = torch.ones_like(moments.mean)
            return cls(method, torch.zeros_like(ones), ones, ones.clone())
        if method == "channel":
            # a channel that hardly varies (a dead ReLU) is not blown up to the size of the others
            std = covariance.diagonal().clamp(min=float(mean_variance) * 1e-6).sqrt()
            return cls(method, moments.mean.clone(), 1 / std, std)
        scale = mean_variance.sqrt()
        if method == "global":
            return cls(
                method, moments.mean.clone(), (1 / scale).expand(len(covariance)), scale.expand(len(covariance))
            )
        spectrum, vectors = torch.linalg.eigh(covariance)
        largest = vectors.abs().argmax(dim=0)
        vectors = vectors * vectors[largest, torch.arange(len(spectrum))].sign()  # a sign that every machine agrees on
        if method == "pca_whiten":
            deviation = spectrum.clamp(min=float(mean_variance) * WHITENING_FLOOR).sqrt()
            return cls(method, moments.mean.clone(), vectors.T / deviation[:, None], vectors * deviation)
        rotation = hadamard(len(spectrum))
        rotation = (schur_horn(spectrum.clamp(min=0)) if rotation is None else rotation) @ vectors.T
        return cls(method, moments.mean.clone(), rotation / scale, rotation.T * scale)

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        """Teacher's space to the space of the loss, [..., C] in float32."""
        mean, forward_matrix, _ = self.in_float32(features.device)
        return apply_map(features.float() - mean, forward_matrix)

    def inverse(self, standardised: torch.Tensor) -> torch.Tensor:
        """Space of the loss to the teacher's space, [..., C] in float32."""
        mean, _, inverse_matrix = self.in_float32(standardised.device)
        return apply_map(standardised.float(), inverse_matrix) + mean

    def in_float32(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Mean and both maps in single precision on a device, copied there once."""
        if device not in self.copies:
            self.copies[device] = tuple(
                part.to(device, torch.float32) for part in (self.mean, self.forward_matrix, self.inverse_matrix)
            )
        return self.copies[device]

    @torch.no_grad()
    def fold_into(self, *linears: torch.nn.Linear) -> None:
        """Folds the inverse into the last layers of a head, whose sum then lives in the teacher's space.

        Args:
            linears: Layers whose outputs are added up; exactly one has a bias, which takes the mean.

        Raises:
            ValueError: If none or several have a bias.
        """
        biased = sum(linear.bias is not None for linear in linears)
        if biased != 1:
            raise ValueError(
                f"{biased} of {len(linears)} last layers have a bias; expected exactly 1, to add the mean once"
            )
        for linear in linears:
            linear.weight.copy_(map_columns(self.inverse_matrix, linear.weight))
            if linear.bias is not None:
                linear.bias.copy_(map_columns(self.inverse_matrix, linear.bias[:, None])[:, 0] + self.mean)

    @torch.no_grad()
    def take_out_of(self, *linears: torch.nn.Linear) -> None:
        """Undoes [`fold_into`], so that an exported head can be trained on in the space of the loss.

        Args:
            linears: Layers whose outputs are added up; exactly one has a bias.
        """
        for linear in linears:
            linear.weight.copy_(map_columns(self.forward_matrix, linear.weight))
            if linear.bias is not None:
                bias = linear.bias.double().cpu() - self.mean
                linear.bias.copy_(map_columns(self.forward_matrix, bias[:, None])[:, 0])

    def tensors(self, prefix: str) -> dict[str, torch.Tensor]:
        """What must be stored to use the map again."""
        return {
            f"{prefix}.mean": self.mean,
            f"{prefix}.forward_matrix": self.forward_matrix.contiguous(),
            f"{prefix}.inverse_matrix": self.inverse_matrix.contiguous(),
        }

    @classmethod
    def from_tensors(cls, method: str, tensors: dict[str, torch.Tensor], prefix: str) -> "Standardisation":
        """The map that `tensors` wrote."""
        names = ("mean", "forward_matrix", "inverse_matrix")
        return cls(method, *(tensors[f"{prefix}.{name}"] for name in names))


def apply_map(vectors: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    """Applies a map that is stored as a matrix or as its diagonal to vectors [..., C]."""
    return vectors * matrix if matrix.ndim == 1 else vectors @ matrix.T


def map_columns(matrix: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """Applies a map that is stored as a matrix or as its diagonal to columns [C, n], in float64 on the CPU."""
    columns = columns.to("cpu", torch.float64)
    return matrix[:, None] * columns if matrix.ndim == 1 else matrix @ columns
