# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Videos are functions of seed, video and frame, and nothing else."""

import dataclasses
import hashlib

import numpy as np
import pytest

from zen_hf.data.synthetic_surgery import HOSPITALS, PHASES, PROCEDURES, SyntheticSurgery
from zen_hf.data.synthetic_surgery.procedures import procedure_plan


def same(one, other) -> bool:
    """Compare two frames field by field, bit by bit."""
    pairs = ((getattr(one, field.name), getattr(other, field.name)) for field in dataclasses.fields(one))
    return all(
        a.dtype == b.dtype and a.tobytes() == b.tobytes() if isinstance(a, np.ndarray) else a == b for a, b in pairs
    )


def label_hash(surgery: SyntheticSurgery, videos: int) -> str:
    """Hash every label of every frame of the first videos."""
    digest = hashlib.sha256()
    for index in range(videos):
        for frame in surgery.video(index):
            for field in dataclasses.fields(frame):
                value = getattr(frame, field.name)
                if field.name == "image":
                    continue
                digest.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
    return digest.hexdigest()


def test_same_seed_same_frames_in_any_order():
    """A frame drawn alone, from a fresh object, equals the frame drawn in sequence."""
    first, second = (SyntheticSurgery(seed=3, size=48, frames_per_video=9) for _ in range(2))
    in_order = list(first.video(6))
    video = second.video(6)
    assert len(in_order) == len(video) == 9
    for number in (7, 0, 8, 3, 7):
        assert same(video[number], in_order[number])
    assert same(video[-1], in_order[8])


def test_seeds_videos_and_hospitals_differ():
    """Another seed, video, frame or hospital gives another picture."""
    settings = [
        dict(seed=0, hospitals=["alpha"]),
        dict(seed=1, hospitals=["alpha"]),
        dict(seed=0, hospitals=["beta"]),
    ]
    surgeries = [
        SyntheticSurgery(size=48, frames_per_video=4, procedures=["nephrectomy"], **setting) for setting in settings
    ]
    images = [surgery.video(0)[2].image for surgery in surgeries]
    images += [surgeries[0].video(1)[2].image, surgeries[0].video(0)[3].image]
    for left in range(len(images)):
        for right in range(left):
            assert (images[left] != images[right]).mean() > 0.2


def test_labels_do_not_depend_on_the_hospital_except_for_its_field_of_view():
    """The anatomy and the plot belong to the video, the look to the hospital."""
    one, other = (
        SyntheticSurgery(seed=8, size=64, frames_per_video=6, hospitals=[name]).video(1) for name in ("alpha", "gamma")
    )
    for left, right in zip(one, other, strict=True):
        both = (left.depth_mm > 0) & (right.depth_mm > 0)
        np.testing.assert_array_equal(left.depth_mm[both], right.depth_mm[both])
        np.testing.assert_array_equal(left.semantic_mask[both], right.semantic_mask[both])
        assert left.phase == right.phase


def test_golden_labels():
    """Labels are equal to the last bit on every platform; whoever changes the scenes changes this hash, knowingly."""
    surgery = SyntheticSurgery(seed=2026, size=48, frames_per_video=5)
    assert label_hash(surgery, 8) == GOLDEN_LABELS


def test_golden_pictures():
    """Coarse means of two pictures: the picture may differ by rounding, the scene may not."""
    assert len(GOLDEN_PICTURES) == 2
    for index, golden in enumerate(GOLDEN_PICTURES):
        image = SyntheticSurgery(seed=2026, size=48, frames_per_video=5).video(index)[3].image
        means = image.reshape(3, 16, 3, 16, 3).mean((1, 3))
        np.testing.assert_allclose(means.ravel(), [float(mean) for mean in golden.split()], atol=0.6)


