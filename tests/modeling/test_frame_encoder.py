# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A `FrameEncoder` gives what the model's own processor and forward give, for every family, and refuses what would not."""

import json

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file

from zen_hf import ZenConfig, ZenForDistillation, ZenModel
from zen_hf.modeling import FrameEncoder

VIT = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "image_size": 32,
    "patch_size": 8,
}
STAGES = {"hidden_sizes": [8, 16], "depths": [1, 1]}
ZEN = VIT | {"num_register_tokens": 2}


def zen_for_distillation():
    adaptors = [{"name": "teacher", "hidden_size": 8, "summary_size": 8, "patch_size": 8}]
    return ZenForDistillation(ZenConfig(**ZEN, adaptors=adaptors))


# name: (model, stride, prefix tokens or None for a map)
FAMILIES = {
    "vit": (lambda: transformers.ViTModel(transformers.ViTConfig(**VIT)), 8, 1),
    "deit": (lambda: transformers.DeiTModel(transformers.DeiTConfig(**VIT)), 8, 2),
    "dinov2": (lambda: transformers.Dinov2Model(transformers.Dinov2Config(**VIT)), 8, 1),
    "dinov3": (
        lambda: transformers.DINOv3ViTModel(transformers.DINOv3ViTConfig(**VIT, num_register_tokens=3)),
        8,
        4,
    ),
    "clip": (lambda: transformers.CLIPVisionModel(transformers.CLIPVisionConfig(**VIT)), 8, 1),
    "siglip": (lambda: transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**VIT)), 8, 0),
    "mobilenet v2": (
        lambda: transformers.MobileNetV2Model(transformers.MobileNetV2Config(depth_multiplier=0.1, image_size=64)),
        32,
        None,
    ),
    "resnet": (
        lambda: transformers.ResNetModel(transformers.ResNetConfig(**STAGES, embedding_size=8, layer_type="basic")),
        8,
        None,
    ),
    "convnext": (
        lambda: transformers.ConvNextModel(transformers.ConvNextConfig(**STAGES, num_stages=2, image_size=64)),
        8,
        None,
    ),
    "zen": (lambda: ZenModel(ZenConfig(**ZEN)), 8, 3),
    "zen for distillation": (zen_for_distillation, 8, 3),
}


def randomise(model):
    """Weights and batch statistics at no special value."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(std=0.1)
    return model.eval()


def processor(**settings):
    settings = {"image_mean": [0.2, 0.3, 0.4], "image_std": [0.5, 0.25, 0.3], "do_resize": False} | settings
    return transformers.ViTImageProcessorPil(**settings)


@pytest.fixture
def vit_folder(tmp_path):
    randomise(FAMILIES["vit"][0]()).save_pretrained(tmp_path)
    processor().save_pretrained(tmp_path)
    return tmp_path


def frames(height: int, width: int) -> tuple[list[Image.Image], torch.Tensor]:
    """The same two frames as pictures and as a tensor in [0, 1]."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    return [Image.fromarray(frame) for frame in pixels], torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255


@pytest.mark.parametrize("height, width", [(64, 64), (32, 96)])
@pytest.mark.parametrize("family", FAMILIES)
def test_features_equal_processor_and_model(tmp_path, family, height, width):
    build, stride, prefix = FAMILIES[family]
    model = randomise(build())
    model.save_pretrained(tmp_path)
    processor().save_pretrained(tmp_path)
    encoder = FrameEncoder.from_pretrained(str(tmp_path))
    assert encoder.stride == stride

    pictures, images = frames(height, width)
    pixels = processor()(pictures, return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        expected = model(pixels, **encoder.arguments)
    found = encoder(images)
    grid = (height // stride, width // stride)
    assert found.grid == grid
    states = expected.last_hidden_state
    patches = states.flatten(2).transpose(1, 2) if prefix is None else states[:, prefix:]
    assert patches.shape == (2, grid[0] * grid[1], encoder.hidden_size)
    torch.testing.assert_close(found.patches, patches, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found.summary, expected.pooler_output.flatten(1), atol=1e-4, rtol=1e-4)
    assert found.summary.shape == (2, encoder.summary_size)
    assert not found.patches.requires_grad


@pytest.mark.parametrize("kind", ["CLIP", "Siglip"])
def test_vision_tower_of_an_image_text_model(tmp_path, kind):
    text = {
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "vocab_size": 99,
    }
    config = getattr(transformers, f"{kind}Config")(text_config=text, vision_config=VIT)
    model = randomise(getattr(transformers, f"{kind}Model")(config))
    model.save_pretrained(tmp_path)
    processor().save_pretrained(tmp_path)
    pictures, images = frames(32, 32)
    with torch.no_grad():
        expected = model.vision_model(pixel_values=processor()(pictures, return_tensors="pt")["pixel_values"])
    found = FrameEncoder.from_pretrained(str(tmp_path))(images)
    torch.testing.assert_close(found.summary, expected.pooler_output, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({}, lambda x, mean, std: (x - mean) / std),
        ({"do_rescale": False}, lambda x, mean, std: (255 * x - mean) / std),
        ({"rescale_factor": 1 / 127.5}, lambda x, mean, std: (2 * x - mean) / std),
        ({"do_normalize": False}, lambda x, mean, std: x),
        ({"do_flip_channel_order": True}, lambda x, mean, std: (x.flip(1) - mean) / std),
    ],
)
def test_preprocessing_is_read_from_the_folder(vit_folder, settings, expected):
    saved = json.loads((vit_folder / "preprocessor_config.json").read_text())
    (vit_folder / "preprocessor_config.json").write_text(json.dumps(saved | settings))
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in ([0.2, 0.3, 0.4], [0.5, 0.25, 0.3]))
    encoder = FrameEncoder.from_pretrained(str(vit_folder))
    _, images = frames(32, 32)
    with torch.no_grad():
        output = encoder.model(expected(images, mean, std))
    torch.testing.assert_close(encoder(images).summary, output.pooler_output, atol=1e-4, rtol=1e-4)


