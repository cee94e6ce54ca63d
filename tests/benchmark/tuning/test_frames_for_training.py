# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Frames are decoded as everywhere in the benchmark, at most once, and changed without losing what they show."""

import datasets
import numpy as np
import pytest
import torch

from zen_hf.benchmark.feature_cache import frame_to_pixels, undecoded
from zen_hf.benchmark.tuning import decoded_frames
from zen_hf.benchmark.tuning.augmentation import augment
from zen_hf.benchmark.tuning.decoded_frames import DecodedFrames

BATCHES = [np.array([5, 0]), np.array([7]), np.array([0, 1, 2])]


def test_batches_are_the_pixels_of_the_benchmark_in_order(frames):
    found = list(DecodedFrames(frames, 32).batches(BATCHES))
    rows = undecoded(frames)
    for batch, pixels in zip(BATCHES, found, strict=True):
        assert torch.equal(pixels, torch.stack([frame_to_pixels(rows[int(row)], 32) for row in batch]))


@pytest.mark.parametrize(("keep_bytes", "calls"), [(2**30, 5), (1000, 10)])
def test_frames_are_decoded_once_where_they_fit(frames, monkeypatch, keep_bytes, calls):
    seen = []
    monkeypatch.setattr(decoded_frames, "frame_to_pixels", lambda row, size: seen.append(row) or torch.zeros(3, 8, 8))
    decoded = DecodedFrames(frames, 8, keep_bytes)
    list(decoded.batches([np.array([0, 1]), np.array([2, 3, 4])]))
    list(decoded.batches([np.array([0, 1, 2, 3, 4])]))
    assert len(seen) == calls


def test_an_unreadable_frame_is_named(frames, tmp_path):
    path = tmp_path / "broken.png"
    path.write_bytes(b"no picture")
    rows = datasets.Dataset.from_dict({"image": [str(path)], "video_id": ["a"], "frame": [0]})
    with pytest.raises(ValueError, match="broken.png: not a readable picture"):
        list(DecodedFrames(rows.cast_column("image", datasets.Image()), 8).batches([np.array([0])]))


def test_augmented_frames_keep_every_corner():
    """Four corners of different brightness stay visible, in their order, however a frame is shrunk and placed."""
    frames = torch.zeros(64, 3, 40, 40)
    for index, (y, x) in enumerate([(0, 0), (0, 32), (32, 0), (32, 32)]):
        frames[:, :, y : y + 8, x : x + 8] = 0.2 * (index + 1)
    changed = augment(frames, torch.Generator().manual_seed(0), shrink=0.2, brightness=0.0)
    assert changed.shape == frames.shape and changed.min() >= 0 and changed.max() <= 1
    for index, (y, x) in enumerate([(0, 0), (0, 20), (20, 0), (20, 20)]):
        quarter = changed[:, :, y : y + 20, x : x + 20]
        assert (quarter.amax(dim=(1, 2, 3)) - 0.2 * (index + 1)).abs().max() < 0.01
    area = (changed > 0.05).float().mean(dim=(1, 2, 3)) / (frames > 0.05).float().mean(dim=(1, 2, 3))
    assert area.min() > 0.55 and area.max() <= 1.25 and area.std() > 0.05


def test_brightness_leaves_the_hue_and_zero_leaves_all():
    frames = torch.rand(16, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 0.5 + 0.1
    brighter = augment(frames, torch.Generator().manual_seed(0), shrink=0.0, brightness=0.2)
    gain = (brighter / frames).flatten(1)
    assert (gain.std(dim=1) < 1e-5).all() and 0.8 <= gain.min() < 0.9 and 1.1 < gain.max() <= 1.2
    assert torch.equal(augment(frames, torch.Generator(), 0.0, 0.0), frames)
