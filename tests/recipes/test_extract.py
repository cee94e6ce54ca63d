# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""`zen-hf extract` as a command: resumed after a kill, in shares, by several engines, for the benchmark's cache."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import datasets
import pytest
from data.films import write_film
from datasets import Dataset
from extraction_parts import PlainEngine, write_vit
from PIL import Image

from zen_hf.benchmark.feature_cache import extract_features
from zen_hf.benchmark.miniatures.write import write_miniature
from zen_hf.benchmark.task import load_task
from zen_hf.cli import main
from zen_hf.data.frame_sources import FrameSource
from zen_hf.data.video_sampling import Video
from zen_hf.engines.local import LocalEngine
from zen_hf.engines.workers import Workers
from zen_hf.extraction import feature_settings
from zen_hf.extraction.feature_settings import EncoderSource, FeatureSettings
from zen_hf.modeling.frame_encoder import FrameEncoder
from zen_hf.recipes.extract import ExtractRecipe, extract, extract_task, print_plan


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    return write_vit(tmp_path_factory.mktemp("vit"))


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    for number, name in enumerate(("a", "b", "c")):
        numbers = list(range(100 * number, 100 * number + 40))
        write_film(folder / f"{name}.mp4", frames=40, fps=4, size=(64, 96), numbers=numbers)
    (folder / "broken.mp4").write_bytes(b"no film" * 100)
    return folder


@pytest.fixture
def config(vit, films, tmp_path):
    features = FeatureSettings(batch_size=4)
    return ExtractRecipe(str(tmp_path / "out"), EncoderSource(str(vit)), [str(films)], features=features)


def files(folder) -> dict[str, bytes]:
    """What a run leaves, but for times of day."""
    wanted = [*Path(folder).rglob("*.safetensors"), Path(folder) / "index.json"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in wanted}


def test_a_run_and_the_same_again(config, capsys):
    outcomes = extract(config, PlainEngine(), Workers())
    assert {outcome.video: outcome.frames for outcome in outcomes} == {"a": 10, "b": 10, "c": 10, "broken": 0}
    first = files(config.output)
    assert sorted(first) == [
        "features/a.safetensors",
        "features/b.safetensors",
        "features/c.safetensors",
        "index.json",
    ]
    assert "broken: cannot be read as a video" in capsys.readouterr().err
    summary = json.loads((Path(config.output) / "summary.json").read_text())
    assert (summary["videos"], summary["failed"], summary["frames"]) == (3, 1, 30)
    extract(config, PlainEngine(), Workers())
    assert files(config.output) == first
    with pytest.raises(ValueError, match=r"another configuration: fps \(was 1.0, now 2.0\)"):
        extract(replace(config, fps=2.0), PlainEngine(), Workers())


def test_a_film_that_came_later_is_added(config, films, tmp_path):
    mine = tmp_path / "films"
    mine.mkdir()
    write_film(mine / "first.mp4", frames=8, fps=4, size=(64, 96))
    config = replace(config, videos=[str(mine)])
    extract(config, PlainEngine(), Workers())
    write_film(mine / "second.mp4", frames=8, fps=4, size=(64, 96))
    assert len(extract(config, PlainEngine(), Workers())) == 2
    assert json.loads((Path(config.output) / "index.json").read_text())["videos"].keys() == {"first", "second"}


def test_nothing_readable_is_an_error(config, tmp_path):
    mine = tmp_path / "films"
    mine.mkdir()
    (mine / "broken.mp4").write_bytes(b"no film" * 100)
    with pytest.raises(ValueError, match="0 frames of 0 videos, 1 videos could not be read: nothing was extracted"):
        extract(replace(config, videos=[str(mine)]), PlainEngine(), Workers())
    with pytest.raises(FileNotFoundError, match="no such film or folder"):
        extract(replace(config, videos=[str(tmp_path / "none")]), PlainEngine(), Workers())
    with pytest.raises(ValueError, match="videos and frames are empty"):
        ExtractRecipe("x")
    with pytest.raises(ValueError, match="has the layers 0 to 2, not 7"):
        extract(replace(config, features=FeatureSettings(layers=[7])), PlainEngine(), Workers())
    assert not (Path(config.output) / "features").exists()


