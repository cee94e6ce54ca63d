"""Asymmetric relational distillation against a float64 loop, hand-worked triangles, and where distances are zero."""

import statistics

import pytest
import torch

from zen_hf.distillation.losses.arkd import arkd_loss


def loop(prediction, target):
    """Every ordered pair in float64, from the definition."""
    size = len(prediction)
    pairs = [(i, j) for i in range(size) for j in range(size) if i != j]
    taught = {(i, j): float((target[i] - target[j]).square().sum().sqrt()) for i, j in pairs}
    unit = sum(taught.values()) / len(pairs)
    median = statistics.median_low(taught[i, j] for i, j in pairs if i < j)
    losses = []
    for i in range(size):
        total = 0.0
        for j in range(size):
            if i == j:
                continue
            gap = (prediction[i] - prediction[j]).square().sum().sqrt() - taught[i, j]
            excess = (gap if taught[i, j] < median else -gap) / unit
            if excess > 0:
                total = total + (excess**2 / 2 if excess < 1 else excess - 0.5)
        losses.append(torch.as_tensor(total / (size - 1), dtype=torch.float64))
    return torch.stack(losses)


def example(size=6, width=5, other_width=8):
    generator = torch.Generator().manual_seed(size)
    return 3 * torch.randn(size, width, generator=generator), torch.randn(size, other_width, generator=generator) + 2


@pytest.mark.parametrize("size", [2, 3, 4, 6, 7])
@pytest.mark.parametrize("scale", [0.1, 0.7, 1.0, 4.0])
def test_values_and_gradients_of_a_loop(size, scale):
    prediction, target = example(size)
    prediction = (scale * prediction).requires_grad_()
    loss = arkd_loss(prediction, target)
    loss.sum().backward()
    precise = prediction.detach().double().requires_grad_()
    expected = loop(precise, target.double())
    if expected.requires_grad:
        expected.sum().backward()
    assert loss.shape == (size,) and loss.dtype == torch.float32
    assert torch.allclose(loss.double(), expected, atol=1e-5)
    reference = torch.zeros_like(precise) if precise.grad is None else precise.grad
    assert torch.allclose(prediction.grad.double(), reference, atol=1e-5)


def line(*positions):
    return torch.tensor(positions)[:, None]


def test_each_pair_is_corrected_one_way_only():
    # Teacher at 0, 2, 6: distances 2, 4, 6, their mean 4, their median 4: the pair (0, 1) is near, the others far.
    target = line(0.0, 2.0, 6.0)
    assert arkd_loss(line(0.0, 2.0, 6.0), target).tolist() == [0, 0, 0]
    # Nearer near pair, wider far pairs: what the teacher's order asks for anyway.
    assert arkd_loss(line(0.5, 1.5, 8.0), target).tolist() == [0, 0, 0]
    # Near pair too wide by 1, one far pair too narrow by 1: (1/4)^2 / 2 each.
    cost = 0.25**2 / 2
    assert arkd_loss(line(0.0, 3.0, 6.0), target).tolist() == pytest.approx([cost / 2, cost, cost / 2])
    # Near pair too wide by 8, that is 2 units: 2 - 1/2.
    assert arkd_loss(line(0.0, 10.0, -10.0), target).tolist() == pytest.approx([0.75, 0.75, 0])


def test_zero_where_distances_are_equal():
    target = example(8)[1]
    generator = torch.Generator().manual_seed(1)
    wider = torch.linalg.qr(torch.randn(12, 8, generator=generator))[0]
    assert arkd_loss(target, target).max() == 0
    assert arkd_loss(target @ wider.T + 5, target).max() < 1e-10


def test_units_of_both_spaces_cancel_but_a_smaller_spread_costs():
    prediction, target = example(8)
    assert torch.allclose(arkd_loss(1e3 * prediction, 1e3 * target), arkd_loss(prediction, target), rtol=1e-4)
    assert arkd_loss(0.5 * target, target).mean() > 0.03


def test_summaries_all_alike_score_what_is_documented():
    target = torch.randn(64, 256, generator=torch.Generator().manual_seed(0))
    assert arkd_loss(torch.ones(64, 4), target).mean() == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("collapsed", ["equal", "prediction", "target", "both", "zeros"])
def test_gradients_are_finite_where_distances_are_zero(collapsed):
    prediction, target = example(5, 8)
    if collapsed in ("prediction", "both"):
        prediction = torch.ones_like(prediction)
    if collapsed in ("target", "both"):
        target = torch.ones_like(target)
    if collapsed == "zeros":
        prediction[:2] = 0
    if collapsed == "equal":
        prediction = target.clone()
    prediction.requires_grad_()
    loss = arkd_loss(prediction, target)
    loss.sum().backward()
    assert torch.isfinite(loss).all() and torch.isfinite(prediction.grad).all()


def test_near_pairs_far_from_the_origin_keep_their_distance():
    offset = 1000.0
    target = line(0.0, 2.0, 6.0)
    assert torch.allclose(
        arkd_loss(line(0.0, 3.0, 6.0) + offset, target + offset), arkd_loss(line(0.0, 3.0, 6.0), target)
    )


def test_the_loss_teaches_the_distances():
    target = example(6)[1]
    prediction = example(6)[0].requires_grad_()
    optimiser = torch.optim.Adam([prediction], lr=0.1)
    before = float(arkd_loss(prediction.detach(), target).mean())
    for _ in range(100):
        optimiser.zero_grad()
        loss = arkd_loss(prediction, target).mean()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.02 * before


def test_refusals():
    with pytest.raises(ValueError, match="batch of 1 frame"):
        arkd_loss(torch.ones(1, 4), torch.ones(1, 4))
    with pytest.raises(ValueError, match="same frames"):
        arkd_loss(torch.ones(3, 4), torch.ones(2, 4))
    with pytest.raises(ValueError, match="summaries"):
        arkd_loss(torch.ones(3, 5, 4), torch.ones(3, 5, 4))
