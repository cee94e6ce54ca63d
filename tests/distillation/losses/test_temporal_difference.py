"""The temporal difference: a float64 loop, constant offsets, a student that never changes, clips without a change."""

import pytest
import torch

from zen_hf.distillation.losses.temporal_difference import measure_difference_variance, temporal_difference_loss


def example(*shape):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(*shape, generator=generator), torch.randn(*shape, generator=generator)


@pytest.mark.parametrize("shape", [(2, 4, 6), (2, 2, 5, 6), (2, 3, 3, 4, 6)])
def test_values_and_gradients_of_a_loop(shape):
    prediction, target = example(*shape)
    prediction.requires_grad_()
    loss = temporal_difference_loss(prediction, target, variance=1.7)
    loss.sum().backward()
    precise = prediction.detach().double().requires_grad_()
    expected = []
    for clip in range(shape[0]):
        squares = []
        for frame in range(shape[1] - 1):
            change = precise[clip, frame + 1] - precise[clip, frame]
            taught = target[clip, frame + 1].double() - target[clip, frame].double()
            squares += [value * value for value in (change - taught).flatten()]
        expected.append(sum(squares) / len(squares) / 1.7)
    sum(expected).backward()
    assert loss.shape == (2,) and loss.dtype == torch.float32
    assert torch.allclose(loss.double(), torch.stack(expected), atol=1e-6)
    assert torch.allclose(prediction.grad.double(), precise.grad, atol=1e-6)


def test_a_constant_offset_costs_nothing():
    target = example(2, 4, 5, 6)[1]
    offset = 3 * example(2, 1, 5, 6)[0]
    assert temporal_difference_loss(target + offset, target, 1.0).max() < 1e-12
    assert temporal_difference_loss(target * 1.1, target, 1.0).min() > 0.01


def test_a_student_that_never_changes_scores_one():
    target = 0.03 * example(8, 4, 5, 6)[1].cumsum(dim=1)
    still = example(8, 1, 5, 6)[0].expand_as(target)
    loss = temporal_difference_loss(still, target, measure_difference_variance(target))
    assert float(loss.mean()) == pytest.approx(1, abs=1e-5)


def test_variance_of_a_random_walk():
    walk = torch.randn(50, 20, 16, generator=torch.Generator().manual_seed(0)).cumsum(dim=1) * 0.5
    assert measure_difference_variance(walk) == pytest.approx(0.25, rel=0.03)


def test_gradients_are_finite_at_equality_and_at_zero():
    target = example(2, 3, 5)[0]
    for start, reference in ((target, target), (torch.zeros_like(target), target), (target, torch.zeros_like(target))):
        prediction = start.clone().requires_grad_()
        loss = temporal_difference_loss(prediction, reference, 0.5)
        loss.sum().backward()
        assert torch.isfinite(loss).all() and torch.isfinite(prediction.grad).all()


def test_changes_of_half_precision_predictions_are_taken_in_float32():
    prediction = torch.tensor([[[256.0], [0.5], [256.0]]]).bfloat16()  # which has no 255.5
    target = torch.tensor([[[0.0], [-255.5], [0.0]]])
    assert temporal_difference_loss(prediction, target, 1.0).tolist() == [0.0]


def test_refusals():
    clips = torch.ones(2, 3, 5)
    with pytest.raises(ValueError, match="one shape"):
        temporal_difference_loss(clips, torch.ones(2, 3, 1), 1.0)
    for single in (torch.ones(2, 1, 5), torch.ones(2, 5)):
        with pytest.raises(ValueError, match="2 or more frames"):
            temporal_difference_loss(single, single, 1.0)
        with pytest.raises(ValueError, match="2 or more frames"):
            measure_difference_variance(single)
    for variance in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="in which something moves"):
            temporal_difference_loss(clips, clips, variance)
