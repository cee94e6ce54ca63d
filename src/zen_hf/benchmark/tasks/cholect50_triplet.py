# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which of 100 action triplets (instrument, verb, target) are seen, every second, in CholecT50."""

from ..metrics.multilabel_map.multilabel_map import MultilabelMap
from ..metrics.triplet_map.triplet_map import TripletMap
from ..readers.cholect50 import SOURCE, TARGETS, TOOLS, TRIPLETS, VERBS, read_cholect50_triplets
from ..task import Target, Task


def _videos(*numbers: int) -> tuple[str, ...]:
    return tuple(f"VID{number:02d}" for number in numbers)


TASK = Task(
    name="cholect50_triplet",
    source=SOURCE,
    reader=read_cholect50_triplets,
    split="cholect50_cv_fold5",
    other_splits=("cholect50_cv", "cholect50_challenge", "cholect50_rdv"),
    targets=(
        Target("triplet", "multi_label", TRIPLETS, TripletMap, score="map_ivt", headline="map_ivt_class_mean"),
        Target("instrument", "multi_label", TOOLS, MultilabelMap, score="map", headline="map_class_mean"),
        Target("verb", "multi_label", VERBS, MultilabelMap, score="map", headline="map_class_mean"),
        Target("target", "multi_label", TARGETS, MultilabelMap, score="map", headline="map_class_mean"),
    ),
    # EndoViT's subsets (D. Batic et al., IJCARS 2024): disjoint from fold 5, not from the other splits' test videos.
    few_shot={
        2: (_videos(27, 5), _videos(70, 47), _videos(51, 50)),
        4: (_videos(36, 14, 57, 15), _videos(23, 66, 31, 27), _videos(42, 31, 6, 52)),
        8: (
            _videos(18, 57, 51, 60, 27, 68, 36, 48),
            _videos(2, 36, 5, 47, 48, 8, 6, 18),
            _videos(47, 57, 8, 80, 15, 68, 40, 27),
        ),
    },
    published={"videos": 50, "frames": 100_863},
)
