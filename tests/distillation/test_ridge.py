"""Ridge regression against scikit-learn and against its own limits."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge as ReferenceRidge
from sklearn.preprocessing import StandardScaler

from zen_hf.distillation.ridge import Ridge


@pytest.mark.parametrize("penalty", [1e-4, 1e-2, 1.0])
def test_equals_scikit_learn_on_standardised_features(penalty):
    random = np.random.default_rng(0)
    scales = 10.0 ** random.uniform(-3, 2, 12)
    features = (random.normal(size=(80, 12)) * scales + 5 * scales).astype(np.float32)
    targets = (features / scales @ random.normal(size=(12, 3)) + random.normal(size=(80, 3))).astype(np.float32)
    unseen = (random.normal(size=(30, 12)) * scales).astype(np.float32)

    # Ours averages the squared error over rows and divides by the unbiased deviation; theirs sums it and divides by
    # the biased one.
    scaler = StandardScaler().fit(features)
    scaler.scale_ *= np.sqrt(80 / 79)
    reference = ReferenceRidge(alpha=80 * penalty).fit(scaler.transform(features), targets)
    ours = Ridge(torch.from_numpy(features), torch.from_numpy(targets)).predict(torch.from_numpy(unseen), penalty)
    np.testing.assert_allclose(ours, reference.predict(scaler.transform(unseen)), rtol=2e-4, atol=2e-4)


def test_an_endless_penalty_predicts_the_mean_and_a_dead_feature_does_no_harm():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(40, 6, generator=generator)
    features[:, 2] = 3.0
    targets = torch.randn(40, 2, generator=generator)
    ridge = Ridge(features, targets)
    assert torch.allclose(ridge.predict(features, 1e12), targets.mean(0).expand(40, 2), atol=1e-6)
    assert ridge.predict(features, 1e-4).isfinite().all()


def test_predicts_patches_in_their_shape():
    generator = torch.Generator().manual_seed(0)
    features, weights = torch.randn(50, 4, generator=generator), torch.randn(4, 3, generator=generator)
    patches = torch.randn(2, 5, 4, generator=generator)
    predicted = Ridge(features, features @ weights).predict(patches, 1e-9)
    assert predicted.shape == (2, 5, 3)
    assert torch.allclose(predicted, patches @ weights, atol=1e-4)


@pytest.mark.parametrize("penalty", [1e-4, 1.0])
def test_more_features_than_rows_equals_scikit_learn(penalty):
    features, targets = torch.randn(15, 40), torch.randn(15, 3)
    unseen = torch.randn(7, 40)
    mean, std = features.mean(0), features.std(0)
    reference = ReferenceRidge(alpha=15 * penalty).fit(((features - mean) / std).double().numpy(), targets.numpy())
    expected = reference.predict(((unseen - mean) / std).double().numpy())
    assert np.abs(Ridge(features, targets).predict(unseen, penalty).numpy() - expected).max() < 1e-4