def test_explicit_normalisation_overrides_the_folder(vit_folder):
    encoder = FrameEncoder.from_pretrained(str(vit_folder), image_mean=[0.5] * 3, image_std=[0.1] * 3)
    assert encoder.mean.flatten().tolist() == [0.5] * 3 and encoder.std.flatten().tolist() == pytest.approx([0.1] * 3)


def test_unknown_normalisation_is_refused(vit_folder):
    (vit_folder / "preprocessor_config.json").unlink()
    with pytest.raises(ValueError, match="has no preprocessor_config.json .*pass image_mean and image_std"):
        FrameEncoder.from_pretrained(str(vit_folder))


@pytest.mark.parametrize("wrong", [-0.4, 1.7, 255.0, float("nan")])
def test_frames_that_are_normalised_already_are_refused(vit_folder, wrong):
    images = torch.rand(1, 3, 32, 32)
    images[0, 1, 2, 3] = wrong
    with pytest.raises(ValueError, match=r"pixels span .*expected RGB in \[0, 1\], not yet normalised"):
        FrameEncoder.from_pretrained(str(vit_folder))(images)


def test_sizes_that_do_not_fit_are_refused(vit_folder):
    with pytest.raises(ValueError, match="frames are 32x36 pixels; both sides must be divisible by 8"):
        FrameEncoder.from_pretrained(str(vit_folder))(torch.rand(1, 3, 32, 36))


# What is not there


def test_missing_weights_are_refused(vit_folder):
    state = load_file(vit_folder / "model.safetensors")
    first = next(key for key in sorted(state) if "pooler" not in key)
    save_file({key: value for key, value in state.items() if key != first}, vit_folder / "model.safetensors")
    with pytest.raises(ValueError, match=f"lacks 1 weights .*first: {first}"):
        FrameEncoder.from_pretrained(str(vit_folder))


def test_weights_of_another_size_are_refused(vit_folder):
    config = json.loads((vit_folder / "config.json").read_text())
    (vit_folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 20}))
    with pytest.raises(ValueError, match="weights of another size"):
        FrameEncoder.from_pretrained(str(vit_folder))


def test_folder_without_weights_is_refused(vit_folder):
    (vit_folder / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=f"{vit_folder}: no model could be loaded"):
        FrameEncoder.from_pretrained(str(vit_folder))


def test_absent_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected a Hub id or a folder"):
        FrameEncoder.from_pretrained(str(tmp_path / "absent"))


