# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Names of scores are spelled out, for every score of every metric."""

import pytest

from zen_hf.benchmark.metrics.closed_answers import closed_answers
from zen_hf.benchmark.metrics.depth_errors.depth_errors import MEASURES, SCALINGS
from zen_hf.benchmark.metrics.instance_ap import instance_ap
from zen_hf.benchmark.metrics.multilabel_map import multilabel_map
from zen_hf.benchmark.metrics.phase_recognition import phase_recognition
from zen_hf.benchmark.metrics.semantic_segmentation import semantic_segmentation
from zen_hf.benchmark.report.words import head_words, metric_words, primary_words
from zen_hf.benchmark.task import load_task, task_names


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "f1_b_video_mean",
            "F1; strategy B: classes that a video lacks are left out; mean over the classes of a video, then over videos",
        ),
        ("accuracy_video_mean", "accuracy; mean over videos"),
        ("accuracy_frame", "accuracy; frames of all videos together"),
        ("segment_f1_10_video_mean", "segmental F1 at 10 % overlap; mean over videos"),
        ("segment_f1_25_pooled", "segmental F1 at 25 % overlap; hits and misses of all videos together"),
        ("map_global", "mean average precision; frames of all videos ranked together, mean over classes"),
        (
            "map_ivt_class_mean",
            "mean average precision of action triplets (instrument, verb, target); every class over the videos that hold "
            "it, then mean over classes",
        ),
        ("dice", "dice"),
        ("dice_class_mean", "Dice of the classes in an image's truth; mean over all images, then over classes"),
        ("box_ap50_global", "average precision of boxes, at 50 % overlap, mean over classes; all videos together"),
        (
            "abs_rel_median_scaled_video_mean",
            "absolute relative error, after scaling each prediction by the ratio of the medians; mean over videos",
        ),
        ("accuracy_global", "accuracy; all videos together"),
        ("accuracy_tool_type_global", "share of the questions on tool type answered right; all videos together"),
    ],
)
def test_metric_words(name, words):
    assert metric_words(name) == words


def test_every_score_has_words():
    names = phase_recognition.score_names() + list(multilabel_map.NAMES)
    names += [*semantic_segmentation.NAMES, *instance_ap.NAMES]
    names += [f"{m}_{s}_{end}" for m in MEASURES for s in SCALINGS for end in ("image_mean", "video_mean")]
    names += [f"{measure}_{ending}" for measure in closed_answers.MEASURES for ending in closed_answers.ENDINGS]
    names += [target.primary for task in task_names() for target in load_task(task).targets]
    assert [name for name in names if metric_words(name) == name] == []


def test_head_words():
    assert head_words("linear_smoothed@2") == "linear, smoothed, 2 videos"
    assert head_words("ms_tcn@1") == "temporal (MS-TCN), 1 video"
    assert head_words("knn") == "nearest neighbours (diagnostic)"
    assert head_words("transfer:m2cai16_phase") == "head of m2cai16_phase"
    assert head_words("dpt") == "DPT" and head_words("question_only@2") == "question alone, 2 videos"
    assert head_words("text:siglip") == "text prompts, adaptor siglip"
    assert head_words("text_set0") == "text prompts, wording 1 alone"


def test_errors_say_their_direction():
    assert primary_words("abs_rel_metric_video_mean", True).endswith("mean over videos; lower is better")
    assert primary_words("accuracy_video_mean", False) == metric_words("accuracy_video_mean")
