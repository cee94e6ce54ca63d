# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Every wanted frame has the features that the encoder gives, whatever is interrupted, chunked, broken or changed."""

import math
import os
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from data.films import damage_packets, write_film
from datasets import Dataset, Image, load_dataset
from extraction_parts import PlainEngine, write_vit
from PIL import Image as Pillow
from safetensors.torch import load_file

import zen_hf
from zen_hf.data.frame_pixels import frame_to_square, to_unit_range
from zen_hf.data.frame_sources import FrameSource
from zen_hf.data.video_sampling import Video
from zen_hf.engines.workers import Workers
from zen_hf.extraction import feature_settings, video_file
from zen_hf.extraction.encode_chunk import WrittenChunk
from zen_hf.extraction.extraction import extract_videos, usable
from zen_hf.extraction.feature_folder import FeatureFolder, VideoOutcome
from zen_hf.extraction.feature_settings import EncoderSource, FeatureSettings
from zen_hf.extraction.moments import Film, Pictures, find_films, find_pictures, splits_of
from zen_hf.extraction.video_file import VideoFile


def run(vit, videos, out, fps=1.0, engine=None, **changed):
    """Outcomes by video, and the folder."""
    settings, source = FeatureSettings(**{"batch_size": 2} | changed), EncoderSource(str(vit))
    folder = FeatureFolder(out, settings.key(source.load(), fps), settings.file_format)
    found = extract_videos(videos, folder, source, settings, engine or PlainEngine(), Workers())
    return {outcome.video: outcome for outcome in found}, folder


def expected(vit, path, fps=1.0, layers=()):
    """Features of all frames of a film in one batch, and the frames."""
    with Video(path) as video:
        frames = list(video.sample(fps))
    squares = np.stack([frame_to_square(frame.image, 32) for frame in frames])
    return EncoderSource(str(vit)).load()(to_unit_range(squares), layers=layers), frames


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """Chunks of four frames."""
    monkeypatch.setattr(feature_settings, "CHUNK_FRAMES", 4)


def test_features_are_those_of_the_encoder_with_their_times(vit, films, tmp_path):
    outcomes, folder = run(vit, find_films([films]), tmp_path, kind="both", layers=[1])
    assert outcomes == {"one": VideoOutcome("one", 10), "more/two": VideoOutcome("more/two", 7)}
    found = load_file(folder.path("one"))
    features, frames = expected(vit, films / "one.mp4", layers=[1])
    assert found["frame_index"].tolist() == [frame.frame_index for frame in frames] == list(range(0, 50, 5))
    assert found["time_s"].tolist() == [frame.time_s for frame in frames]
    assert found.keys() == {"summary", "patches", "layer1.summary", "layer1.patches", "frame_index", "time_s"}
    torch.testing.assert_close(found["summary"], features.summary)
    torch.testing.assert_close(found["patches"], features.patches)
    torch.testing.assert_close(found["layer1.summary"], features.layers[1].summary)
    torch.testing.assert_close(found["layer1.patches"], features.layers[1].patches)
    assert sorted(path.name for path in (tmp_path / "features").rglob("*.*")) == ["one.safetensors", "two.safetensors"]
    assert not any((tmp_path / "chunks").iterdir())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("file_format", ["safetensors", "parquet"])
def test_types_and_formats(vit, films, tmp_path, dtype, file_format):
    settings = {"dtype": dtype, "file_format": file_format, "kind": "both"}
    if (dtype, file_format) == ("bfloat16", "parquet"):
        with pytest.raises(ValueError, match="dtype is 'bfloat16', which Parquet does not know"):
            FeatureSettings(**settings)
        return
    _, folder = run(vit, find_films([films]), tmp_path, **settings)
    features, _ = expected(vit, films / "one.mp4")
    wanted = features.summary.to(getattr(torch, dtype))
    arrays = VideoFile.open(folder.path("one")).read()
    torch.testing.assert_close(
        torch.from_numpy(np.array(arrays["summary"])).float(), wanted.float(), rtol=1e-2, atol=1e-2
    )
    assert arrays["patches"].shape == features.patches.shape
    if file_format == "safetensors":
        found = load_file(folder.path("one"))
        assert found["summary"].dtype == wanted.dtype
        assert torch.equal(found["summary"].float(), torch.from_numpy(np.array(arrays["summary"])).float())
        return
    table = load_dataset("parquet", data_files=str(tmp_path / "features" / "**" / "*.parquet"), split="train")
    assert len(table) == 17 and set(table["video_id"]) == {"one", "more/two"}
    row = table.filter(lambda row: row["video_id"] == "one")[3]
    assert (row["frame_index"], row["time_s"]) == (15, 3.0)
    np.testing.assert_allclose(row["summary"], arrays["summary"][3].astype(float))
    np.testing.assert_allclose(row["patches"], arrays["patches"][3].astype(float))


