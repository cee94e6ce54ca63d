# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Cholec80 and M2CAI16: rows against the tables and films they come from, and downloads that are not what they should be."""

import shutil

import av
import numpy as np
import pytest

from zen_hf.benchmark.miniatures.operation import draw_operation, write_film
from zen_hf.benchmark.readers.cholec80 import PHASES, TOOLS, read_cholec80_phases, read_cholec80_tools
from zen_hf.benchmark.readers.frame_image import video_length
from zen_hf.benchmark.task import load_task


@pytest.fixture(scope="module")
def written(miniature):
    return miniature("cholec80_phase")


@pytest.fixture
def copy(written, tmp_path):
    shutil.copytree(written, tmp_path / "copy")
    return tmp_path / "copy"


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_phases_are_those_of_the_table_at_every_second(written):
    dataset = load_task("cholec80_phase").read(written)
    assert sorted(set(dataset["video_id"])) == ["video01", "video02", "video03", "video41", "video49", "video50"]
    for row in dataset.select_columns(["video_id", "frame", "time_s", "phase"]):
        lines = (written / "phase_annotations" / f"{row['video_id']}-phase.txt").read_text().splitlines()
        frame, phase = lines[1 + row["frame"]].split("\t")
        assert (int(frame), phase) == (row["frame"], PHASES[row["phase"]])
        assert row["time_s"] == row["frame"] / 25 == row["frame"] // 25
    assert set(dataset["phase"]) == set(range(7))


def test_tools_are_those_of_the_table(written):
    dataset = read_cholec80_tools(written, ["video41"])
    lines = (written / "tool_annotations" / "video41-tool.txt").read_text().splitlines()
    assert lines[0].split("\t")[1:] == list(TOOLS)
    expected = [[int(cell) for cell in line.split("\t")] for line in lines[1:]]
    assert [[row["frame"], *row["tool"]] for row in dataset.select_columns(["frame", "tool"])] == expected
    assert 0 < sum(map(sum, dataset["tool"]))


def test_pictures_are_the_frames_of_the_film(written):
    dataset = read_cholec80_phases(written, ["video02"])
    with av.open(str(written / "videos" / "video02.mp4")) as container:
        film = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    for row in dataset:
        np.testing.assert_array_equal(np.asarray(row["image"]), film[row["frame"]])


def test_labels_a_little_longer_than_the_film_lose_their_end(written):
    """The first video of the miniature has the known defect: three frames fewer than labels."""
    frames, _ = video_length(written / "videos" / "video01.mp4")
    lines = (written / "phase_annotations" / "video01-phase.txt").read_text().splitlines()
    assert frames == len(lines) - 1 - 3
    assert max(read_cholec80_phases(written, ["video01"])["frame"]) < frames


def test_extracted_pictures_in_place_of_the_film(copy):
    """One picture per second, numbered from 1, gives the same rows as the film."""
    film = read_cholec80_phases(copy, ["video02"])
    (copy / "frames" / "video02").mkdir(parents=True)
    for second, row in enumerate(film):
        row["image"].save(copy / "frames" / "video02" / f"{second + 1:05d}.png")
    seventh = np.asarray(film[7]["image"])
    (copy / "videos" / "video02.mp4").unlink()
    pictures = read_cholec80_phases(copy, ["video02"])
    for name in ("frame", "phase", "time_s"):
        assert pictures[name][:] == film[name][:]
    np.testing.assert_array_equal(np.asarray(pictures[7]["image"]), seventh)


def test_wrong_folder_and_half_a_dataset(copy, tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder"):
        read_cholec80_phases(tmp_path / "none", ["video01"])
    with pytest.raises(
        FileNotFoundError, match="6 of 6 files are missing .first: phase_annotations/video01-phase.txt"
    ):
        read_cholec80_phases(copy.parent, ["video01", "video02", "video03", "video41", "video49", "video50"])
    (copy / "phase_annotations" / "video41-phase.txt").unlink()
    with pytest.raises(FileNotFoundError, match="1 of 6 files are missing .first: phase_annotations/video41"):
        load_task("cholec80_phase").read(copy)


def test_without_the_marker_it_is_half_a_dataset(copy):
    (copy / "ZEN_MINIATURE.json").unlink()
    with pytest.raises(FileNotFoundError, match="74 of 80 files are missing"):
        load_task("cholec80_phase").read(copy)


def test_film_missing_or_cut_short(copy):
    shutil.copy(copy / "videos" / "video41.mp4", copy / "whole.mp4")
    (copy / "videos" / "video41.mp4").unlink()
    with pytest.raises(FileNotFoundError, match="neither the video .*video41.mp4 nor a folder"):
        read_cholec80_phases(copy, ["video41"])
    path = copy / "phase_annotations" / "video02-phase.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines + [f"{len(lines) - 1 + i}\tPreparation" for i in range(60)]) + "\n")
    with pytest.raises(ValueError, match="video02.mp4 has 400 frames but the label file has 460: .* 60 frames longer"):
        read_cholec80_phases(copy, ["video02"])


def test_film_of_another_rate(copy):
    write_film(draw_operation(0, 4, 64, 0), copy / "videos" / "video02.mp4", 30)
    with pytest.raises(ValueError, match="30.00 frames per second, expected 25"):
        read_cholec80_phases(copy, ["video02"])


def test_unknown_phase_and_odd_tool_rows(copy):
    edit(copy / "phase_annotations" / "video02-phase.txt", "120\tCalotTriangleDissection", "120\tClosing")
    with pytest.raises(ValueError, match="unknown phase 'Closing' at frame 120"):
        read_cholec80_phases(copy, ["video02"])
    edit(copy / "tool_annotations" / "video02-tool.txt", "\n50\t", "\n51\t")
    with pytest.raises(ValueError, match="frame 51 is no multiple of 25"):
        read_cholec80_tools(copy, ["video02"])


def test_m2cai16_in_either_folder(miniature, tmp_path):
    task, folder = load_task("m2cai16_phase"), miniature("m2cai16_phase")
    dataset = task.read(folder)
    assert set(dataset["phase"]) == set(range(8))
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in folder.rglob("*.*"):
        shutil.copy(path, flat / path.name)
    assert task.read(flat)["phase"][:] == dataset["phase"][:]
    (flat / "test_workflow_video_02.txt").unlink()
    with pytest.raises(FileNotFoundError, match="first: test_dataset/test_workflow_video_02.txt"):
        task.read(flat)


def test_autolaparo_counts_from_one(miniature, tmp_path):
    task, folder = load_task("autolaparo_phase"), miniature("autolaparo_phase")
    dataset = task.read(folder).select_columns(["video_id", "time_s", "phase"])
    for row in dataset:
        lines = (folder / "labels" / f"label_{row['video_id']}.txt").read_text().splitlines()[1:]
        assert lines[int(row["time_s"])].split("\t") == [str(int(row["time_s"]) + 1), str(row["phase"] + 1)]
    assert min(dataset["time_s"]) == 0 and set(dataset["phase"]) == set(range(7))
    shutil.copytree(folder, tmp_path / "copy")
    edit(tmp_path / "copy" / "labels" / "label_02.txt", "1\t1\n", "0\t1\n")
    with pytest.raises(ValueError, match="label_02.txt: line 2 is of frame 0, expected 1"):
        task.read(tmp_path / "copy")
