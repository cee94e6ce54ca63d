# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Features are extracted once, are the encoder's, and are never served for anything else than what they are."""

import hashlib
import importlib.metadata
import io
import os
import shutil
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from zen_hf.benchmark import feature_cache
from zen_hf.benchmark.feature_cache import (
    bytes_per_frame,
    decode_ahead,
    extract_features,
    file_hash,
    frame_to_pixels,
    frames_hash,
    pool_tokens,
    require_readable,
    rows_by_video,
    undecoded,
)
from zen_hf.benchmark.readers.canonical import canonical_dataset
from zen_hf.benchmark.readers.cholect50 import read_cholect50, write_cholect50
from zen_hf.benchmark.readers.frame_image import open_frame
from zen_hf.benchmark.task import load_task
from zen_hf.modeling import FrameFeatures

VIDEOS = ["VID68", "VID70"]


def extract(encoder, dataset, folder, **changed):
    return extract_features(encoder, dataset, **{"videos": VIDEOS, "image_size": 56, "cache_dir": folder} | changed)


def test_features_are_those_of_the_encoder(tmp_path, drawn, colour_encoder):
    features = extract(colour_encoder(), drawn, tmp_path, batch_size=4)
    row = drawn[14 + 5]  # the sixth frame of VID70
    pixels = np.array(row["image"].resize((56, 56), Image.Resampling.BICUBIC), np.float32) / 255
    tiles = pixels.reshape(7, 8, 7, 8, 3).mean(axis=(1, 3))
    level = 1 / 255  # no pixel differs from Pillow's by more
    np.testing.assert_allclose(features["VID70"].mean_patch[5], tiles.mean(axis=(0, 1)), atol=0.1 * level)
    np.testing.assert_allclose(features["VID70"].summary[5], tiles.transpose(2, 0, 1).ravel(), atol=0.5 * level)


def test_batch_size_does_not_matter(tmp_path, drawn, colour_encoder):
    small = extract(colour_encoder(), drawn, tmp_path / "small", batch_size=1)
    large = extract(colour_encoder(), drawn, tmp_path / "large", batch_size=64)
    np.testing.assert_allclose(small["VID68"].summary, large["VID68"].summary, atol=1e-6)


def test_tokens_are_the_patches_on_a_coarse_grid(tmp_path, drawn, colour_encoder):
    """Of 16 x 16 patches every token is the mean of 2 x 2; of 7 x 7 each is itself."""
    fine = extract(colour_encoder(), drawn, tmp_path, image_size=128, tokens=True)["VID70"]
    pixels = frame_to_pixels(undecoded(drawn)[14 + 5], 128).numpy()
    expected = pixels.reshape(3, 8, 16, 8, 16).mean(axis=(2, 4)).transpose(1, 2, 0).reshape(64, 3)
    assert fine.tokens.shape == (14, 64, 3) and fine.tokens.dtype == np.float16
    np.testing.assert_allclose(fine.tokens[5], expected, atol=1e-3)
    native = extract(colour_encoder(), drawn, tmp_path, tokens=True)["VID70"]
    assert native.tokens.shape == (14, 49, 3)
    np.testing.assert_allclose(native.tokens.mean(axis=1), native.mean_patch, atol=1e-3)


def test_pooling_follows_the_grid():
    """Rows by columns: 16 rows of 4 patches become 8 rows of 4 tokens."""
    patches = torch.arange(16.0).repeat_interleave(4).view(1, 64, 1) + 100 * torch.arange(4.0).repeat(16).view(
        1, 64, 1
    )
    tokens = pool_tokens(patches, (16, 4)).view(8, 4)
    torch.testing.assert_close(tokens, (2 * torch.arange(8.0) + 0.5)[:, None] + 100 * torch.arange(4.0))


