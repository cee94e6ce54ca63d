# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A converted generalist gives the original's outputs, and what cannot be converted whole is refused."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModel,
    BertConfig,
    BertModel,
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    DINOv3ViTConfig,
    DINOv3ViTModel,
    ViTImageProcessor,
)

from zen_hf import ZenModel

TINY = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 32, "patch_size": 8}
GENERALISTS = {
    "dinov2": Dinov2Config(**TINY, mlp_ratio=2),
    "dinov2 swiglu": Dinov2Config(**TINY, mlp_ratio=2, use_swiglu_ffn=True),
    "dinov2 without qkv bias": Dinov2Config(**TINY, mlp_ratio=2, qkv_bias=False, use_mask_token=False),
    "dinov2 with registers": Dinov2WithRegistersConfig(**TINY, mlp_ratio=2, num_register_tokens=3),
    "dinov3": DINOv3ViTConfig(**TINY, intermediate_size=64, num_register_tokens=4),
    "dinov3 gated": DINOv3ViTConfig(
        **TINY, intermediate_size=48, num_register_tokens=4, use_gated_mlp=True, hidden_act="silu", mlp_bias=False
    ),
    "dinov3 without registers": DINOv3ViTConfig(**TINY, intermediate_size=64, proj_bias=False, value_bias=False),
}
CLASSES = {"dinov2": Dinov2Model, "dinov2_with_registers": Dinov2WithRegistersModel, "dinov3_vit": DINOv3ViTModel}


def random_generalist(config):
    """A model none of whose weights are at a value that would hide a mistake (zero biases, unit scales)."""
    torch.manual_seed(0)
    model = CLASSES[config.model_type](config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3)
    return model.eval()


@pytest.fixture(params=GENERALISTS, scope="module")
def pair(request, tmp_path_factory):
    """A random generalist and the ZEN converted from its folder."""
    folder = tmp_path_factory.mktemp("generalist")
    generalist = random_generalist(GENERALISTS[request.param])
    generalist.save_pretrained(folder)
    return generalist, ZenModel.from_generalist(folder)


@torch.no_grad()
def assert_same_outputs(generalist, zen, pixels, **masks):
    expected, found = generalist(pixels, **masks), zen(pixels, **masks)
    difference = (expected.last_hidden_state - found.last_hidden_state).abs().max()
    assert expected.last_hidden_state.std() > 0.1
    assert difference <= 1e-4
    assert (expected.pooler_output - found.pooler_output).abs().max() <= 1e-4


@pytest.mark.parametrize("size", [(32, 32), (48, 48), (16, 40)])
def test_outputs_equal_the_original(pair, size):
    assert_same_outputs(*pair, torch.rand(2, 3, *size))


def test_masked_outputs_equal_the_original(pair):
    generalist, zen = pair
    if not getattr(generalist.config, "use_mask_token", True):
        pytest.skip("this generalist has no mask token")
    mask = torch.rand(2, 16) < 0.5
    assert_same_outputs(generalist, zen, torch.rand(2, 3, 32, 32), bool_masked_pos=mask)


def test_stages_equal_the_original(pair):
    generalist, zen = pair
    pixels = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        expected = generalist(pixels, output_hidden_states=True).hidden_states
        found = zen(pixels, output_hidden_states=True).hidden_states
    assert len(expected) == len(found) == 3
    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=0)


def test_converted_model_saves_and_loads(pair, tmp_path):
    generalist, zen = pair
    zen.save_pretrained(tmp_path)
    assert_same_outputs(generalist, AutoModel.from_pretrained(tmp_path), torch.rand(1, 3, 32, 32))


def test_normalisation_is_taken_over(tmp_path):
    random_generalist(GENERALISTS["dinov3"]).save_pretrained(tmp_path)
    assert ZenModel.from_generalist(tmp_path).config.image_mean == [0.485, 0.456, 0.406]
    ViTImageProcessor(image_mean=[0.43, 0.41, 0.3], image_std=[0.2, 0.19, 0.18]).save_pretrained(tmp_path)
    config = ZenModel.from_generalist(tmp_path).config
    assert (config.image_mean, config.image_deviation) == ([0.43, 0.41, 0.3], [0.2, 0.19, 0.18])


@pytest.fixture
def folder(tmp_path):
    random_generalist(GENERALISTS["dinov3"]).save_pretrained(tmp_path)
    return tmp_path


def test_missing_weights_are_refused(folder):
    state = load_file(folder / "model.safetensors")
    save_file({key: value for key, value in state.items() if "up_proj" not in key}, folder / "model.safetensors")
    with pytest.raises(ValueError, match=r"lacks 4 weights .*up_proj.*complete checkpoint"):
        ZenModel.from_generalist(folder)


def test_folder_without_weights_is_refused(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(OSError, match="model.safetensors"):
        ZenModel.from_generalist(folder)


def test_empty_folder_is_refused(tmp_path):
    with pytest.raises((OSError, ValueError), match=str(tmp_path)):
        ZenModel.from_generalist(tmp_path)


def test_weights_of_other_sizes_are_refused(folder):
    state = load_file(folder / "model.safetensors")
    state["norm.weight"] = torch.ones(7)
    save_file(state, folder / "model.safetensors")
    with pytest.raises(ValueError, match="holds 1 weights of another size .*norm.weight"):
        ZenModel.from_generalist(folder)


def test_foreign_family_is_refused(tmp_path):
    BertModel(BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, vocab_size=9)).save_pretrained(
        tmp_path
    )
    with pytest.raises(ValueError, match="is a 'bert' model; .* converts dinov2, dinov2_with_registers, dinov3_vit"):
        ZenModel.from_generalist(tmp_path)


@pytest.mark.real
@pytest.mark.parametrize("size", [(224, 224), (112, 196)])
def test_real_dinov2_small(shared_teachers, size):
    folder = shared_teachers / "dinov2-small"
    generalist = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    assert_same_outputs(generalist, ZenModel.from_generalist(folder), torch.randn(1, 3, *size))