def test_shares_and_their_merge(config, tmp_path):
    extract(config, PlainEngine(), Workers())
    whole = files(config.output)
    config = replace(config, output=str(tmp_path / "shared"))
    for share in ("0/2", "1/2"):
        with pytest.raises(ValueError, match="a merge needs all shares of one number"):
            extract(config, PlainEngine(), Workers(), merge=True)
        extract(config, PlainEngine(), Workers(), shard=share)
    extract(config, PlainEngine(), Workers(), merge=True)
    assert files(config.output) == whole
    damaged = Path(config.output) / "features" / "b.safetensors"
    content = bytearray(damaged.read_bytes())
    content[-9] ^= 1
    damaged.write_bytes(content)
    with pytest.raises(ValueError, match="b.safetensors: damaged; delete it"):
        extract(config, PlainEngine(), Workers(), merge=True)


def test_a_share_of_nothing_but_broken_films_is_finished_and_merged(config, films, tmp_path, capsys):
    mine = tmp_path / "films"
    mine.mkdir()
    shutil.copy(films / "a.mp4", mine)
    shutil.copy(films / "broken.mp4", mine)
    (mine / "link.mp4").symlink_to(tmp_path / "gone.mp4")
    config = replace(config, videos=[str(mine)])
    shares = [extract(config, PlainEngine(), Workers(), shard=share) for share in ("0/2", "1/2")]
    assert [[outcome.video for outcome in share] for share in shares] == [["link", "a"], ["broken"]]
    log = (Path(config.output) / "shards" / "0-of-2" / "log.jsonl").read_text()
    assert '"video": "link"' in log and "a broken link" in log
    capsys.readouterr()
    outcomes = extract(config, PlainEngine(), Workers(), merge=True)
    assert {outcome.video: outcome.frames for outcome in outcomes} == {"a": 10, "broken": 0, "link": 0}
    failed = json.loads((Path(config.output) / "index.json").read_text())["failed"]
    assert failed.keys() == {"broken", "link"}
    lines = capsys.readouterr().err.splitlines()
    assert f"broken: {failed['broken']}" in lines and lines[-1].endswith("2 videos could not be read")


@pytest.mark.slow
def test_several_workers_give_the_same_bytes(config, tmp_path):
    extract(config, PlainEngine(), Workers())
    other = replace(config, output=str(tmp_path / "local"))
    extract(other, LocalEngine(), Workers(decoders=2))
    assert files(other.output) == files(config.output)