def test_tokens_lie_in_their_own_file_and_stay_on_the_disk(tmp_path, drawn, colour_encoder):
    both = colour_encoder()
    features = extract(both, drawn, tmp_path, tokens=True)
    assert both.frames == 28  # one pass for both files
    assert isinstance(features["VID68"].tokens, np.memmap)
    files = sorted(tmp_path.rglob("*.safetensors"))
    assert len(files) == 4
    for path in files:
        with safe_open(path, framework="numpy") as file:
            if "tokens" in file.keys():
                path.unlink()
    again = colour_encoder()
    without = extract(again, drawn, tmp_path)
    assert again.calls == 0 and without["VID68"].tokens is None
    np.testing.assert_array_equal(without["VID68"].summary, features["VID68"].summary)


def test_tokens_asked_for_later_leave_the_rest_as_it_was(tmp_path, drawn, colour_encoder):
    class Rounded(colour_encoder):
        """Differs in the last digits, as another batch size or processor does."""

        def __call__(self, images):
            output = super().__call__(images)
            return FrameFeatures(output.summary + 1e-6, output.patches + 1e-6, output.grid)

    before = extract(colour_encoder(), drawn, tmp_path)
    later = extract(Rounded(), drawn, tmp_path, tokens=True)
    np.testing.assert_array_equal(later["VID70"].summary, before["VID70"].summary)
    np.testing.assert_array_equal(later["VID70"].mean_patch, before["VID70"].mean_patch)
    again = colour_encoder()
    assert extract(again, drawn, tmp_path, tokens=True)["VID70"].tokens.shape == (14, 49, 3)
    assert again.calls == 0


def test_tokens_beyond_float16_are_refused(tmp_path, drawn, colour_encoder):
    class Huge(colour_encoder):
        def __call__(self, images):
            output = super().__call__(images)
            return FrameFeatures(output.summary, output.patches * 1e6, output.grid)

    with pytest.raises(ValueError, match="patch tokens of video VID68 exceed what float16 holds"):
        extract(Huge(), drawn, tmp_path, tokens=True)
    assert extract(Huge(), drawn, tmp_path)["VID68"].mean_patch.max() > 65504


def test_second_time_comes_from_the_cache(tmp_path, drawn, colour_encoder):
    first = extract(colour_encoder(), drawn, tmp_path)
    again = colour_encoder()
    second = extract(again, drawn, tmp_path)
    assert again.calls == 0
    np.testing.assert_array_equal(first["VID68"].summary, second["VID68"].summary)
    np.testing.assert_array_equal(first["VID70"].mean_patch, second["VID70"].mean_patch)


@pytest.mark.parametrize("tokens", [False, True])
def test_interrupted_extraction_goes_on_with_the_missing_video(tmp_path, drawn, colour_encoder, tokens):
    class Interrupted(colour_encoder):
        def __call__(self, images):
            if self.frames >= 14:
                raise KeyboardInterrupt
            return super().__call__(images)

    with pytest.raises(KeyboardInterrupt):
        extract(Interrupted(), drawn, tmp_path, tokens=tokens)
    assert [path.name[:5] for path in tmp_path.rglob("*") if path.is_file()] == ["VID68"] * (1 + tokens)
    again = colour_encoder()
    extract(again, drawn, tmp_path, tokens=tokens)
    assert again.frames == 14
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("decode")]


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
@pytest.mark.parametrize("tokens", [False, True])
def test_damaged_file_is_not_served(tmp_path, drawn, colour_encoder, damage, tokens):
    extract(colour_encoder(), drawn, tmp_path, tokens=tokens)
    path = max(
        tmp_path.rglob("*.safetensors"), key=lambda path: path.stat().st_size
    )  # the tokens, where there are any
    content = bytearray(path.read_bytes())
    if damage == "cut off":
        content = content[: len(content) // 2]
    else:
        content[-100] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="delete"):
        extract(colour_encoder(), drawn, tmp_path, tokens=tokens)


