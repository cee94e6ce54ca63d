# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Models of timm give what timm's own transforms and forward give; without timm, the error says what to install."""

import json

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from transformers.utils import import_utils

from zen_hf.modeling import FrameEncoder

MEAN, STD = (0.2, 0.3, 0.4), (0.5, 0.25, 0.3)
TINY = {"embed_dim": 16, "depth": 2, "num_heads": 2, "img_size": 32, "patch_size": 8}
# name: (timm's architecture, its arguments, side, stride, whether other sizes fit)
FAMILIES = {
    "vit": ("vit_tiny_patch16_224", TINY, 32, 8, False),
    "vit without cls": ("vit_tiny_patch16_224", TINY | {"class_token": False, "global_pool": "avg"}, 32, 8, False),
    "vit with registers": ("vit_tiny_patch16_224", TINY | {"reg_tokens": 3, "dynamic_img_size": True}, 32, 8, True),
    "resnet": ("resnet18", {"channels": [4, 4, 8, 16]}, 64, 32, True),
    "mobilenet": ("mobilenetv3_small_050", {}, 64, 32, True),  # pools, then widens: summary and patches differ
    "swin": (
        "swin_tiny_patch4_window7_224",
        {"embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "window_size": 4, "img_size": 32},
        32,
        8,
        False,
    ),
}


def save_timm(folder, architecture: str, arguments: dict, side: int, **pretrained):
    """Write a random model as transformers does, with the `pretrained_cfg` of the Hub's timm checkpoints."""
    pytest.importorskip("timm", reason="needs timm")
    own = {
        "input_size": [3, side, side],
        "mean": list(MEAN),
        "std": list(STD),
        "interpolation": "bicubic",
    } | pretrained
    settings = {"pretrained_cfg": own} if pretrained.get("mean", MEAN) else {}
    config = transformers.TimmWrapperConfig(architecture=architecture, model_args=arguments, **settings)
    torch.manual_seed(0)
    model = transformers.TimmWrapperModel(config).eval()
    with torch.no_grad():
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(std=0.1)
    model.save_pretrained(folder)
    return model.timm_model


@pytest.mark.parametrize("family", FAMILIES)
def test_features_equal_timm(tmp_path, family):
    architecture, arguments, side, stride, other_sizes = FAMILIES[family]
    network = save_timm(tmp_path, architecture, arguments, side)
    from timm.data import create_transform, resolve_data_config

    # read back by timm's own code from what was written, not taken from the constants above
    own = resolve_data_config(pretrained_cfg=json.loads((tmp_path / "config.json").read_text())["pretrained_cfg"])
    transform = create_transform(**own | {"crop_pct": 1.0})
    pixels = np.random.default_rng(0).integers(0, 256, (2, side, side, 3), dtype=np.uint8)
    inputs = torch.stack([transform(Image.fromarray(frame)) for frame in pixels])
    with torch.no_grad():
        states = network.forward_features(inputs)
        pooled = network.forward_head(states, pre_logits=True)
    if states.ndim == 3:
        patches = states[:, network.num_prefix_tokens :]
    elif family == "swin":
        patches = states.flatten(1, 2)  # [B, h, w, C]
    else:
        patches = states.flatten(2).transpose(1, 2)  # [B, C, h, w]

    encoder = FrameEncoder.from_pretrained(str(tmp_path))
    found = encoder(torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255)
    assert encoder.default_image_size == side and encoder.stride == stride and encoder.any_size == other_sizes
    assert found.grid == (side // stride, side // stride)
    torch.testing.assert_close(found.patches, patches, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.summary, pooled, atol=1e-5, rtol=1e-5)
    assert found.summary.shape == (2, encoder.summary_size) and found.patches.shape[2] == encoder.hidden_size

    twin = FrameEncoder.random_like(encoder, 1)
    assert twin.stride == stride and twin.fingerprint != encoder.fingerprint
    assert twin.fingerprint == FrameEncoder.random_like(encoder, 1).fingerprint


def test_other_sizes(tmp_path):
    for family in ("vit", "vit with registers", "resnet"):
        architecture, arguments, side, stride, other_sizes = FAMILIES[family]
        save_timm(tmp_path / family, architecture, arguments, side)
        encoder, images = FrameEncoder.from_pretrained(str(tmp_path / family)), torch.rand(1, 3, 96, 128)
        if other_sizes:
            assert encoder(images).grid == (96 // stride, 128 // stride)
        else:
            with pytest.raises(
                ValueError, match="takes frames of 32x32 pixels alone, not 96x128; set image_size to 32"
            ):
                encoder(images)


def test_a_model_without_patches_is_refused():
    pytest.importorskip("timm", reason="needs timm")
    arguments = {"embed_dims": (8, 8, 8, 8), "serial_depths": (1, 1, 1, 1)}
    model = transformers.TimmWrapperModel(
        transformers.TimmWrapperConfig(architecture="coat_tiny", model_args=arguments)
    )
    with pytest.raises(ValueError, match="expected patch tokens .* or a map"):
        FrameEncoder(model, list(MEAN), list(STD))


def test_unknown_normalisation_is_refused(tmp_path):
    """Without its own, timm fills in ImageNet's."""
    save_timm(tmp_path, *FAMILIES["resnet"][:3], mean=None)
    with pytest.raises(ValueError, match="has no config.json with mean and std in its pretrained_cfg"):
        FrameEncoder.from_pretrained(str(tmp_path))
    assert FrameEncoder.from_pretrained(str(tmp_path), image_mean=[0.5] * 3, image_std=[0.5] * 3).stride == 32


def test_labels_and_origin_do_not_touch_the_fingerprint(tmp_path):
    save_timm(tmp_path, *FAMILIES["vit"][:3])
    original = FrameEncoder.from_pretrained(str(tmp_path)).fingerprint
    config = json.loads((tmp_path / "config.json").read_text())
    changed = config | {"pretrained_cfg": config["pretrained_cfg"] | {"url": "elsewhere"}, "num_classes": 7}
    (tmp_path / "config.json").write_text(json.dumps(changed | {"label_names": list("abcdefg")}))
    assert FrameEncoder.from_pretrained(str(tmp_path)).fingerprint == original
    other = config | {"pretrained_cfg": config["pretrained_cfg"] | {"mean": [0.1, 0.3, 0.4]}}
    (tmp_path / "config.json").write_text(json.dumps(other))
    assert FrameEncoder.from_pretrained(str(tmp_path)).fingerprint != original


def test_names_of_timm_lead_to_the_hub():
    pytest.importorskip("timm", reason="needs timm")
    from zen_hf.modeling.pretrained_encoder import hub_name

    assert hub_name("vit_small_patch16_224.augreg_in21k") == "timm/vit_small_patch16_224.augreg_in21k"
    assert hub_name("vit_small_patch16_224").startswith("timm/vit_small_patch16_224.")
    assert hub_name("timm/resnet18.a1_in1k") == "timm/resnet18.a1_in1k"
    assert hub_name("gpt2") == "gpt2"
    with pytest.raises(ValueError, match="timm has no weights 'resnet18.nobody'; it knows .*resnet18.a1_in1k"):
        hub_name("resnet18.nobody")


def test_without_timm_the_error_names_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(import_utils.BACKENDS_MAPPING, "timm", (lambda: False, "{0} requires the timm library"))
    config = {
        "architecture": "resnet18",
        "num_classes": 2,
        "label_names": ["a", "b"],
        "pretrained_cfg": {"mean": MEAN},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ImportError, match="is a model of timm, which is not installed; run `pip install timm`"):
        FrameEncoder.from_pretrained(str(tmp_path))
