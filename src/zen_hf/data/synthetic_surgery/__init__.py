# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Synthetic surgery: procedural laparoscopic videos in which every label is known exactly."""

from .dataset import synthetic_dataset, write_video
from .labels import SceneFrame
from .video import SyntheticSurgery, SyntheticVideo
from .vocabulary import CVS_CRITERIA, HOSPITALS, INSTRUMENTS, PHASES, PROCEDURES, SEMANTIC_CLASSES, TARGETS, VERBS

__all__ = [
    "CVS_CRITERIA",
    "HOSPITALS",
    "INSTRUMENTS",
    "PHASES",
    "PROCEDURES",
    "SEMANTIC_CLASSES",
    "TARGETS",
    "VERBS",
    "SceneFrame",
    "SyntheticSurgery",
    "SyntheticVideo",
    "synthetic_dataset",
    "write_video",
]
