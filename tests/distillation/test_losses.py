"""Losses against float64 references and at the points where naive forms break."""

import math

import pytest
import torch

from zen_hf.distillation.losses.angle import angle, angle_loss, measure_dispersion
from zen_hf.distillation.losses.mse import mse_loss


@pytest.mark.parametrize("radians", [0.0, 1e-3, 9.7e-3, 0.5, math.pi / 2, 3.0, math.pi])
def test_angle_of_two_vectors_of_known_angle(radians):
    first = torch.tensor([2.0, 0.0, 0.0])
    second = 5 * torch.tensor([math.cos(radians), math.sin(radians), 0.0])
    assert abs(float(angle(first, second)) - radians) < 3e-6


def test_angle_has_finite_gradients_where_the_arccosine_has_none():
    for target in (torch.ones(8), -torch.ones(8), torch.zeros(8)):
        prediction = torch.ones(8, requires_grad=True)
        angle(prediction, target).backward()
        assert torch.isfinite(prediction.grad).all()


def test_dispersion_makes_the_mean_direction_score_one():
    summaries = torch.randn(500, 16) + 3
    unit = torch.nn.functional.normalize(summaries, dim=-1)
    mean_direction = unit.mean(dim=0, keepdim=True).expand_as(summaries)
    loss = angle_loss(mean_direction, summaries, measure_dispersion(summaries))
    assert loss.shape == (500,)
    assert abs(float(loss.mean()) - 1) < 1e-5
    reference = torch.arccos((unit.double() * torch.nn.functional.normalize(mean_direction.double())).sum(-1)) ** 2
    assert abs(measure_dispersion(summaries) - float(reference.mean())) < 1e-6


def test_mse_is_one_value_per_frame():
    prediction, target = torch.randn(3, 5, 7), torch.randn(3, 5, 7)
    expected = [float(((prediction[i] - target[i]) ** 2).mean()) for i in range(3)]
    assert torch.allclose(mse_loss(prediction, target), torch.tensor(expected))
