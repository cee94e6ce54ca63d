# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Masks hold what they promise."""

import numpy as np
import pytest

from zen_hf.distillation.masking import MaskingSpec, draw_masks


def test_share_of_frames_and_ratio_of_patches():
    masks = draw_masks(MaskingSpec(share=0.5, ratio=[0.2, 0.4]), 2000, (14, 10), np.random.default_rng(0))
    assert masks.shape == (2000, 140)
    counts = masks.sum(dim=1)
    masked = counts[counts > 0]
    assert 0.46 < len(masked) / 2000 < 0.54
    assert masked.min() >= 28 and masked.max() <= 56 and 40 < masked.double().mean() < 44


def test_masks_are_blocks():
    """Neighbours of masked patches are masked far more often than by chance."""
    masks = draw_masks(MaskingSpec(share=1.0, ratio=[0.3, 0.3]), 200, (16, 16), np.random.default_rng(0))
    masks = masks.view(200, 16, 16)
    both = (masks[:, :, 1:] & masks[:, :, :-1]).float().mean() / masks.float().mean()
    assert both > 0.6


def test_the_smallest_grids_terminate():
    for grid in ((1, 1), (1, 3), (2, 2)):
        masks = draw_masks(MaskingSpec(share=1.0, ratio=[0.9, 0.99]), 20, grid, np.random.default_rng(0))
        assert (masks.sum(dim=1) >= grid[0] * grid[1] - 1).all()


def test_nothing_is_masked_by_default():
    assert not draw_masks(MaskingSpec(), 10, (4, 4), np.random.default_rng(0)).any()


@pytest.mark.parametrize(("spec", "message"), [({"share": 1.5}, "share is 1.5"), ({"ratio": [0.5, 0.2]}, "ratio is")])
def test_impossible_settings_are_refused(spec, message):
    with pytest.raises(ValueError, match=message):
        MaskingSpec(**spec)
