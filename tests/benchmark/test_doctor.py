# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The doctor finds nothing wrong with a miniature, and names what was broken on purpose."""

import shutil

import pytest

from zen_hf.benchmark.doctor import examine
from zen_hf.benchmark.task import load_task, task_names


@pytest.fixture
def copy(miniature, tmp_path):
    shutil.copytree(miniature("cholec80_phase"), tmp_path / "copy")
    return tmp_path / "copy"


def findings(folder, name="cholec80_phase"):
    return list(examine(load_task(name), folder))


def errors(folder, name="cholec80_phase"):
    return [f"{f.check}: {f.message}" for f in findings(folder, name) if f.severity == "error"]


@pytest.mark.parametrize("name", [name for name in task_names() if name != "cholect50_tool"])
def test_miniature_is_sound_but_its_counts_are_not_the_published_ones(name, miniature):
    found = findings(miniature(name), name)
    assert {f.severity for f in found} == {"ok", "note"}, [f for f in found if f.severity not in ("ok", "note")]
    assert {"split", "leakage", "files", "labels", "frames", "defects"} <= {f.check for f in found}
    counts = [f.message for f in found if f.check == "counts"]
    assert counts and all("as it must be in a miniature" in message for message in counts)


def test_without_its_marker_a_miniature_is_half_a_dataset(copy):
    (copy / "ZEN_MINIATURE.json").unlink()
    found = errors(copy)
    assert any("74 of 80 videos cannot be read" in message for message in found)
    assert "counts: 6 videos, published 80: complete the download" in " ".join(found)


def test_no_such_folder(tmp_path):
    assert errors(tmp_path / "none") == [f"folder: {tmp_path / 'none'}: no such folder; give the folder of Cholec80."]


def test_every_broken_video_is_named(copy):
    (copy / "videos" / "video49.mp4").unlink()
    path = copy / "phase_annotations" / "video02-phase.txt"
    path.write_text(path.read_text().replace("Preparation", "Lunch"))
    found = errors(copy)
    assert any("labels: video video02: " in message and "unknown phase 'Lunch'" in message for message in found)
    assert any("labels: video video49: neither the video" in message for message in found)
    assert any("2 of 6 videos cannot be read: video02, video49" in message for message in found)


def test_film_that_does_not_decode(copy):
    path = copy / "videos" / "video50.mp4"
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") + 4
    content[start : start + 3 * len(content) // 4] = bytes(3 * len(content) // 4)
    path.write_bytes(content)
    assert any("cannot be decoded" in message and "video50" in message for message in errors(copy))


def test_a_copied_operation_is_found_by_its_look(copy):
    shutil.copy(copy / "videos" / "video03.mp4", copy / "videos" / "video50.mp4")
    (found,) = errors(copy)
    assert found.startswith(
        "leakage: by perceptual hash, video03 (train) and video50 (test) share 100% of their frames"
    )


def test_files_too_many(copy):
    (copy / "thumbs.db").touch()
    shutil.copy(copy / "videos" / "video03.mp4", copy / "videos" / "video77.mp4")
    (copy / "README.txt").touch()
    found = {f.message for f in findings(copy) if f.check == "files"}
    assert len(found) == 2
    assert any("1 files do not belong to Cholec80 (first: thumbs.db)" in message for message in found)
    assert any("1 videos are in no side" in message and "video77" in message for message in found)


def test_shared_patients_are_told(miniature):
    told = [f.message for f in findings(miniature("cholec80_cvs"), "cholec80_cvs") if f.check == "leakage"]
    assert any("patients tested here are trained on in cholec80_phase" in message for message in told)


@pytest.mark.real
def test_real_frames(shared_data):
    found = findings(shared_data / "cholect50-val", "cholect50_tool")
    assert not [f for f in found if f.severity in ("error", "warning")]
    assert any(f.check == "counts" and f.severity == "ok" and "1008 frames" in f.message for f in found)
