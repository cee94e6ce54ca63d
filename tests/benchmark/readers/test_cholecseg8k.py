# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""CholecSeg8k: classes against the table of the dataset's description, clips in the order of time, and bad downloads."""

import shutil

import numpy as np
import pytest
from PIL import Image

from zen_hf.benchmark.readers.cholecseg8k import CLASSES, TABLE, read_cholecseg8k, read_watershed
from zen_hf.benchmark.split import load_split
from zen_hf.benchmark.task import load_task

# Grey of the watershed mask in decimal digits, as public loaders of the official files read them.
LISTED = (
    "50 background, 11 abdominal wall, 21 liver, 13 gastrointestinal tract, 12 fat, 31 grasper, 23 connective tissue"
)
LISTED += ", 24 blood, 25 cystic duct, 32 L-hook electrocautery, 22 gallbladder, 33 hepatic vein, 05 liver ligament"


@pytest.fixture
def copy(miniature, tmp_path):
    shutil.copytree(miniature("cholecseg8k_semseg"), tmp_path / "copy")
    return tmp_path / "copy"


def test_table_is_that_of_the_dataset():
    listed = dict(entry.split(" ", 1) for entry in LISTED.split(", "))
    assert {f"{value:02d}": CLASSES[index] for value, index in TABLE.items() if index != 255} == listed
    assert sorted(value for value, index in TABLE.items() if index == 255) == [0, 255]


def test_the_digits_are_decimal(copy):
    """A mask as the official files hold it: liver is the grey value 21, not 0x21 = 33, which is the hepatic vein."""
    cell = read_cholecseg8k(copy, ["video01"])["semantic"][0]
    pixels = np.array(Image.open(cell))
    pixels[10, :5] = np.array([50, 21, 33, 5, 255])[:, None]
    Image.fromarray(pixels).save(cell)
    assert read_watershed(cell)[10, :5].tolist() == [0, 2, 11, 12, 255]


def test_rows_go_through_the_clips_in_the_order_of_time(copy):
    dataset = read_cholecseg8k(copy, ["video12", "video01"])
    assert dataset["video_id"][:] == ["video01"] * 16 + ["video12"] * 16
    assert dataset["frame"][:16] == [*range(95, 103), *range(1200, 1208)]  # 99 before 100, though not by name
    assert dataset["time_s"][5] == 4.0
    for row in dataset:
        assert row["semantic"].endswith(f"frame_{row['frame']}_endo_watershed_mask.png")
        assert row["image"].size == (114, 64)


def test_classes_of_every_pixel(copy):
    """Against the picture, pixel by pixel; the line around it and what is unlabelled are not scored."""
    names = dict(entry.split(" ", 1) for entry in LISTED.split(", "))
    for cell in read_cholecseg8k(copy, ["video01"])["semantic"][:3]:
        classes, picture = read_watershed(cell), Image.open(cell)
        assert classes.dtype == np.uint8 and classes.shape == (64, 114)
        assert picture.mode == ("RGBA" if "frame_96_" in cell else "RGB")
        for row, column in ((0, 0), (1, 1), (63, 50), (20, 20), (32, 60), (50, 90)):
            value = picture.getpixel((column, row))[0]
            expected = 255 if value in (0, 255) else CLASSES.index(names[f"{value:02d}"])
            assert classes[row, column] == expected
    assert (classes[0] == 255).all() and classes[1, 1] == 255


def test_values_of_no_class_are_listed(copy):
    cell = read_cholecseg8k(copy, ["video01"])["semantic"][0]
    pixels = np.array(Image.open(cell))
    pixels[5, 5:8] = 52
    pixels[6, 5] = 81
    Image.fromarray(pixels).save(cell)
    with pytest.raises(ValueError, match=r"frame_95_.*holds 2 unknown values: 52 \(3 pixels\), 81 \(1 pixels\)"):
        read_watershed(cell)


def test_mask_of_another_size_and_the_wrong_mask(copy):
    cell = read_cholecseg8k(copy, ["video01"])["semantic"][0]
    Image.open(cell).resize((57, 32), Image.Resampling.NEAREST).save(cell)
    with pytest.raises(ValueError, match="has 57 x 32 pixels, its frame frame_95_endo.png 114 x 64"):
        read_watershed(cell)


def test_downloads_that_are_not_whole(copy):
    mask = copy / "video01" / "video01_01200" / "frame_1203_endo_watershed_mask.png"
    mask.unlink()
    with pytest.raises(FileNotFoundError, match="1 of 16 frames have no watershed mask .first: .*frame_1203"):
        read_cholecseg8k(copy, ["video01"])
    with pytest.raises(FileNotFoundError, match="video02: no such folder"):
        read_cholecseg8k(copy, ["video02"])
    (copy / "video03").mkdir()
    with pytest.raises(FileNotFoundError, match="video03 holds no clip with frames"):
        read_cholecseg8k(copy, ["video03"])


def test_frames_twice_or_misnamed(copy):
    clip = copy / "video01" / "video01_01200"
    shutil.copytree(clip, copy / "video01" / "video01_01201")
    with pytest.raises(ValueError, match="are the same frame of the video; keep one"):
        read_cholecseg8k(copy, ["video01"])
    shutil.rmtree(copy / "video01" / "video01_01201")
    (clip / "frame_x_endo.png").touch()
    with pytest.raises(ValueError, match="expected a name like frame_80_endo.png"):
        read_cholecseg8k(copy, ["video01"])


def test_every_video_is_tested_once_by_the_folds_and_the_patients_are_cholec80s():
    task = load_task("cholecseg8k_semseg")
    folds = load_split("cholecseg8k_4fold").folds
    assert sorted(video for fold in folds for video in fold.test) == load_split(task.split).videos
    cholec80 = load_split("cholec80_40_8_32").folds[0].train
    tested = {task.source.patient(video) for video in load_split(task.split).folds[0].test}
    assert tested <= {load_task("cholec80_phase").source.patient(video) for video in cholec80}
