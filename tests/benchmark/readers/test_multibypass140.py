# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""MultiBypass140: seconds against intervals worked by hand, extracted pictures, the splits, and bad downloads."""

import json
import shutil

import numpy as np
import pytest

from zen_hf.benchmark.readers.multibypass140 import CENTRES, PHASES, read_multibypass140, read_phases
from zen_hf.benchmark.split import load_split
from zen_hf.benchmark.task import load_task


@pytest.fixture
def copy(miniature, tmp_path):
    shutil.copytree(miniature("multibypass140_phase"), tmp_path / "copy")
    return tmp_path / "copy"


def labels_of(folder, video):
    return folder / "labels" / CENTRES[video[:3]][0] / "labels_by70" / f"{video}.mp4.json"


def videos_of(folder, video):
    return folder / "datasets" / "MultiBypass140" / CENTRES[video[:3]][1]


def interval(start, end, number, name=None):
    return {"start": start, "end": end, "label_id": number, "label_name": name or PHASES[number]}


def test_ends_are_cut_to_whole_seconds_and_overlays_keep_the_phase(tmp_path):
    # 2.9 s is cut to 2: second 2 belongs to the second phase; 5.2 s to 5: second 5 has no label, like seconds 0 and 1.
    path = tmp_path / "BBP01.mp4.json"
    phases = [interval(1301, 2900, 0), interval(2900, 5200, 3), interval(2000, 4000, 12, "out_of_body")]
    path.write_text(json.dumps({"phases": [*phases, interval(3000, 4000, 13, "severe_index")], "steps": []}))
    assert read_phases(path) == {1: 0, 2: 3, 3: 3, 4: 3}


def test_rows_of_both_centres(copy):
    dataset = read_multibypass140(copy, ["SBP01", "BBP01"])
    assert sorted(set(dataset["video_id"])) == ["BBP01", "SBP01"]
    for video in ("BBP01", "SBP01"):
        phases = read_phases(labels_of(copy, video))
        rows = [
            row for row in dataset.select_columns(["video_id", "frame", "time_s", "phase"]) if row["video_id"] == video
        ]
        assert len(phases) == 17 and len(rows) == 16  # the last labelled second has no frame
        assert [(row["frame"], row["phase"]) for row in rows] == list(phases.items())[:16]
        assert [row["time_s"] for row in rows] == [float(second) for second in range(16)]
        assert set(phases.values()) == set(range(12))


def test_extracted_pictures_in_place_of_the_video(copy):
    film = read_multibypass140(copy, ["SBP01"])
    eighth = np.asarray(film[7]["image"])
    folder = videos_of(copy, "SBP01") / "frames" / "SBP01"
    folder.mkdir(parents=True)
    for row in film:
        row["image"].save(folder / f"SBP01_{row['frame'] + 1:08d}.png")
    (videos_of(copy, "SBP01") / "videos" / "SBP01.mp4").unlink()
    pictures = read_multibypass140(copy, ["SBP01"])
    assert pictures["phase"][:] == film["phase"][:]
    np.testing.assert_array_equal(np.asarray(pictures[7]["image"]), eighth)
    (folder / "SBP01_00000008.png").unlink()
    with pytest.raises(
        ValueError, match="1 of 17 labelled seconds have no picture .first: number 8, which is second 7"
    ):
        read_multibypass140(copy, ["SBP01"])


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        ([interval(0, 3000, 0), interval(4000, 9000, 1)], "ends at 3000 ms and gastric_pouch_creation starts at 4000"),
        ([interval(0, 3000, 0), interval(2000, 9000, 1)], "ends at 3000 ms and gastric_pouch_creation starts at 2000"),
        ([interval(0, 3000, 0, "cleaning_coagulation")], "unknown phase 0 'cleaning_coagulation'"),
        ([interval(3000, 0, 0)], "lasts from 3000 to 0 ms"),
        ([interval(0, 3000, 12, "out_of_body")], "labels no second"),
        ([{"start": 0}], "not a label file of MultiBypass140 .KeyError"),
        ([interval(0, 20000, 0)], "16 frames but the label file has 20"),
    ],
)
def test_bad_labels(copy, phases, message):
    labels_of(copy, "BBP01").write_text(json.dumps({"phases": phases}))
    with pytest.raises(ValueError, match=message):
        read_multibypass140(copy, ["BBP01"])


def test_missing_files(copy):
    (videos_of(copy, "BBP01") / "videos" / "BBP01.mp4").unlink()
    with pytest.raises(FileNotFoundError, match="neither the video .*BBP01.mp4 nor a folder"):
        read_multibypass140(copy, ["BBP01"])
    labels_of(copy, "SBP01").unlink()
    with pytest.raises(FileNotFoundError, match="1 of 6 files are missing .first: labels/strasbourg/.*SBP01.mp4.json"):
        load_task("multibypass140_phase").read(copy)
    with pytest.raises(ValueError, match="'VID01' is no video of MultiBypass140"):
        read_multibypass140(copy, ["VID01"])


def test_splits_by_centre():
    """Both centres on every side; the transfers between centres are tested on the videos of the main split."""
    task = load_task("multibypass140_phase")
    main = load_split(task.split).folds[0]

    def of(centre, videos):
        return {video for video in videos if video.startswith(centre)}

    for centre, size in (("BBP", (40, 10, 20)), ("SBP", (40, 10, 20))):
        assert tuple(len(of(centre, videos)) for videos in main.sides.values()) == size
    bern = load_split("multibypass140_bern_fold1").folds[0]
    assert {side: set(videos) for side, videos in bern.sides.items()} == {
        side: of("BBP", videos) for side, videos in main.sides.items()
    }
    for name, here, there in (("bern_to_strasbourg", "BBP", "SBP"), ("strasbourg_to_bern", "SBP", "BBP")):
        fold = load_split(f"multibypass140_{name}").folds[0]
        assert set(fold.train) == of(here, main.train) and set(fold.val) == of(here, main.val)
        assert set(fold.test) == of(there, main.test)
