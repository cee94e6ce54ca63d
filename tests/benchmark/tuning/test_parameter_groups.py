# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Learning rates fall with depth by the stated factor, and only matrices decay."""

import pytest
import torch
from torch import nn
from transformers import (
    AutoModelForImageClassification,
    ConvNextConfig,
    MobileNetV2Config,
    ResNetConfig,
    SwinConfig,
)

from zen_hf import ZenConfig
from zen_hf.benchmark.tuning.parameter_groups import parameter_groups, trunk_depths


def rates_of(model, layer_decay=0.5):
    groups = parameter_groups(model, "classifier", 1.0, 3.0, layer_decay, weight_decay=0.1)
    assert sum(len(group["params"]) for group in groups) == sum(p.requires_grad for p in model.parameters())
    rates = {name: group["lr"] for group in groups for name in group["names"]}
    decays = {name: group["weight_decay"] for group in groups for name in group["names"]}
    return rates, decays


def test_zen_by_hand():
    config = ZenConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=3, num_attention_heads=2, image_size=32, patch_size=16
    )
    rates, decays = rates_of(AutoModelForImageClassification.from_config(config))
    assert rates["classifier.weight"] == 3 and rates["model.norm.weight"] == 1
    assert [rates[f"model.layers.{n}.attention.o_proj.weight"] for n in (2, 1, 0)] == [0.5, 0.25, 0.125]
    assert rates["model.embeddings.cls_token"] == rates["model.embeddings.patch_embeddings.weight"] == 0.0625
    assert decays["model.layers.0.mlp.up_proj.weight"] == decays["model.embeddings.patch_embeddings.weight"] == 0.1
    for name in ("layers.0.mlp.up_proj.bias", "norm.weight", "embeddings.cls_token", "embeddings.register_tokens"):
        assert decays[f"model.{name}"] == 0
    assert decays["model.layers.0.residual1.scale"] == 0


@pytest.mark.parametrize(
    "config",
    [
        MobileNetV2Config(depth_multiplier=0.1, min_depth=4),
        ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 2]),
        ConvNextConfig(hidden_sizes=[8, 8], depths=[1, 2], num_stages=2),
        SwinConfig(embed_dim=8, depths=[1, 1], num_heads=[2, 2]),
    ],
)
def test_rates_never_fall_from_input_to_output(config):
    model = AutoModelForImageClassification.from_config(config)
    rates, _ = rates_of(model)
    in_trunk = [rate for name, rate in rates.items() if "classifier" not in name]
    ordered = [rates[name] for name, _ in model.named_parameters() if "classifier" not in name]
    assert ordered == sorted(ordered) and len(set(in_trunk)) > 3


def test_stages_hold_layers():
    names = [
        "stem.w",
        "stages.0.layers.0.layer.0.w",
        "stages.0.layers.0.layer.1.w",
        "stages.1.w",
        "stages.1.layers.0.w",
    ]
    assert list(trunk_depths([*names, "norm.w"]).values()) == [0, 1, 1, 2, 3, 4]


def test_deep_layers_move_less_at_equal_gradients():
    model = nn.Sequential()
    for part in ("embeddings", "layers", "classifier"):
        model.add_module(part, nn.ModuleList([nn.Linear(2, 2) for _ in range(2)]))
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    groups = parameter_groups(model, "classifier", 1e-3, 1e-3, 0.5, weight_decay=0.0)
    optimizer = torch.optim.AdamW([{k: v for k, v in group.items() if k != "names"} for group in groups])
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    moved = {name: (before[name] - value).abs().mean().item() for name, value in model.named_parameters()}
    assert moved["layers.0.weight"] == pytest.approx(0.5 * moved["layers.1.weight"], rel=1e-3)
    assert moved["embeddings.0.weight"] == pytest.approx(0.25 * moved["layers.1.weight"], rel=1e-3)


def test_frozen_parameters_are_left_out_and_a_trunk_without_blocks_is_refused():
    model = nn.ModuleDict({"trunk": nn.Linear(2, 2), "classifier": nn.Linear(2, 2)})
    with pytest.raises(ValueError, match="no numbered blocks.*layer_decay=1"):
        parameter_groups(model, "classifier", 1.0, 1.0, 0.7, 0.0)
    model["trunk"].requires_grad_(False)
    groups = parameter_groups(model, "classifier", 1.0, 1.0, 1.0, 0.0)
    assert [group["names"] for group in groups] == [["classifier.weight"], ["classifier.bias"]]
