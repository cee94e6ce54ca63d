# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The linear head against scikit-learn, and how its regularisation is chosen."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from zen_hf.benchmark.heads.linear import STRENGTHS, choose_strength, fit_linear_heads


def data(frames, features, classes=3, seed=0):
    """Correlated features of very different scales, multi-hot labels and class indices that depend on them."""
    random = np.random.default_rng(seed)
    mixed = random.normal(size=(frames, features)) @ random.normal(size=(features, features)) * features**-0.5
    logits = mixed[:, :classes] + 0.5 * random.normal(size=(frames, classes))
    scaled = (mixed * 10.0 ** random.uniform(-3, 3, features) + 5).astype(np.float32)
    return scaled, (logits > 0.5).astype(np.int8), logits.argmax(axis=1)


@pytest.mark.parametrize("shape", [(80, 30), (40, 120)], ids=["tall", "wide"])
@pytest.mark.parametrize("kind", ["multi_label", "single_label"])
def test_equals_scikit_learn_on_the_whole_path(shape, kind):
    features, multi_hot, index = data(*shape)
    unseen = data(50, shape[1], seed=1)[0]
    labels = multi_hot if kind == "multi_label" else index
    heads = fit_linear_heads(features, labels, kind, 3, STRENGTHS)
    for strength, head in zip(STRENGTHS, heads, strict=True):
        oracle = make_pipeline(
            StandardScaler(), LogisticRegression(C=1 / (strength * shape[0]), tol=1e-8, max_iter=10_000)
        )
        found = (unseen - head.mean) / head.scale @ head.weight.T + head.bias
        if kind == "multi_label":
            columns = [oracle.fit(features.astype(float), column).decision_function(unseen) for column in labels.T]
            expected = np.stack(columns, axis=1)
            np.testing.assert_array_equal(head.predict(unseen), found)
        else:
            expected = oracle.fit(features.astype(float), labels).decision_function(unseen)
            np.testing.assert_array_equal(head.predict(unseen), found.argmax(axis=1))
        np.testing.assert_allclose(found, expected, atol=2e-3 * np.abs(expected).max())


def test_standardisation_sees_training_frames_alone():
    features, labels, _ = data(60, 10)
    head = fit_linear_heads(features, labels, "multi_label", 3, [1.0])[0]
    np.testing.assert_allclose(head.mean, features.astype(float).mean(axis=0))
    shifted = head.predict(features[:5] + 1000 * head.scale)  # were it standardised anew, nothing would change
    assert np.abs(shifted - head.predict(features[:5])).max() > 0.1


def test_scale_of_features_does_not_matter():
    features, labels, _ = data(60, 90)
    scores = fit_linear_heads(features, labels, "multi_label", 3, [0.1])[0].predict(features)
    rescaled = (features * np.linspace(1, 1000, 90)).astype(np.float64)
    again = fit_linear_heads(rescaled, labels, "multi_label", 3, [0.1])[0].predict(rescaled)
    np.testing.assert_allclose(scores, again, atol=1e-3)


def test_constant_feature_is_ignored():
    features, labels, _ = data(60, 10)
    with_constant = np.concatenate([features, np.full((60, 1), 0.1, np.float32)], axis=1)
    unseen = np.concatenate([features, np.full((60, 1), 9.0, np.float32)], axis=1)
    plain = fit_linear_heads(features, labels, "multi_label", 3, [1.0])[0].predict(features)
    constant = fit_linear_heads(with_constant, labels, "multi_label", 3, [1.0])[0].predict(unseen)
    np.testing.assert_allclose(plain, constant, atol=1e-6)


