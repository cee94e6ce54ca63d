# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Starts a trunk's patch embedding as the whitened principal components of the training views.

A random embedding of natural patches says little but their mean colour, and a short run spends most of its steps
undoing that. Whitened components are as label-free as random weights (Jordan, 2024, arXiv 2404.00498, section 3.2).
"""

from collections.abc import Iterable

import torch

from zen_hf.distillation.standardisation import StreamingMoments

VARIANCE_FLOOR = 1e-3  # share of the mean variance; keeps the noise of the last components small


@torch.no_grad()
def whiten_patch_embedding(embedding: torch.nn.Conv2d, batches: Iterable[torch.Tensor]) -> None:
    """Overwrites a patch embedding so that its outputs on these views are uncorrelated, with mean 0 and variance 1.

    Args:
        embedding: Convolution whose stride is its kernel size. Outputs beyond the number of pixel values of a patch
            keep their random weights.
        batches: Normalised training views, each [B, 3, H, W] of any size.
    """
    patch = embedding.kernel_size[0]
    moments = StreamingMoments(embedding.weight[0].numel())
    for images in batches:
        moments.update(torch.nn.functional.unfold(images.float(), patch, stride=patch).transpose(1, 2))
    spectrum, vectors = torch.linalg.eigh(moments.covariance)
    spectrum, vectors = spectrum.flip(0), vectors.flip(1)  # largest first
    largest = vectors.abs().argmax(dim=0)
    vectors = vectors * vectors[largest, torch.arange(len(spectrum))].sign()
    count = min(embedding.out_channels, len(spectrum))
    scale = (spectrum[:count] + VARIANCE_FLOOR * spectrum.mean()).rsqrt()
    filters = (vectors[:, :count] * scale).T  # [count, 3 * patch * patch]
    embedding.weight[:count] = filters.view(count, *embedding.weight.shape[1:]).to(embedding.weight)
    embedding.bias[:count] = (-filters @ moments.mean).to(embedding.bias)
