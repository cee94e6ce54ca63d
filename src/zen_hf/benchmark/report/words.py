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
SEGMENTATION = {
    "dice": "Dice of the classes in an image's truth",
    "dice_strict": "Dice of the classes in an image's truth or prediction: a class that is not there scores 0",
    "iou": "IoU of the classes in an image's truth",
    "mc_iou": "IoU of the classes in an image's truth or prediction",
    "hd95_maxdir": "HD95 in pixels, the greater of the two directed distances; the image's diagonal for a missed class",
    "ch_iou": "IoU, mean over the classes of an image's truth",
    "isi_iou": "IoU, mean over the classes of an image's truth or prediction",
}
DEPTH = {
    "abs_rel": "absolute relative error",
    "sq_rel": "squared relative error",
    "rmse": "root mean squared error",
    "rmse_log": "root mean squared error of the logarithm",
    "delta1": "share of pixels within a factor of 1.25",
    "delta2": "share of pixels within a factor of 1.25 squared",
    "delta3": "share of pixels within a factor of 1.25 cubed",
}
SCALINGS = {
    "metric": "as predicted",
    "median_scaled": "after scaling each prediction by the ratio of the medians",
}
ANSWERS = {
    "macro_f1": "F1 of every answer that is true somewhere, mean over answers",
    "macro_precision": "precision of every answer that is true somewhere, mean over answers",
    "macro_recall": "recall of every answer that is true somewhere, mean over answers",
    "weighted_f1": "F1 of every answer, weighted by its number of questions",
}
PLAIN_AVERAGES = {
    "class_mean": "mean over all images, then over classes",
    "image_mean": "mean over all images",
    "video_mean": "mean over videos",
    "frame": "frames of all videos together",
    "global": "all videos together",
}
OTHERS = {
    "dice_global": "Dice from the pixels of all images together, mean over classes",
    "miou_global": "IoU from the pixels of all images together, mean over classes",
    "sqrt_accuracy_segment_f1_10_video_mean": "square root of accuracy x segmental F1 at 10 % overlap of a video; mean over "
    "videos",
    "sqrt_of_means_accuracy_segment_f1_10": "square root of mean accuracy x mean segmental F1 at 10 % overlap, means over "
    "videos (SAR-RARP50)",
    "legacy_f1_of_means_b": "F1 of the mean precision and the mean recall, strategy B: an upper bound",
}
SCORE = re.compile(r"(?P<measure>.+?)(_(?P<strategy>[abc]))?_(?P<average>video_mean|class_mean|global|frame|pooled)")
DIAGNOSTIC = "knn"  # a head of `zero_shot` that uses the task's training labels: never a headline
HEADS = {
    "ms_tcn": "temporal (MS-TCN)",
    DIAGNOSTIC: "nearest neighbours (diagnostic)",
    "dpt": "DPT",
    "upernet": "UperNet",
    "mask2former": "Mask2Former",
    "fusion": "fusion with the question",
    "text": "text prompts",
    "question_only": "question alone",
    "majority": "most frequent answer",
    "question_majority": "most frequent answer of each question",
}
PROTOCOLS = {
    "frozen": "frozen: heads on features of the unchanged encoder",
    "few_shot": "few_shot: heads on frozen features of a few whole training videos",
    "lora": "lora: low-rank adapters trained in the encoder, then heads",
    "dora": "dora: weight-decomposed low-rank adapters trained in the encoder, then heads",
    "full": "full: the whole encoder trained, then heads",
    "zero_shot": "zero_shot: no training on this task; text prompts, another task's head, or as a diagnostic the vote of its "
    "nearest training frames, which uses this task's labels",
}
FLAGS = {
    "clean": "all training data of the encoder is listed, and no test patient is in it",
    "seen_unlabelled": "a test patient was in the training data of the encoder or its teachers, without labels",
    "seen_labelled": "a test patient was in the training data of the encoder or its teachers, with labels",
    "unknown": "not all training data is listed, or it may hold test patients",
}
QUESTIONS = ("question_majority", "question_only")  # baselines of tasks that ask questions
WITHOUT_PICTURE = ("chance", "constant", *QUESTIONS)
BASELINES = {
    "chance": "classes drawn by their training frequencies, or random scores",
    "constant": "the most frequent training class, of depth the usual map (majority), or for average precision the share of "
    "positive frames (prevalence)",
    "question_majority": "the most frequent training answer of each question",
    "question_only": "the same head with the question alone, without the picture",
    "raw_pixels": "the same head on a small version of the picture, without a network",
    "random_trunk": "the same head on the same architecture with random weights",
}


