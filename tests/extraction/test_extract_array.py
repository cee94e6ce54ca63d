# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""`zen_hf.extract` gives the encoder's features of films, folders and lists, and leaves a model as it was."""

import numpy as np
import pytest
import torch
import transformers
from data.films import damage_packets, write_film
from PIL import Image

import zen_hf
from zen_hf.data.frame_pixels import frame_to_square, to_unit_range
from zen_hf.data.video_sampling import Video
from zen_hf.modeling import FrameEncoder


@pytest.fixture(scope="module")
def frames(films):
    with Video(films / "one.mp4") as video:
        return [frame.image for frame in video.sample(1.0)]


@pytest.fixture(scope="module")
def expected(vit, frames):
    squares = np.stack([frame_to_square(frame, 32) for frame in frames])
    return FrameEncoder.from_pretrained(str(vit))(to_unit_range(squares))


def test_a_film(vit, films, expected):
    features, times = zen_hf.extract(str(vit), films / "one.mp4", batch_size=3, return_times=True)
    assert times.tolist() == list(range(10)) and features.dtype == np.float32
    np.testing.assert_allclose(features, expected.summary, atol=1e-5)
    assert zen_hf.extract(vit, str(films / "one.mp4"), fps=0.5).shape == (5, 16)


def test_pictures(vit, frames, expected, tmp_path):
    encoder = FrameEncoder.from_pretrained(str(vit))
    for place, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / f"{place:02}.png")
    files = sorted(tmp_path.iterdir())
    for given in (frames, [Image.fromarray(frame) for frame in frames], files, tmp_path):
        np.testing.assert_allclose(zen_hf.extract(encoder, given), expected.summary, atol=1e-5)
    patches, places = zen_hf.extract(encoder, tmp_path, kind="patches", return_times=True)
    np.testing.assert_allclose(patches, expected.patches, atol=1e-5)
    assert places.tolist() == list(range(10))
    assert zen_hf.extract(encoder, frames[:2], kind="patches", image_size=64).shape == (2, 64, 16)


def test_a_model_in_training_stays_in_training(vit, frames, expected):
    model = transformers.ViTModel.from_pretrained(vit).train()
    np.testing.assert_allclose(zen_hf.extract(model, frames), expected.summary, atol=1e-5)
    assert model.training and all(parameter.requires_grad for parameter in model.parameters())
    fresh = transformers.ViTModel(model.config)
    fresh.config._name_or_path = fresh.name_or_path = ""
    with pytest.raises(ValueError, match="was not loaded from anywhere, so its preprocessing is unknown"):
        zen_hf.extract(fresh, frames)


def test_what_cannot_be_read(vit, films, frames, tmp_path):
    encoder = FrameEncoder.from_pretrained(str(vit))
    with pytest.raises(FileNotFoundError, match="no such film"):
        zen_hf.extract(encoder, tmp_path / "none.mp4")
    (tmp_path / "bad.mp4").write_bytes(b"no film" * 50)
    with pytest.raises(ValueError, match="bad.mp4: cannot be read as a video"):
        zen_hf.extract(encoder, tmp_path / "bad.mp4")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="bad.png: not a readable picture"):
        zen_hf.extract(encoder, [tmp_path / "bad.png"])
    with pytest.raises(ValueError, match="image size 30 is not divisible"):
        zen_hf.extract(encoder, frames, image_size=30)
    with pytest.raises(ValueError, match="extract gives one array"):
        zen_hf.extract(encoder, frames, kind="both")
    write_film(tmp_path / "damaged.mp4", frames=50, fps=5, gop=10, size=(64, 96))
    damage_packets(tmp_path / "damaged.mp4", [20])
    with pytest.warns(UserWarning, match="damaged.mp4: "):
        features, times = zen_hf.extract(encoder, tmp_path / "damaged.mp4", return_times=True)
    assert len(features) == len(times) < 10


def test_bfloat16_is_close(vit, frames, expected):
    with torch.no_grad():
        found = zen_hf.extract(str(vit), frames, bf16=True)
    np.testing.assert_allclose(found, expected.summary, atol=0.05)
