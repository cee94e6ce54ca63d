# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Muon against the singular value decomposition and against PyTorch's own."""

import pytest
import torch

from zen_hf.distillation.muon import Muon, orthogonalise


@pytest.mark.parametrize("shape", [(12, 12), (8, 40), (40, 8), (3, 2, 10, 20)])
def test_singular_values_become_about_one_and_directions_stay(shape):
    torch.manual_seed(0)
    matrices = torch.randn(shape)
    result = orthogonalise(matrices)
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    rotated = u.mT @ result @ v.mT  # diagonal where the singular vectors are kept
    values = rotated.diagonal(dim1=-2, dim2=-1)
    assert ((values > 0.5) & (values < 1.3)).all()
    assert (rotated - torch.diag_embed(values)).abs().max() < 1e-4


def test_zeros_stay_zeros():
    assert orthogonalise(torch.zeros(4, 6)).abs().max() == 0


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this PyTorch has no Muon")
@pytest.mark.parametrize("shape", [(16, 48), (48, 16)])
def test_steps_equal_those_of_pytorch(shape):
    torch.manual_seed(0)
    start, gradients = torch.randn(shape), torch.randn(5, *shape)
    results = []
    for build in (
        lambda p: Muon([p], lr=0.02, weight_decay=0.1),
        lambda p: torch.optim.Muon([p], lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
    ):
        parameter = torch.nn.Parameter(start.clone())
        optimizer = build(parameter)
        for gradient in gradients:
            parameter.grad = gradient.clone()
            optimizer.step()
        results.append(parameter.detach() - start)
    # PyTorch's iterations run in bfloat16
    assert torch.nn.functional.cosine_similarity(*(r.flatten() for r in results), dim=0) > 0.9995
    assert results[0].norm() == pytest.approx(float(results[1].norm()), rel=0.01)


def test_blocks_are_orthogonalised_apart():
    torch.manual_seed(0)
    gradient = torch.randn(24, 8)
    fused = torch.nn.Parameter(torch.zeros(24, 8))
    apart = [torch.nn.Parameter(torch.zeros(8, 8)) for _ in range(3)]
    fused.grad = gradient
    for parameter, block in zip(apart, gradient.split(8), strict=True):
        parameter.grad = block.clone()
    Muon([{"params": [fused], "blocks": 3}]).step()
    Muon(apart).step()
    assert torch.allclose(fused, torch.cat(apart), atol=1e-6)
    update = fused.detach() / 0.01
    assert float(update.square().mean().sqrt()) == pytest.approx(0.2, rel=0.15)  # that of AdamW
