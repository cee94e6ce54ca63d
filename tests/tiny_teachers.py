# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Two tiny teachers of unlike families and a handful of frames, all made here."""

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    Dinov2Config,
    Dinov2Model,
    MobileNetV2Config,
    MobileNetV2Model,
    ViTImageProcessorPil,
    VJEPA2Config,
    VJEPA2Model,
)

from zen_hf.data.frame_sources import FrameSource, load_frames


def save_teacher(model, folder):
    torch.manual_seed(0)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.1)
    model.save_pretrained(folder)
    ViTImageProcessorPil(image_mean=[0.5, 0.4, 0.3], image_std=[0.2, 0.2, 0.3]).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def vit_teacher(tmp_path_factory):
    config = Dinov2Config(hidden_size=24, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=14)
    return save_teacher(Dinov2Model(config), tmp_path_factory.mktemp("teachers") / "vit")


@pytest.fixture(scope="session")
def cnn_teacher(tmp_path_factory):
    config = MobileNetV2Config(depth_multiplier=0.1, min_depth=4, image_size=64, tf_padding=False)
    return save_teacher(MobileNetV2Model(config), tmp_path_factory.mktemp("teachers") / "cnn")


@pytest.fixture(scope="session")
def clip_teacher(tmp_path_factory):
    sizes = {"hidden_size": 24, "num_attention_heads": 2, "num_hidden_layers": 1, "patch_size": 8, "mlp_ratio": 2}
    sizes |= {"pred_hidden_size": 12, "pred_num_attention_heads": 2, "pred_num_hidden_layers": 1}
    config = VJEPA2Config(**sizes, frames_per_clip=4, crop_size=32)
    return save_teacher(VJEPA2Model(config), tmp_path_factory.mktemp("teachers") / "clips")


@pytest.fixture(scope="session")
def frames_folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("frames")
    random = np.random.default_rng(0)
    for video in ("A", "B", "C"):
        (root / video).mkdir()
        for frame in range(4):
            coarse = Image.fromarray(random.integers(0, 255, (5, 5, 3), dtype=np.uint8))
            coarse.resize((72, 56), Image.Resampling.BICUBIC).save(root / video / f"{frame}.png")
    return root


@pytest.fixture(scope="session")
def frames(frames_folder):
    return load_frames([FrameSource(path=str(frames_folder))])[0]