def test_bfloat16_in_a_file_is_widened_value_by_value(vit, films, tmp_path):
    _, folder = run(vit, find_films([films / "one.mp4"]), tmp_path, dtype="bfloat16")
    array = VideoFile.open(folder.path("one")).read(["summary"])["summary"]
    assert array.dtype == np.float32
    assert np.array_equal(array, load_file(folder.path("one"))["summary"].float().numpy())


class Killed(BaseException):
    """Ends a run as a kill does: nothing gets to tidy up but what always does."""


class KilledEngine(PlainEngine):
    """Ends after some results."""

    def __init__(self, results: int):
        self.results = results

    def run(self, items, stages):
        for number, result in enumerate(super().run(items, stages)):
            if number == self.results:
                raise Killed
            yield result


@pytest.mark.parametrize("file_format", ["safetensors", "parquet"])
@pytest.mark.parametrize("results", range(7))
def test_a_stopped_run_goes_on_and_ends_in_the_same_bytes(vit, films, tmp_path, results, file_format, monkeypatch):
    """Stopped after every result; the second run encodes no frame again that lies in a finished chunk."""
    _, whole = run(vit, find_films([films]), tmp_path / "whole", kind="both", file_format=file_format)
    with pytest.raises(Killed):
        run(
            vit,
            find_films([films]),
            tmp_path / "cut",
            kind="both",
            file_format=file_format,
            engine=KilledEngine(results),
        )
    kept = sum(len(load_file(path)["time_s"]) for path in (tmp_path / "cut" / "chunks").rglob("*.safetensors"))
    kept += sum(VideoFile.open(path).frames for path in (tmp_path / "cut" / "features").rglob("*.*"))
    encode, frames = FeatureSettings.encode, []
    monkeypatch.setattr(
        FeatureSettings,
        "encode",
        lambda self, encoder, squares: frames.append(len(squares)) or encode(self, encoder, squares),
    )
    outcomes, cut = run(vit, find_films([films]), tmp_path / "cut", kind="both", file_format=file_format)
    assert sum(frames) == 17 - kept and (kept > 0 or results == 0)
    for video in ("one", "more/two"):
        assert cut.path(video).read_bytes() == whole.path(video).read_bytes()
    assert outcomes.keys() == {"one", "more/two"}
    frames.clear()
    run(vit, find_films([films]), tmp_path / "cut", kind="both", file_format=file_format)
    assert frames == []


def test_broken_films_are_told_and_the_others_whole(vit, films, tmp_path):
    folder = tmp_path / "films"
    shutil.copytree(films, folder)
    (folder / "a-broken.mp4").write_bytes(b"no film" * 100)
    (folder / "b-empty.mp4").write_bytes(b"")
    write_film(folder / "c-damaged.mp4", frames=50, fps=5, gop=10, size=(64, 96))
    damage_packets(folder / "c-damaged.mp4", [20])
    outcomes, out = run(vit, find_films([folder]), tmp_path / "out")
    assert outcomes["a-broken"].failed.startswith("cannot be read as a video")
    assert outcomes["b-empty"].failed is not None
    assert outcomes["one"].frames == 10 and outcomes["more/two"].frames == 7
    damaged = outcomes["c-damaged"]
    assert damaged.failed is None and damaged.frames + damaged.missing == 10 and damaged.missing == 2
    frames = load_file(out.path("c-damaged"))["frame_index"].tolist()
    assert len(frames) == damaged.frames and set(frames) < set(range(0, 50, 5))


