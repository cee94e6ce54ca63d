"""The weighted mean over tokens against a loop, and its convention for a frame in which nothing is valid."""

import pytest
import torch

from zen_hf.distillation.losses.token_mean import token_mean


def test_weighted_mean_of_a_loop():
    generator = torch.Generator().manual_seed(0)
    values, weights = torch.randn(3, 5, generator=generator), torch.rand(3, 5, generator=generator)
    for frame in range(3):
        pairs = list(zip(values[frame].tolist(), weights[frame].tolist(), strict=True))
        expected = sum(v * w for v, w in pairs) / sum(w for _, w in pairs)
        assert abs(float(token_mean(values, weights)[frame]) - expected) < 1e-6


def test_one_valid_pixel_of_a_large_patch_is_enough():
    weights = torch.tensor([[0.0, 1 / 32**2]])
    assert float(token_mean(torch.tensor([[5.0, 3.0]]), weights)) == pytest.approx(3, rel=1e-6)


def test_a_frame_without_a_valid_token_gives_zero_and_zero_gradients():
    values = torch.ones(2, 4, requires_grad=True)
    mean = token_mean(values, torch.tensor([[0.0] * 4, [1.0] * 4]))
    mean.sum().backward()
    assert mean.tolist() == [0, 1]
    assert values.grad.tolist() == [[0] * 4, [0.25] * 4]


@pytest.mark.parametrize(("values", "weights"), [((2, 4), (2, 3)), ((2,), (2,)), ((2, 2, 2), (2, 2, 2))])
def test_weights_that_are_not_one_per_token_are_refused(values, weights):
    with pytest.raises(ValueError, match="one weight per token"):
        token_mean(torch.ones(values), torch.ones(weights))
