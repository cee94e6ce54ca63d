# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The protocol `frozen`: heads on the features of an untouched encoder, extracted once."""

from collections.abc import Sequence

from ..exam import Exam, Predictions
from ..feature_cache import VideoFeatures
from .probing import in_time, probe


def predict_frozen(
    exam: Exam, features: dict[str, VideoFeatures], heads: Sequence[str], seeds: Sequence[int]
) -> list[Predictions]:
    """Predict all test videos from frozen features.

    Args:
        exam: the task's data.
        features: of every video of the split; with tokens where the attentive head is asked for.
        heads: "linear", "attentive", "ms_tcn".
        seeds: of the heads.
    """
    return probe(exam.folds, exam.task.targets, features, heads, seeds, in_time(exam.task))
