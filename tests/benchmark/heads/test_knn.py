# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Nearest neighbours against scikit-learn."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from zen_hf.benchmark.feature_cache import VideoFeatures
from zen_hf.benchmark.heads import knn
from zen_hf.benchmark.heads.head import LabelledVideo
from zen_hf.benchmark.metrics.multilabel_map.multilabel_map import MultilabelMap
from zen_hf.benchmark.metrics.phase_recognition.phase_recognition import PhaseRecognition
from zen_hf.benchmark.task import Target

TOOLS = Target("tool", "multi_label", tuple("abc"), MultilabelMap, score="map")
PHASES = Target("phase", "single_label", tuple("abcd"), PhaseRecognition, score="accuracy")


def features(frames, seed):
    return VideoFeatures(*np.random.default_rng(seed).normal(size=(2, frames, 6)).astype(np.float32))


def videos(target, sizes=(40, 25)):
    made = []
    for number, frames in enumerate(sizes):
        values = features(frames, number)
        hot = (values.summary[:, :3] > 0.3).astype(np.int8)
        labels = hot if target is TOOLS else hot @ np.array([1, 1, 1])
        made.append(LabelledVideo(f"v{number}", values, labels))
    return made


def oracle(train, query, labels):
    """Positive share of each column of 0/1 labels."""
    model = KNeighborsClassifier(20, weights=lambda far: np.exp((1 - far) / 0.07), metric="cosine", algorithm="brute")
    shares = []
    for column in labels.T:
        fitted = model.fit(train, column)
        shares.append(fitted.predict_proba(query)[:, list(fitted.classes_).index(1)])
    return np.stack(shares, axis=1)


@pytest.mark.parametrize("chunk", [2**24, 7 * 65])
@pytest.mark.parametrize("target", [TOOLS, PHASES], ids=["multi_label", "single_label"])
def test_equals_scikit_learn(target, chunk, monkeypatch):
    monkeypatch.setattr(knn, "SIMILARITIES", chunk)
    train, query = videos(target), features(30, 9)
    (found,) = knn.train(target, train, [], seeds=(0, 1))
    labels = np.concatenate([video.labels for video in train])
    hot = labels if target is TOOLS else np.eye(4, dtype=int)[labels]
    stacked = np.concatenate([video.features.summary for video in train])
    logits = found.head.logits(query)
    assert logits.dtype == np.float32 and logits.shape == (30, len(target.labels))
    shares = np.clip(oracle(stacked, query.summary, hot), 1e-6, 1 - 1e-6)
    expected = np.log(shares / (1 - shares)) if target.kind == "multi_label" else np.log(shares)
    np.testing.assert_allclose(np.exp(logits), np.exp(expected), rtol=1e-3, atol=1e-5)


def test_length_of_a_feature_and_order_of_videos_do_not_matter():
    train, query = videos(TOOLS), features(30, 9)
    expected = knn.train(TOOLS, train, [], ())[0].head.logits(query)
    doubled = VideoFeatures(query.summary * 2, query.mean_patch)
    np.testing.assert_allclose(knn.train(TOOLS, train[::-1], [], ())[0].head.logits(doubled), expected, atol=1e-6)


def test_an_equal_frame_counts_most():
    train = videos(PHASES)
    predicted = knn.train(PHASES, train, [], ())[0].head.logits(train[0].features).argmax(axis=1)
    assert (predicted == train[0].labels).mean() > 0.8


def test_few_frames_and_absent_classes():
    video = videos(PHASES, (5,))[0]
    only = LabelledVideo("v", video.features, np.array([1, 1, 3, 1, 3]))
    (found,) = knn.train(PHASES, [only], [], ())
    logits = found.head.logits(features(20, 3))
    assert found.chosen == {"neighbours": 5, "temperature": 0.07, "untrained": ["a", "c"]}
    never = np.log(np.float32(1e-6))
    assert np.isfinite(logits).all() and set(logits.argmax(axis=1)) <= {1, 3}
    np.testing.assert_allclose(logits[:, [0, 2]], never, rtol=1e-6)
    np.testing.assert_allclose(np.exp(logits).sum(axis=1), 1, atol=1e-5)