def test_tasks_on_the_same_films_read_each_frame_once(tmp_path, miniature, colour_encoder, monkeypatch):
    """Phases and tools of Cholec80: the second task runs no encoder, decodes no frame and reads no film."""
    folder, read = miniature("cholec80_phase"), []
    monkeypatch.setattr(feature_cache, "open_frame", lambda path: read.append(path) or open_frame(path))
    digest = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda file, name: read.append(file.name) or digest(file, name))
    file_hash.cache_clear()
    encoder, features = colour_encoder(), {}
    for name in ("cholec80_phase", "cholec80_tool"):
        dataset = load_task(name).read(folder)
        videos = sorted(set(dataset["video_id"]))
        features[name] = extract(encoder, dataset, tmp_path, videos=videos)
        frames = len(dataset)
        assert encoder.frames == frames
        assert len(read) == frames + len(videos) == len(set(read))
    for video in videos:
        np.testing.assert_array_equal(*(features[name][video].summary for name in features))


def test_a_film_that_changed_is_read_again(tmp_path):
    draw = np.random.default_rng(0)
    path, rows = tmp_path / "film.avi", [{"image": None, "video_id": "v", "frame": 0, "time_s": 0.0}]
    hashes = []
    for _ in range(2):
        path.write_bytes(draw.bytes(100))
        os.utime(path, ns=(len(hashes), len(hashes)))
        rows[0]["image"] = f"{path}#t=0.000000"
        hashes.append(frames_hash(canonical_dataset(rows, {})))
    assert hashes[0] != hashes[1]


@pytest.mark.parametrize("source", ["films", "pictures"])
def test_frames_decoded_ahead_stay_in_order(tmp_path, miniature, drawn, source):
    if source == "films":
        folder = miniature("cholec80_phase")
        frames = load_task("cholec80_phase").read(folder)
        frames = frames.select(range(16))  # of the first film
    else:
        write_cholect50(drawn, tmp_path / "data")
        frames = read_cholect50(tmp_path / "data", ["VID68"])
    expected = torch.stack([frame_to_pixels(row, 32) for row in undecoded(frames)])
    batches = list(decode_ahead(undecoded(frames), 32, 3))
    assert [len(batch) for batch in batches[:-1]] == [3] * (len(batches) - 1)
    assert torch.equal(torch.cat(batches), expected)


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
    assert not list((tmp_path / "cache").rglob(".tmp-*"))


@pytest.mark.parametrize("package", ["torch", "transformers", "pillow", "av", "rich"])
@pytest.mark.parametrize("source", ["films", "pictures"])
def test_features_of_another_version_are_not_served(
    tmp_path, drawn, miniature, colour_encoder, monkeypatch, package, source
):
    dataset, video = drawn, "VID68"
    if source == "films":
        dataset = load_task("cholec80_phase").read(miniature("cholec80_phase"))
        video = dataset[0]["video_id"]
        dataset = dataset.select(range(2))
    extract(colour_encoder(), dataset, tmp_path, videos=[video])
    version = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata, "version", lambda name: version(name) + (".post9" if name == package else "")
    )
    again = colour_encoder()
    extract(again, dataset, tmp_path, videos=[video])
    assert (again.frames > 0) == (package != "rich" and (package != "av" or source == "films"))


def test_of_every_film_one_moment_is_read_and_a_film_that_ends_early_is_refused(miniature, monkeypatch):
    dataset = load_task("cholec80_phase").read(miniature("cholec80_phase"))
    videos, read, decoder = set(dataset["video_id"]), [], feature_cache.VideoDecoder
    monkeypatch.setattr(feature_cache, "VideoDecoder", lambda path: read.append(path) or decoder(path))
    require_readable(dataset)
    assert len(read) == len(videos) == len(set(read))
    references = [cell["path"] for cell in undecoded(dataset)["image"]]
    film = references[-1].partition("#t=")[0]
    rows = [
        {"image": image, "video_id": "v", "frame": row, "time_s": 0.0}
        for row, image in enumerate([*references, f"{film}#t=9999.000000"])
    ]
    with pytest.raises(
        ValueError, match=rf"1 of {len(videos)} films cannot be read \(first: .* no frame at 9999.00 s"
    ):
        require_readable(canonical_dataset(rows, {}))


