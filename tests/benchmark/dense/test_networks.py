# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What stands between class maps and the queries of Mask2Former."""

import torch

from zen_hf.benchmark.dense.networks import class_shares, masks_of_classes
from zen_hf.benchmark.dense.pictures import IGNORE


def test_a_mask_per_class_that_is_shown():
    classes = torch.tensor([[[0, 2], [2, IGNORE]], [[1, 1], [1, 1]]])
    masks, labels = masks_of_classes(classes)
    assert [of_frame.tolist() for of_frame in labels] == [[0, 2], [1]]
    assert masks[0].tolist() == [[[1, 0], [0, 0]], [[0, 1], [1, 0]]]  # nobody's pixel belongs to no mask
    assert masks[1].tolist() == [[[1, 1], [1, 1]]]


def test_queries_speak_for_their_class_where_their_mask_is():
    """Two queries, sure of class 1 and class 0, one half of the picture each; a third, of no object, is not heard."""
    sure = 20.0
    class_logits = torch.tensor([[0, sure, 0], [sure, 0, 0], [0, 0, sure]])
    mask_logits = sure * torch.tensor([[[1.0, -1.0]], [[-1.0, 1.0]], [[1.0, 1.0]]])
    shares = class_shares(class_logits, mask_logits)
    assert shares.shape == (2, 1, 2)
    torch.testing.assert_close(shares, torch.tensor([[[0.0, 1.0]], [[1.0, 0.0]]]), atol=1e-5, rtol=0)
