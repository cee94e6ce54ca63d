"""Mean squared error with token weights: a loop, ignored tokens, and the same value as without where all count."""

import pytest
import torch

from zen_hf.distillation.losses.mse import mse_loss


def example():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(3, 5, 7, generator=generator), torch.randn(3, 5, 7, generator=generator)


def test_weights_against_a_loop():
    prediction, target = example()
    weights = torch.rand(3, 5, generator=torch.Generator().manual_seed(1))
    for frame in range(3):
        total = 0.0
        for token in range(5):
            error = (prediction[frame, token].double() - target[frame, token].double()).square().mean()
            total += float(weights[frame, token]) * float(error)
        expected = total / float(weights[frame].double().sum())
        assert float(mse_loss(prediction, target, weights)[frame]) == pytest.approx(expected, rel=1e-5)


def test_equal_weights_change_nothing():
    prediction, target = example()
    assert torch.allclose(mse_loss(prediction, target, torch.full((3, 5), 0.3)), mse_loss(prediction, target))


def test_a_token_of_weight_zero_neither_counts_nor_learns():
    prediction, target = example()
    prediction.requires_grad_()
    weights = torch.ones(3, 5)
    weights[:, 2] = 0
    weights[1] = 0
    loss = mse_loss(prediction, target, weights)
    loss.sum().backward()
    kept = [0, 1, 3, 4]
    assert torch.allclose(loss[::2], mse_loss(prediction[::2, kept], target[::2, kept]))
    assert loss[1] == 0
    assert (prediction.grad[:, 2] == 0).all() and (prediction.grad[1] == 0).all()
    assert (prediction.grad[0, kept] != 0).all()


def test_a_standardised_mean_scores_one():
    target = torch.randn(4, 2000, 8, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(mse_loss(torch.zeros_like(target), target), torch.ones(4), atol=0.05)


def test_bfloat16_is_computed_in_float32():
    prediction, target = (tensor.bfloat16() for tensor in example())
    loss = mse_loss(prediction, target, torch.ones(3, 5, dtype=torch.bfloat16))
    assert loss.dtype == torch.float32
    assert torch.equal(loss, mse_loss(prediction.float(), target.float(), torch.ones(3, 5)))


def test_summaries_have_no_token_weights():
    with pytest.raises(ValueError, match="none with summaries"):
        mse_loss(torch.ones(2, 3), torch.ones(2, 3), torch.ones(2, 5))