LOWER = "lower is better"


def primary_words(name: str, lower_is_better: bool) -> str:
    """A primary score in full, and in which direction it is read where that is down."""
    return metric_words(name) + (f"; {LOWER}" if lower_is_better else "")


def dense_words(name: str) -> str:
    """A score of masks, instances, depth or answers in full; another name stands for itself."""
    measure, average = next(
        (
            (name.removesuffix(f"_{average}"), words)
            for average, words in PLAIN_AVERAGES.items()
            if name.endswith(average)
        ),
        (name, None),
    )
    if depth := re.fullmatch(rf"({'|'.join(DEPTH)})_({'|'.join(SCALINGS)})", measure):
        words = f"{DEPTH[depth[1]]}, {SCALINGS[depth[2]]}"
    elif found := re.fullmatch(r"(box|mask)_ap(50|75|)(_ava|)", measure):
        overlap = f"at {found[2]} % overlap" if found[2] else "mean over overlaps of 50 to 95 % (COCO)"
        authors = " as the authors of GraSP compute it" if found[3] else ""
        words = (
            f"average precision of {'boxes' if found[1] == 'box' else 'masks'}{authors}, {overlap}, mean over classes"
        )
    elif measure.startswith("accuracy_"):
        words = f"share of the questions on {measure.removeprefix('accuracy_').replace('_', ' ')} answered right"
    else:
        words = SEGMENTATION.get(measure) or ANSWERS.get(measure)
    return f"{words}; {average}" if words and average else name


def metric_words(name: str) -> str:
    """A score's name in full, with its convention; a name of another pattern stands for itself.

    Args:
        name: such as "f1_b_video_mean" or "map_ivt_class_mean".
    """
    match = SCORE.fullmatch(name)
    if name in OTHERS or match is None:
        return OTHERS.get(name) or dense_words(name)
    measure, strategy, average = match["measure"], match["strategy"], match["average"]
    kind, _, component = measure.partition("_")
    if overlap := re.fullmatch(r"segment_f1_(\d+)", measure):
        words = f"segmental F1 at {overlap[1]} % overlap"
    elif measure in MEASURES:
        words = MEASURES[measure]
    elif kind in MEASURES and component in COMPONENTS:
        words = f"{MEASURES[kind]} of {COMPONENTS[component]}"
    else:
        return dense_words(name)
    whole = measure.startswith(WITHOUT_CLASSES)
    over = PLAIN_AVERAGES.get(average) if whole else None
    return "; ".join([words, *([STRATEGIES[strategy]] if strategy else []), over or AVERAGES[average]])


def base_of(head: str) -> str:
    """The kind of a head without its number of training videos: "linear_smoothed@2" -> "linear_smoothed"."""
    return head.partition("@")[0]


def head_words(head: str) -> str:
    """A head's name as it is read: "linear_smoothed@2" -> "linear, smoothed, 2 videos"."""
    base, _, shots = head.partition("@")
    smoothed = base.endswith("_smoothed")
    kind = base.removesuffix("_smoothed")
    words = HEADS.get(kind, kind)
    if kind.startswith("transfer:"):
        words = f"head of {kind.removeprefix('transfer:')}"
    if kind.startswith("text:"):
        words = f"text prompts, adaptor {kind.removeprefix('text:')}"
    if prompts := re.fullmatch(r"text_set(\d+)(?::(.+))?", kind):
        adaptor = f", adaptor {prompts[2]}" if prompts[2] else ""
        words = f"text prompts, wording {int(prompts[1]) + 1} alone{adaptor}"
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
