# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Every label agrees with every other and with the picture."""

import numpy as np
import pytest

from zen_hf.data.synthetic_surgery import (
    INSTRUMENTS,
    PHASES,
    PROCEDURES,
    SEMANTIC_CLASSES,
    TARGETS,
    VERBS,
    SyntheticSurgery,
)
from zen_hf.data.synthetic_surgery.labels import CONTACT_MM, visible_pixels
from zen_hf.data.synthetic_surgery.renderer import Renderer

BORDER, SHAFT, TIP = (SEMANTIC_CLASSES.index(name) for name in ("border", "shaft", "tip"))


@pytest.fixture(scope="module")
def frames():
    """Frames of all procedures and hospitals."""
    surgery = SyntheticSurgery(seed=11, size=(72, 96), frames_per_video=10)
    return [frame for index in range(20) for frame in surgery.video(index)]


def test_frames_cover_everything(frames):
    """The sample that the other tests look at holds every procedure, phase, instrument and number of instruments."""
    assert {frame.procedure for frame in frames} == set(range(len(PROCEDURES)))
    assert {frame.phase for frame in frames} == set(range(len(PHASES)))
    assert {number for frame in frames for number in frame.instruments} == set(range(len(INSTRUMENTS)))
    assert {len(frame.box_labels) for frame in frames} == {0, 1, 2, 3}
    assert {number for frame in frames for number in np.unique(frame.semantic_mask)} == set(
        range(len(SEMANTIC_CLASSES))
    )
    for question in ("smoke", "blood"):
        assert {getattr(frame, question) for frame in frames} == {True, False}
    assert all({frame.cvs[criterion] for frame in frames} == {True, False} for criterion in range(3))


def test_shapes_and_types(frames):
    """Every array has the shape and the type that the documentation promises."""
    for frame in frames:
        count = len(frame.box_labels)
        assert frame.image.shape == (72, 96, 3) and frame.image.dtype == np.uint8
        assert frame.instance_mask.shape == (72, 96) and frame.instance_mask.dtype == np.uint8
        assert frame.semantic_mask.shape == (72, 96) and frame.semantic_mask.dtype == np.uint8
        assert frame.depth_mm.shape == (72, 96) and frame.depth_mm.dtype == np.float32
        assert (
            frame.boxes.shape == (count, 4)
            and frame.tips.shape == (count, 2)
            and frame.tip_distance_mm.shape == (count,)
        )


def test_boxes_are_the_extents_of_the_instances(frames):
    """Boxes, computed here from pixel coordinates, are tight."""
    for frame in frames:
        assert set(np.unique(frame.instance_mask)) - {0} == set(range(1, len(frame.box_labels) + 1))
        for instance, box in enumerate(frame.boxes, 1):
            rows, columns = np.nonzero(frame.instance_mask == instance)
            assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_instruments_are_present_exactly_when_enough_of_them_is_visible(frames):
    """Presence, instances and semantic classes tell the same."""
    for frame in frames:
        assert frame.instruments == sorted(set(frame.box_labels.tolist()))
        sizes = np.bincount(frame.instance_mask.ravel())[1:]
        assert (sizes >= visible_pixels(72, 96)).all()
        instrument = (frame.semantic_mask == SHAFT) | (frame.semantic_mask == TIP)
        np.testing.assert_array_equal(instrument, frame.instance_mask > 0)


def test_border_has_no_depth_and_no_light(frames):
    """Outside the visible field there is the border class, depth 0 and black; inside, depth is positive."""
    for frame in frames:
        outside = frame.semantic_mask == BORDER
        np.testing.assert_array_equal(outside, frame.depth_mm == 0)
        assert not frame.image[outside].any()
        assert (frame.depth_mm[~outside] > 5).all() and (frame.depth_mm < 250).all()


