"""Orthogonal matrices behind PHI-S: exact orthonormality and a constant diagonal."""

import pytest
import torch

from zen_hf.distillation.hadamard import hadamard, schur_horn


@pytest.mark.parametrize("size", [1, 2, 4, 12, 20, 28, 36, 64, 96, 192, 384, 768, 1280])
def test_hadamard_is_orthonormal_with_equal_entries(size):
    matrix = hadamard(size)
    assert torch.allclose(matrix @ matrix.T, torch.eye(size, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(matrix.abs(), torch.full_like(matrix, size**-0.5))


@pytest.mark.parametrize("size", [3, 90, 100])
def test_sizes_without_a_construction_return_none(size):
    assert hadamard(size) is None


@pytest.mark.parametrize("size", [2, 3, 50, 90])
def test_schur_horn_equalises_any_spectrum(size):
    spectrum = torch.rand(size, dtype=torch.float64, generator=torch.Generator().manual_seed(size)) ** 6 * 100
    rotation = schur_horn(spectrum)
    assert torch.allclose(rotation @ rotation.T, torch.eye(size, dtype=torch.float64), atol=1e-12)
    diagonal = (rotation * spectrum) @ rotation.T
    assert torch.allclose(diagonal.diagonal(), spectrum.mean().expand(size), atol=1e-11)


def test_schur_horn_leaves_a_flat_spectrum_alone():
    assert torch.equal(schur_horn(torch.full((5,), 2.0, dtype=torch.float64)), torch.eye(5, dtype=torch.float64))
