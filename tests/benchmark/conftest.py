# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Drawn frames whose labels can be read off their colours, and an encoder that sees colours alone."""

import datasets
import numpy as np
import pytest
import torch
from PIL import Image

from zen_hf.benchmark.miniatures.write import write_miniature
from zen_hf.benchmark.readers.cholect50 import PHASES, TOOLS, canonical_features
from zen_hf.benchmark.task import load_task
from zen_hf.modeling.frame_encoder import FrameFeatures

VIDEOS = ("VID68", "VID70", "VID73", "VID74")


def drawn_frames(videos=VIDEOS, frames=14, seed=0) -> datasets.Dataset:
    """Canonical rows: tool k in view lights column k of the picture, phase p lights one of seven rows in blue."""
    random = np.random.default_rng(seed)
    rows = []
    for video in videos:
        for second in range(frames):
            tool = (random.random(len(TOOLS)) < 0.4).astype(int)
            phase = second * len(PHASES) // frames
            pixels = random.integers(0, 40, (56, 96, 3))
            for index in np.flatnonzero(tool):
                pixels[:, 16 * index : 16 * index + 16, 0] += 150
            pixels[8 * phase : 8 * phase + 8, :, 2] += 150
            picture = Image.fromarray(pixels.astype(np.uint8))
            place = {"video_id": video, "frame": 7 * second + 3, "time_s": 7.0 * second + 3}
            rows.append({"image": picture} | place | {"tool": tool.tolist(), "phase": phase})
    features = datasets.Features(canonical_features() | {"time_s": datasets.Value("float64")})
    return datasets.Dataset.from_list(rows, features=features)


class ColourEncoder:
    """Stands in for a `FrameEncoder`: patch tokens are the mean colours of 8 x 8 pixels, the summary is all of them."""

    default_image_size, stride, hidden_size = 56, 8, 3
    summary_size = 3 * 7 * 7  # at its default size

    def __init__(self, fingerprint="colours"):
        self.fingerprint, self.calls, self.frames = fingerprint, 0, 0

    def __call__(self, images: torch.Tensor) -> FrameFeatures:
        assert images.min() >= 0 and images.max() <= 1
        self.calls, self.frames = self.calls + 1, self.frames + len(images)
        grid = torch.nn.functional.avg_pool2d(images, self.stride)  # [B, 3, h, w]
        patches = grid.flatten(2).transpose(1, 2)
        return FrameFeatures(summary=grid.flatten(1), patches=patches, grid=tuple(grid.shape[-2:]))


@pytest.fixture(scope="session")
def drawn() -> datasets.Dataset:
    return drawn_frames()


@pytest.fixture
def draw():
    return drawn_frames


@pytest.fixture(scope="session")
def colour_encoder():
    return ColourEncoder


@pytest.fixture(scope="session")
def miniature(tmp_path_factory):
    """Folder of the miniature of a task's dataset, written once; not to be changed (copy it)."""
    written = {}

    def folder_of(name: str):
        if name not in written:
            folder = tmp_path_factory.mktemp("miniatures") / name
            write_miniature(load_task(name), folder, seconds=22 if name.startswith("grasp") else 16)
            written[name] = folder
        return written[name]

    return folder_of