def test_instruments_hide_tissue_that_is_farther(monkeypatch):
    """What the z-buffer holds for an instrument is nearer than the tissue behind it, and nothing else moved."""
    buffers = []
    resolve = Renderer._resolve

    def spy(self, drawn, tissue_depth):
        owner, depth = resolve(self, drawn, tissue_depth)
        buffers.append((owner.copy(), depth.copy(), tissue_depth.copy()))
        return owner, depth

    monkeypatch.setattr(Renderer, "_resolve", spy)
    surgery = SyntheticSurgery(seed=4, size=64, frames_per_video=6)
    for index in range(6):
        list(surgery.video(index))
    for owner, depth, tissue in buffers:
        assert (depth[owner > 0] < tissue[owner > 0]).all()
        np.testing.assert_array_equal(depth[owner == 0], tissue[owner == 0])
    assert sum((owner > 0).any() for owner, _, _ in buffers) > 20


def test_triplets_follow_contact(frames):
    """There is one triplet per instance; verb and target appear exactly where the end is in contact."""
    for frame in frames:
        assert sorted(instrument for instrument, _, _ in frame.triplets) == sorted(frame.box_labels.tolist())
        touching = sorted(frame.box_labels[frame.tip_distance_mm <= CONTACT_MM].tolist())
        assert sorted(instrument for instrument, verb, _ in frame.triplets if verb) == touching
        for _, verb, target in frame.triplets:
            assert bool(verb) == bool(target)
            assert 0 <= verb < len(VERBS) and 0 <= target < len(TARGETS)


def test_targets_are_the_tissue_around_the_tip(frames):
    """Most targets can be read off the semantic mask: the tissue at the rim of the touching tip."""
    agree = total = 0
    for frame in frames:
        for instance, (x, y) in enumerate(frame.tips):
            if not frame.tip_distance_mm[instance] <= CONTACT_MM:
                continue
            label = int(frame.box_labels[instance])
            targets = [TARGETS[target] for instrument, _, target in frame.triplets if instrument == label]
            row, column = int(y + 0.5), int(x + 0.5)
            patch = frame.semantic_mask[max(row - 9, 0) : row + 10, max(column - 9, 0) : column + 10]
            names = {SEMANTIC_CLASSES[number] for number in np.unique(patch)}
            agree += bool(names & set(targets))
            total += 1
    assert total > 50 and agree / total > 0.9


def test_criteria_follow_the_semantic_mask(frames):
    """The three criteria, written down a second time."""
    for frame in frames:
        size = {name: int((frame.semantic_mask == number).sum()) for number, name in enumerate(SEMANTIC_CLASSES)}
        two = min(size["duct"], size["artery"]) >= 6
        cleared = two and size["connective"] <= (size["duct"] + size["artery"]) / 4
        assert frame.cvs == (two, cleared, size["bed"] >= 12)


def test_blood_follows_the_semantic_mask(frames):
    """Blood is reported exactly when enough of it is visible."""
    blood = SEMANTIC_CLASSES.index("blood")
    assert all(frame.blood == ((frame.semantic_mask == blood).sum() >= 6) for frame in frames)


def test_answers_follow_the_labels(frames):
    """Every answer, worked out here from the other labels."""
    asked = set()
    for frame in frames:
        answers = dict(frame.questions)
        assert len(answers) == len(frame.questions)
        asked |= set(answers)
        present = [INSTRUMENTS[number] for number in frame.box_labels]
        assert answers["Which procedure is this?"] == PROCEDURES[frame.procedure]
        assert answers["Which phase is this?"] == PHASES[frame.phase]
        assert answers["How many instruments are visible?"] == str(frame.instance_mask.max())
        assert answers["Is there smoke?"] == ("yes" if frame.smoke else "no")
        assert answers["Is there blood?"] == ("yes" if frame.blood else "no")
        assert answers["Is the critical view achieved?"] == ("yes" if frame.cvs == (True, True, True) else "no")
        for name in INSTRUMENTS:
            assert answers[f"Is a {name} visible?"] == ("yes" if name in present else "no")
            assert (f"What does the {name} do?" in answers) == (present.count(name) == 1)
        for instrument, verb, target in frame.triplets:
            name = INSTRUMENTS[instrument]
            if present.count(name) == 1:
                assert answers[f"What does the {name} do?"] == (VERBS[verb] if verb else "nothing")
                assert answers[f"What does the {name} touch?"] == (TARGETS[target] if target else "nothing")
    assert len(asked) == 6 + 3 * len(INSTRUMENTS)