def test_tool_without_positive_or_negative_frames_gets_a_constant_score():
    features, labels, _ = data(60, 10)
    labels[:, 0], labels[:, 2] = 0, 1
    head = fit_linear_heads(features, labels, "multi_label", 3, [1.0])[0]
    assert head.untrained == (0, 2)
    scores = head.predict(features)
    assert np.ptp(scores[:, 0]) == np.ptp(scores[:, 2]) == 0
    assert scores[0, 0] < -10 and scores[0, 2] > 10
    alone = fit_linear_heads(features, labels[:, 1:2], "multi_label", 1, [1.0])[0].predict(features)
    np.testing.assert_allclose(scores[:, 1], alone[:, 0], atol=1e-3)


@pytest.mark.parametrize("present", [[0, 4], [2]])
def test_phase_without_training_frames_is_never_predicted(present):
    features, _, index = data(60, 10)
    labels = np.array(present)[index % len(present)]
    head = fit_linear_heads(features, labels, "single_label", 6, [0.01])[0]
    assert head.untrained == tuple(sorted(set(range(6)) - set(present)))
    assert set(head.predict(features)) <= set(present)
    assert (head.predict(features) == labels).mean() > 0.5


def score_of(predicted, truth, groups):
    right = (predicted > 0) == truth
    return {group: float(np.mean(right[groups == group])) for group in set(groups.tolist())}


def choose(features, labels, videos, score=score_of, **changed):
    arguments = {"kind": "multi_label", "classes": 3, "score": score} | changed
    return choose_strength(features, labels, np.array(videos), **arguments)


def test_choice_scores_every_training_video_by_heads_that_never_saw_it():
    features, labels, _ = data(60, 10)
    videos = np.array(["a"] * 20 + ["b"] * 30 + ["c"] * 10)
    seen = {}

    def score(predicted, truth, groups):
        seen.update({group: (predicted[groups == group], truth[groups == group]) for group in set(groups.tolist())})
        return score_of(predicted, truth, groups)

    choice = choose(features, labels, videos, score)
    assert seen.keys() == {f"{strength} {video}" for strength in STRENGTHS for video in "abc"}
    for video in "abc":
        heads = fit_linear_heads(features[videos != video], labels[videos != video], "multi_label", 3, STRENGTHS)
        for strength, head in zip(STRENGTHS, heads, strict=True):
            predicted, truth = seen[f"{strength} {video}"]
            np.testing.assert_array_equal(predicted, head.predict(features[videos == video]))
            np.testing.assert_array_equal(truth, labels[videos == video])
    assert choice.strength == max(choice.inner_scores, key=choice.inner_scores.get)


def test_choice_does_not_fit_on_the_video_it_scores():
    """Labels of each video are random: what is learnt on the others says nothing, so no strength beats chance."""
    random = np.random.default_rng(0)
    features = random.normal(size=(400, 300)).astype(np.float32)
    labels = random.integers(0, 2, (400, 3))
    choice = choose(features, labels, np.repeat(list("abcd"), 100).tolist())
    assert all(abs(value - 0.5) < 0.06 for value in choice.inner_scores.values())


def same(value):
    return lambda predicted, truth, groups: dict.fromkeys(groups.tolist(), value)


def test_tie_goes_to_the_stronger_regularisation():
    features, labels, _ = data(60, 10)
    choice = choose(features, labels, ["a", "b"] * 30, same(0.7), strengths=(0.1, 10.0, 1.0))
    assert choice.strength == 10.0


def test_undefined_scores_are_left_out_of_the_mean():
    features, labels, _ = data(60, 10)
    videos = ["a"] * 20 + ["b"] * 20 + ["c"] * 20

    def score(predicted, truth, groups):
        return {group: None if group.endswith(" b") else 0.5 for group in groups.tolist()}

    assert set(choose(features, labels, videos, score).inner_scores.values()) == {0.5}
    with pytest.raises(ValueError, match="undefined on every training video"):
        choose(features, labels, videos, same(None))


def test_one_training_video_is_too_few():
    features, labels, _ = data(60, 10)
    with pytest.raises(ValueError, match=r"at least 2 training videos, found \['a'\]"):
        choose(features, labels, ["a"] * 60)
