# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""`zen-hf curate`: the right frames, once each, the same bytes however it was run, and nothing done twice."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest
from data.films import read_number, write_film
from typer.testing import CliRunner

from zen_hf.cli import app
from zen_hf.curation.parts import read_part
from zen_hf.engines.held_folder import held
from zen_hf.engines.local import LocalEngine
from zen_hf.engines.shards import Shard
from zen_hf.engines.workers import Workers
from zen_hf.modeling import ZenConfig, ZenModel
from zen_hf.recipes.curate import curate

FILTERS = ("black", "test_screen", "over_exposed", "blurred", "frozen", "outside_body")
# Short and small drawings with a bar code are no operation to the filters.
PLAIN = [
    *(f"frames.filters.{name}=null" for name in FILTERS),
    "frames.overlays.find=false",
    "frames.overlays.refuse_frames=false",
    "frames.duplicates.bits=-1",
]


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> Path:
    """Three films of 3 s at 25 fps, each with numbers of its own."""
    folder = tmp_path_factory.mktemp("films")
    for film in range(3):
        write_film(folder / f"film{film}.mp4", numbers=range(1000 * film, 1000 * film + 75), size=(96, 128))
    return folder


@pytest.fixture(scope="module")
def salt(tmp_path_factory) -> Path:
    """One salt for all runs, so that their ids agree."""
    file = tmp_path_factory.mktemp("salt") / "salt"
    file.write_bytes(b"the salt of all these runs")
    return file


def settings(films: Path, output: Path, salt: Path, *more: str) -> list[str]:
    """Overrides of a run over the films."""
    paths = [f"inputs.paths=['{films}']", f"output={output}", f"identities.salt_file={salt}"]
    return [*paths, "frames.fps=5", "frames.duplicates.across_bits=-1", *PLAIN, *more]


@pytest.fixture(scope="module")
def undisturbed(films, salt, tmp_path_factory) -> Path:
    """The dataset of a run that nothing disturbed."""
    return curate(LocalEngine(), overrides=settings(films, tmp_path_factory.mktemp("run") / "frames", salt))


