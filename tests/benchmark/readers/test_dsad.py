# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""DSAD: one organ per picture, an order without time, and bad downloads."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zen_hf.benchmark.readers.dsad import ORGANS, read_dsad, read_organ
from zen_hf.benchmark.task import load_task


@pytest.fixture
def copy(miniature, tmp_path):
    shutil.copytree(miniature("dsad_semseg"), tmp_path / "copy")
    return tmp_path / "copy"


def test_every_picture_says_something_of_its_own_organ_alone(copy):
    for cell in read_dsad(copy, ["01", "02"])["organs"]:
        organ, white = Path(cell).parent.parent.name, np.array(Image.open(cell)) == 255
        truth = read_organ(cell)
        assert truth.known == (ORGANS.index(organ),)
        assert truth.bits.dtype == np.uint16 and white.any()
        assert (truth.bits == white * 2 ** ORGANS.index(organ)).all()


def test_order_is_that_of_organ_and_number(copy):
    for number in (100, 11):  # 11 comes before 100, and after 00
        for kind in ("image", "mask"):
            shutil.copy(copy / "colon" / "01" / f"{kind}00.png", copy / "colon" / "01" / f"{kind}{number}.png")
    shutil.rmtree(copy / "liver" / "01")
    dataset = read_dsad(copy, ["01"])
    names = [Path(cell).relative_to(copy).as_posix() for cell in dataset["organs"]]
    assert names[1:4] == ["colon/01/mask00.png", "colon/01/mask11.png", "colon/01/mask100.png"]
    organs = [name.split("/")[0] for name in names]
    assert list(dict.fromkeys(organs)) == [organ for organ in ORGANS if organ != "liver"]
    assert dataset["frame"][:] == list(range(len(names))) == dataset["time_s"][:]


def test_masks_that_are_none(copy):
    cell = str(copy / "colon" / "01" / "mask00.png")
    pixels = np.array(Image.open(cell))
    pixels[0, :2] = 128
    Image.fromarray(pixels).save(cell)
    with pytest.raises(
        ValueError, match=r"colon/01/mask00.png holds 1 unknown values: 128 \(2 pixels\); expected 0, 255"
    ):
        read_organ(cell)
    Image.fromarray(pixels[:32]).save(cell)
    with pytest.raises(ValueError, match="has 114 x 32 pixels, its frame image00.png 114 x 64"):
        read_organ(cell)


def test_downloads_that_are_not_whole(copy):
    (copy / "colon" / "01" / "mask00.png").unlink()
    with pytest.raises(FileNotFoundError, match="1 of 11 pictures have no mask .first: .*colon/01/mask00.png"):
        read_dsad(copy, ["01"])
    (copy / "colon" / "01" / "image00.png").rename(copy / "colon" / "01" / "image_a.png")
    with pytest.raises(ValueError, match="expected a name like image00.png"):
        read_dsad(copy, ["01"])
    with pytest.raises(FileNotFoundError, match="operation 09 has no picture of any organ"):
        read_dsad(copy, ["09"])
    shutil.rmtree(copy / "ureter")
    with pytest.raises(FileNotFoundError, match="1 of 11 organs have no folder .first: ureter"):
        read_dsad(copy, ["01"])


def test_patients_have_no_leading_zero():
    assert load_task("dsad_semseg").source.patient("03") == "dsad:3"
