"""The Gram loss against a float64 loop, under rotations, across widths and at zero tokens."""

import pytest
import torch

from zen_hf.distillation.losses.gram import gram_loss


def example(width=6, other_width=9):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 5, width, generator=generator), torch.randn(2, 5, other_width, generator=generator)


def cosine(first, second):
    return (first * second).sum() / ((first * first).sum().sqrt() * (second * second).sum().sqrt())


def test_values_and_gradients_of_a_loop_for_two_widths():
    student, teacher = example()
    student.requires_grad_()
    loss = gram_loss(student, teacher)
    loss.sum().backward()

    precise, reference = student.detach().double().requires_grad_(), teacher.double()
    expected = [
        sum((cosine(p[i], p[j]) - cosine(t[i], t[j])) ** 2 for i in range(5) for j in range(5)) / 25
        for p, t in zip(precise, reference, strict=True)
    ]
    sum(expected).backward()
    assert loss.shape == (2,) and loss.dtype == torch.float32
    assert torch.allclose(loss.double(), torch.stack(expected), atol=1e-6)
    assert torch.allclose(student.grad.double(), precise.grad, atol=1e-6)


def test_rotations_of_the_channels_and_lengths_of_the_tokens_change_nothing():
    student, teacher = example()
    generator = torch.Generator().manual_seed(1)
    rotation = torch.linalg.qr(torch.randn(6, 6, generator=generator))[0]
    lengths = 0.1 + 10 * torch.rand(2, 5, 1, generator=generator)
    assert torch.allclose(gram_loss(lengths * student @ rotation, teacher), gram_loss(student, teacher), atol=1e-6)
    # The same tokens turned into a wider space have the same relations.
    wider = torch.linalg.qr(torch.randn(9, 6, generator=generator))[0]
    assert gram_loss(student, student @ wider.T).max() < 1e-12


def test_the_order_of_the_patches_matters():
    student = example()[0]
    assert gram_loss(student, student.roll(1, dims=1)).min() > 0.01  # rounding is near 1e-14


def test_tokens_all_alike_score_what_is_documented():
    teacher = example()[1].double()
    expected = [sum((1 - cosine(t[i], t[j])) ** 2 for i in range(5) for j in range(5)) / 25 for t in teacher]
    assert torch.allclose(gram_loss(torch.ones(2, 5, 3), teacher).double(), torch.stack(expected), atol=1e-6)


def test_gradients_are_finite_at_equality_and_at_zero_tokens():
    student, teacher = example()
    equal = student.clone().requires_grad_()
    gram_loss(equal, student).sum().backward()
    assert (equal.grad == 0).all()
    student[:, 2] = 0
    for start in (student, torch.zeros_like(student)):
        for reference in (teacher, torch.zeros_like(teacher)):
            prediction = start.clone().requires_grad_()
            loss = gram_loss(prediction, reference)
            loss.sum().backward()
            assert torch.isfinite(loss).all() and torch.isfinite(prediction.grad).all()
            assert prediction.grad.abs().max() < 1e6  # a step that a clipped gradient can take


def test_autocast_does_not_reach_the_product():
    student, teacher = example()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = gram_loss(student, teacher)
    assert torch.equal(loss, gram_loss(student, teacher))


@pytest.mark.parametrize("shape", [(2, 4, 6), (1, 5, 6), (2, 5)])
def test_another_grid_or_batch_is_refused(shape):
    with pytest.raises(ValueError, match="one grid"):
        gram_loss(torch.ones(shape), torch.ones(2, 5, 6))