@pytest.mark.slow
def test_killed_and_started_again(config, vit, films, tmp_path):
    """The command is killed as soon as a chunk is on the disk; it goes on and ends in the same bytes."""
    script = tmp_path / "slow.py"
    script.write_text(
        "import sys, time\n"
        "from zen_hf.extraction import feature_settings\n"
        "from zen_hf.extraction.feature_settings import FeatureSettings\n"
        "feature_settings.CHUNK_FRAMES, encode = 4, FeatureSettings.encode\n"
        "def slowly(self, *arguments):\n"
        "    time.sleep(0.3)\n"
        "    return encode(self, *arguments)\n"
        "FeatureSettings.encode = slowly\n"
        "from zen_hf.cli import main\n"
        "if __name__ == '__main__':\n"
        "    sys.exit(main())\n"
    )
    out = tmp_path / "killed"
    command = [sys.executable, script, "extract", "--model", vit, "--videos", films, "--out", out, "--batch-size", "4"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(
        list(map(str, command)), env=environment, start_new_session=True, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 120
    while not list((out / "chunks").rglob("*.safetensors")) and time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read().decode()
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stderr.close()
    assert not (out / "summary.json").exists() and not (out / "index.json").exists()
    subprocess.run(list(map(str, command)), env=environment, check=True, capture_output=True, timeout=200)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feature_settings, "CHUNK_FRAMES", 4)
        extract(config, PlainEngine(), Workers(threads=os.cpu_count()))  # as the command: others change the last bits
    assert files(out) == files(config.output)
    assert not (out / "chunks").exists()


def test_plan_prints_hours_and_writes_nothing(config, capsys):
    plan = print_plan(config, Workers(decoders=2), hours=1000)
    assert plan.video_hours == 1000 and plan.items == 3_600_000 and plan.bytes == 3_600_000 * (16 * 4 + 16)
    assert [stage.name for stage in plan.stages] == ["decode", "encode"] and plan.hours > 0
    assert "1,000.0 hours of video" in capsys.readouterr().out
    assert not Path(config.output).exists()
    assert print_plan(config, Workers()).video_hours == pytest.approx(30 / 3600, rel=0.2)


def test_the_benchmark_encodes_nothing_that_was_extracted(vit, tmp_path, monkeypatch):
    task = load_task("cholec80_phase")
    write_miniature(task, tmp_path / "data", seconds=16)
    cache = tmp_path / "cache"
    frames = extract_task(EncoderSource(str(vit)), "cholec80_phase", tmp_path / "data", cache)
    dataset = task.read(tmp_path / "data")
    assert frames == len(dataset)
    calls = []
    loaded = EncoderSource(str(vit)).load()
    monkeypatch.setattr(FrameEncoder, "__call__", lambda self, *_, **__: calls.append(self))
    features = extract_features(loaded, dataset, sorted(set(dataset["video_id"])), 32, cache, tokens=True)
    assert calls == [] and sum(len(video.summary) for video in features.values()) == frames
    with pytest.raises(ValueError, match="cholecseg8k_semseg is not read from features of frames"):
        extract_task(EncoderSource(str(vit)), "cholecseg8k_semseg", tmp_path / "data", cache)


def test_sources_of_frames(config, films, tmp_path, capsys):
    (tmp_path / "pictures" / "v").mkdir(parents=True)
    with Video(films / "a.mp4") as video:
        for number, frame in enumerate(video.sample(1.0)):
            Image.fromarray(frame.image).save(tmp_path / "pictures" / "v" / f"{number}.png")
    config = replace(config, videos=[], frames=[FrameSource(str(tmp_path / "pictures"))])
    assert [(outcome.video, outcome.frames) for outcome in extract(config, PlainEngine(), Workers())] == [("v", 10)]
    assert "pictures: all of it, as it has no splits" in capsys.readouterr().err


def test_the_command_reads_all_splits(vit, films, tmp_path, capsys, monkeypatch):
    """Of frames with a card as `zen-hf curate` writes it; the console says which."""
    with Video(films / "a.mp4") as video:
        pictures = [Image.fromarray(frame.image) for frame in video.sample(1.0)]
    (tmp_path / "curated" / "data").mkdir(parents=True)
    card = "---\nconfigs:\n- config_name: default\n  data_files:\n"
    for split in ("train", "test"):
        rows = {
            "image": pictures[:3],
            "video_id": [f"v-{split}"] * 3,
            "frame_index": [0, 1, 2],
            "time_s": [0.0, 1.0, 2.0],
        }
        table = Dataset.from_dict(rows).cast_column("image", datasets.Image())
        table.to_parquet(tmp_path / "curated" / "data" / f"{split}-0.parquet")
        card += f"  - split: {split}\n    path: data/{split}-*.parquet\n"
    (tmp_path / "curated" / "README.md").write_text(card + "---\n")
    for given, words in (([], "the splits test, train"), (["--split", "test"], "the splits test")):
        out = tmp_path / f"out{len(given)}"
        line = ["zen-hf", "extract", "--model", vit, "--frames", tmp_path / "curated", "--out", out, *given]
        monkeypatch.setattr(sys, "argv", list(map(str, line)))
        with pytest.raises(SystemExit) as stop:
            raise SystemExit(main())
        assert not stop.value.code
        assert f"curated: {words}\n" in capsys.readouterr().err
        videos = json.loads((out / "index.json").read_text())["videos"]
        assert sorted(videos) == (["v-test"] if given else ["v-test", "v-train"])
