# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Adapters go where they are said to go, in every family; checkpoints whose trunk is not whole are refused."""

import re

import pytest
from torch import nn
from transformers import (
    AutoModelForImageClassification,
    CLIPConfig,
    Dinov2Config,
    MobileNetV2Config,
    ResNetConfig,
    SiglipConfig,
    SwinConfig,
    ViTConfig,
)

from zen_hf.benchmark.tuning.adapters import adapter_targets
from zen_hf.benchmark.tuning.classifier import head_of, refuse_incomplete_trunk, trunk_of

VIT = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
VIT |= {"image_size": 28, "patch_size": 14}
TEXT = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "vocab_size": 9}


def adapted(config):
    """The modules that get an adapter, by name."""
    config.num_labels = 5
    model = AutoModelForImageClassification.from_config(config)
    trunk = trunk_of("model", model)
    prefix = next(name for name, module in model.named_modules() if module is trunk)
    pattern = adapter_targets(trunk, prefix)
    assert head_of("model", model, trunk) == "classifier"
    return {name: module for name, module in model.named_modules() if re.fullmatch(pattern, name)}


@pytest.mark.parametrize(
    ("config", "count"),
    [
        (ViTConfig(**VIT), 8),
        (Dinov2Config(**VIT), 8),
        (SwinConfig(embed_dim=8, depths=[1, 1], num_heads=[2, 2]), 8),
        (CLIPConfig(text_config=TEXT, vision_config=VIT), 8),
        (SiglipConfig(text_config=TEXT, vision_config=VIT), 8),
    ],
)
def test_transformers_get_them_in_attention(config, count):
    found = adapted(config)
    assert {name.rpartition(".")[2] for name in found} <= {"q_proj", "k_proj", "v_proj", "o_proj", "out_proj"}
    assert all(isinstance(module, nn.Linear) for module in found.values()) and len(found) >= count


def test_convolutional_networks_get_them_where_channels_mix():
    # the stem, three in each of two blocks, and the second block's shortcut
    assert len(adapted(ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1]))) == 8
    found = adapted(MobileNetV2Config(depth_multiplier=0.1, min_depth=8))
    assert found and not any("conv_3x3" in name and ".layer." in name for name in found)  # these filter each channel


def test_without_attention_all_linear_maps_get_them():
    trunk = nn.ModuleDict({"up": nn.Linear(2, 2), "filter": nn.Conv2d(2, 2, 1)})
    assert re.fullmatch(adapter_targets(trunk, "trunk"), "trunk.up")
    assert not re.fullmatch(adapter_targets(trunk, "trunk"), "trunk.filter")
    with pytest.raises(ValueError, match="neither linear maps nor convolutions"):
        adapter_targets(nn.ModuleDict({"norm": nn.LayerNorm(2)}), "trunk")


def test_only_the_classifier_may_be_new():
    report = {"missing_keys": {"classifier.bias"}, "mismatched_keys": {("classifier.weight", (3, 4), (5, 4))}}
    refuse_incomplete_trunk("model", report, "classifier")
    report["missing_keys"].add("model.norm.weight")
    with pytest.raises(ValueError, match="model lacks 1 weights of its trunk.*model.norm.weight"):
        refuse_incomplete_trunk("model", report, "classifier")
    report = {"missing_keys": set(), "mismatched_keys": {("model.norm.weight", (3,), (5,))}}
    with pytest.raises(ValueError, match="model.norm.weight"):
        refuse_incomplete_trunk("model", report, "classifier")


def test_a_head_that_is_not_one_linear_map_is_refused():
    model = AutoModelForImageClassification.from_config(ViTConfig(**VIT))
    trunk = trunk_of("model", model)
    assert head_of("model", model, trunk) == "classifier"
    model.second = nn.Linear(2, 2)
    with pytest.raises(ValueError, match="parts \\['classifier', 'second'\\] beside its trunk"):
        head_of("model", model, trunk)