def test_a_film_that_was_replaced_is_extracted_anew(vit, films, tmp_path):
    path = tmp_path / "film.mp4"
    shutil.copy(films / "one.mp4", path)
    run(vit, [Film("film", str(path))], tmp_path / "out")
    shutil.copy(films / "more" / "two.mkv", path)
    outcomes, folder = run(vit, [Film("film", str(path))], tmp_path / "out")
    assert outcomes["film"].frames == 7 == len(load_file(folder.path("film"))["time_s"])


class DyingEngine(PlainEngine):
    """The worker of the first stage dies once for every video, after some results; see `WorkerProcess.results`."""

    def __init__(self, results: int):
        self.results = results

    def run(self, items, stages):
        decode, encode = (stage.build() for stage in stages)
        for item in items:
            first = [result for result, _ in zip(decode(item), range(self.results), strict=False)]
            for result in first:
                yield from encode(result)
            for number, result in enumerate(decode(item)):
                if number >= len(first):
                    yield from encode(result)


@pytest.mark.parametrize("results", range(5))
def test_a_decoder_that_dies_loses_no_film(vit, films, tmp_path, results):
    """Chunks that were passed on are on the disk at the second attempt, and the same results come in the same places."""
    _, whole = run(vit, find_films([films]), tmp_path / "whole")
    outcomes, folder = run(vit, find_films([films]), tmp_path / "died", engine=DyingEngine(results))
    assert outcomes == {"one": VideoOutcome("one", 10), "more/two": VideoOutcome("more/two", 7)}
    for video in outcomes:
        assert folder.path(video).read_bytes() == whole.path(video).read_bytes()


class ForgetfulEngine(PlainEngine):
    """Loses the end of every video."""

    def run(self, items, stages):
        return (result for result in super().run(items, stages) if isinstance(result, WrittenChunk))


def test_a_film_that_got_lost_is_told(vit, films, tmp_path):
    outcomes, _ = run(vit, find_films([films]), tmp_path, engine=ForgetfulEngine())
    assert outcomes.keys() == {"one", "more/two"}
    assert all("not all of its chunks came through" in outcome.failed for outcome in outcomes.values())


def test_a_film_of_the_same_length_is_another_one(vit, tmp_path, monkeypatch):
    """Even with the old time of its content; one that was only copied has its hash compared, one as it was not even that."""
    paths = [tmp_path / name for name in ("film.mp4", "other.mp4")]
    for path, first in zip(paths, (0, 100), strict=True):
        write_film(path, frames=20, fps=5, size=(64, 96), numbers=list(range(first, first + 20)))
    longest = max(path.stat().st_size for path in paths)
    for path in paths:
        path.write_bytes(path.read_bytes().ljust(longest, b"\0"))
        os.utime(path, ns=(0, 0))
    before, folder = run(vit, find_films(paths[:1]), tmp_path / "out")
    first = load_file(folder.path("film"))["summary"].clone()
    with monkeypatch.context() as patch:
        patch.setattr(Film, "sha256", lambda film: pytest.fail("nothing changed, but the film was read"))
        assert run(vit, find_films(paths[:1]), tmp_path / "out")[0] == before
    shutil.copy(paths[0], tmp_path / "copy.mp4")
    os.replace(tmp_path / "copy.mp4", paths[0])
    with monkeypatch.context() as patch:
        patch.setattr(FeatureSettings, "encode", lambda *_: pytest.fail("the same film was encoded again"))
        assert run(vit, find_films(paths[:1]), tmp_path / "out")[0] == before
    os.replace(paths[1], paths[0])
    run(vit, find_films(paths[:1]), tmp_path / "out")
    torch.testing.assert_close(load_file(folder.path("film"))["summary"], expected(vit, paths[0])[0].summary)
    assert not torch.equal(load_file(folder.path("film"))["summary"], first)


