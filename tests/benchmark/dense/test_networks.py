# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What stands between class maps and the queries of Mask2Former, and between depth and its range and precision."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers.utils import logging as transformers_logging

from zen_hf.benchmark.dense import quiet_models
from zen_hf.benchmark.dense.networks import DenseNetwork, class_shares, depth_range, masks_of_classes
from zen_hf.benchmark.dense.pictures import IGNORE, from_bytes, to_bytes
from zen_hf.benchmark.dense.truths import TruthBatch
from zen_hf.benchmark.metrics.depth_errors.depth_errors import DepthErrors
from zen_hf.benchmark.task import Target
from zen_hf.modeling import dense_models
from zen_hf.modeling.configuration_zen import ZenConfig
from zen_hf.modeling.dense_models import dense_model
from zen_hf.modeling.modeling_zen import ZenModel


@pytest.fixture(scope="module")
def trunk():
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 64}
    return ZenModel(ZenConfig(**shape, image_size=32, patch_size=4)).eval()


def depth_target(metric_scale):
    settings = {"nearest": 0.1, "farthest": 50.0, "metric_scale": metric_scale}
    return Target("depth", "depth", (), DepthErrors, "abs_rel_median_scaled", settings=settings, lower_is_better=True)


def test_depth_up_to_scale_is_not_cut_before_it_is_scaled():
    assert depth_range(depth_target(True)) == {"nearest": 0.1, "farthest": 50.0}
    free = depth_range(depth_target(False))
    assert 0 < free["nearest"] < 1e-4 and free["farthest"] > 6e4
    kept = from_bytes("depth", to_bytes("depth", np.array([list(free.values())])))
    assert (kept > 0).all() and np.isfinite(kept).all()  # what is kept can hold both


@pytest.mark.parametrize("head", ["linear", "dpt"])
def test_a_depth_head_is_not_rounded_to_bfloat16(trunk, head, monkeypatch):
    model = dense_models.dense_model(trunk, head, "depth", seed=0, width=32, depth_scale=10.1)
    network = DenseNetwork(model, depth_target(True), head, 10.1)
    pixels = torch.randn(1, 3, 16, 16)
    with torch.no_grad():
        exact = network.output(pixels)
        torch.testing.assert_close(network.output(list(dense_models.dense_backbone(model).trunk_maps(pixels))), exact)
        seen = []
        dense_models.dense_backbone(model).trunk.register_forward_hook(
            lambda module, _, output: seen.append(torch.is_autocast_enabled("cpu"))
        )
        monkeypatch.setattr(DenseNetwork, "autocast", staticmethod(lambda _: torch.autocast("cpu", torch.bfloat16)))
        rounded = network.output(pixels)
    assert seen == [True]  # the trunk is
    depth = rounded.exp()
    assert rounded.dtype == torch.float32 and ((depth / depth.bfloat16().float() - 1).abs() > 1e-4).any()
    torch.testing.assert_close(rounded, exact, atol=0.05, rtol=0)


def test_transformers_is_silent_about_our_backbone(trunk):
    said = []
    handler = logging.Handler()
    handler.emit = said.append
    logger = logging.getLogger(quiet_models.SPEAKER)
    logger.addHandler(handler)
    try:
        for build, expected in ((quiet_models.dense_model, 0), (dense_models.dense_model, 1)):
            transformers_logging.warning_once.cache_clear()
            sizes = {"width": 32, "queries": 2, "encoder_layers": 1, "decoder_layers": 1}
            build(trunk, head="mask2former", kind="instances", labels=("a",), seed=0, **sizes)
            assert sum("zen_pyramid" in record.getMessage() for record in said) == expected
    finally:
        logger.removeHandler(handler)


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


@pytest.mark.parametrize("head", ["linear", "dpt", "upernet"])
@pytest.mark.parametrize("kind", ["segmentation", "partial"])
def test_a_fresh_head_says_how_frequent_classes_are(head, kind):
    """Its output, with the picture's part taken away, is the share of each class in the truth."""
    config = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 16}
    trunk = ZenModel(ZenConfig(**config, patch_size=8, image_size=32))
    labels = ("background", "a", "b") if kind == "segmentation" else ("a", "b", "c")
    target = SimpleNamespace(kind=kind, labels=labels, settings={})
    network = DenseNetwork(dense_model(trunk, head, kind, labels, width=32, seed=0), target, head)
    if kind == "segmentation":
        batch = TruthBatch(classes=torch.tensor([[[0, 0, 0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 0, 2, IGNORE, IGNORE]]]))
        expected = torch.tensor([11 / 14, 2 / 14, 1 / 14])
    else:
        present = torch.tensor([[[[True, False]], [[True, True]], [[True, True]]]])
        batch = TruthBatch(present=present, known=torch.tensor([[[[True]], [[True]], [[False]]]]).expand(-1, -1, 1, 2))
        expected = torch.tensor([0.5, 1 - 1e-4, 1e-4])  # the third was never annotated
    truths = SimpleNamespace(batch=lambda rows: batch, classes=3)
    network.begin_with_frequencies(truths, [0, 1])
    (layer,) = network.output_layers()
    torch.nn.init.zeros_(layer.weight)
    logits = network.module.eval()(torch.rand(1, 3, 32, 32)).logits
    shares = logits.softmax(dim=1) if kind == "segmentation" else logits.sigmoid()
    torch.testing.assert_close(shares.amax((0, 2, 3)), expected, atol=1e-5, rtol=1e-3)
    torch.testing.assert_close(shares.amin((0, 2, 3)), expected, atol=1e-5, rtol=1e-3)
