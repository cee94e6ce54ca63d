# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Backbones of dense heads: ZenBackbone in transformers' own models, and the pyramid around any trunk."""

import pytest
import torch
from huggingface_hub.errors import StrictDataclassClassValidationError
from torch.nn import functional
from transformers import (
    AutoBackbone,
    DPTConfig,
    DPTForDepthEstimation,
    Mask2FormerConfig,
    Mask2FormerForUniversalSegmentation,
    UperNetConfig,
    UperNetForSemanticSegmentation,
)

from zen_hf import ZenBackbone, ZenConfig, ZenPyramidBackbone, ZenPyramidConfig


def zen(**kwargs) -> ZenConfig:
    """A tiny ZEN with registers, patch 8."""
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4, "num_attention_heads": 2}
    return ZenConfig(**(sizes | {"image_size": 32, "patch_size": 8} | kwargs))


def small_dpt(backbone) -> DPTForDepthEstimation:
    """DPT with fresh weights over a backbone's configuration, biases moved so that its ReLU lets everything through."""
    torch.manual_seed(0)
    sizes = {"neck_hidden_sizes": [4, 8, 8, 16], "fusion_hidden_size": 16, "initializer_range": 0.2}
    model = DPTForDepthEstimation(DPTConfig(backbone_config=backbone, readout_type="ignore", **sizes)).eval()
    torch.nn.init.constant_(model.head.head[-2].bias, 100.0)
    return model


def mask2former(backbone, **kwargs) -> Mask2FormerForUniversalSegmentation:
    """A tiny Mask2Former over a backbone's configuration."""
    torch.manual_seed(0)
    sizes = {"feature_size": 32, "mask_feature_size": 32, "hidden_dim": 32, "encoder_feedforward_dim": 32}
    sizes |= {"dim_feedforward": 32, "encoder_layers": 1, "decoder_layers": 3, "num_queries": 5, "num_labels": 2}
    config = Mask2FormerConfig(backbone_config=backbone, **sizes, **kwargs)
    return Mask2FormerForUniversalSegmentation(config).eval()


def check_reload(model, pixels: torch.Tensor, output: str, folder) -> torch.Tensor:
    """What a model gives, the same after it was saved and loaded."""
    with torch.no_grad():
        before = model(pixels)[output]
        model.save_pretrained(folder)
        again = type(model).from_pretrained(folder).eval()
        torch.testing.assert_close(again(pixels)[output], before, rtol=0, atol=0)
    assert before.isfinite().all()
    return before


def test_zen_backbone_in_dpt(tmp_path):
    model = small_dpt(zen(out_indices=[1, 2, 3, 4], reshape_hidden_states=False))
    depth = check_reload(model, torch.rand(2, 3, 32, 48), "predicted_depth", tmp_path)
    assert depth.shape == (2, 64, 96)  # 16 times the grid of 4 x 6


def test_zen_backbone_in_upernet(tmp_path):
    torch.manual_seed(0)
    config = UperNetConfig(backbone_config=zen(out_indices=[1, 2, 3, 4]), hidden_size=16, use_auxiliary_head=False)
    logits = check_reload(UperNetForSemanticSegmentation(config).eval(), torch.rand(2, 3, 32, 48), "logits", tmp_path)
    assert logits.shape == (2, 2, 32, 48)


def test_zen_backbone_in_mask2former(tmp_path):
    model = mask2former(zen(out_indices=[1, 2, 3, 4]), feature_strides=[8] * 4, common_stride=8)
    masks = check_reload(model, torch.rand(2, 3, 32, 48), "masks_queries_logits", tmp_path)
    assert masks.shape == (2, 5, 4, 6)


def test_zen_backbone_gives_dpt_one_token_before_the_patches():
    torch.manual_seed(0)
    model = ZenBackbone(zen(out_indices=[2], reshape_hidden_states=False)).eval()
    pixels = torch.rand(1, 3, 16, 24)
    with torch.no_grad():
        tokens = model(pixels).feature_maps[0]
        model.config.reshape_hidden_states = True
        maps = model(pixels).feature_maps[0]
    assert tokens.shape == (1, 1 + 2 * 3, 32)
    torch.testing.assert_close(tokens[:, 1:], maps.flatten(2).transpose(1, 2))


def test_dpt_sees_the_same_through_either_backbone():
    """The wrapper reads a ZEN as ZenBackbone does: a fresh final norm is the norm without weights."""
    wrapper = ZenPyramidConfig(trunk_config=zen(), layers=[1, 2, 3, -1], reshape_hidden_states=False)
    plain, wrapped = small_dpt(zen(out_indices=[1, 2, 3, 4], reshape_hidden_states=False)), small_dpt(wrapper)
    wrapped.backbone.trunk.load_state_dict(plain.backbone.model.state_dict())
    wrapped.neck.load_state_dict(plain.neck.state_dict())
    wrapped.head.load_state_dict(plain.head.state_dict())
    pixels = torch.rand(2, 3, 24, 40)
    with torch.no_grad():
        expected = plain(pixels).predicted_depth
        torch.testing.assert_close(wrapped(pixels).predicted_depth, expected)
        maps = wrapped.backbone.trunk_maps(pixels)
        changed = [states.clone() for states in maps]
        for states in changed:
            states[..., 4] = 0  # the last of five columns
        with wrapped.backbone.replay(changed) as blank:
            difference = (wrapped(blank).predicted_depth - expected).abs().mean(dim=(0, 1))
    assert expected.std() > 1e-3
    assert difference[-16:].mean() > 1.5 * difference[:16].mean()  # rows and columns have not changed places


