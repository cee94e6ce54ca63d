# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Features are extracted once, are the encoder's, and are never served for anything else than what they are."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from zen_hf.benchmark.feature_cache import extract_features, frame_to_pixels, require_readable
from zen_hf.benchmark.readers.cholect50 import read_cholect50, write_cholect50

VIDEOS = ["VID68", "VID70"]


def extract(encoder, dataset, folder, **changed):
    return extract_features(encoder, dataset, **{"videos": VIDEOS, "image_size": 56, "cache_dir": folder} | changed)


def test_features_are_those_of_the_encoder(tmp_path, drawn, colour_encoder):
    features = extract(colour_encoder(), drawn, tmp_path, batch_size=4)
    row = drawn[14 + 5]  # the sixth frame of VID70
    pixels = np.array(row["image"].resize((56, 56), Image.Resampling.BICUBIC), np.float32) / 255
    tiles = pixels.reshape(7, 8, 7, 8, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(features["VID70"].mean_patch[5], tiles.mean(axis=(0, 1)), atol=1e-6)
    np.testing.assert_allclose(features["VID70"].summary[5], tiles.transpose(2, 0, 1).ravel(), atol=1e-6)


def test_batch_size_does_not_matter(tmp_path, drawn, colour_encoder):
    small = extract(colour_encoder(), drawn, tmp_path / "small", batch_size=1)
    large = extract(colour_encoder(), drawn, tmp_path / "large", batch_size=64)
    np.testing.assert_allclose(small["VID68"].summary, large["VID68"].summary, atol=1e-6)


def test_second_time_comes_from_the_cache(tmp_path, drawn, colour_encoder):
    first = extract(colour_encoder(), drawn, tmp_path)
    again = colour_encoder()
    second = extract(again, drawn, tmp_path)
    assert again.calls == 0
    np.testing.assert_array_equal(first["VID68"].summary, second["VID68"].summary)
    np.testing.assert_array_equal(first["VID70"].mean_patch, second["VID70"].mean_patch)


def test_interrupted_extraction_goes_on_with_the_missing_video(tmp_path, drawn, colour_encoder):
    class Interrupted(colour_encoder):
        def __call__(self, images):
            if self.frames >= 14:
                raise KeyboardInterrupt
            return super().__call__(images)

    with pytest.raises(KeyboardInterrupt):
        extract(Interrupted(), drawn, tmp_path)
    assert [path.name[:5] for path in tmp_path.rglob("*") if path.is_file()] == ["VID68"]
    again = colour_encoder()
    extract(again, drawn, tmp_path)
    assert again.frames == 14


@pytest.mark.parametrize("change", ["weights", "size", "a pixel", "order"])
def test_whatever_changes_the_features_misses_the_cache(tmp_path, drawn, draw, colour_encoder, change):
    extract(colour_encoder(), drawn, tmp_path)
    other, dataset, size = colour_encoder(), drawn, 56
    if change == "weights":
        other = colour_encoder(fingerprint="other colours")
    elif change == "size":
        size = 48
    elif change == "a pixel":
        dataset = draw(seed=1)
    else:
        dataset = drawn.select(reversed(range(len(drawn))))
    extract(other, dataset, tmp_path, image_size=size)
    assert other.frames == 28


def test_labels_do_not_touch_the_cache(tmp_path, drawn, colour_encoder):
    extract(colour_encoder(), drawn, tmp_path)
    again = colour_encoder()
    extract(again, drawn.remove_columns(["tool", "phase"]), tmp_path)
    assert again.calls == 0


def test_renamed_file_is_not_served(tmp_path, drawn, colour_encoder):
    extract(colour_encoder(), drawn, tmp_path)
    one, other = sorted(path for path in tmp_path.rglob("*.safetensors"))
    one.rename(other)
    with pytest.raises(ValueError, match="not those that were stored here; delete the file"):
        extract(colour_encoder(), drawn, tmp_path)


@pytest.mark.parametrize("damage", ["cut off", "a bit flipped"])
def test_damaged_file_is_not_served(tmp_path, drawn, colour_encoder, damage):
    extract(colour_encoder(), drawn, tmp_path)
    path = sorted(tmp_path.rglob("*.safetensors"))[0]
    content = bytearray(path.read_bytes())
    if damage == "cut off":
        content = content[: len(content) // 2]
    else:
        content[-100] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="delete"):
        extract(colour_encoder(), drawn, tmp_path)


def test_bad_requests(tmp_path, drawn, colour_encoder):
    with pytest.raises(ValueError, match="image size 60 is not divisible by the encoder's stride 8: use 56 or 64"):
        extract(colour_encoder(), drawn, tmp_path, image_size=60)
    with pytest.raises(ValueError, match="image size 5 .*: use 8"):
        extract(colour_encoder(), drawn, tmp_path, image_size=5)
    with pytest.raises(ValueError, match="no frame of video 'VID99'"):
        extract(colour_encoder(), drawn, tmp_path, videos=["VID99"])
    assert not list(tmp_path.iterdir())


def test_features_that_are_not_finite_are_refused(tmp_path, drawn, colour_encoder):
    class Broken(colour_encoder):
        def __call__(self, images):
            output = super().__call__(images)
            output.summary[0, 0] = float("nan")
            return output

    with pytest.raises(ValueError, match="features of video VID68 are not all finite"):
        extract(Broken(), drawn, tmp_path)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_pixels_are_the_whole_frame():
    """A wide frame, left half red and right half blue, stays half and half: nothing is cropped."""
    wide = np.zeros((10, 40, 3), np.uint8)
    wide[:, :20, 0], wide[:, 20:, 2] = 255, 255
    buffer = io.BytesIO()
    Image.fromarray(wide).save(buffer, "PNG")
    pixels = frame_to_pixels({"image": {"bytes": buffer.getvalue(), "path": None}}, 20)
    assert pixels.shape == (3, 20, 20) and pixels.dtype == torch.float32
    torch.testing.assert_close(pixels.mean(dim=(1, 2)), torch.tensor([0.5, 0.0, 0.5]), atol=0.01, rtol=0)


def test_unreadable_frames_are_counted_and_named(tmp_path, drawn, colour_encoder):
    write_cholect50(drawn, tmp_path / "data")
    broken = tmp_path / "data" / "videos" / "VID68" / "000010.png"
    broken.write_text("not a picture")
    dataset = read_cholect50(tmp_path / "data", VIDEOS)
    with pytest.raises(ValueError, match=r"1 of 28 frames are not readable pictures \(first: .*000010.png\)"):
        require_readable(dataset)
    with pytest.raises(ValueError, match="000010.png: not a readable picture"):
        extract(colour_encoder(), dataset, tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.partial"))
