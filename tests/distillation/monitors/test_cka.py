"""Linear CKA against the kernel form with an F x F matrix, and its invariances."""

import numpy as np
import pytest
import torch

from zen_hf.distillation.monitors.cka import ROWS_AT_ONCE, linear_cka


def kernel_cka(first: np.ndarray, second: np.ndarray) -> float:
    """Kornblith's equation by centred Gram matrices [F, F]."""
    centre = np.eye(len(first)) - 1 / len(first)
    one, other = centre @ (first @ first.T) @ centre, centre @ (second @ second.T) @ centre
    return (one * other).sum() / np.sqrt((one * one).sum() * (other * other).sum())


def pair(rows: int = 60) -> tuple[torch.Tensor, torch.Tensor]:
    """Two related sets of features, [rows, 7] and [rows, 4], far from the origin."""
    generator = torch.Generator().manual_seed(0)
    first = torch.randn(rows, 7, generator=generator) + 5
    return first, first[:, :4] ** 2 + torch.randn(rows, 4, generator=generator)


def rotation(size: int) -> torch.Tensor:
    return torch.linalg.qr(torch.randn(size, size, generator=torch.Generator().manual_seed(3), dtype=torch.float64))[0]


def test_equals_the_kernel_form():
    first, second = pair()
    assert 0.1 < linear_cka(first, second) < 0.9
    assert linear_cka(first, second) == pytest.approx(kernel_cka(first.double().numpy(), second.double().numpy()))


def test_rotation_scale_and_shift_of_either_side_do_not_matter():
    first, second = (features.double() for features in pair())
    value = linear_cka(first, second)
    assert linear_cka(1e-2 * first @ rotation(7) - 40, second) == pytest.approx(value, rel=1e-9)
    assert linear_cka(first, 300 * second @ rotation(4) + 2) == pytest.approx(value, rel=1e-9)
    assert linear_cka(second, first) == pytest.approx(value, rel=1e-12)
    assert linear_cka(first, -first @ rotation(7)) == pytest.approx(1.0, rel=1e-9)


def test_any_invertible_map_would_matter():
    first, _ = pair()
    assert linear_cka(first, first * torch.tensor([30.0, 1, 1, 1, 1, 1, 1])) < 0.8


def test_blocks_of_rows_add_up():
    first, second = pair(rows=ROWS_AT_ONCE + 200)
    x, y = first.double().numpy(), second.double().numpy()
    x, y = x - x.mean(0), y - y.mean(0)
    exact = np.square(y.T @ x).sum() / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))
    assert linear_cka(first, second) == pytest.approx(exact, rel=1e-10)


@pytest.mark.parametrize(("rows", "expected"), [(40, 0.5), (360, 0.1)])
def test_unrelated_features_look_alike_when_rows_are_few(rows, expected):
    generator = torch.Generator().manual_seed(0)
    value = linear_cka(torch.randn(rows, 40, generator=generator), torch.randn(rows, 40, generator=generator))
    assert value == pytest.approx(expected, abs=0.03)  # C / (rows + C), as the docstring warns


def test_patches_are_rows_and_bad_inputs_are_named():
    first, second = torch.randn(6, 5, 4), torch.randn(6, 5, 3)
    assert linear_cka(first, second) == linear_cka(first.flatten(0, 1), second.flatten(0, 1))
    with pytest.raises(ValueError, match="is the same in every row"):
        linear_cka(first, torch.ones(6, 5, 3))
    with pytest.raises(ValueError, match="are not paired"):
        linear_cka(first, second[:, :4])
