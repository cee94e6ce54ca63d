"""RankMe of features whose rank is known, and against the paper's formula in numpy."""

import numpy as np
import pytest
import torch

from zen_hf.distillation.monitors.rank_me import rank_me


def orthonormal(rows: int, columns: int) -> torch.Tensor:
    random = torch.randn(rows, columns, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return torch.linalg.qr(random)[0]


@pytest.mark.parametrize("rank", [1, 3, 16])
def test_equal_singular_values_of_rank_k_give_k(rank):
    features = 7 * orthonormal(50, rank) @ orthonormal(16, rank).T
    assert rank_me(features) == pytest.approx(rank, rel=1e-10)
    assert rank_me(features.float()) == pytest.approx(rank, rel=1e-4)


def test_a_collapsed_encoder_has_rank_one_and_an_isotropic_one_nearly_all():
    constant = torch.tensor([[1.0, -2.0, 0.5, 3.0]]).expand(30, 4)
    assert rank_me(constant) == pytest.approx(1.0, abs=1e-5)
    isotropic = torch.randn(5000, 16, generator=torch.Generator().manual_seed(0))
    assert 15.9 < rank_me(isotropic) <= 16


def test_hand_worked_entropy():
    features = torch.zeros(4, 3)
    features[0, 0], features[1, 1], features[2, 2] = 2.0, 1.0, 1.0  # p = 1/2, 1/4, 1/4
    assert rank_me(features) == pytest.approx(2**1.5)


def test_equals_the_paper_up_to_its_epsilon_and_ignores_scale_and_rotation():
    random = np.random.default_rng(0)
    features = random.normal(size=(200, 12)) * np.geomspace(10, 1e-2, 12) + 1
    values = np.linalg.svd(features, compute_uv=False)
    shares = values / values.sum() + 1e-7
    ours = rank_me(torch.from_numpy(features))
    assert ours == pytest.approx(np.exp(-(shares * np.log(shares)).sum()), rel=1e-4)
    assert rank_me(1e-3 * torch.from_numpy(features) @ orthonormal(12, 12)) == pytest.approx(ours, rel=1e-10)


def test_patches_are_rows():
    patches = torch.randn(5, 7, 4)
    assert rank_me(patches) == rank_me(patches.flatten(0, 1))


def test_features_without_a_rank_are_refused():
    with pytest.raises(ValueError, match=r"all features of shape \[3, 4\] are 0"):
        rank_me(torch.zeros(3, 4))
    with pytest.raises(ValueError, match="hold 12 of 12 values that are not finite"):
        rank_me(torch.full((3, 4), torch.nan))
