# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The pixel baseline gives means of pixels, where they lie in the frame, for frames of any size."""

import numpy as np
import pytest
import torch

from zen_hf.benchmark.feature_cache import extract_features
from zen_hf.benchmark.pixel_encoder import PixelEncoder


@pytest.mark.parametrize("side", [64, 224])
def test_summary_and_patches_are_means_of_pixels(side):
    images = torch.rand(2, 3, side, side)
    features = PixelEncoder()(images)
    cell = side // 16
    pooled = images.numpy().reshape(2, 3, 16, cell, 16, cell).mean(axis=(3, 5))
    np.testing.assert_allclose(features.summary, pooled.reshape(2, 768), atol=1e-6)
    assert features.patches.shape == (2, 64, 12) and features.grid == (8, 8)
    block = pooled[1, :, 2 * 5 : 2 * 5 + 2, 2 * 3 : 2 * 3 + 2]  # row 5, column 3 of the grid
    np.testing.assert_allclose(features.patches[1, 5 * 8 + 3], block.reshape(12), atol=1e-6)


def test_any_size_is_taken_and_cached_under_its_own_name(tmp_path, drawn):
    encoder = PixelEncoder(default_image_size=70)
    features = extract_features(encoder, drawn, ["VID68"], 70, tmp_path, tokens=True)["VID68"]
    assert features.summary.shape == (14, 768) and features.tokens.shape == (14, 64, 12)
    assert next(tmp_path.iterdir()).name == f"{encoder.fingerprint[:16]}-70"
    assert PixelEncoder().fingerprint == encoder.fingerprint