def channels_norm(maps: torch.Tensor, norm) -> torch.Tensor:
    """Layer norm of a map, spelt out."""
    mean = maps.mean(dim=1, keepdim=True)
    variance = maps.var(dim=1, keepdim=True, unbiased=False)
    scale, shift = (vector.view(1, -1, 1, 1) for vector in (norm.weight, norm.bias))
    return (maps - mean) / (variance + 1e-6).sqrt() * scale + shift


def test_pyramid_is_that_of_vitdet():
    """Against the layers of Li et al. (2022), section 3, written out."""
    torch.manual_seed(0)
    config = ZenPyramidConfig(trunk_config=zen(), scales=[4, 2, 1, 0.5], hidden_size=12, initializer_range=0.3)
    backbone = ZenPyramidBackbone(config).eval()
    for parameter in backbone.pyramid.parameters():
        torch.nn.init.normal_(parameter)
    pixels = torch.rand(2, 3, 32, 48)
    with torch.no_grad():
        (maps,) = backbone.trunk_maps(pixels)
        found = backbone(pixels).feature_maps
        four, two, one, half = (level.layers for level in backbone.pyramid.levels)
        finest = functional.conv_transpose2d(maps, four[0].weight, four[0].bias, stride=2)
        finest = functional.gelu(channels_norm(finest, four[1]))
        finest = functional.conv_transpose2d(finest, four[3].weight, four[3].bias, stride=2)
        finer = functional.conv_transpose2d(maps, two[0].weight, two[0].bias, stride=2)
        coarse = functional.max_pool2d(maps, 2)
        for level, states, layers in zip(found, (finest, finer, maps, coarse), (four, two, one, half), strict=True):
            narrow = channels_norm(functional.conv2d(states, layers[-4].weight), layers[-3])
            expected = channels_norm(functional.conv2d(narrow, layers[-2].weight, padding=1), layers[-1])
            torch.testing.assert_close(level, expected, rtol=1e-4, atol=1e-4)
    assert [tuple(level.shape) for level in found] == [(2, 12, s * 4, s * 6) for s in (4, 2, 1)] + [(2, 12, 2, 3)]
    assert backbone.channels == [12] * 4


@pytest.mark.parametrize("size", [(8, 8), (24, 40), (56, 8)])
def test_odd_grids(size):
    config = ZenPyramidConfig(trunk_config=zen(), scales=[4, 2, 1, 0.5], hidden_size=32)
    rows, columns = size[0] // 8, size[1] // 8
    pixels = torch.rand(2, 3, *size)
    with torch.no_grad():
        shapes = [tuple(level.shape[-2:]) for level in ZenPyramidBackbone(config).eval()(pixels).feature_maps]
        masks = mask2former(config)(pixels).masks_queries_logits
    halves = (-(-rows // 2), -(-columns // 2))
    assert shapes == [(4 * rows, 4 * columns), (2 * rows, 2 * columns), (rows, columns), halves]
    assert masks.shape == (2, 5, 4 * rows, 4 * columns)


def test_maps_replace_the_trunk_and_only_within_the_context():
    torch.manual_seed(0)
    config = ZenPyramidConfig(trunk_config=zen(), scales=[2, 1], hidden_size=8)
    backbone, pixels = AutoBackbone.from_config(config).eval(), torch.rand(2, 3, 16, 24)
    with torch.no_grad():
        expected, maps = backbone(pixels).feature_maps, backbone.trunk_maps(pixels)
        with backbone.replay(maps) as blank:
            assert blank.shape == pixels.shape
            torch.testing.assert_close(backbone(blank).feature_maps, expected, rtol=0, atol=0)
        assert (backbone(blank).feature_maps[0] - expected[0]).abs().max() > 1e-3
        with pytest.raises(ValueError, match=r"maps have \[3\] channels; expected \[32\]"), backbone.replay([blank]):
            pass


def test_wrong_configurations_are_named():
    for wrong, message in [
        ({"scales": [3, 1]}, "powers of two"),
        ({"layers": [1, 2, -1], "scales": [2, 1]}, "3 layers for 2 scales"),
        ({"layers": [1, -1], "strides": [8]}, "differ in number"),
        ({"scales": [2, 1], "reshape_hidden_states": False}, "scales=None"),
    ]:
        with pytest.raises(StrictDataclassClassValidationError, match=message):
            ZenPyramidConfig(trunk_config=zen(), **wrong)
    with pytest.raises(ValueError, match=r"20x24 pixels .* divisible by 8"):
        ZenPyramidBackbone(ZenPyramidConfig(trunk_config=zen()))(torch.rand(1, 3, 20, 24))