def test_films_that_are_missing_or_broken_are_named(tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video" * 100)
    names = ("broken.mp4", "missing.mp4")
    rows = [{"image": f"{tmp_path / name}#t=0.000000", "video_id": name, "frame": 0, "time_s": 0.0} for name in names]
    with pytest.raises(ValueError, match=r"2 of 2 films cannot be read \(first: .*broken.mp4 cannot be read"):
        require_readable(canonical_dataset(rows, {}))


def test_frames_are_hashed_in_order_and_each_film_once(tmp_path, drawn, monkeypatch):
    pictures = [cell["bytes"] for cell in undecoded(drawn)["image"]]
    expected = hashlib.sha256(b"".join(hashlib.sha256(picture).digest() for picture in pictures)).hexdigest()
    assert frames_hash(drawn) == expected
    write_cholect50(drawn, tmp_path / "data")
    files = read_cholect50(tmp_path / "data", VIDEOS)
    whole = b"".join(hashlib.sha256(open(cell["path"], "rb").read()).digest() for cell in undecoded(files)["image"])
    assert frames_hash(files) == hashlib.sha256(whole).hexdigest()
    film, asked = tmp_path / "film.avi", []
    film.write_bytes(b"a film")
    times = [number / 2 for number in range(3000)]
    rows = [{"image": f"{film}#t={t:.6f}", "video_id": "v", "frame": 0, "time_s": t} for t in times]
    dataset = canonical_dataset(rows, {}).select(range(2999, -1, -1))
    stat = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **how: asked.append(str(path)) or stat(path, **how))
    parts = [hashlib.sha256(b"a film").digest() + f"{t:.6f}".encode() for t in reversed(times)]
    assert frames_hash(dataset) == hashlib.sha256(b"".join(parts)).hexdigest()
    assert asked.count(str(film)) == 1


def test_rows_of_every_video(drawn):
    mixed = drawn.select([20, 0, 21, 1])
    assert rows_by_video(mixed) == {"VID70": [0, 2], "VID68": [1, 3]}


def test_cached_features_are_mapped_and_writing_to_them_leaves_the_file_alone(tmp_path, drawn, colour_encoder):
    first = extract(colour_encoder(), drawn, tmp_path)["VID68"]
    assert isinstance(first.summary, np.memmap) and isinstance(first.mean_patch, np.memmap)
    before = np.array(first.summary)
    first.summary[:] = 0
    again = colour_encoder()
    np.testing.assert_array_equal(extract(again, drawn, tmp_path)["VID68"].summary, before)
    assert again.calls == 0


@pytest.mark.parametrize("tokens", [False, True])
def test_what_does_not_fit_the_disk_is_not_begun(tmp_path, drawn, colour_encoder, monkeypatch, tokens):
    size = bytes_per_frame(colour_encoder(), 56, tokens)
    assert size == 4 * (147 + 3) + tokens * 2 * 3 * 49
    free = 28 * size
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=free))
    extract(colour_encoder(), drawn, tmp_path / "deep" / "fits", tokens=tokens)
    stored = sum(path.stat().st_size for path in tmp_path.rglob("*.safetensors"))
    assert 28 * size < stored < 28 * size + 4 * 2000  # and the headers
    free -= 1
    encoder = colour_encoder()
    with pytest.raises(
        OSError, match=r"features of 28 frames take .* GB \(.* kB each\), and .*full has .* GB free.*--cache"
    ):
        extract(encoder, drawn, tmp_path / "full", tokens=tokens)
    assert encoder.calls == 0 and not (tmp_path / "full").exists()
    extract(encoder, drawn, tmp_path / "deep" / "fits", tokens=tokens)  # nothing is missing here
    assert encoder.calls == 0
