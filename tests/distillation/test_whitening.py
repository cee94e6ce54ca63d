"""The whitened patch embedding against the covariance of its own outputs."""

import torch

from zen_hf.distillation.whitening import whiten_patch_embedding


def test_outputs_are_uncorrelated_with_unit_variance():
    generator = torch.Generator().manual_seed(0)
    smooth = torch.nn.functional.interpolate(
        torch.randn(64, 3, 6, 6, generator=generator), size=(32, 32), mode="bicubic"
    )
    images = smooth + 0.3 * torch.randn(64, 3, 32, 32, generator=generator) + 2
    embedding = torch.nn.Conv2d(3, 10, 4, stride=4)
    whiten_patch_embedding(embedding, images.split(100))
    outputs = embedding(images).permute(0, 2, 3, 1).reshape(-1, 10).double()
    assert outputs.mean(dim=0).abs().max() < 1e-3
    covariance = torch.cov(outputs.T, correction=0)
    assert torch.allclose(covariance, torch.eye(10, dtype=torch.float64), atol=2e-2)


def test_more_outputs_than_pixel_values_keep_random_weights():
    embedding = torch.nn.Conv2d(3, 20, 2, stride=2)
    before = embedding.weight[12:].clone()
    whiten_patch_embedding(embedding, [torch.randn(32, 3, 8, 8), torch.randn(4, 3, 16, 8)])
    assert torch.equal(embedding.weight[12:], before)
    assert not torch.equal(embedding.weight[:12], before[:1].expand(12, -1, -1, -1))
