# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Frames that stay in their Parquet files are those that `datasets` reads from them."""

import io
import os
import pickle
import subprocess
import sys
from pathlib import Path

import datasets
import numpy as np
import pytest
from PIL import Image

from zen_hf.data.frame_sources import FrameSource, load_frames


def encoded(number):
    stream = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(stream, format="PNG")
    return {"bytes": stream.getvalue(), "path": f"{number}.png"}


@pytest.fixture
def shards(tmp_path):
    rows = [
        {"image": encoded(n), "video_id": f"v{n // 6}", "operation": "ab"[n % 2], "phase": n % 3} for n in range(30)
    ]
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "video_id": datasets.Value("string"),
            "operation": datasets.Value("string"),
            "phase": datasets.Value("int64"),
        }
    )
    for part in range(2):
        table = datasets.Dataset.from_list(rows[part * 15 : part * 15 + 15], features=features)
        table.to_parquet(tmp_path / f"part{part}.parquet", batch_size=4)  # row groups of 4
    return tmp_path


def source(shards, **changes):
    return FrameSource(path=str(shards), procedure_column="operation", **changes)


def test_a_stream_has_the_rows_of_the_loaded_dataset(shards):
    streamed, _ = load_frames([source(shards, streaming=True)], extra=("phase",))
    loaded, _ = load_frames([source(shards)], extra=("phase",))
    assert len(streamed) == len(loaded) == 30 and set(streamed.column_names) == set(loaded.column_names)
    for name in ("video_id", "source", "procedure", "phase"):
        assert streamed[name] == list(loaded[name])
    for row in (0, 29, 3, 15, 14):
        assert streamed[row]["image"]["bytes"] == loaded[row]["image"]["bytes"]
        assert streamed[row]["procedure"] == loaded[row]["procedure"]
    assert streamed.blocks.tolist()[:9] == [0, 0, 0, 0, 1, 1, 1, 1, 2]


def test_held_out_videos_and_several_sources(shards):
    streamed, _ = load_frames([source(shards, streaming=True), source(shards, streaming=True)], ["v0", "v3"])
    loaded, _ = load_frames([source(shards), source(shards)], ["v0", "v3"])
    assert streamed["video_id"] == list(loaded["video_id"])
    assert all(streamed[row]["image"]["bytes"] == loaded[row]["image"]["bytes"] for row in range(len(loaded)))


def test_a_worker_takes_no_open_files_along(shards):
    frames, _ = load_frames([source(shards, streaming=True)])
    assert frames[17]["image"]["path"] == "17.png" and frames.tables
    copy = pickle.loads(pickle.dumps(frames))
    assert not copy.tables and copy[17] == frames[17]


def test_few_row_groups_are_kept_in_memory(shards):
    frames, _ = load_frames([source(shards, streaming=True)])
    frames.kept_tables = 3
    for row in range(30):
        assert frames[row]["image"]["path"] == f"{row}.png" and len(frames.tables) <= 3


@pytest.mark.parametrize("streaming", [False, True])
def test_a_truncated_file_is_named(shards, streaming):
    whole = (shards / "part1.parquet").read_bytes()
    (shards / "part1.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"part1\.parquet: not a whole Parquet file"):
        load_frames([source(shards, streaming=streaming)])


def test_a_row_group_that_is_damaged_later_is_named(shards):
    frames, _ = load_frames([source(shards, streaming=True)])
    whole = (shards / "part1.parquet").read_bytes()
    (shards / "part1.parquet").write_bytes(b"x" * (len(whole) // 2) + whole[len(whole) // 2 :])
    with pytest.raises(ValueError, match=r"(?s)part1\.parquet: row group 0 cannot be read .* --resume"):
        frames[15]


def test_what_cannot_stream_is_refused(shards, tmp_path):
    (tmp_path / "images").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "images" / "0.png")
    with pytest.raises(ValueError, match="folder of images and cannot give streaming: true"):
        load_frames([FrameSource(path=str(tmp_path / "images"), streaming=True)])
    with pytest.raises(ValueError, match="some frames stream and some do not"):
        load_frames([source(shards), source(shards, streaming=True)])
    with pytest.raises(ValueError, match="has no column 'nothing'"):
        load_frames([source(shards, streaming=True)], extra=("nothing",))


def test_a_dataset_on_the_hub_streams_without_being_downloaded(shards, tmp_path):
    served = tmp_path / "served" / "data"
    served.mkdir(parents=True)
    for part in range(2):
        (shards / f"part{part}.parquet").rename(served / f"train-0000{part}-of-00002.parquet")
    script = (
        "from zen_hf.data.frame_sources import FrameSource, load_frames\n"
        "source = FrameSource(path='tester/frames', procedure_column='operation', streaming=True)\n"
        "frames, _ = load_frames([source], ['v1'])\n"
        "print(len(frames), frames[len(frames) - 1]['image']['path'], frames[3]['procedure'], frames.groups[0].url)\n"
    )
    hub = [sys.executable, str(Path(__file__).parents[1] / "fake_hub.py"), str(served.parent), "tester/frames"]
    with subprocess.Popen(hub, stdout=subprocess.PIPE, text=True) as server:
        try:
            environment = os.environ | {
                "HF_ENDPOINT": f"http://127.0.0.1:{server.stdout.readline().strip()}",
                "HF_HUB_OFFLINE": "0",
                "HF_HUB_DISABLE_XET": "1",
                "HF_HOME": str(tmp_path / "home"),
            }
            run = subprocess.run(
                [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120
            )
        finally:
            server.kill()
    assert run.returncode == 0, run.stderr
    words = run.stdout.split()
    assert words[:3] == ["24", "29.png", "b"] and words[3].startswith("hf://datasets/tester/frames@0123456789abcdef")
    stored = [path for path in (tmp_path / "home").rglob("*.parquet")]
    assert not stored, stored
