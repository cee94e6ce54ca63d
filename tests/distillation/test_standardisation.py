"""Standardised targets against pooled float64 statistics."""

import numpy as np
import pytest
import torch

from zen_hf.distillation.standardisation import METHODS, Standardisation, StreamingMoments


def features(size: int, count: int = 4000) -> torch.Tensor:
    """Correlated features with a mean and very unlike scales, as teachers have."""
    generator = torch.Generator().manual_seed(size)
    mixing = torch.randn(size, size, generator=generator) * torch.logspace(-2, 1, size)
    return torch.randn(count, size, generator=generator) @ mixing + torch.linspace(-5, 5, size)


def fitted(method: str, data: torch.Tensor) -> Standardisation:
    moments = StreamingMoments(data.shape[-1])
    for batch in data.split([1, 7, 500, len(data) - 508]):
        moments.update(batch)
    return Standardisation.fit(method, moments)


def test_streaming_moments_equal_the_pooled_sample():
    data = features(20) + 1e4  # a large mean: naive sums of squares would lose the variance
    moments = StreamingMoments(20)
    for batch in data.split([3, 1000, 1, 2996]):
        moments.update(batch)
    pooled = data.double().numpy()
    assert np.allclose(moments.mean, pooled.mean(axis=0), rtol=1e-12)
    assert np.allclose(moments.covariance, np.cov(pooled.T, bias=True), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("size", [24, 30])  # with a Hadamard matrix and without
def test_phis_gives_every_channel_unit_variance_with_one_scale(size):
    data = features(size)
    standardised = fitted("phis", data)(data).double()
    assert torch.allclose(standardised.mean(dim=0), torch.zeros(size, dtype=torch.float64), atol=1e-4)
    assert torch.allclose(standardised.var(dim=0, correction=0), torch.ones(size, dtype=torch.float64), atol=1e-3)
    # a rotation and one scale: distances keep their proportions, unlike under whitening
    scale = data.double().var(dim=0, correction=0).mean().sqrt()
    before = (data[0] - data[1]).double().norm() / scale
    assert torch.allclose((standardised[0] - standardised[1]).norm(), before, rtol=1e-4)


def test_channel_is_the_z_score():
    data = features(16)
    expected = (data - data.mean(dim=0)) / data.std(dim=0, correction=0)
    assert torch.allclose(fitted("channel", data)(data), expected, atol=1e-3)


def test_global_is_one_scale_around_the_mean():
    data = features(16)
    expected = (data - data.mean(dim=0)) / data.var(dim=0, correction=0).mean().sqrt()
    assert torch.allclose(fitted("global", data)(data), expected, atol=1e-4)
    # a squared error cannot tell it from PHI-S, which only turns it
    turned = fitted("phis", data)(data)
    assert torch.allclose((expected[0] - expected[1]).norm(), (turned[0] - turned[1]).norm(), rtol=1e-4)


def test_whitening_leaves_the_identity_as_covariance_but_does_not_blow_up_noise():
    data = features(16)
    covariance = torch.cov(fitted("pca_whiten", data)(data).double().T, correction=0)
    eigenvalues = torch.linalg.eigvalsh(torch.cov(data.double().T, correction=0))
    kept = eigenvalues > 1e-4 * eigenvalues.mean()
    assert 0 < kept.sum() < len(kept)  # this data has directions of both kinds
    assert torch.allclose(
        covariance - torch.diag(covariance.diagonal()), torch.zeros(1, dtype=torch.float64), atol=1e-3
    )
    assert torch.allclose(covariance.diagonal()[kept], torch.ones(1, dtype=torch.float64), atol=1e-3)
    assert (covariance.diagonal()[~kept] < 1).all()


def test_a_dead_channel_is_not_blown_up():
    data = features(16)
    data[:, 3] = 1e-9 * torch.randn(len(data))
    assert fitted("channel", data)(data)[:, 3].abs().max() < 1e-3


@pytest.mark.parametrize("method", METHODS)
def test_inverse_and_folding_return_to_the_teachers_space(method):
    data = features(24)
    standardisation = fitted(method, data)
    assert torch.allclose(standardisation.inverse(standardisation(data)), data, rtol=1e-3, atol=1e-2)
    head = torch.nn.Linear(8, 24)
    tokens = torch.randn(5, 8)
    expected = standardisation.inverse(head(tokens))
    standardisation.fold_into(head)
    assert torch.allclose(head(tokens), expected, rtol=1e-4, atol=1e-3)


def test_eigenvector_signs_are_fixed():
    data = features(24)
    first, second = fitted("phis", data), fitted("phis", data.flip(0))
    assert torch.allclose(first.forward_matrix, second.forward_matrix, atol=1e-6)


def test_constant_features_are_refused():
    moments = StreamingMoments(4)
    moments.update(torch.ones(10, 4))
    with pytest.raises(ValueError, match="must vary"):
        Standardisation.fit("phis", moments)


def test_unknown_method_is_refused():
    moments = StreamingMoments(4)
    moments.update(torch.randn(10, 4))
    with pytest.raises(ValueError, match="expected one of none, global, channel, phis, pca_whiten"):
        Standardisation.fit("whiten", moments)
