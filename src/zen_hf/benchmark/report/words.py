# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What scores, heads, protocols and flags are called in full, and how numbers are printed."""

import re
from html import escape

MEASURES = {
    "accuracy": "accuracy",
    "f1": "F1",
    "jaccard": "Jaccard index",
    "precision": "precision",
    "recall": "recall",
    "edit": "edit score of a video's segments",
    "map": "mean average precision",
    "prevalence": "share of positive frames",
}
STRATEGIES = {
    "a": "strategy A: a class that a video lacks scores 0 where it is predicted",
    "b": "strategy B: classes that a video lacks are left out",
    "c": "strategy C: a class that a video lacks scores 1 where it is not predicted, else 0",
}
AVERAGES = {
    "video_mean": "mean over the classes of a video, then over videos",
    "class_mean": "every class over the videos that hold it, then mean over classes",
    "global": "frames of all videos ranked together, mean over classes",
    "frame": "frames of all videos together, mean over classes",
    "pooled": "hits and misses of all videos together",
}
WITHOUT_CLASSES = ("accuracy", "edit", "segment_f1")  # one number per video, no mean over classes before
COMPONENTS = {
    "ivt": "action triplets (instrument, verb, target)",
    "ivt94": "action triplets without the six null triplets",
    "i": "instruments",
    "v": "verbs",
    "t": "targets",
    "iv": "pairs of instrument and verb",
    "it": "pairs of instrument and target",
}
OTHERS = {
    "sqrt_accuracy_segment_f1_10_video_mean": "square root of accuracy x segmental F1 at 10 % overlap of a video; mean over "
    "videos",
    "sqrt_of_means_accuracy_segment_f1_10": "square root of mean accuracy x mean segmental F1 at 10 % overlap, means over "
    "videos (SAR-RARP50)",
    "legacy_f1_of_means_b": "F1 of the mean precision and the mean recall, strategy B: an upper bound",
}
SCORE = re.compile(r"(?P<measure>.+?)(_(?P<strategy>[abc]))?_(?P<average>video_mean|class_mean|global|frame|pooled)")
DIAGNOSTIC = "knn"  # a head of `zero_shot` that uses the task's training labels: never a headline
PROTOCOLS = {
    "frozen": "frozen: heads on features of the unchanged encoder",
    "few_shot": "few_shot: heads on frozen features of a few whole training videos",
    "lora": "lora: low-rank adapters trained in the encoder, then heads",
    "dora": "dora: weight-decomposed low-rank adapters trained in the encoder, then heads",
    "full": "full: the whole encoder trained, then heads",
    "zero_shot": "zero_shot: no training on this task; another task's head, or as a diagnostic the vote of its nearest "
    "training frames, which uses this task's labels",
}
FLAGS = {
    "clean": "all training data of the encoder is listed, and no test patient is in it",
    "seen_unlabelled": "a test patient was in the training data of the encoder or its teachers, without labels",
    "seen_labelled": "a test patient was in the training data of the encoder or its teachers, with labels",
    "unknown": "not all training data is listed, or it may hold test patients",
}
BASELINES = {
    "chance": "classes drawn by their training frequencies, or random scores",
    "constant": "the most frequent training class (majority), or for average precision the share of positive frames "
    "(prevalence)",
    "raw_pixels": "the same head on a small version of the picture, without a network",
    "random_trunk": "the same head on the same architecture with random weights",
}


def metric_words(name: str) -> str:
    """A score's name in full, with its convention; a name of another pattern stands for itself.

    Args:
        name: such as "f1_b_video_mean" or "map_ivt_class_mean".
    """
    match = SCORE.fullmatch(name)
    if name in OTHERS or match is None:
        return OTHERS.get(name, name)
    measure, strategy, average = match["measure"], match["strategy"], match["average"]
    kind, _, component = measure.partition("_")
    if overlap := re.fullmatch(r"segment_f1_(\d+)", measure):
        words = f"segmental F1 at {overlap[1]} % overlap"
    elif measure in MEASURES:
        words = MEASURES[measure]
    elif kind in MEASURES and component in COMPONENTS:
        words = f"{MEASURES[kind]} of {COMPONENTS[component]}"
    else:
        return name
    whole = measure.startswith(WITHOUT_CLASSES)
    over = {"video_mean": "mean over videos", "frame": "frames of all videos together"}.get(average) if whole else None
    return "; ".join([words, *([STRATEGIES[strategy]] if strategy else []), over or AVERAGES[average]])


def base_of(head: str) -> str:
    """The kind of a head without its number of training videos: "linear_smoothed@2" -> "linear_smoothed"."""
    return head.partition("@")[0]


def head_words(head: str) -> str:
    """A head's name as it is read: "linear_smoothed@2" -> "linear, smoothed, 2 videos"."""
    base, _, shots = head.partition("@")
    smoothed = base.endswith("_smoothed")
    kind = base.removesuffix("_smoothed")
    words = {"ms_tcn": "temporal (MS-TCN)", DIAGNOSTIC: "nearest neighbours (diagnostic)"}.get(kind, kind)
    if kind.startswith("transfer:"):
        words = f"head of {kind.removeprefix('transfer:')}"
    few = [f"{shots} video{'s' if shots != '1' else ''}"] if shots else []
    return ", ".join([words, *(["smoothed"] if smoothed else []), *few])


def number(value: float | None) -> str:
    """A score with three decimals; "undefined" for None."""
    return "undefined" if value is None else f"{value:.3f}"


def number_html(value: float | None) -> str:
    """A score with three decimals for the reader and all of them for machines."""
    return "undefined" if value is None else f'<data value="{value!r}">{value:.3f}</data>'


def interval_html(interval: dict | None) -> str:
    """An interval "low to high"."""
    if interval is None:
        return "–"
    return f"{number_html(interval['low'])} to {number_html(interval['high'])}"


def badge(kind: str, words: str, why: str = "") -> str:
    """A word on a colour, with an explanation for who points at it."""
    return f'<span class="badge {escape(kind)}" title="{escape(why)}">{escape(words)}</span>'
