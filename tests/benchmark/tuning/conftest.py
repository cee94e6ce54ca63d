# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Tiny checkpoints of four families, and frames whose labels are their colours."""

import datasets
import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    Dinov2Config,
    Dinov2Model,
    MobileNetV2Config,
    MobileNetV2Model,
    ResNetConfig,
    ResNetModel,
    ViTImageProcessorPil,
)

from zen_hf.benchmark.exam import FoldLabels
from zen_hf.benchmark.metrics.multilabel_map.multilabel_map import MultilabelMap
from zen_hf.benchmark.metrics.phase_recognition.phase_recognition import PhaseRecognition
from zen_hf.benchmark.split import Fold
from zen_hf.benchmark.task import Target
from zen_hf.modeling.configuration_zen import ZenConfig
from zen_hf.modeling.modeling_zen import ZenModel

SIZE = {"zen": 32, "dinov2": 28, "mobilenet": 32, "resnet": 32}
TARGETS = (
    Target("tool", "multi_label", ("red", "green", "never"), MultilabelMap, "map"),
    Target("phase", "single_label", ("dark", "absent", "blue"), PhaseRecognition, "accuracy"),
)


def save(model, folder):
    torch.manual_seed(0)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.15)
    with torch.no_grad():  # batch norms gather statistics of coloured noise, as a checkpoint has them of frames
        side = SIZE[folder.name]
        model.train()(torch.rand(32, 3, 1, 1) * 4 - 2 + 0.3 * torch.randn(32, 3, side, side))
    model.save_pretrained(folder)
    ViTImageProcessorPil(image_mean=[0.5, 0.4, 0.3], image_std=[0.2, 0.2, 0.3]).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory) -> dict[str, str]:
    """Family -> folder of a trunk without a classifier."""
    folder = tmp_path_factory.mktemp("trunks")
    shape = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    zen = ZenConfig(**shape, intermediate_size=48, image_size=32, patch_size=16, num_register_tokens=1)
    return {
        "zen": save(ZenModel(zen), folder / "zen"),
        "dinov2": save(Dinov2Model(Dinov2Config(**shape, image_size=28, patch_size=14)), folder / "dinov2"),
        "mobilenet": save(
            MobileNetV2Model(MobileNetV2Config(depth_multiplier=0.1, min_depth=8, image_size=32, tf_padding=False)),
            folder / "mobilenet",
        ),
        "resnet": save(
            ResNetModel(ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")),
            folder / "resnet",
        ),
    }


def coloured(videos=("a", "b", "c", "test"), frames=12):
    """Noise, plus red or green light for the tools and blue light for the phase; and the truth by video."""
    random = np.random.default_rng(0)
    rows, truth = [], {"tool": {}, "phase": {}}
    for video in videos:
        tool = np.zeros((frames, 3), int)
        tool[:, :2] = random.permutation(frames * 2).reshape(frames, 2) % 2
        phase = np.where(random.permutation(frames) % 2, 2, 0)
        truth["tool"][video], truth["phase"][video] = tool, phase
        for second in range(frames):
            pixels = random.integers(0, 60, (20, 30, 3))
            pixels += 150 * np.array([tool[second, 0], tool[second, 1], phase[second] == 2])
            picture = Image.fromarray(pixels.astype(np.uint8))
            rows.append({"image": picture, "video_id": video, "frame": second, "time_s": float(second)})
    return datasets.Dataset.from_list(rows).cast_column("image", datasets.Image()), truth


@pytest.fixture(scope="session")
def frames_and_truth():
    return coloured()


@pytest.fixture(scope="session")
def frames(frames_and_truth):
    return frames_and_truth[0]


@pytest.fixture(scope="session")
def truth(frames_and_truth):
    return frames_and_truth[1]


@pytest.fixture(scope="session")
def fold_labels(truth):
    def make(train=("a", "b"), val=("c",)):
        fold = Fold(train=train, test=("test",), val=val)
        of = {side: {name: {v: truth[name][v] for v in ids} for name in truth} for side, ids in fold.sides.items()}
        return FoldLabels(fold, of["train"], of["val"])

    return make


@pytest.fixture(scope="session")
def targets():
    return TARGETS


@pytest.fixture(scope="session")
def sizes():
    return SIZE