def test_a_pooler_that_was_never_trained_is_not_read(tmp_path):
    """A ViT published for classification has no pooler: transformers would fill in a random one."""
    model = randomise(transformers.ViTForImageClassification(transformers.ViTConfig(**VIT)))
    model.save_pretrained(tmp_path)
    processor().save_pretrained(tmp_path)
    pictures, images = frames(32, 32)
    with torch.no_grad():
        states = model.vit(processor()(pictures, return_tensors="pt")["pixel_values"]).last_hidden_state
    found = FrameEncoder.from_pretrained(str(tmp_path))(images)
    torch.testing.assert_close(found.summary, states[:, 0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found.patches, states[:, 1:], atol=1e-4, rtol=1e-4)


# Fingerprint


def test_fingerprint_follows_the_features(vit_folder, tmp_path_factory):
    def fingerprint(**settings) -> str:
        return FrameEncoder.from_pretrained(str(vit_folder), **settings).fingerprint

    original = fingerprint()
    assert original == fingerprint()

    copy = tmp_path_factory.mktemp("copy")
    encoder = FrameEncoder.from_pretrained(str(vit_folder))
    encoder.model.config.id2label = {0: "liver"}
    encoder.model.config.dtype = "bfloat16"
    encoder.model.save_pretrained(copy)
    processor().save_pretrained(copy)
    assert FrameEncoder.from_pretrained(str(copy)).fingerprint == original

    with torch.no_grad():
        next(encoder.model.parameters()).view(-1)[0] += 1e-3
    assert encoder.fingerprint != original
    assert fingerprint(image_mean=[0.2, 0.3, 0.41]) != original
    assert fingerprint(image_std=[0.5, 0.25, 0.31]) != original
    assert fingerprint(dtype=torch.float16) != original
    config = json.loads((vit_folder / "config.json").read_text())
    (vit_folder / "config.json").write_text(json.dumps(config | {"hidden_act": "relu"}))
    assert fingerprint() != original


# The same architecture without training


@pytest.mark.parametrize("family", FAMILIES)
def test_random_like_has_the_shape_and_normalisation_but_other_weights(family):
    encoder = FrameEncoder(randomise(FAMILIES[family][0]()), [0.2, 0.3, 0.4], [0.5, 0.25, 0.3], 64, 255.0, True)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one, same, other = (FrameEncoder.random_like(encoder, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.rand(1), expected)  # the global random state is left alone
    assert one.name == f"random {type(encoder.model).__name__} (seed 0)"
    assert one.fingerprint == same.fingerprint
    assert len({encoder.fingerprint, one.fingerprint, other.fingerprint}) == 3
    for attribute in ("default_image_size", "stride", "pixel_scale", "reverse_channels", "summary_size"):
        assert getattr(one, attribute) == getattr(encoder, attribute)
    assert torch.equal(one.mean, encoder.mean) and torch.equal(one.std, encoder.std)
    images = torch.rand(2, 3, 64, 64)
    found, original = one(images), encoder(images)
    assert found.summary.shape == original.summary.shape and found.patches.shape == original.patches.shape
    assert not torch.allclose(found.summary, original.summary)
    assert torch.isfinite(found.summary).all()


def test_random_like_reads_the_summary_where_the_original_does(vit_folder):
    """Where the original has no pooler, nor has its random twin."""
    model = transformers.ViTForImageClassification(transformers.ViTConfig(**VIT))
    model.save_pretrained(vit_folder)
    encoder = FrameEncoder.from_pretrained(str(vit_folder), dtype=torch.float16)
    twin = FrameEncoder.random_like(encoder, 0)
    assert encoder.model.pooler is None and twin.model.pooler is None
    assert next(twin.model.parameters()).dtype == torch.float16


def test_an_encoder_is_frozen_and_no_module():
    model = ZenModel(ZenConfig(**ZEN)).train()
    encoder = FrameEncoder(model, [0.5] * 3, [0.5] * 3)
    assert not model.training and not any(parameter.requires_grad for parameter in model.parameters())
    assert not isinstance(encoder, torch.nn.Module)


@pytest.mark.parametrize("name", [name for name in FAMILIES if name not in ("mobilenet v2", "zen for distillation")])
def test_hidden_layers_are_those_of_the_model(name):
    """Every layer of every family, beside the model's own hidden states; the features of the last stay as they were."""
    build, stride, prefix = FAMILIES[name]
    model = randomise(build())
    encoder = FrameEncoder(model, [0.5] * 3, [0.5] * 3)
    images = torch.rand(2, 3, 32, 32)
    network = encoder.model
    hidden = network(encoder.normalise(images), **encoder.arguments, output_hidden_states=True).hidden_states
    numbers = list(range(len(hidden)))
    found, plain = encoder(images, layers=numbers), encoder(images)
    assert list(found.layers) == numbers and plain.layers == {}
    torch.testing.assert_close(found.summary, plain.summary)
    torch.testing.assert_close(found.patches, plain.patches)
    for number, states in enumerate(hidden):
        layer = found.layers[number]
        if prefix is None:
            torch.testing.assert_close(layer.patches, states.flatten(2).transpose(1, 2))
            assert layer.grid == states.shape[-2:]
        else:
            torch.testing.assert_close(layer.patches, states[:, prefix:])
        expected = states[:, 0] if prefix else layer.patches.mean(dim=1)
        torch.testing.assert_close(layer.summary, expected)


def test_layers_that_are_not_there_are_named():
    encoder = FrameEncoder(randomise(FAMILIES["vit"][0]()), [0.5] * 3, [0.5] * 3, name="my ViT")
    for layer in (3, -1):
        with pytest.raises(ValueError, match=f"my ViT has the layers 0 to 2, not {layer}"):
            encoder(torch.rand(1, 3, 16, 16), layers=[layer])
    shapes = {"image_size": 64, "embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "window_size": 1}
    swin = FrameEncoder(transformers.SwinModel(transformers.SwinConfig(**shapes)), [0.5] * 3, [0.5] * 3, name="Swin")
    with pytest.raises(ValueError, match="Swin: layer 0 is .* expected a map for a map, or as many tokens"):
        swin(torch.rand(1, 3, 64, 64), layers=[0])


def test_a_model_without_hidden_layers_is_named():
    model = randomise(FAMILIES["zen for distillation"][0]())
    encoder = FrameEncoder(model, [0.5] * 3, [0.5] * 3, name="student")
    forward = encoder.model.forward
    encoder.model.forward = lambda pixels, output_hidden_states=False: forward(pixels)
    with pytest.raises(ValueError, match="student .* gives no hidden layers"):
        encoder(torch.rand(1, 3, 16, 16), layers=[1])
