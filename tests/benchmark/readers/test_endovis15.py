# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""EndoVis 2015: parts and instances against the masks, and what the real frames hold."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from faster_coco_eval.core import mask as run_lengths
from PIL import Image

from zen_hf.benchmark.readers.endovis15 import (
    read_endovis15_instances,
    read_endovis15_parts,
    read_instances,
    read_parts,
)
from zen_hf.benchmark.task import load_task


@pytest.fixture
def copy(miniature, tmp_path):
    shutil.copytree(miniature("endovis15_semseg"), tmp_path / "copy")
    return tmp_path / "copy"


def assert_truths_are_the_masks(folder, videos):
    """Against the values of the pictures; returns how many instances there are."""
    parts = read_endovis15_parts(folder, videos)["semantic"][:]
    instances = read_endovis15_instances(folder, videos)["instances"][:]
    count = 0
    for part_cell, instance_cell in zip(parts, instances, strict=True):
        values = np.array(Image.open(part_cell))
        classes = read_parts(part_cell)
        for value, index in ((0, 0), (160, 1), (70, 2)):
            assert ((values == value) == (classes == index)).all()
        values, truth = np.array(Image.open(instance_cell)), read_instances(instance_cell)
        kept = [value for value in (20, 40, 60, 80) if (values == value).sum() >= 10]
        assert truth.labels.tolist() == [0] * len(kept) and truth.size == values.shape
        for value, box, counts in zip(kept, truth.boxes, truth.masks, strict=True):
            mask = run_lengths.decode({"size": list(values.shape), "counts": counts}).astype(bool)
            assert (mask == (values == value)).all()
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            assert box.tolist() == [columns[0], rows[0], np.ptp(columns) + 1, np.ptp(rows) + 1]
        count += len(kept)
    return count


def test_miniature(copy):
    assert assert_truths_are_the_masks(copy, ["OP1", "OP2", "OP3"]) > 48
    dataset = read_endovis15_parts(copy, ["OP2"])
    assert dataset["frame"][:] == list(range(1, 17)) and dataset[0]["image"].size == (86, 64)


def test_frames_may_be_png(copy):
    for path in sorted((copy / "OP1").glob("*.jpg")):
        Image.open(path).save(path.with_suffix(".png"))
        path.unlink()
    assert len(read_endovis15_parts(copy, ["OP1"])) == 16
    assert_truths_are_the_masks(copy, ["OP1"])


def test_a_stray_mark_is_no_instrument(copy):
    cell = str(copy / "OP1" / "img_01_instrument.png")
    values = np.zeros((64, 86), np.uint8)
    values[10:14, 10:14], values[40, 40:42] = 20, 60
    Image.fromarray(values).save(cell)
    truth = read_instances(cell)
    assert truth.boxes.tolist() == [[10, 10, 4, 4]] and truth.labels.tolist() == [0]


@pytest.mark.parametrize(("ending", "read"), [("class", read_parts), ("instrument", read_instances)])
def test_stray_values_are_listed(copy, ending, read):
    cell = copy / "OP1" / f"img_03_{ending}.png"
    values = np.array(Image.open(cell))
    values[0, :3] = 255
    Image.fromarray(values).save(cell)
    with pytest.raises(ValueError, match=r"img_03_\w+.png holds 1 unknown values: 255 \(3 pixels\)"):
        read(str(cell))


def test_downloads_that_are_not_whole(copy):
    mask = copy / "OP1" / "img_02_class.png"
    mask.rename(copy / "kept.png")
    with pytest.raises(FileNotFoundError, match="img_02.jpg: its mask img_02_class.png is missing"):
        read_endovis15_parts(copy, ["OP1"])
    (copy / "kept.png").rename(mask)
    (copy / "OP1" / "img_02.jpg").unlink()
    with pytest.raises(FileNotFoundError, match="img_02_class.png: its frame img_02.jpg .or .png. is missing"):
        read_parts(str(mask))
    with pytest.raises(FileNotFoundError, match="OP4: no such folder"):
        read_endovis15_parts(copy, ["OP4"])
    (copy / "OP1" / "picture.jpg").touch()
    with pytest.raises(ValueError, match="expected a name like img_01.jpg"):
        read_endovis15_parts(copy, ["OP1"])


@pytest.mark.real
def test_real_frames(shared_data):
    folder = shared_data / "endovis15-rigid"
    assert assert_truths_are_the_masks(folder, ["OP1", "OP2", "OP3"]) == 163
    dataset = load_task("endovis15_insseg").read(folder)
    assert len(dataset) == 120 and dataset[0]["image"].size == (640, 480)
    assert {Path(cell).parent.name for cell in dataset["instances"]} == {"OP1", "OP2", "OP3"}
