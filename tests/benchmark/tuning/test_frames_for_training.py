# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Frames are decoded as everywhere in the benchmark, at most once, and changed without losing what they show."""

import gc
import shutil
from pathlib import Path
from types import SimpleNamespace

import datasets
import numpy as np
import pytest
import torch

from zen_hf.benchmark import feature_cache
from zen_hf.benchmark.feature_cache import frame_to_pixels, undecoded
from zen_hf.benchmark.readers import frame_image
from zen_hf.benchmark.task import load_task
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


@pytest.fixture(scope="module")
def films(miniature):
    """Frames of several films, in no order."""
    dataset = load_task("cholec80_phase").read(miniature("cholec80_phase"))
    return dataset.select(np.random.default_rng(0).permutation(len(dataset)))


@pytest.mark.parametrize("keep_bytes", [2**30, 1000], ids=["in memory", "on the disk"])
def test_films_are_decoded_once_in_the_order_of_time(films, monkeypatch, keep_bytes):
    opened, seeks, decoded = [], [], []
    frame_image._decoder.cache_clear()
    opening, seeking, turning = frame_image.VideoDecoder.__init__, frame_image.VideoDecoder._find, frame_to_pixels

    def find(decoder, time_s):
        before = decoder.frames
        found = seeking(decoder, time_s)
        seeks.append(decoder.frames is not before)
        return found

    monkeypatch.setattr(
        frame_image.VideoDecoder, "__init__", lambda self, path: opened.append(path) or opening(self, path)
    )
    monkeypatch.setattr(frame_image.VideoDecoder, "_find", find)
    monkeypatch.setattr(feature_cache, "frame_to_pixels", lambda row, size: decoded.append(row) or turning(row, size))
    monkeypatch.setattr(decoded_frames, "frame_to_pixels", None)  # nothing is decoded later
    kept = DecodedFrames(films, 16, keep_bytes)
    batches = np.array_split(np.arange(len(films)), 5)
    for _ in range(2):
        found = torch.cat(list(kept.batches(batches)))
    assert len(opened) == len(set(films["video_id"])) == len(set(opened)) == sum(seeks)
    assert len(decoded) == len(films)
    rows = undecoded(films)
    for row in range(0, len(films), 7):
        assert torch.equal(found[row], turning(rows[row], 16))


def test_the_temporary_file_goes_with_its_object(films):
    kept = DecodedFrames(films.select(range(4)), 16, keep_bytes=0)
    folder = Path(kept.folder.name)
    assert (folder / "pixels").stat().st_size == 4 * 3 * 16 * 16
    del kept
    gc.collect()
    assert not folder.exists()


def test_films_that_fit_nowhere_are_refused(films, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=4 * 768 - 1))
    with pytest.raises(OSError, match="4 decoded frames of films take .* GB, and .* GB free; .*TMPDIR"):
        DecodedFrames(films.select(range(4)), 16, keep_bytes=0)
    DecodedFrames(films.select(range(4)), 16, keep_bytes=4 * 768)