def bytes_of(folder: Path) -> dict[str, str]:
    """Hash of every file of a dataset."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_every_frame_is_the_one_that_its_row_names(undisturbed):
    rows = datasets.load_dataset(str(undisturbed), streaming=True)
    rows = [row for split in rows.values() for row in split]
    assert len(rows) == 3 * 15
    for row in rows:
        number = read_number(np.asarray(row["image"]))
        assert number % 1000 == row["frame_index"]
        assert row["time_s"] == pytest.approx(row["frame_index"] / 25)
    assert {row["frame_index"] for row in rows} == set(range(0, 75, 5))


def test_a_second_run_goes_through_nothing_and_writes_the_same_bytes(undisturbed, films, salt, tmp_path):
    output = tmp_path / "frames"
    curate(LocalEngine(), overrides=settings(films, output, salt))
    assert bytes_of(output) == bytes_of(undisturbed)
    parts = sorted((tmp_path / "frames.private" / "parts").glob("*/*/record.json"))
    before = [part.stat().st_mtime_ns for part in parts]
    curate(LocalEngine(), overrides=settings(films, output, salt))
    assert len(parts) == 3 and [part.stat().st_mtime_ns for part in parts] == before
    assert bytes_of(output) == bytes_of(undisturbed)


def test_other_settings_go_through_the_videos_again(films, salt, tmp_path):
    output = tmp_path / "frames"
    curate(LocalEngine(), overrides=settings(films, output, salt, "frames.image.quality=50"))
    small = sum(file.stat().st_size for file in (output / "data").iterdir())
    curate(LocalEngine(), overrides=settings(films, output, salt, "frames.image.quality=95"))
    assert sum(file.stat().st_size for file in (output / "data").iterdir()) > 1.5 * small


def test_shares_and_their_merge_give_the_same_bytes(undisturbed, films, salt, tmp_path):
    output = tmp_path / "frames"
    overrides = settings(films, output, salt)
    assert curate(LocalEngine(), overrides=overrides, shard=Shard(0, 2)) is None
    with pytest.raises(ValueError, match="[12] of 3 videos are not finished"):
        curate(LocalEngine(), overrides=overrides, merge=True)
    assert not output.exists()
    curate(LocalEngine(), overrides=overrides, shard=Shard(1, 2))
    assert curate(LocalEngine(), overrides=overrides, merge=True) == output
    assert bytes_of(output) == bytes_of(undisturbed)


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(undisturbed, films, salt, tmp_path):
    output = tmp_path / "frames"
    script = (
        "from zen_hf.engines.local import LocalEngine\nfrom zen_hf.recipes.curate import curate\n"
        f"if __name__ == '__main__': curate(LocalEngine(), overrides={settings(films, output, salt)!r})\n"
    )
    file = tmp_path / "run.py"
    file.write_text(script)
    for finished in (0, 1, 2):  # killed once so many videos are there
        process = subprocess.Popen(
            [sys.executable, file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        while (
            process.poll() is None and len(list(tmp_path.glob("frames.private/parts/*/*/record.json"))) < finished + 1
        ):
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    curate(LocalEngine(), overrides=settings(films, output, salt))
    assert bytes_of(output) == bytes_of(undisturbed)


@pytest.mark.slow
def test_two_workers_give_the_same_bytes(undisturbed, films, salt, tmp_path):
    curate(LocalEngine(), overrides=settings(films, tmp_path / "two", salt), workers=Workers(2))
    assert bytes_of(tmp_path / "two") == bytes_of(undisturbed)


def test_an_encoder_finds_the_same_film_again_in_another_file(films, salt, tmp_path):
    encoder = tmp_path / "encoder"
    ZenModel(ZenConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, patch_size=16)).save_pretrained(
        encoder
    )
    both = tmp_path / "both"
    both.mkdir()
    (both / "first.mp4").write_bytes((films / "film0.mp4").read_bytes())
    write_film(both / "again.mkv", numbers=range(75), size=(96, 128), gop=50)
    more = [f"encoder.model={encoder}", "encoder.image_size=64", "frames.duplicates.cosine=0.999"]
    output = curate(LocalEngine(), overrides=settings(both, tmp_path / "frames", salt, *more))
    rejected = pq.read_table(output / "rejected.parquet").to_pylist()
    again = [row for row in rejected if row["reason"] == "near_duplicate_of_other_video"]
    assert len(again) >= 15 and len({row["video_id"] for row in again}) == 1
    manifest = json.loads((output / "manifest.json").read_text())
    assert "encoder" in json.dumps(manifest) and str(tmp_path) not in json.dumps(manifest)


def test_a_video_that_fails_is_a_line_and_is_tried_again(films, salt, tmp_path, capsys):
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / "sound.mp4").write_bytes((films / "film0.mp4").read_bytes())
    (folder / "broken.mp4").write_bytes((films / "film1.mp4").read_bytes()[:2000])
    overrides = settings(folder, tmp_path / "frames", salt)
    curate(LocalEngine(), overrides=overrides)
    assert "FAILED" in capsys.readouterr().out
    records = [read_part(part).record for part in (tmp_path / "frames.private" / "parts").glob("*/*")]
    assert sorted(record.kept for record in records) == [0, 15]
    curate(LocalEngine(), overrides=overrides)
    assert "FAILED" in capsys.readouterr().out


def test_nothing_kept_is_an_error_and_leaves_no_output(films, salt, tmp_path):
    with pytest.raises(ValueError, match="no frame of 3 videos was kept"):
        curate(LocalEngine(), overrides=settings(films, tmp_path / "frames", salt, "frames.filters.outside_body=1.0"))
    assert not (tmp_path / "frames").exists()


def test_a_plan_leaves_nothing_behind(films, salt, tmp_path):
    arguments = ["curate", str(films), "--out", str(tmp_path / "frames"), "--plan", "--hours", "100"]
    result = CliRunner().invoke(app, [*arguments, *(part for one in PLAIN for part in ("--set", one))])
    assert result.exit_code == 0, result.output
    assert "100.0 hours of video" in result.output and not list(tmp_path.iterdir())


def test_a_run_keeps_other_runs_of_the_same_videos_out(films, salt, tmp_path):
    overrides = settings(films, tmp_path / "frames", salt)
    with held(tmp_path / "frames.private", Shard(0, 2)), pytest.raises(ValueError, match="by another run"):
        curate(LocalEngine(), overrides=overrides)
