# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""CholecT50's boxes: shares of the frame become pixels, frames without a box are left out, and the real boxes."""

import json
import shutil

import numpy as np
import pytest

from zen_hf.benchmark.readers.cholect50_boxes import read_boxes, read_cholect50_boxes
from zen_hf.benchmark.task import load_task


@pytest.fixture
def copy(miniature, tmp_path):
    shutil.copytree(miniature("cholect50_val_det"), tmp_path / "copy")
    return tmp_path / "copy"


def edit(folder, change, video="VID68"):
    path = folder / "labels" / f"{video}.json"
    content = json.loads(path.read_text())
    change(content["annotations"])
    path.write_text(json.dumps(content))


def row(instrument, box):
    return [94 + max(instrument, 0), instrument, 1, *box, 9, 14, -1, -1, -1, -1, -1, 0]


def test_boxes_are_pixels_of_the_frame(copy):
    def change(annotations):
        annotations["0"] = [row(2, [0.25, 0.5, 0.5, 0.25]), row(5, [0, 0, 1, 1]), row(1, [-1] * 4)]
        annotations["1"] = [[-1] * 14 + [0]]
        annotations["2"] = [row(3, [-1] * 4)]

    edit(copy, change)
    dataset = read_cholect50_boxes(copy, ["VID68"])
    assert dataset["frame"][0] == 0 and not {1, 2} & set(dataset["frame"][:])
    truth = read_boxes(dataset["instances"][0])
    assert truth.boxes.tolist() == [[16, 32, 32, 16], [0, 0, 64, 64]] and truth.labels.tolist() == [2, 5]
    assert truth.masks is None and truth.size == (64, 64)


def test_miniature_boxes_hold_the_instruments(copy):
    """Every box of the miniature lies where its label file says."""
    for cell_row in load_task("cholect50_val_det").read(copy).remove_columns("image"):
        content = json.loads((copy / "labels" / f"{cell_row['video_id']}.json").read_text())
        rows = content["annotations"][str(cell_row["frame"])]
        truth = read_boxes(cell_row["instances"])
        np.testing.assert_allclose(truth.boxes, [[64 * edge for edge in r[3:7]] for r in rows], atol=1e-4)
        assert truth.labels.tolist() == [r[1] for r in rows]


def test_boxes_at_the_edge_are_clipped_and_those_beyond_refused(copy):
    edit(copy, lambda annotations: annotations.update({"0": [row(0, [0.5, 0.5, 0.3, 0.51])]}))
    cell = read_cholect50_boxes(copy, ["VID68"])["instances"][0]
    np.testing.assert_allclose(read_boxes(cell).boxes, [[32, 32, 19.2, 32]], atol=1e-4)
    edit(copy, lambda annotations: annotations.update({"0": [row(0, [0.5, 0.5, 0.3, 0.53])]}))
    cell = read_cholect50_boxes(copy, ["VID68"])["instances"][0]
    with pytest.raises(ValueError, match="VID68/000000.png: 1 of 1 boxes: .* is outside the frame of 64 x 64"):
        read_boxes(cell)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: [a.update({key: [[-1] * 14 + [0]]}) for key in a], "1 of 1 videos have no box .* .first: VID68"),
        (lambda a: a.update({"0": [row(6, [0, 0, 1, 1])]}), r"frame 0: instruments \[6\], expected 0 to 5"),
        (lambda a: a.update({"0": [[0] * 9]}), "frame 0: expected one or more rows of 15"),
    ],
)
def test_bad_labels(copy, change, message):
    edit(copy, change)
    with pytest.raises(ValueError, match=message):
        read_cholect50_boxes(copy, ["VID68"])


@pytest.mark.real
def test_real_boxes(shared_data):
    """Every row of the challenge's validation videos has a box; two overhang their frame."""
    folder = shared_data / "cholect50-val"
    dataset = load_task("cholect50_val_det").read(folder).remove_columns("image")
    truths = [read_boxes(cell) for cell in dataset["instances"]]
    assert len(truths) == 1008 and sum(len(truth.labels) for truth in truths) == 1192
    clipped = 0
    for at, truth in zip(dataset, truths, strict=True):
        content = json.loads((folder / "labels" / f"{at['video_id']}.json").read_text())
        height, width = truth.size
        shares = np.array([r[3:7] for r in content["annotations"][str(at["frame"])]])
        off = np.abs(shares * [width, height, width, height] - truth.boxes).max()
        clipped += off > 0.01
        assert off < 0.02 * height
    assert clipped == 2
