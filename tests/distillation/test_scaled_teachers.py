# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A scaled teacher is an ordinary folder whose features are those of the original, times the factor."""

import pytest
import torch
from torch import nn
from transformers import ResNetConfig, ResNetModel

from zen_hf.distillation.scaled_teachers import patch_deviation, scale_teacher
from zen_hf.distillation.teachers import Teacher, TeacherSpec
from zen_hf.distillation.tiny_teachers import save_tiny_teacher, tiny_network

SIZES = {"what": 64, "where": 64, "far": 128}


@pytest.fixture(params=SIZES)
def source(request, tmp_path):
    """An untrained teacher of each architecture, whose normalisations have other weights than ones and zeros."""
    torch.manual_seed(0)
    network = tiny_network(request.param)
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.LayerNorm)):
            nn.init.normal_(module.weight, mean=1.0, std=0.5)
            nn.init.normal_(module.bias, std=0.5)
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
    save_tiny_teacher(network, SIZES[request.param], tmp_path / "source")
    return tmp_path / "source"


@pytest.mark.parametrize("factor", [0.03, 5.5])
def test_summary_and_patches_are_multiplied(source, tmp_path, factor):
    scale_teacher(source, tmp_path / "scaled", factor)
    images = torch.rand(2, 3, 64, 64)
    original, scaled = (
        Teacher(TeacherSpec(name="t", source=str(tmp_path / name)))(images, (8, 8)) for name in ("source", "scaled")
    )
    for part in ("summary", "patches"):
        expected = factor * getattr(original, part)
        assert (getattr(scaled, part) - expected).abs().max() < 1e-6 * expected.abs().max() + 1e-7 * factor
    assert original.patches.std() > 0


def test_patch_deviation_is_the_root_mean_variance_and_scales_along(source, tmp_path):
    pixels = torch.randint(0, 256, (6, 3, 64, 64), dtype=torch.uint8)
    size = Teacher(TeacherSpec(name="t", source=str(source))).encoder.default_image_size
    pixels = pixels.repeat_interleave(size // 64, 2).repeat_interleave(size // 64, 3)
    deviation = patch_deviation(source, pixels, batch_size=4)
    patches = Teacher(TeacherSpec(name="t", source=str(source)))(pixels.float() / 255, (8, 8)).patches.double()
    assert deviation == pytest.approx(float(patches.flatten(0, 1).var(0, unbiased=False).mean().sqrt()), rel=1e-4)
    scale_teacher(source, tmp_path / "scaled", 1.35 / deviation)
    assert patch_deviation(tmp_path / "scaled", pixels) == pytest.approx(1.35, rel=1e-4)


def test_what_cannot_be_scaled_exactly_is_refused(tmp_path):
    # the second block of the last stage adds its input unscaled
    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 2], layer_type="basic")
    save_tiny_teacher(ResNetModel(config), 64, tmp_path / "source")
    with pytest.raises(ValueError, match="ResNetModel cannot be scaled"):
        scale_teacher(tmp_path / "source", tmp_path / "scaled", 2.0)
    with pytest.raises(ValueError, match="factor is -1"):
        scale_teacher(tmp_path / "source", tmp_path / "scaled", -1)
    assert not (tmp_path / "scaled").exists()
