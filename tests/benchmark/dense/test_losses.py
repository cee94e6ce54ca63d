# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Losses of dense heads against worked cases, and what is unknown has no gradient."""

import math

import torch

from zen_hf.benchmark.dense.losses import depth_loss, partial_loss, segmentation_loss
from zen_hf.benchmark.dense.pictures import IGNORE


def test_ignored_cells_have_no_gradient():
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    classes = torch.randint(0, 3, (2, 4, 4))
    classes[:, :2] = IGNORE
    segmentation_loss(logits, classes).backward()
    assert not logits.grad[:, :, :2].any() and logits.grad[:, :, 2:].all()
    assert segmentation_loss(logits, torch.full_like(classes, IGNORE)) == 0


def test_unknown_channels_have_no_gradient():
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    present = torch.rand(2, 3, 4, 4) < 0.5
    known = torch.zeros(2, 3, 4, 4, dtype=torch.bool)
    known[0, 1] = known[1, 2, :2] = True
    partial_loss(logits, present, known).backward()
    assert torch.equal(logits.grad != 0, known)
    alone = torch.nn.functional.binary_cross_entropy_with_logits(logits[known], present[known].float())
    torch.testing.assert_close(partial_loss(logits, present, known), alone)


def test_depth_up_to_scale_forgives_a_factor_and_metric_depth_does_not():
    depth = torch.rand(2, 8, 8) * 90 + 10
    wrong = (3 * depth).log()
    assert depth_loss(wrong, depth, up_to_scale=True).abs() < 1e-4
    expected = 0.5 * math.log(3) ** 2  # d = log 3 everywhere, minus half of its squared mean
    torch.testing.assert_close(depth_loss(wrong, depth, up_to_scale=False), torch.tensor(expected), rtol=1e-4, atol=0)


def test_unknown_depth_counts_nothing():
    depth = torch.rand(3, 8, 8) + 1
    depth[0, :4], depth[2] = 0, 0  # nothing at all is known of the last frame
    predicted = torch.randn(3, 8, 8, requires_grad=True)
    loss = depth_loss(predicted, depth, up_to_scale=False)
    loss.backward()
    assert torch.equal(predicted.grad != 0, depth > 0)
    d = predicted[0, 4:].detach() - depth[0, 4:].log()
    e = predicted[1].detach() - depth[1].log()
    by_hand = [(x**2).mean() - 0.5 * x.mean() ** 2 for x in (d, e)]
    torch.testing.assert_close(loss.detach(), sum(by_hand) / 2)
    assert depth_loss(predicted, torch.zeros(3, 8, 8), up_to_scale=False) == 0
