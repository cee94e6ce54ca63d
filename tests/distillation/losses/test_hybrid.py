"""The hybrid loss against a float64 loop, at equality, at zero vectors, and with a black border."""

import math

import pytest
import torch

from zen_hf.distillation.losses.hybrid import hybrid_loss


def token_loss(prediction, target, alpha):
    """One token in float64, channel by channel; its operations are differentiable."""
    product = sum(p * t for p, t in zip(prediction, target, strict=True))
    lengths = [sum(value * value for value in vector).sqrt() for vector in (prediction, target)]
    error = 0.0
    for p, t in zip(prediction, target, strict=True):
        gap = (p - t).abs()
        error = error + (gap * gap / 2 if gap < 1 else gap - 0.5)
    return alpha * (1 - product / (lengths[0] * lengths[1])) + (1 - alpha) * error / len(prediction)


def example(*shape):
    generator = torch.Generator().manual_seed(0)
    # Wide enough for both branches of smooth L1.
    return 2 * torch.randn(*shape, generator=generator), torch.randn(*shape, generator=generator)


@pytest.mark.parametrize("alpha", [0.9, 0.5, 0.0, 1.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_values_and_gradients_of_a_loop(alpha, weighted):
    prediction, target = example(2, 4, 6)
    weights = torch.rand(2, 4, generator=torch.Generator().manual_seed(1)) if weighted else None
    prediction.requires_grad_()
    loss = hybrid_loss(prediction, target, alpha, weights)
    loss.sum().backward()

    precise = prediction.detach().double().requires_grad_()
    expected = []
    for frame in range(2):
        share = torch.ones(4).double() if weights is None else weights[frame].double()
        tokens = [token_loss(precise[frame, token], target[frame, token].double(), alpha) for token in range(4)]
        expected.append(sum(s * value for s, value in zip(share, tokens, strict=True)) / share.sum())
    sum(expected).backward()
    assert loss.dtype == torch.float32
    assert torch.allclose(loss.double(), torch.stack(expected), atol=1e-6)
    assert torch.allclose(prediction.grad.double(), precise.grad, atol=1e-6)


def test_summaries_are_frames_of_one_token():
    prediction, target = example(3, 8)
    assert torch.allclose(hybrid_loss(prediction, target), hybrid_loss(prediction[:, None], target[:, None]))


def test_zero_with_zero_gradient_at_equality():
    target = example(3, 5, 16)[0]
    prediction = target.clone().requires_grad_()
    loss = hybrid_loss(prediction, target)
    loss.sum().backward()
    assert loss.abs().max() < 1e-6
    assert prediction.grad.abs().max() < 1e-6


@pytest.mark.parametrize("zero", ["prediction", "target", "both"])
def test_gradients_at_zero_vectors_are_finite(zero):
    prediction, target = example(2, 3, 8)
    if zero != "target":
        prediction = torch.zeros_like(prediction)
    if zero != "prediction":
        target = torch.zeros_like(target)
    prediction.requires_grad_()
    loss = hybrid_loss(prediction, target)
    loss.sum().backward()
    assert torch.isfinite(loss).all() and torch.isfinite(prediction.grad).all()
    assert prediction.grad.abs().max() < 1e6  # a step that a clipped gradient can take
    if zero == "prediction":  # downhill is towards the target
        assert hybrid_loss(-1e-9 * prediction.grad, target).sum() < loss.sum()


def test_the_mean_of_standardised_targets_scores_what_is_documented():
    target = torch.randn(2, 4000, 16, generator=torch.Generator().manual_seed(0))
    # E[smooth L1] of a standard normal: half its variance inside [-1, 1], |x| - 1/2 outside.
    inside = math.erf(1 / math.sqrt(2))
    density = math.exp(-0.5) / math.sqrt(2 * math.pi)
    expected = 0.5 * (inside - 2 * density) + 2 * density - 0.5 * (1 - inside)
    assert abs(expected - 0.42) < 0.01
    assert torch.allclose(hybrid_loss(torch.zeros_like(target), target), torch.tensor(0.9 + 0.1 * expected), atol=2e-3)


def test_masked_tokens_neither_count_nor_learn():
    prediction, target = example(2, 4, 6)
    prediction.requires_grad_()
    weights = torch.tensor([[1.0, 0.0, 1.0, 0.0], [0.0] * 4])
    loss = hybrid_loss(prediction, target, weights=weights)
    loss.sum().backward()
    assert torch.allclose(loss[0], hybrid_loss(prediction[:1, ::2], target[:1, ::2])[0])
    assert loss[1] == 0
    assert (prediction.grad[0, 1::2] == 0).all() and (prediction.grad[1] == 0).all()


def test_refusals():
    with pytest.raises(ValueError, match="one shape"):
        hybrid_loss(torch.ones(2, 4, 6), torch.ones(2, 4, 1))
    with pytest.raises(ValueError, match="alpha = 9"):
        hybrid_loss(torch.ones(2, 6), torch.ones(2, 6), alpha=9)
    with pytest.raises(ValueError, match="none with summaries"):
        hybrid_loss(torch.ones(2, 6), torch.ones(2, 6), weights=torch.ones(2, 1))
