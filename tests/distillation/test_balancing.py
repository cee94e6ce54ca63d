# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Balancing against loops and hand-worked cases."""

import pytest
import torch

from zen_hf.distillation.balancing import Balancer, BalancingSpec

NAMES = ["a", "b", "c"]


def balancer(method="equal", weights=(1.0, 1.0, 1.0), seed=0, **spec):
    return Balancer(BalancingSpec(method, **spec), NAMES, list(weights), seed)


def losses(batch=4, seed=0):
    table = torch.rand(batch, 3, generator=torch.Generator().manual_seed(seed)) + 0.1
    return {name: table[:, index].clone().requires_grad_() for index, name in enumerate(NAMES)}


def test_equal_is_the_weighted_mean():
    parts = losses()
    expected = (1 * parts["a"] + 2 * parts["b"] + 5 * parts["c"]).mean() / 8
    assert float(balancer(weights=(1, 2, 5)).combine(parts, 0)) == pytest.approx(float(expected))


def test_dropping_keeps_the_largest_and_weighs_by_what_is_kept():
    parts = losses(batch=200)
    table = torch.stack(list(parts.values()), dim=1)
    loss = balancer("dropping").combine(parts, step=5)
    loss.backward()
    # the coefficients, read off the gradients
    rho = torch.stack([part.grad for part in parts.values()], dim=1)
    kept = rho > 0
    assert float(rho.sum()) == pytest.approx(1.0, abs=1e-5)
    assert kept.gather(1, table.argmax(1, keepdim=True)).all()
    others = kept.float().scatter(1, table.argmax(1, keepdim=True), 0).sum() / (2 * len(table))
    assert 0.4 < float(others) < 0.6
    by_loop = sum(float(table[b, t]) for b in range(200) for t in range(3) if kept[b, t]) / float(kept.sum())
    assert float(loss) == pytest.approx(by_loop, rel=1e-5)


def test_dropping_is_a_function_of_seed_and_step():
    values = [
        float(balancer("dropping", seed=seed).combine(losses(), step))
        for seed, step in ((0, 1), (0, 1), (0, 2), (1, 1))
    ]
    assert values[0] == values[1] and len(set(values)) == 3


def test_two_processes_drop_as_one_with_the_double_batch():
    whole = losses(batch=8)
    expected = balancer("dropping").combine(whole, 3)
    table = torch.stack(list(whole.values()), dim=1).detach()
    halves = [{name: table[part, i] for i, name in enumerate(NAMES)} for part in (slice(0, 4), slice(4, 8))]

    # first pass: what each process adds to the sum; second pass: with the true sum
    sums = []
    for rank, half in enumerate(halves):
        process = Balancer(BalancingSpec("dropping"), NAMES, [1.0] * 3, 0, rank, 2)
        process.total = lambda tensor: sums.append(tensor) or tensor
        process.combine(half, 3)
    kept = sum(tensor for tensor in sums if tensor.ndim == 0)
    results = []
    for rank, half in enumerate(halves):
        total = lambda tensor: kept if tensor.ndim == 0 else tensor  # noqa: E731
        results.append(Balancer(BalancingSpec("dropping"), NAMES, [1.0] * 3, 0, rank, 2, total).combine(half, 3))
    assert float(sum(results) / 2) == pytest.approx(float(expected), rel=1e-6)


def test_sampling_is_right_on_average_and_the_same_everywhere():
    parts, one = losses(), balancer("sampling", weights=(1, 2, 5), sampled_teachers=2)
    other = Balancer(one.spec, NAMES, [1.0, 2.0, 5.0], 0, rank=1, world_size=2)
    values, seen = [], set()
    for step in range(600):
        drawn = one.drawn(step)
        assert drawn == other.drawn(step) and len(drawn) == 2
        seen.update(drawn)
        values.append(float(one.combine({name: parts[name] for name in drawn}, step)))
    assert seen == set(NAMES)
    full = float(balancer(weights=(1, 2, 5)).combine(parts, 0))
    assert sum(values) / len(values) == pytest.approx(full, rel=0.05)


