# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Search finds what a plain computation over all features finds, and refuses features that are not the encoder's."""

import json
import tracemalloc

import numpy as np
import pytest
from extraction_parts import PlainEngine, write_vit

from zen_hf.engines.workers import Workers
from zen_hf.extraction import frame_index
from zen_hf.extraction.extraction import extract_videos
from zen_hf.extraction.feature_folder import FeatureFolder
from zen_hf.extraction.feature_settings import EncoderSource, FeatureSettings
from zen_hf.extraction.frame_index import FrameIndex, cosines_of
from zen_hf.extraction.moments import find_films
from zen_hf.extraction.video_file import VideoFile


@pytest.fixture(params=["safetensors", "parquet", "bfloat16"])
def folder(request, vit, films, tmp_path):
    """Features of two films, kept in several ways."""
    kept = {"dtype": "bfloat16"} if request.param == "bfloat16" else {"file_format": request.param}
    settings, source = FeatureSettings(**kept), EncoderSource(str(vit))
    folder = FeatureFolder(tmp_path, settings.key(source.load(), 1.0), settings.file_format)
    found = extract_videos(find_films([films]), folder, source, settings, PlainEngine(), Workers())
    folder.write_index(list(found))
    return tmp_path


def everything(folder):
    """(video, frame, time, features in float64) of all frames."""
    for path in sorted((folder / "features").rglob("*.*")):
        arrays = VideoFile.open(path).read()
        for frame, time_s, row in zip(arrays["frame_index"], arrays["time_s"], arrays["summary"], strict=True):
            yield ("one" if path.stem == "one" else "more/two"), int(frame), float(time_s), row.astype(np.float64)


def test_nearest_are_those_of_a_plain_computation(folder):
    index, rows = FrameIndex.open(folder), list(everything(folder))
    assert len(index) == len(rows) == 17
    vector = np.random.default_rng(0).normal(size=16)
    cosines = [vector @ row / np.linalg.norm(vector) / np.linalg.norm(row) for *_, row in rows]
    order = np.argsort(-np.array(cosines))[:5]
    for found, place in zip(index.nearest(vector, top=5), order, strict=True):
        assert (found.video, found.frame_index, found.time_s) == rows[place][:3]
        assert found.cosine == pytest.approx(cosines[place], abs=1e-5)


def test_a_frame_finds_itself_and_close_moments_are_one(folder):
    index, rows = FrameIndex.open(folder), list(everything(folder))
    video, frame, time_s, row = rows[3]
    best = index.nearest(7 * row, top=17)
    assert (best[0].video, best[0].frame_index) == (video, frame) and best[0].cosine == pytest.approx(1, abs=1e-5)
    assert len(best) == 17
    apart = index.nearest(row, top=17, apart_s=4.0)
    assert (apart[0].video, apart[0].frame_index) == (video, frame)
    for name in ("one", "more/two"):
        times = [moment.time_s for moment in apart if moment.video == name]
        assert all(abs(a - b) >= 4 for place, a in enumerate(times) for b in times[:place])
    assert 3 <= len(apart) <= 5


def index_of(folder, monkeypatch, films, seconds=1.0):
    """An index of features that are given, a frame each second."""
    arrays = {
        video: {
            "summary": np.asarray(rows, np.float32),
            "frame_index": 25 * np.arange(len(rows)),
            "time_s": seconds * np.arange(len(rows)),
        }
        for video, rows in films.items()
    }
    monkeypatch.setattr(VideoFile, "read", lambda file, names: {name: arrays[file.path.name][name] for name in names})
    files = {video: VideoFile(folder / video, {}, len(rows)) for video, rows in films.items()}
    return FrameIndex(folder, {}, files)


@pytest.mark.parametrize("apart_s", [0.0, 4.0])
def test_equals_come_in_the_order_of_films_and_frames(tmp_path, monkeypatch, apart_s):
    """Also where they lie in several blocks, at other places of their block, and where all are asked for."""
    monkeypatch.setattr(frame_index, "BLOCK_FRAMES", 37)
    rows = np.random.default_rng(0).normal(size=(400, 61)).astype(np.float32)
    equals = list(range(50, 350))
    rows[equals] = rows[50]
    rows[7] = 0.0  # like nothing, and no error
    index = index_of(tmp_path, monkeypatch, {"b": rows, "a": rows})
    step = 4 if apart_s else 1
    wanted = [("a", row) for row in equals[::step]] + [("b", row) for row in equals[::step]]
    for top in (1, 12, len(wanted), 800):
        found = index.nearest(3 * rows[50], top, apart_s)
        assert [(moment.video, moment.frame_index // 25) for moment in found[: len(wanted)]] == wanted[:top]
    assert len({moment.cosine for moment in found[: len(wanted)]}) == 1
    assert len(found) == 800 or apart_s
    assert [moment.cosine for moment in found] == sorted((moment.cosine for moment in found), reverse=True)


@pytest.mark.parametrize("length", [3, 384, 385])
def test_cosines_are_those_of_float64_and_equal_for_equal_rows(length):
    random = np.random.default_rng(length)
    rows, vector = random.normal(size=(9001, length)).astype(np.float32), random.normal(size=length)
    rows[::3] = rows[0]
    found = cosines_of(rows, vector.astype(np.float32))
    wide, vector = rows.astype(np.float64), vector.astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(
        found, wide @ vector / np.linalg.norm(wide, axis=1) / np.linalg.norm(vector), rtol=0, atol=1e-14
    )
    assert len(set(found[::3].tolist())) == 1


def test_memory_does_not_grow_with_a_film(tmp_path, monkeypatch):
    """Of 60,000 frames of 64 numbers, 15 MB in float32, the search holds far less than a copy."""
    features = np.random.default_rng(0).normal(size=(60_000, 64)).astype(np.float32)
    index = index_of(tmp_path, monkeypatch, {"a": features})
    index.nearest(features[0])
    tracemalloc.start()
    index.nearest(features[0])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8e6, f"{peak / 1e6:.1f} MB"


def test_what_does_not_fit_is_refused(folder, vit, tmp_path_factory):
    index = FrameIndex.open(folder)
    index.require(EncoderSource(str(vit)).load())
    other = write_vit(tmp_path_factory.mktemp("other"), seed=1)
    with pytest.raises(
        ValueError, match="holds features of another encoder .* give the model that they were extracted"
    ):
        index.require(EncoderSource(str(other)).load())
    with pytest.raises(ValueError, match="has 3 numbers and summary of .* has 16"):
        index.nearest(np.ones(3))
    for bad in (np.zeros(16), np.full(16, np.nan)):
        with pytest.raises(ValueError, match="zero or not finite"):
            index.nearest(bad)
    with pytest.raises(ValueError, match="top is 0"):
        index.nearest(np.ones(16), top=0)
    with pytest.raises(FileNotFoundError, match="no index.json"):
        FrameIndex.open(folder / "features")
    tree = json.loads((folder / "index.json").read_text())
    tree["key"]["encoder"] = "another"
    (folder / "index.json").write_text(json.dumps(tree))
    with pytest.raises(ValueError, match="are not those that .*index.json tells of"):
        FrameIndex.open(folder)
