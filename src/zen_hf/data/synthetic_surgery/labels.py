# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The labels of one frame, and the rules that derive boxes, criteria and answers from what was drawn."""

from dataclasses import dataclass

import numpy as np

from .vocabulary import INSTRUMENTS, PHASES, PROCEDURES, TARGETS, VERBS, semantic_id

CONTACT_MM = 3.0  # an instrument touches what its end is at most this far from


@dataclass(frozen=True)
class SceneFrame:
    """One frame with all its labels; class ids are positions in the tuples of `vocabulary`.

    Args:
        image: [H, W, 3] uint8, RGB.
        procedure: id in `PROCEDURES`.
        phase: id in `PHASES`.
        instruments: ids in `INSTRUMENTS` that are visible, sorted, each once.
        boxes: [K, 4] float32, tight boxes x0, y0, x1, y1 of the instances in pixels, x1 and y1 exclusive.
        box_labels: [K] int64, instrument id of each instance.
        instance_mask: [H, W] uint8, 0 is background, k is the k-th box.
        semantic_mask: [H, W] uint8, ids in `SEMANTIC_CLASSES`.
        depth_mm: [H, W] float32, distance along the optical axis; 0 outside the visible field.
        tips: [K, 2] float32, column and row of the end of each instance, px; may lie outside the frame.
        tip_distance_mm: [K] float32, from that end to the tissue behind it along the optical axis; NaN where the end
            is outside the visible field.
        triplets: (instrument, verb, target) of each instance, sorted; verb and target are 0 without contact.
        cvs: the three criteria of `CVS_CRITERIA`.
        smoke: whether smoke is in the scene.
        blood: whether blood is visible.
        questions: (question, answer) pairs.
    """

    image: np.ndarray
    procedure: int
    phase: int
    instruments: list[int]
    boxes: np.ndarray
    box_labels: np.ndarray
    instance_mask: np.ndarray
    semantic_mask: np.ndarray
    depth_mm: np.ndarray
    tips: np.ndarray
    tip_distance_mm: np.ndarray
    triplets: list[tuple[int, int, int]]
    cvs: tuple[bool, bool, bool]
    smoke: bool
    blood: bool
    questions: list[tuple[str, str]]


def visible_pixels(height: int, width: int) -> int:
    """Return how many pixels make a thing count as visible in a frame: one in a thousand, at least six."""
    return max(6, height * width // 1024)


def tight_boxes(instance_mask: np.ndarray, instances: int) -> np.ndarray:
    """Return [K, 4] float32 boxes x0, y0, x1, y1 (x1, y1 exclusive) of the instances 1..K of a mask [H, W]."""
    boxes = np.zeros((instances, 4), np.float32)
    for instance in range(instances):
        mine = instance_mask == instance + 1
        columns, rows = mine.any(0), mine.any(1)
        boxes[instance] = (
            columns.argmax(),
            rows.argmax(),
            len(columns) - columns[::-1].argmax(),
            len(rows) - rows[::-1].argmax(),
        )
    return boxes


def view_criteria(semantic_mask: np.ndarray) -> tuple[bool, bool, bool]:
    """Judge three criteria in the manner of the critical view of safety, from the semantic mask [H, W] alone.

    Two structures: duct and artery are both visible. Cleared triangle: two structures, and not more connective tissue
    than one part in four of them. Detached bed: the bed is visible. The criteria of the real thing are those of
    Strasberg et al., 1995; these are their stylised kin.
    """
    counts = np.bincount(semantic_mask.ravel(), minlength=32)
    enough = visible_pixels(*semantic_mask.shape)
    duct, artery = int(counts[semantic_id("duct")]), int(counts[semantic_id("artery")])
    structures = duct >= enough and artery >= enough
    cleared = structures and 4 * int(counts[semantic_id("connective")]) <= duct + artery
    return structures, cleared, int(counts[semantic_id("bed")]) >= 2 * enough


def ask(
    procedure: int,
    phase: int,
    box_labels: list[int],
    triplets: list[tuple[int, int, int]],
    cvs: tuple[bool, bool, bool],
    smoke: bool,
    blood: bool,
) -> list[tuple[str, str]]:
    """Return closed questions and their answers, computed from a frame's other labels.

    What an instrument does and touches is asked only of instruments of which exactly one is visible, so that every
    question has one answer.
    """
    pairs = [
        ("Which procedure is this?", PROCEDURES[procedure]),
        ("Which phase is this?", PHASES[phase]),
        ("How many instruments are visible?", str(len(box_labels))),
        ("Is there smoke?", "yes" if smoke else "no"),
        ("Is there blood?", "yes" if blood else "no"),
        ("Is the critical view achieved?", "yes" if all(cvs) else "no"),
    ]
    pairs += [
        (f"Is a {name} visible?", "yes" if number in box_labels else "no") for number, name in enumerate(INSTRUMENTS)
    ]
    for instrument, verb, target in triplets:
        if box_labels.count(instrument) == 1:
            name = INSTRUMENTS[instrument]
            pairs.append((f"What does the {name} do?", VERBS[verb] if verb else "nothing"))
            pairs.append((f"What does the {name} touch?", TARGETS[target] if target else "nothing"))
    return pairs