def test_adaloss_weighs_by_the_inverse_of_the_running_loss():
    method = balancer("adaloss")
    constant = {"a": torch.full((4,), 1.0), "b": torch.full((4,), 2.0), "c": torch.full((4,), 4.0)}
    loss = method.combine(constant, 0)
    # weights 1, 1/2, 1/4 made to have the mean 1; every weighted loss is then the same
    assert float(loss) == pytest.approx(3 / (1 + 1 / 2 + 1 / 4))
    method.combine({name: 2 * part for name, part in constant.items()}, 1)
    assert method.mean_losses.tolist() == pytest.approx([1.01, 2.02, 4.04])


def test_uncertainty_learns_the_logarithm_of_each_loss():
    method = balancer("uncertainty", uncertainty_lr=0.1)
    constant = {"a": torch.full((4,), 0.5), "b": torch.full((4,), 1.0), "c": torch.full((4,), 4.0)}
    for step in range(500):
        method.combine(constant, step)
    expected = torch.tensor([0.5, 1.0, 4.0]).log()  # the minimum of exp(-s) l + s
    assert torch.allclose(method.log_variances, expected, atol=1e-3)


def test_a_teacher_that_is_not_finite_does_not_count_and_stops_the_run_in_the_end():
    method = balancer(max_nonfinite_steps=2)
    parts = losses()
    broken = parts | {"b": torch.tensor([1.0, float("nan"), 1.0, 1.0], requires_grad=True)}
    loss = method.combine(broken, 0)
    assert float(loss) == pytest.approx(float((parts["a"] + parts["c"]).mean()) / 2)
    loss.backward()
    assert broken["b"].grad is None and parts["a"].grad.isfinite().all()
    method.combine(broken, 1)
    assert method.nonfinite.tolist() == [0, 2, 0]
    with pytest.raises(ValueError, match="batch 2: the loss of teacher b was infinite or not a number in 3 batches"):
        method.combine(broken, 2)


def test_a_batch_without_any_finite_teacher_teaches_nothing_and_is_counted():
    method, nothing = balancer(max_nonfinite_steps=1), {name: torch.tensor([float("inf")]) for name in NAMES}
    assert float(method.combine(nothing, 0)) == 0
    with pytest.raises(ValueError, match="infinite or not a number in 2 batches"):
        method.combine(nothing, 1)


def test_teachers_are_drawn_from_those_that_are_heard():
    method = balancer("sampling", sampled_teachers=2)
    for step in range(20):
        assert method.drawn(step, ["b"]) == ["b"]
        assert len(method.drawn(step, ["a", "c"])) == 2 and set(method.drawn(step, NAMES)) <= set(NAMES)
    parts = losses()
    alone = method.combine({"b": parts["b"]}, 0, heard=["b"])  # drawn with probability 1
    assert float(alone) == pytest.approx(float(parts["b"].mean()))


def test_state_survives():
    first = balancer("adaloss")
    first.combine(losses(), 0)
    second = balancer("adaloss")
    second.load_state_dict(first.state_dict())
    assert float(first.combine(losses(seed=1), 1)) == float(second.combine(losses(seed=1), 1))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"method": "fair"}, "balancing.method is 'fair'; expected one of equal"),
        ({"drop_probability": 1.0}, "drop_probability 1.0"),
        ({"sampled_teachers": 0}, "sampled_teachers is 0"),
    ],
)
def test_impossible_settings_are_refused(spec, message):
    with pytest.raises(ValueError, match=message):
        BalancingSpec(**spec)


def test_more_sampled_than_there_are_is_refused():
    with pytest.raises(ValueError, match="sampled_teachers is 4, but the recipe has 3 teachers"):
        balancer("sampling", sampled_teachers=4)
