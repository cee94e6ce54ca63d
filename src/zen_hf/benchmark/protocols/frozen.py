# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The frozen protocol: features of the untouched encoder, extracted once, and a linear head on them per fold.

In every fold the head and its regularisation see the training videos alone; the truth of the test videos is read once,
when all predictions are made. The same is done with a constant prediction from the training labels (the prevalence of
every class, or the most frequent class), so that the score which needs no picture stands beside the one that does.
"""

from collections.abc import Iterable
from pathlib import Path

import datasets
import numpy as np
from huggingface_hub.constants import HF_HOME
from threadpoolctl import threadpool_limits

from zen_hf.modeling.frame_encoder import FrameEncoder

from ..feature_cache import VideoFeatures, extract_features
from ..heads.linear import choose_strength, fit_linear_heads
from ..results import describe_run
from ..split import Fold, Split, load_split
from ..task import Target, Task

CACHE_DIR = Path(HF_HOME) / "zen_hf" / "features"


def evaluate_frozen(
    encoder: FrameEncoder,
    task: Task,
    dataset: datasets.Dataset,
    folds: Iterable[str] | None = None,
    image_size: int | None = None,
    cache_dir: Path = CACHE_DIR,
    seed: int = 0,
    split: Split | None = None,
) -> dict:
    """Judge one frozen encoder by a linear head on its features.

    Args:
        encoder: the encoder; it is not changed.
        task: the task, from `load_task`.
        dataset: its canonical frames, from `task.read`, with every video of the folds.
        folds: ids of the videos to hold out, for an encoder that may only be judged on some (those it was not trained
            on); all folds of the split by default.
        image_size: side of the square frames in pixels, divisible by the encoder's stride; the encoder's own by default.
        cache_dir: where features are kept; by default `zen_hf/features` in the Hugging Face cache (`HF_HOME`).
        seed: stored in the result. The head is a convex problem solved to convergence and inference draws no random
            number, so it does not alter the scores.
        split: who is trained on, chosen on and judged, such as that of a miniature; by default the task's own.

    Returns:
        A dict ready for JSON: what was run (`describe_run`), `primary_metric`, and per target the scores over the
        held-out videos, the same of the constant baseline, and what each fold chose.

    Raises:
        ValueError: if the image size does not fit, a video is missing, or a fold has fewer than two training videos.
    """
    image_size = encoder.default_image_size if image_size is None else image_size
    split = split or load_split(task.split)
    split = split if folds is None else split.held_out(folds)
    features = join_features(extract_features(encoder, dataset, split.videos, image_size, cache_dir))
    result = describe_run(task, "frozen", "linear", split, dataset, encoder.fingerprint, image_size, seed)
    with threadpool_limits(limits=1, user_api="blas"):  # small products: threads would mostly wait for each other
        result["targets"] = {target.name: evaluate_target(target, split, dataset, features) for target in task.targets}
    first = task.targets[0]
    value = result["targets"][first.name]["scores"][first.primary]
    result["primary_metric"] = {"target": first.name, "name": first.primary, "value": value}
    return result


def join_features(features: dict[str, VideoFeatures]) -> dict[str, np.ndarray]:
    """Summary and mean patch side by side, [frames, features]; only one where they are the same (a pooled CNN map)."""
    same = all(
        video.summary.shape == video.mean_patch.shape
        and np.allclose(video.summary, video.mean_patch, rtol=1e-4, atol=1e-5)
        for video in features.values()
    )
    return {
        name: video.summary if same else np.concatenate([video.summary, video.mean_patch], axis=1)
        for name, video in features.items()
    }


def evaluate_target(target: Target, split: Split, dataset: datasets.Dataset, features: dict[str, np.ndarray]) -> dict:
    """Predict one target in every fold, then score the predictions and the constant baseline."""
    labels = labels_by_video(dataset, target)
    predictions, baseline, folds = {}, {}, []
    for fold in split.folds:
        train = {video: labels[video] for video in fold.train}
        head, report = train_head(target, fold, train, features)
        folds.append(report)
        for video in fold.test:
            predictions[video] = head.predict(features[video])
            baseline[video] = constant_prediction(target, train, len(features[video]))
    truth = {video: labels[video] for video in predictions}
    return {
        "kind": target.kind,
        "labels": list(target.labels),
        "metric": target.metric.__name__,
        "score": target.score,
        "primary": target.primary,
        "scores": score(target, predictions, truth),
        "baseline": {
            "name": "prevalence" if target.kind == "multi_label" else "majority",
            "scores": score(target, baseline, truth),
        },
        "folds": folds,
    }


def train_head(target: Target, fold: Fold, labels: dict[str, np.ndarray], features: dict[str, np.ndarray]):
    """Choose the regularisation inside the training videos, fit on all of them; returns the head and a report."""
    stacked = np.concatenate([features[video] for video in fold.train])
    truth = np.concatenate([labels[video] for video in fold.train])
    videos = np.concatenate([[video] * len(labels[video]) for video in fold.train])
    classes = len(target.labels)

    def score_of_each(predicted: np.ndarray, references: np.ndarray, groups: np.ndarray) -> dict[str, float | None]:
        per_group = compute(target, predicted, references, groups)["per_video"]
        return {group: result[target.score] for group, result in per_group.items()}

    choice = choose_strength(stacked, truth, videos, target.kind, classes, score_of_each)
    head = fit_linear_heads(stacked, truth, target.kind, classes, [choice.strength])[0]
    report = {
        "test": list(fold.test),
        "train": list(fold.train),
        "frames_train": len(stacked),
        "features": stacked.shape[1],
        "regularisation": choice.strength,
        "inner_scores": choice.inner_scores,
        "untrained": [target.labels[index] for index in head.untrained],
    }
    return head, report


def labels_by_video(dataset: datasets.Dataset, target: Target) -> dict[str, np.ndarray]:
    """Truth of every video: [frames, classes] or [frames]."""
    videos, labels = np.array(dataset["video_id"]), np.array(dataset[target.name])
    return {video: labels[videos == video] for video in sorted(set(videos.tolist()))}


def constant_prediction(target: Target, train: dict[str, np.ndarray], frames: int) -> np.ndarray:
    """The best guess without a picture: training prevalence of every class, or the most frequent training class."""
    labels = np.concatenate(list(train.values()))
    if target.kind == "multi_label":
        return np.tile(labels.mean(axis=0), (frames, 1))
    return np.full(frames, np.bincount(labels).argmax())


def score(target: Target, predictions: dict[str, np.ndarray], truth: dict[str, np.ndarray]) -> dict:
    """The target's metric over all held-out videos."""
    groups = np.concatenate([[video] * len(values) for video, values in predictions.items()])
    return compute(target, np.concatenate(list(predictions.values())), np.concatenate(list(truth.values())), groups)


def compute(target: Target, predictions: np.ndarray, references: np.ndarray, groups: np.ndarray) -> dict:
    """One call of the target's `evaluate.Metric`."""
    # not what occurs, but what could: strategy C counts every class
    classes = {"num_classes": len(target.labels)} if target.kind == "single_label" else {}
    return target.metric(keep_in_memory=True).compute(
        predictions=predictions.tolist(), references=references.tolist(), groups=groups.tolist(), **classes
    )
