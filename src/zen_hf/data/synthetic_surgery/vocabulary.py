# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The names behind every class id of synthetic surgery.

A class id is the position of its name in the tuple. The tuples only ever grow at their end, so that stored labels stay
valid.
"""

PROCEDURES = ("cholecystectomy", "nephrectomy", "hysterectomy", "sigmoidectomy")

HOSPITALS = ("alpha", "beta", "gamma", "delta", "epsilon")

PHASES = (
    "preparation",
    "mobilisation",
    "dissection",
    "clipping_and_cutting",
    "detachment",
    "coagulation",
    "suturing",
    "washing",
)

INSTRUMENTS = ("grasper", "bipolar", "hook", "scissors", "clipper", "irrigator", "needle_driver")

VERBS = (
    "null_verb",
    "grasp",
    "retract",
    "dissect",
    "coagulate",
    "clip",
    "cut",
    "irrigate",
    "aspirate",
    "suture",
)

# 'duct' is the thin pale tube of each procedure: cystic duct, ureter or fallopian tube. 'connective' is the tissue
# that hides duct and artery until it is dissected; 'bed' is the raw surface that appears where the main organ is
# detached.
SEMANTIC_CLASSES = (
    "border",
    "abdominal_wall",
    "fat",
    "connective",
    "liver",
    "gallbladder",
    "bowel",
    "kidney",
    "uterus",
    "duct",
    "artery",
    "vein",
    "bed",
    "blood",
    "clip",
    "shaft",
    "tip",
)

# What an instrument can touch: everything that belongs to the patient, by the same names as in the semantic mask.
TARGETS = ("null_target", *SEMANTIC_CLASSES[1 : SEMANTIC_CLASSES.index("shaft")])

CVS_CRITERIA = ("two_structures", "cleared_triangle", "detached_bed")


def semantic_id(name: str) -> int:
    """Return the id of a semantic class.

    Args:
        name: one of `SEMANTIC_CLASSES`.

    Raises:
        ValueError: if there is no such class.
    """
    return SEMANTIC_CLASSES.index(name)