def test_procedures_and_hospitals_take_turns():
    """Any stretch of procedures x hospitals videos holds each pair once."""
    surgery = SyntheticSurgery(size=32, frames_per_video=1)
    pairs = {
        (video.procedure, video.hospital) for video in map(surgery.video, range(len(PROCEDURES) * len(HOSPITALS)))
    }
    assert pairs == {(procedure, hospital) for procedure in PROCEDURES for hospital in HOSPITALS}


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_phases_come_in_the_order_of_the_procedure(procedure):
    """Each phase is one stretch of frames, in the procedure's order."""
    video = SyntheticSurgery(seed=1, size=32, frames_per_video=40, procedures=[procedure]).video(0)
    seen = [PHASES[frame.phase] for frame in video]
    stretches = [phase for number, phase in enumerate(seen) if number == 0 or seen[number - 1] != phase]
    assert stretches == [phase.name for phase in procedure_plan(procedure).phases]


@pytest.mark.parametrize(
    "size, shape", [(32, (32, 32)), ((48, 80), (48, 80)), ((81, 45), (81, 45)), (np.int64(40), (40, 40))]
)
def test_sizes(size, shape):
    """One edge length means a square; a pair is (height, width), odd or upright as it likes."""
    frame = SyntheticSurgery(size=size, frames_per_video=3).video(5)[1]
    assert frame.image.shape == (*shape, 3) and frame.depth_mm.shape == shape
    assert (frame.depth_mm > 0).mean() > 0.5


def test_a_larger_frame_shows_the_same_scene():
    """Twice the size: the semantic masks agree on nearly all pixels and the depth to a millimetre or so."""
    small, large = (SyntheticSurgery(seed=5, size=size, frames_per_video=4).video(2) for size in (64, 128))
    for number in range(4):
        one, two = small[number], large[number]
        assert one.phase == two.phase
        agree = one.semantic_mask == two.semantic_mask[1::2, 1::2]
        assert agree.mean() > 0.85
        assert np.median(np.abs(one.depth_mm - two.depth_mm[1::2, 1::2])) < 1.0


def test_consecutive_frames_of_a_long_video_move_little():
    """At many frames per video the camera and the instruments move smoothly."""
    video = SyntheticSurgery(seed=5, size=48, frames_per_video=2000).video(0)
    for number in (300, 900, 1500):
        change = (video[number].semantic_mask != video[number + 1].semantic_mask).mean()
        assert change < 0.1


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(size=16), "size is 16; pass one edge length or"),
        (dict(size=(64, 64, 3)), "size is"),
        (dict(size=64.5), "size is 64.5"),
        (dict(seed=-1), "seed is -1; pass a whole number of 0 or greater"),
        (dict(frames_per_video=0), "frames_per_video is 0"),
        (dict(procedures=["cholecystectomi"]), "did you mean 'cholecystectomy'"),
        (dict(hospitals=["omega"]), "hospitals holds 'omega', which does not exist"),
        (dict(hospitals="alpha"), "pass a list"),
        (dict(procedures=[]), "pass a list"),
    ],
)
def test_bad_arguments(arguments, message):
    """Errors name the argument, its value and what is expected."""
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        SyntheticSurgery(**arguments)


def test_bad_indices():
    """Frames and videos that do not exist are errors."""
    surgery = SyntheticSurgery(size=32, frames_per_video=2)
    with pytest.raises(IndexError, match="has 2 frames, frame 2 was asked for"):
        surgery.video(0)[2]
    with pytest.raises(ValueError, match="video index is -1"):
        surgery.video(-1)


GOLDEN_LABELS = "6b68dceb18b908a14bcc90480930816e80f20daa0737f2d1e33b82c361aed621"

# Means of nine fields, row by row, red, green, blue.
GOLDEN_PICTURES = (
    "69.9 36.9 28.1 128.8 100.4 81.8 55.3 43.0 35.3 128.8 102.9 74.4 165.5 143.7 115.7 127.0 102.5 72.8 "
    "77.2 69.3 44.2 147.1 131.1 82.5 63.3 55.5 33.2",
    "84.7 84.9 70.5 175.4 172.4 134.1 81.7 67.5 56.1 153.0 150.1 135.3 171.6 174.9 167.7 166.6 125.2 117.5 "
    "60.3 62.3 58.2 155.4 156.2 134.8 70.4 67.2 59.6",
)