def write_frames(path, numbers, pictures, video="v"):
    """A Parquet file of curated frames."""
    rows = {
        "image": pictures,
        "video_id": [video] * len(numbers),
        "frame_index": numbers,
        "time_s": [number / 5 for number in numbers],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    Dataset.from_dict(rows).cast_column("image", Image()).to_parquet(path)


@pytest.mark.parametrize("changed", ["pictures", "numbers"])
def test_frames_that_were_curated_again_are_extracted_anew(vit, films, tmp_path, changed, monkeypatch):
    pictures = [Pillow.fromarray(frame.image) for frame in expected(vit, films / "one.mp4")[1]]
    source = FrameSource(str(tmp_path / "curated"))
    write_frames(tmp_path / "curated" / "0.parquet", list(range(10)), pictures)
    before, folder = run(vit, find_pictures(source), tmp_path / "out")
    first = {name: values.clone() for name, values in load_file(folder.path("v")).items()}
    with monkeypatch.context() as patch:
        patch.setattr(Pictures, "open", lambda *_: pytest.fail("nothing changed, but the pictures were read"))
        assert run(vit, find_pictures(source), tmp_path / "out")[0] == before
    numbers = list(range(10))
    if changed == "pictures":
        pictures[3].paste(0, (0, 0, 40, 40))
    else:
        numbers = [10 * number for number in numbers]
    write_frames(tmp_path / "curated" / "0.parquet", numbers, pictures)
    run(vit, find_pictures(source), tmp_path / "out")
    found = load_file(folder.path("v"))
    assert found["frame_index"].tolist() == numbers
    assert torch.equal(found["summary"], first["summary"]) == (changed == "numbers")


def test_the_splits_of_curated_frames(vit, films, tmp_path):
    pictures = [Pillow.fromarray(frame.image) for frame in expected(vit, films / "one.mp4")[1]]
    splits = {"validation": (0, 3, "a"), "train": (3, 8, "b"), "test": (8, 10, "a")}
    card = ["---", "configs:", "- config_name: default", "  data_files:"]
    for split, (start, stop, video) in splits.items():
        write_frames(
            tmp_path / "curated" / "data" / f"{split}-0.parquet",
            list(range(start, stop)),
            pictures[start:stop],
            video,
        )
        card += [f"  - split: {split}", f"    path: data/{split}-*.parquet"]
    (tmp_path / "curated" / "README.md").write_text("\n".join([*card, "---", ""]))
    source = FrameSource(str(tmp_path / "curated"), split="all")
    assert splits_of(source) == ["test", "train", "validation"]
    outcomes, folder = run(vit, find_pictures(source), tmp_path / "out")
    assert {name: outcome.frames for name, outcome in outcomes.items()} == {"a": 5, "b": 5}
    found, wanted = load_file(folder.path("a")), expected(vit, films / "one.mp4")[0].summary
    assert found["frame_index"].tolist() == [0, 1, 2, 8, 9]
    torch.testing.assert_close(found["summary"], wanted[[0, 1, 2, 8, 9]])
    assert [video.name for video in find_pictures(FrameSource(str(tmp_path / "curated"), split="train"))] == ["b"]
    (tmp_path / "curated" / "README.md").unlink()
    assert splits_of(source) == [] and len(find_pictures(source)) == 2


def test_copies_of_a_film_are_two_films(vit, films, tmp_path):
    mine = tmp_path / "films"
    mine.mkdir()
    for name in ("a.mp4", "b.mp4"):
        shutil.copy(films / "one.mp4", mine / name)
    outcomes, folder = run(vit, find_films([mine]), tmp_path / "out", engine=StagewiseEngine())
    assert outcomes == {name: VideoOutcome(name, 10) for name in ("a", "b")}
    assert folder.path("a").read_bytes() == folder.path("b").read_bytes()


class StagewiseEngine(PlainEngine):
    """All chunks of all videos are written before any end comes."""

    def run(self, items, stages):
        return iter(sorted(super().run(items, stages), key=lambda result: not isinstance(result, WrittenChunk)))


def test_films_of_one_folder_are_joined_at_the_same_time(vit, films, tmp_path, monkeypatch):
    """As by two containers, whose processes have the same number."""
    _, folder = run(vit, find_films([films / "one.mp4"]), tmp_path / "out")
    part = tmp_path / "part.safetensors"
    shutil.copy(folder.path("one"), part)
    write, paths = video_file.write_safetensors, [tmp_path / "join" / f"{name * 220}.safetensors" for name in "ab"]

    def written(parts, path, video, key):
        write(parts, path, video, key)
        if video == "a":
            video_file.join_chunks([part, part], paths[1], "b", {})

    monkeypatch.setattr(video_file, "write_safetensors", written)
    video_file.join_chunks([part], paths[0], "a", {})
    assert [len(load_file(path)["time_s"]) for path in paths] == [10, 20]
    assert sorted((tmp_path / "join").iterdir()) == paths


def test_processors_alone_where_no_gpu_is_asked_for(vit, films, tmp_path, monkeypatch):
    """Though there is one, as PyTorch says here; and with as many threads as the worker is given."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    before, encode, threads = torch.get_num_threads(), FeatureSettings.encode, []
    monkeypatch.setattr(
        FeatureSettings, "encode", lambda *given: threads.append(torch.get_num_threads()) or encode(*given)
    )
    settings, source = FeatureSettings(), EncoderSource(str(vit))
    try:
        for number in (1, 2):
            folder = FeatureFolder(tmp_path / str(number), settings.key(source.load("cpu"), 1.0), "safetensors")
            videos, workers = find_films([films / "one.mp4"]), Workers(gpus=0, threads=number)
            (outcome,) = extract_videos(videos, folder, source, settings, PlainEngine(), workers)
            assert outcome.frames == 10
    finally:
        torch.set_num_threads(before)
    assert threads == [1, 2]


def test_the_key_tells_versions(vit):
    encoder = EncoderSource(str(vit)).load()
    versions = FeatureSettings().key(encoder, 1.0)["versions"]
    assert versions.keys() == {"av", "numpy", "pillow", "torch", "transformers", "zen-hf"}
    assert versions["zen-hf"] == zen_hf.__version__ and versions["numpy"] == np.__version__


def test_other_settings_are_refused(vit, films, tmp_path):
    run(vit, find_films([films]), tmp_path)
    with pytest.raises(
        ValueError, match=r"features of other settings: kind \(was summary, now both\); choose another"
    ):
        run(vit, find_films([films]), tmp_path, kind="both")
    with pytest.raises(ValueError, match=r"other settings: encoder \(was .*, now .*\)"):
        run(write_vit(tmp_path / "other", seed=1), find_films([films]), tmp_path)


def test_weights_that_are_not_finite_and_types_too_small_are_told(vit, films, tmp_path, monkeypatch):
    load = EncoderSource.load

    def huge(source, device=None):
        encoder = load(source, device)
        encoder.model.layernorm.weight.data *= 1e6
        return encoder

    monkeypatch.setattr(EncoderSource, "load", huge)
    outcomes, _ = run(vit, find_films([films]), tmp_path / "half", kind="patches", dtype="float16")
    assert all("patches is not finite in float16" in outcome.failed for outcome in outcomes.values())
    outcomes, _ = run(vit, find_films([films]), tmp_path / "single", kind="patches")
    assert all(outcome.failed is None for outcome in outcomes.values())


def test_more_frames_per_second_than_the_film_has(vit, films, tmp_path):
    outcomes, folder = run(vit, find_films([films / "one.mp4"]), tmp_path, fps=12.0)
    assert outcomes["one"].frames == 50
    assert load_file(folder.path("one"))["frame_index"].tolist() == list(range(50))


def test_folders_of_pictures_and_curated_frames(vit, films, tmp_path):
    with Video(films / "one.mp4") as video:
        frames = list(video.sample(1.0))
    for place, frame in enumerate(frames):
        folder = tmp_path / "pictures" / ("first" if place < 6 else "second")
        folder.mkdir(parents=True, exist_ok=True)
        Pillow.fromarray(frame.image).save(folder / f"{place:03}.png")
    (tmp_path / "pictures" / "second" / "009.png").write_bytes(b"no picture")
    outcomes, folder = run(vit, find_pictures(FrameSource(str(tmp_path / "pictures"))), tmp_path / "a", batch_size=4)
    assert outcomes == {"first": VideoOutcome("first", 6), "second": VideoOutcome("second", 3, 1)}
    found, wanted = load_file(folder.path("first")), expected(vit, films / "one.mp4")[0].summary
    torch.testing.assert_close(found["summary"], wanted[:6])
    assert found["frame_index"].tolist() == list(range(6)) and found["time_s"].isnan().all()
    rows = {
        "image": [
            {"bytes": (tmp_path / "pictures" / "first" / f"{n:03}.png").read_bytes(), "path": None} for n in range(6)
        ],
        "video_id": ["v1"] * 4 + ["v2"] * 2,
        "frame_index": [frame.frame_index for frame in frames[:6]],
        "time_s": [frame.time_s for frame in frames[:6]],
    }
    (tmp_path / "curated").mkdir()
    Dataset.from_dict(rows).cast_column("image", Image()).to_parquet(tmp_path / "curated" / "0.parquet")
    outcomes, folder = run(vit, find_pictures(FrameSource(str(tmp_path / "curated"))), tmp_path / "b", batch_size=4)
    assert {name: outcome.frames for name, outcome in outcomes.items()} == {"v1": 4, "v2": 2}
    second = load_file(folder.path("v2"))
    torch.testing.assert_close(second["summary"], wanted[4:6])
    assert second["frame_index"].tolist() == [20, 25] and second["time_s"].tolist() == [4.0, 5.0]


def test_names_that_cannot_be_files_are_told(tmp_path):
    file = tmp_path / "a.mp4"
    file.touch()
    names = ("a", "a", "b" * 230, "\udcff", "d/e", "a", "/etc/x", "f/../../x", "f..g")
    films = [Film(name, str(file)) for name in names]
    good, bad = usable(films)
    assert good == [films[0], films[4], films[8]]
    assert [(outcome.video, outcome.failed.split(";")[0]) for outcome in bad] == [
        ("a (number 2 of this name)", "another one has this name"),
        ("b" * 230, "its name is longer than 220 bytes"),
        ("'\\udcff'", "its name is not UTF-8"),
        ("a (number 3 of this name)", "another one has this name"),
        ("x", "its name leads out of the folder of features"),
        ("x", "its name leads out of the folder of features"),
    ]


def test_what_is_called_a_film_and_is_no_file_is_told(films, tmp_path, monkeypatch):
    folder = tmp_path / "films"
    (folder / "closed").mkdir(parents=True)
    shutil.copy(films / "one.mp4", folder / "film.mp4")
    (folder / "link.mp4").symlink_to(tmp_path / "gone.mp4")
    os.mkfifo(folder / "pipe.mp4")
    scandir = os.scandir

    def refusing(place):  # as to a user without the right to read it; tests may run as root
        if str(place).endswith("closed"):
            raise PermissionError(13, "Permission denied", place)
        return scandir(place)

    monkeypatch.setattr(os, "scandir", refusing)
    good, bad = usable(find_films([folder]))
    assert [film.name for film in good] == ["film"]
    assert sorted(outcome.video for outcome in bad) == ["closed", "link", "pipe"]
    assert all(outcome.failed.startswith("no file that can be read (a broken link, a pipe") for outcome in bad)


def test_damaged_files_are_noticed(vit, films, tmp_path):
    _, folder = run(vit, find_films([films]), tmp_path)
    path = folder.path("one")
    file = VideoFile.open(path)
    file.require_undamaged()
    assert math.isclose(file.read(["time_s"])["time_s"][1], 1.0)
    with pytest.raises(ValueError, match="has no 'patches' but frame_index, summary, time_s"):
        file.read(["patches"])
    content = bytearray(path.read_bytes())
    content[-50] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="one.safetensors: damaged; delete it"):
        VideoFile.open(path).require_undamaged()
    path.write_bytes(content[:-10])
    with pytest.raises(ValueError, match="one.safetensors: damaged, or no file of zen-hf extract"):
        VideoFile.open(path)


def test_parquet_metadata_carries_the_key(vit, films, tmp_path):
    _, folder = run(vit, find_films([films / "one.mp4"]), tmp_path, file_format="parquet")
    file = VideoFile.open(folder.path("one"))
    assert file.key["encoder"] == EncoderSource(str(vit)).load().fingerprint and file.key["wanted"] == 10
    assert pq.ParquetFile(folder.path("one")).metadata.num_row_groups == 3
    file.require_undamaged()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"kind": "all"}, "kind is 'all'; expected one of summary, patches, both"),
        ({"dtype": "int8"}, "dtype is 'int8'; expected one of float32"),
        ({"file_format": "csv"}, "file_format is 'csv'; expected one of safetensors, parquet"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"layers": [1, 1]}, "expected each once"),
    ],
)
def test_settings_that_are_not_possible(changed, words):
    with pytest.raises(ValueError, match=words):
        FeatureSettings(**changed)
