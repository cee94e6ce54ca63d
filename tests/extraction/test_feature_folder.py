# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which records of shares a merge believes, and what is said of a file that cannot be written."""

import errno
import json
import os

import pytest
import torch
from safetensors import SafetensorError

from zen_hf.extraction import chunks, video_file
from zen_hf.extraction.chunks import Chunk, ChunkFolder
from zen_hf.extraction.feature_folder import FeatureFolder, VideoOutcome
from zen_hf.extraction.video_file import join_chunks


def record(folder, share, outcomes=None, time_s=0):
    """The record of a share, not finished without outcomes."""
    place = folder.folder / "shards" / share
    place.mkdir(parents=True)
    if outcomes is not None:
        outcomes = [{"video": video, "frames": 0, "missing": 0, "failed": words} for video, words in outcomes.items()]
        (place / "summary.json").write_text(json.dumps({"outcomes": outcomes}))
        os.utime(place / "summary.json", (time_s, time_s))


@pytest.fixture
def folder(tmp_path):
    return FeatureFolder(tmp_path, {}, "safetensors")


def test_a_merge_believes_the_newest_number_of_shares_that_is_whole(folder):
    record(folder, "0-of-3", {"a": "given up"}, 900)  # newer than all others, but shares of it are missing
    record(folder, "1-of-3")
    record(folder, "0-of-2", {"a": "broken"}, 100)
    record(folder, "1-of-2", {"b": "broken"}, 300)
    assert {name: outcome.failed for name, outcome in folder.outcomes_of_shares().items()} == {
        "a": "broken",
        "b": "broken",
    }
    record(folder, "0-of-1", {"c": None}, 200)
    assert folder.outcomes_of_shares().keys() == {"a", "b"}
    os.utime(folder.folder / "shards" / "0-of-1" / "summary.json", (301, 301))
    assert folder.outcomes_of_shares() == {"c": VideoOutcome("c")}


def test_a_merge_names_what_is_not_finished(folder):
    with pytest.raises(ValueError, match="needs all shares of one number, and there is none"):
        folder.outcomes_of_shares()
    record(folder, "0-of-12", {})
    record(folder, "2-of-3", {})
    record(folder, "1-of-3")
    words = (
        "these are not finished: 0/3, 1/3; 1/12, 2/12, 3/12, 4/12, 5/12, 6/12, 7/12, 8/12, 9/12, 10/12 ...; run them"
    )
    with pytest.raises(ValueError, match=words):
        folder.outcomes_of_shares()


@pytest.mark.parametrize("file_format", ["safetensors", "parquet"])
def test_a_chunk_that_is_gone_is_no_full_disk(tmp_path, file_format):
    gone, path = tmp_path / "chunks" / "000000.safetensors", tmp_path / "features" / f"a.{file_format}"
    with pytest.raises(OSError) as told:
        join_chunks([gone], path, "a", {})
    assert str(gone) in str(told.value) and "make room" not in str(told.value)
    assert "cannot be written" in str(told.value) and not list(path.parent.iterdir())


@pytest.mark.parametrize(("number", "room"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EACCES, False)])
def test_room_is_asked_for_where_there_is_none(tmp_path, monkeypatch, number, room):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    def refuse_in_rust(*_):
        raise SafetensorError(f"I/O error: {os.strerror(number)} (os error {number})")

    monkeypatch.setattr(video_file, "write_safetensors", refuse)
    monkeypatch.setattr(chunks, "save_file", refuse_in_rust)
    chunk = Chunk("a", "0", 0, *(torch.zeros(1).numpy() for _ in range(3)))
    for write in (
        lambda: join_chunks([], tmp_path / "a.safetensors", "a", {}),
        lambda: ChunkFolder(tmp_path, {}).write(chunk, {}),
    ):
        with pytest.raises(OSError, match=os.strerror(number)) as told:
            write()
        assert ("make room, and start the same command again" in str(told.value)) == room
        assert "cannot be written" in str(told.value)
