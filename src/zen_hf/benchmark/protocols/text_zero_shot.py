# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The part of the protocol `zero_shot` that reads class names: images against prompts in one space, without any label.

With image x, prompts t and the model's own scale s:

    one label per frame:       logit_c = s cos(x, t_c)
    several labels per frame:  logit_c = s (cos(x, t_c) - cos(x, a_c)),  a_c: a prompt for a frame without the class
    a product of targets:      logit of the product of the sigmoids of its parts' logits

Several labels are pairs and not bare likenesses, for two reasons: frames that resemble any text at all rank high in every class
(the pair takes that out), and a pair has a natural 0, where the model calls both texts as likely, which decisions and smoothing
need. Heads: `text_set0`, `text_set1`, ... are one paraphrase of each class alone, whose spread says how much hangs on the
wording; `text` is their ensemble, the mean of the normalised embeddings of a class (Radford et al., CLIP, 2021, section 3.1.4).
"""

import numpy as np
from scipy.special import log_expit

from zen_hf.modeling.image_text_encoder import ImageTextEncoder, TextEncoder

from ..exam import Exam, Predictions
from ..feature_cache import VideoFeatures
from ..task import Target
from ..text_prompts import TargetPrompts, TaskPrompts, load_prompts
from .probing import in_time, joined, smoothed_variant

ENSEMBLE = "text"
LARGEST = -1e-6  # log-probability of a product, at most: its logit stays finite


def predict_by_text(
    exam: Exam, features: dict[str, VideoFeatures], model: ImageTextEncoder, prompts: TaskPrompts | None = None
) -> list[Predictions]:
    """Predict the test videos by the likeness of their frames to prompts.

    Args:
        exam: the task; of its labels none is looked at.
        features: of its test videos, from `extract_features` with the image half of the model (`model.frames`), whose summary
            is the embedding in the joint space.
        model: both halves.
        prompts: by default those that come with the task.

    Returns:
        Per target the heads `text`, `text_set0`, ..., and each with "_smoothed" where the task's frames go on from each other.
        Their `chosen` names the prompts, and by fingerprints both halves of the model.

    Raises:
        ValueError: if a label lacks prompts, or a prompt is too long for the text tower.

    Example:
        model = ImageTextEncoder.from_pretrained(folder)
        features = extract_features(model.frames, exam.frames, videos, model.frames.default_image_size, cache)
        predictions = predict_by_text(exam, features, model)
    """
    prompts = prompts or load_prompts(exam.task)
    videos = {video: unit(features[video].summary) for fold in exam.folds for video in fold.fold.test}
    chosen = {"prompts": prompts.name, "version": prompts.version, "sha256": prompts.sha256}
    halves = {"images": model.frames.fingerprint, "texts": model.texts.fingerprint}
    chosen["text_model"] = halves | {"scale": model.texts.scale}
    found: dict[str, dict[str, dict[str, np.ndarray]]] = {}  # target -> head -> video -> logits
    plain = [target for target in exam.task.targets if not target.is_dense]
    for target in sorted(plain, key=lambda target: bool(prompts.targets[target.name].product_of)):  # parts first
        words = prompts.targets[target.name]
        if words.product_of:
            found[target.name] = product(target, words, {t.name: t for t in plain}, found)
        else:
            found[target.name] = likenesses(target, words, model.texts, videos)
    parts = {}
    for target in plain:
        for head, logits in found[target.name].items():
            parts[target.name, head, 0] = [(logits, chosen)]
            if in_time(exam.task):  # no label here may choose the window
                for name, part in smoothed_variant(target, head, logits, [], [], chosen).items():
                    parts[target.name, name, 0] = [part]
    return joined(parts, [0], run_name="prompts")


def likenesses(
    target: Target, words: TargetPrompts, texts: TextEncoder, videos: dict[str, np.ndarray]
) -> dict[str, dict[str, np.ndarray]]:
    """Logits of every head: head -> video -> [frames, classes].

    Args:
        target: what is predicted.
        words: its prompts.
        texts: embeds them.
        videos: unit embeddings of the frames of every video, [frames, joint size].
    """
    directions = embedded(words.present, target, texts)
    if words.absent:
        opposite = embedded(words.absent, target, texts)
        directions = {head: directions[head] - opposite[head] for head in directions}
    return {
        head: {video: texts.scale * frames @ classes.T for video, frames in videos.items()}
        for head, classes in directions.items()
    }


def embedded(words: dict[str, tuple[str, ...]], target: Target, texts: TextEncoder) -> dict[str, np.ndarray]:
    """Unit embeddings of every class under every head: head -> [classes, joint size]."""
    sets = len(words[target.labels[0]])
    embeddings = texts([text for label in target.labels for text in words[label]]).numpy()
    embeddings = embeddings.reshape(len(target.labels), sets, -1)  # [classes, sets, joint size]
    heads = {f"{ENSEMBLE}_set{index}": embeddings[:, index] for index in range(sets)}
    return {ENSEMBLE: unit(embeddings.mean(axis=1))} | heads


def product(
    target: Target,
    words: TargetPrompts,
    targets: dict[str, Target],
    found: dict[str, dict[str, dict[str, np.ndarray]]],
) -> dict[str, dict[str, np.ndarray]]:
    """Logits of labels that each name a class of several other targets.

    The parts are taken as independent: log p = sum of the parts' log p.

    Args:
        target: such as "triplet", with labels such as "hook,dissect,cystic_plate".
        words: names its parts.
        targets: all targets by name.
        found: logits of the parts, target -> head -> video -> [frames, classes].
    """
    columns = {
        part: [targets[part].labels.index(label.split(",")[place]) for label in target.labels]
        for place, part in enumerate(words.product_of)
    }
    heads = set.intersection(*(set(found[part]) for part in words.product_of))
    result = {}
    for head in sorted(heads):
        result[head] = {}
        for video in found[words.product_of[0]][head]:
            logs = sum(log_expit(found[part][head][video][:, columns[part]]) for part in words.product_of)
            logs = np.minimum(logs, LARGEST)
            result[head][video] = logs - np.log(-np.expm1(logs))
    return result


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors [..., C] of length 1, float64."""
    vectors = np.asarray(vectors, np.float64)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
