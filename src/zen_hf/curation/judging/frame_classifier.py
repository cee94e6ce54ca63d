# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A small classifier of frames that signals cannot tell: logistic regression on the frozen features of any encoder.

It is taught on frames that somebody labelled, and judged on videos that it was not taught on, always. Its threshold is the
one at which, over videos left out, the most junk is refused while nearly all that is refused is junk.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from zen_hf.data.frame_pixels import FRAME_TO_PIXELS
from zen_hf.modeling.frame_encoder import FrameEncoder

WEIGHTS, FACTS = "classifier.safetensors", "classifier.json"
REGULARISATION = 0.1  # C of scikit-learn; on real frames, 0.03 to 1 differ by one frame
MOST_FOLDS = 20  # up to here, every video is left out alone
INNER_FOLDS = 5  # in which the threshold is chosen when a fold is judged


@dataclass(frozen=True)
class Judgement:
    """What a classifier said of frames of videos that it was not taught on.

    Attributes:
        probabilities: Of junk, [n].
        refused: Whether that is at least a threshold that was chosen without the frame's video either, bool [n].
    """

    probabilities: np.ndarray
    refused: np.ndarray


@dataclass(frozen=True)
class FrameClassifier:
    """Tells junk from surgery by an encoder's summary of a frame.

    Attributes:
        weight: One number per channel of the summary, float64 [D].
        bias: Added to their product.
        threshold: Probability from which on a frame is junk.
        encoder: Fingerprint of the encoder; features of another one mean nothing to it.
        image_size: Side of the pixels that the encoder saw.
        frame_to_pixels: How frames became these pixels.
    """

    weight: np.ndarray
    bias: float
    threshold: float
    encoder: str
    image_size: int
    frame_to_pixels: str = FRAME_TO_PIXELS

    @classmethod
    def fit(
        cls,
        features: np.ndarray,
        labels: np.ndarray,
        groups: list[str],
        encoder: str,
        image_size: int,
        refused: np.ndarray | None = None,
        precision: float = 0.95,
    ) -> "FrameClassifier":
        """Teaches a classifier, and chooses its threshold by cross-validation leaving videos out.

        Args:
            features: Summaries [n, D].
            labels: Whether a frame is junk, bool [n].
            groups: Video of each frame.
            encoder: Fingerprint of the encoder.
            image_size: Side of what it saw, in px.
            refused: Which frames other filters refuse already, bool [n]: the threshold is chosen on the others, which alone
                it will see.
            precision: Least share of junk wanted among what it refuses of these, above 0 and up to 1.

        Raises:
            ValueError: If junk or usable frames are labelled in fewer than 3 videos, or no threshold gives the precision.
        """
        features, labels, groups = np.asarray(features, np.float64), np.asarray(labels, bool), np.asarray(groups)
        require_enough(features, labels, groups)
        probabilities = left_out(features, labels, groups, MOST_FOLDS)
        threshold = choose_threshold(probabilities, labels, refused, precision)
        if threshold is None:
            raise ValueError(
                f"of the frames that no other filter refuses, no threshold refuses junk at a precision of {precision}; label "
                "more such frames, check the labels, or lower precision"
            )
        return cls(*regression(features, labels), threshold, encoder, image_size)

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """How probably each frame is junk, [n], from summaries [n, D].

        Raises:
            ValueError: If the features have another number of channels.
        """
        if features.ndim != 2 or features.shape[1] != len(self.weight):
            raise ValueError(f"features are {list(features.shape)}; expected [frames, {len(self.weight)}]")
        return probabilities_of(features, self.weight, self.bias)

    def save(self, folder: Path) -> None:
        """Writes weights and facts; the folder is made if absent."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        save_file({"weight": self.weight, "bias": np.array([self.bias])}, folder / WEIGHTS)
        facts = {name: getattr(self, name) for name in ("threshold", "encoder", "image_size", "frame_to_pixels")}
        (folder / FACTS).write_text(json.dumps(facts, indent=1, sort_keys=True))

    @classmethod
    def load(cls, folder: Path, encoder: FrameEncoder, image_size: int | None = None) -> "FrameClassifier":
        """Reads a classifier that was taught on this encoder.

        Args:
            folder: Where it was saved.
            encoder: The encoder whose features it will be given.
            image_size: Side of what the encoder will see, in px; None for its own.

        Raises:
            FileNotFoundError: If the folder holds no classifier.
            ValueError: If it was taught on another encoder, image size or way to pixels.
        """
        folder = Path(folder)
        if not (folder / FACTS).is_file() or not (folder / WEIGHTS).is_file():
            raise FileNotFoundError(
                f"{folder}: no {FACTS} and {WEIGHTS}; write them with `python -m zen_hf.recipes.teach_filter`"
            )
        facts, tensors = json.loads((folder / FACTS).read_text()), load_file(folder / WEIGHTS)
        given = {
            "encoder": encoder.fingerprint,
            "image_size": image_size or encoder.default_image_size,
            "frame_to_pixels": FRAME_TO_PIXELS,
        }
        for name, value in given.items():
            if facts[name] != value:
                raise ValueError(
                    f"{folder}: taught with {name} {facts[name]!r}, not {value!r} (encoder {encoder.name}); use the same "
                    "encoder and image size, or teach it anew"
                )
        return cls(tensors["weight"], float(tensors["bias"][0]), **facts)


def judge(
    features: np.ndarray,
    labels: np.ndarray,
    groups: list[str],
    refused: np.ndarray | None = None,
    precision: float = 0.95,
) -> Judgement:
    """Judges every frame by a classifier, and a threshold, that knew nothing of its video; arguments as in `fit`."""
    features, labels, groups = np.asarray(features, np.float64), np.asarray(labels, bool), np.asarray(groups)
    require_enough(features, labels, groups)
    refused = np.zeros(len(labels), bool) if refused is None else np.asarray(refused, bool)
    probabilities, beyond = np.zeros(len(labels)), np.zeros(len(labels), bool)
    for known, unknown in folds(features, groups, MOST_FOLDS):
        inner = left_out(features[known], labels[known], groups[known], INNER_FOLDS)
        threshold = choose_threshold(inner, labels[known], refused[known], precision)
        probabilities[unknown] = probabilities_of(features[unknown], *regression(features[known], labels[known]))
        beyond[unknown] = threshold is not None and probabilities[unknown] >= threshold
    return Judgement(probabilities, beyond)


def require_enough(features: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> None:
    """Refuses labels on which nothing can be taught and judged."""
    if not len(features) == len(labels) == len(groups) or features.ndim != 2:
        raise ValueError(
            f"features are {list(features.shape)} for {len(labels)} labels and {len(groups)} groups; expected [n, D], n, n"
        )
    junk, usable = len(np.unique(groups[labels])), len(np.unique(groups[~labels]))
    if min(junk, usable) < 3:  # two are left when one is left out, for the threshold
        raise ValueError(
            f"junk is labelled in {junk} videos and usable frames in {usable}; expected at least 3 each: label frames of more "
            "videos"
        )


def folds(features: np.ndarray, groups: np.ndarray, most: int):
    """Rows to learn from and rows to judge, no video in both; every video alone where there are few."""
    return GroupKFold(min(most, len(np.unique(groups)))).split(features, groups=groups)


def left_out(features: np.ndarray, labels: np.ndarray, groups: np.ndarray, most: int) -> np.ndarray:
    """Probability of junk of every frame, [n], by a regression that did not see its video."""
    found = np.zeros(len(labels))
    for known, unknown in folds(features, groups, most):
        found[unknown] = probabilities_of(features[unknown], *regression(features[known], labels[known]))
    return found


def regression(features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, float]:
    """Weight [D] and bias of a logistic regression on standardised features, for features as they are."""
    if labels.all() or not labels.any():  # of the videos that remain, none has the other class
        return np.zeros(features.shape[1]), 50.0 if labels.all() else -50.0
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale[scale < 1e-12] = 1.0
    fitted = LogisticRegression(C=REGULARISATION, max_iter=2000).fit((features - mean) / scale, labels)
    weight = fitted.coef_[0] / scale
    return weight, float(fitted.intercept_[0] - weight @ mean)


def probabilities_of(features: np.ndarray, weight: np.ndarray, bias: float) -> np.ndarray:
    """The logistic function of features [n, D] times weight [D], plus bias."""
    return 0.5 * (1 + np.tanh(0.5 * (features.astype(np.float64) @ weight + bias)))  # never overflows


def choose_threshold(
    probabilities: np.ndarray, labels: np.ndarray, refused: np.ndarray | None, precision: float
) -> float | None:
    """The threshold with the highest recall among those of the wanted precision, or None if there is none.

    Both are of the frames that no other filter refused: the precision of the others is not this one's to spend. It lies
    halfway to the next lower probability, so that frames like the last one refused are refused too.
    """
    left = np.ones(len(labels), bool) if refused is None else ~np.asarray(refused, bool)
    probabilities, labels = probabilities[left], labels[left]
    values = np.unique(probabilities)
    best = None
    for place, value in enumerate(values):
        hit = probabilities >= value
        reached = labels[hit].mean()
        if reached >= precision:
            middle = float((value + (values[place - 1] if place else 0.0)) / 2)
            best = max(best or (-1, 0.0, 0.0), (int((hit & labels).sum()), reached, middle))
    return None if best is None else best[2]
