# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The linear head against scikit-learn, and how its regularisation is chosen."""

import json
import weakref

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from zen_hf.benchmark.feature_cache import VideoFeatures
from zen_hf.benchmark.heads import linear, ms_tcn
from zen_hf.benchmark.heads.head import LabelledVideo
from zen_hf.benchmark.heads.linear import (
    STRENGTHS,
    fit_linear_heads,
    join_features,
    summary_is_mean_patch,
    train,
)
from zen_hf.benchmark.metrics.multilabel_map.multilabel_map import MultilabelMap
from zen_hf.benchmark.metrics.phase_recognition.phase_recognition import PhaseRecognition
from zen_hf.benchmark.scoring import selection_scores
from zen_hf.benchmark.task import Target


def target_of(kind, classes=3):
    labels = tuple("abcdefgh"[:classes])
    if kind == "multi_label":
        return Target("tool", kind, labels, MultilabelMap, score="map")
    return Target("phase", kind, labels, PhaseRecognition, score="accuracy")


TOOLS, PHASES = target_of("multi_label"), target_of("single_label")


def data(frames, features, classes=3, seed=0):
    """Correlated features of very different scales, multi-hot labels and class indices that depend on them."""
    random = np.random.default_rng(seed)
    mixed = random.normal(size=(frames, features)) @ random.normal(size=(features, features)) * features**-0.5
    logits = mixed[:, :classes] + 0.5 * random.normal(size=(frames, classes))
    scaled = (mixed * 10.0 ** random.uniform(-3, 3, features) + 5).astype(np.float32)
    return scaled, (logits > 0.5).astype(np.int8), logits.argmax(axis=1)


def fit(target, features, labels, strength):
    return fit_linear_heads(target, [features], [labels], [strength])[0]


@pytest.mark.parametrize("shape", [(80, 30), (40, 120)], ids=["tall", "wide"])
@pytest.mark.parametrize("target", [TOOLS, PHASES], ids=["multi_label", "single_label"])
def test_equals_scikit_learn_on_the_whole_path(shape, target):
    features, multi_hot, index = data(shape[0] + 50, shape[1])
    features, unseen = features[:-50], features[-50:]
    labels = (multi_hot if target is TOOLS else index)[:-50]
    parts = [features[:7], features[7:30], features[30:]], [labels[:7], labels[7:30], labels[30:]]
    heads = fit_linear_heads(target, *parts, STRENGTHS)
    assert len(heads) == 20
    for strength, head in zip(STRENGTHS, heads, strict=True):
        oracle = make_pipeline(
            StandardScaler(), LogisticRegression(C=1 / (strength * shape[0]), tol=1e-8, max_iter=10_000)
        )
        found = head.logits_of(unseen)
        assert found.dtype == np.float32
        if target is TOOLS:
            columns = [oracle.fit(features.astype(float), column).decision_function(unseen) for column in labels.T]
            expected = np.stack(columns, axis=1)
        else:
            expected = oracle.fit(features.astype(float), labels).decision_function(unseen)
            found = found - found.mean(axis=1, keepdims=True)  # what all classes have in common is free
            expected = expected - expected.mean(axis=1, keepdims=True)
        np.testing.assert_allclose(found, expected, atol=1e-2 * np.abs(expected).max())


@pytest.mark.parametrize("shape", [(80, 30), (40, 120)], ids=["tall", "wide"])
def test_no_solution_of_scikit_learn_is_better(shape):
    """The penalised loss, in float64, of what float32 products lead to."""
    features, _, labels = data(*shape)
    inputs = StandardScaler().fit_transform(features.astype(float))
    for strength, head in zip(STRENGTHS, fit_linear_heads(PHASES, [features], [labels], STRENGTHS), strict=True):
        oracle = LogisticRegression(C=1 / (strength * shape[0]), tol=1e-10, max_iter=10_000).fit(inputs, labels)

        def loss(weight, bias, strength=strength):
            logits = inputs @ weight.T + bias
            data_loss = (np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(labels)), labels]).mean()
            return data_loss + strength / 2 * (weight**2).sum()

        assert loss(head.weight, head.bias) < loss(oracle.coef_, oracle.intercept_) + 1e-6


@pytest.mark.parametrize("target", [TOOLS, PHASES], ids=["multi_label", "single_label"])
def test_chunks_of_frames_do_not_matter(target, monkeypatch):
    features, multi_hot, index = data(80, 30)
    labels = multi_hot if target is TOOLS else index
    whole = fit(target, features, labels, 0.01).logits_of(features)
    monkeypatch.setattr(linear, "ROWS", 11)
    np.testing.assert_allclose(fit(target, features, labels, 0.01).logits_of(features), whole, atol=2e-3)


def test_one_strength_alone_gives_the_same_as_at_the_end_of_the_path():
    features, labels, _ = data(80, 30)
    path = fit_linear_heads(TOOLS, [features], [labels], STRENGTHS)
    for at in (0, 9, 19):
        alone = fit(TOOLS, features, labels, STRENGTHS[at]).logits_of(features)
        np.testing.assert_allclose(path[at].logits_of(features), alone, atol=2e-3 * np.abs(alone).max())


def test_standardisation_sees_training_frames_alone():
    features, labels, _ = data(60, 10)
    head = fit(TOOLS, features, labels, 1.0)
    np.testing.assert_allclose(head.mean, features.astype(float).mean(axis=0))
    np.testing.assert_allclose(head.scale, features.astype(float).std(axis=0))
    shifted = head.logits_of(features[:5] + 1000 * head.scale)  # were it standardised anew, nothing would change
    assert np.abs(shifted - head.logits_of(features[:5])).max() > 0.1


def test_scale_of_features_does_not_matter():
    features, labels, _ = data(60, 90)
    scores = fit(TOOLS, features, labels, 0.1).logits_of(features)
    rescaled = (features * np.linspace(1, 1000, 90)).astype(np.float32)
    again = fit(TOOLS, rescaled, labels, 0.1).logits_of(rescaled)
    np.testing.assert_allclose(scores, again, atol=1e-3)


def test_inputs_are_left_as_they_are():
    features, labels, _ = data(60, 10)
    before = features.copy()
    fit(TOOLS, features, labels, 1.0)
    np.testing.assert_array_equal(features, before)


def test_constant_feature_is_ignored():
    features, labels, _ = data(60, 10)
    with_constant = np.concatenate([features, np.full((60, 1), 0.1, np.float32)], axis=1)
    unseen = np.concatenate([features, np.full((60, 1), 9.0, np.float32)], axis=1)
    plain = fit(TOOLS, features, labels, 1.0).logits_of(features)
    constant = fit(TOOLS, with_constant, labels, 1.0).logits_of(unseen)
    np.testing.assert_allclose(plain, constant, atol=1e-5)


def test_tool_without_positive_or_negative_frames_gets_a_constant_score():
    features, labels, _ = data(60, 10)
    labels[:, 0], labels[:, 2] = 0, 1
    head = fit(TOOLS, features, labels, 1.0)
    assert head.classes.untrained == ["a", "c"]
    scores = head.logits_of(features)
    assert np.ptp(scores[:, 0]) == np.ptp(scores[:, 2]) == 0
    assert scores[0, 0] < -10 and scores[0, 2] > 10
    alone = fit(target_of("multi_label", 1), features, labels[:, 1:2], 1.0).logits_of(features)
    np.testing.assert_allclose(scores[:, 1], alone[:, 0], atol=1e-3)


@pytest.mark.parametrize("present", [[0, 4], [2]])
def test_phase_without_training_frames_is_never_predicted(present):
    features, _, index = data(60, 10)
    labels = np.array(present)[index % len(present)]
    head = fit(target_of("single_label", 6), features, labels, 0.01)
    assert head.classes.untrained == ["abcdef"[k] for k in range(6) if k not in present]
    logits = head.logits_of(features)
    assert np.isfinite(logits).all() and set(logits.argmax(axis=1)) <= set(present)
    assert (logits.argmax(axis=1) == labels).mean() > 0.5


def videos_of(target, names, frames=30, features=10, seed=0):
    """Videos whose summaries tell the label; the mean patch is noise."""
    videos = []
    for number, name in enumerate(names):
        summary, multi_hot, index = data(frames, features, seed=seed)
        keep = np.random.default_rng(100 + number).permutation(frames)[: frames - number]
        noise = np.random.default_rng(200 + number).normal(size=(len(keep), 4)).astype(np.float32)
        labels = (multi_hot if target is TOOLS else index)[keep]
        videos.append(LabelledVideo(name, VideoFeatures(summary[keep], noise), labels))
    return videos


def inputs_of(videos):
    return [join_features(video.features, True) for video in videos], [video.labels for video in videos]


@pytest.mark.parametrize("target", [TOOLS, PHASES], ids=["multi_label", "single_label"])
def test_strength_is_chosen_on_validation_videos(target):
    videos = videos_of(target, "pqrs")
    inside, outside = videos[:2], videos[2:]
    (found,) = train(target, inside, outside, seeds=(0, 1, 2))
    assert found.chosen["judged_on"] == "validation videos"
    heads = fit_linear_heads(target, *inputs_of(inside), STRENGTHS, joined=True)
    settings = [[head.logits(video.features) for video in outside] for head in heads]
    expected = selection_scores(target, settings, [video.labels for video in outside])
    assert list(found.chosen["scores"].values()) == pytest.approx(expected)
    assert found.chosen["strength"] == STRENGTHS[int(np.argmax(expected))]
    np.testing.assert_array_equal(found.head.logits(outside[0].features), settings[int(np.argmax(expected))][0])
    json.dumps(found.chosen)


@pytest.mark.parametrize("names", ["pq", "pqrstuv"], ids=["each in turn", "five groups"])
def test_without_validation_videos_each_is_judged_by_heads_that_never_saw_it(names, monkeypatch):
    videos = videos_of(TOOLS, names)
    fitted = []
    original = linear.fit_linear_heads

    def record(target, inputs, labels, strengths, joined):
        fitted.append((len(labels), len(strengths)))
        return original(target, inputs, labels, strengths, joined)

    monkeypatch.setattr(linear, "fit_linear_heads", record)
    (found,) = train(TOOLS, videos, [], seeds=())
    assert found.chosen["judged_on"] == "left-out training videos"
    groups = [names[first::5] for first in range(min(len(names), 5))]
    assert fitted == [(len(names) - len(group), 20) for group in groups] + [(len(names), 1)]
    settings, truths = [[] for _ in STRENGTHS], []
    for group in groups:
        inside, outside = ([v for v in videos if (v.video in group) is left] for left in (False, True))
        for judged, head in zip(settings, original(TOOLS, *inputs_of(inside), STRENGTHS, True), strict=True):
            judged.extend(head.logits(video.features) for video in outside)
        truths.extend(video.labels for video in outside)
    assert list(found.chosen["scores"].values()) == pytest.approx(selection_scores(TOOLS, settings, truths))


def test_choice_does_not_fit_on_the_video_it_scores():
    """Labels of each video are random: what is learnt on the others says nothing, so no strength beats chance."""
    random = np.random.default_rng(0)
    videos = [
        LabelledVideo(
            name,
            VideoFeatures(*random.normal(size=(2, 100, 150)).astype(np.float32)),
            random.integers(0, 2, 100),
        )
        for name in "abcd"
    ]
    (found,) = train(target_of("single_label", 2), videos, [], seeds=())
    assert all(abs(value - 0.5) < 0.08 for value in found.chosen["scores"].values())


def test_order_of_videos_does_not_matter():
    videos = videos_of(TOOLS, "pqrstu")
    (one,), (other,) = train(TOOLS, videos, [], ()), train(TOOLS, videos[::-1], [], ())
    assert one.chosen["strength"] == other.chosen["strength"]
    expected = one.head.logits(videos[0].features)
    np.testing.assert_allclose(other.head.logits(videos[0].features), expected, atol=2e-3 * np.abs(expected).max())


def test_tie_goes_to_the_stronger_regularisation(monkeypatch):
    videos = videos_of(TOOLS, "pq")
    monkeypatch.setattr(linear, "selection_scores", lambda target, settings, labels: [0.7] * len(settings))
    assert train(TOOLS, videos[:1], videos[1:], ())[0].chosen["strength"] == max(STRENGTHS)


def test_one_training_video_takes_the_default_and_says_so():
    (found,) = train(TOOLS, videos_of(TOOLS, "p"), [], seeds=(0, 1))
    assert found.chosen["strength"] == 0.1 and found.chosen["judged_on"] == "nothing" and not found.chosen["scores"]


def test_nothing_to_choose_by_and_nothing_to_learn_from():
    video = videos_of(TOOLS, "p")[0]
    empty = LabelledVideo("q", video.features, np.zeros_like(video.labels))
    with pytest.raises(ValueError, match="undefined on all 1 videos"):
        train(TOOLS, [video], [empty], ())
    with pytest.raises(ValueError, match="no training frame"):
        nothing = VideoFeatures(video.features.summary[:0], video.features.mean_patch[:0])
        train(TOOLS, [LabelledVideo("r", nothing, video.labels[:0])], [], ())


def test_summary_and_mean_patch_are_joined_unless_the_same():
    random = np.random.default_rng(0)
    summary, mean = random.normal(size=(2, 5, 4)).astype(np.float32)
    assert summary_is_mean_patch([VideoFeatures(summary, summary + 1e-7), VideoFeatures(mean, mean)])
    assert not summary_is_mean_patch([VideoFeatures(summary, mean), VideoFeatures(mean, mean)])
    assert not summary_is_mean_patch([VideoFeatures(summary, mean[:, :3])])
    np.testing.assert_array_equal(join_features(VideoFeatures(summary, mean), True), np.hstack([summary, mean]))
    np.testing.assert_array_equal(join_features(VideoFeatures(summary, mean), False), summary)
    same = [LabelledVideo("p", VideoFeatures(summary, summary), np.arange(5) % 3)]
    assert train(PHASES, same, [], ())[0].chosen["features"] == 4


def test_statistics_in_parts_are_those_of_all_frames(monkeypatch):
    draw = np.random.default_rng(0)
    videos = [(draw.standard_normal((length, 4)) + [0, 1e4, -50, 0]).astype(np.float32) for length in (1, 7, 64, 30)]
    for video in videos:
        video[:, 3] = 0.3
    monkeypatch.setattr(linear, "ROWS", 16)
    mean, scale = linear.channel_statistics(iter(videos))
    rows = np.concatenate(videos).astype(np.float64)
    np.testing.assert_allclose(mean, rows.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(scale[:3], rows.std(axis=0)[:3], rtol=1e-10)
    assert scale[3] == 1


def test_no_more_than_one_video_is_held_joined(monkeypatch):
    """Besides the array that all are gathered in."""
    videos, alive, most = videos_of(TOOLS, "pqrs"), [], []

    def join(features, joined):
        inputs = join_features(features, joined)
        alive.append(weakref.ref(inputs))
        most.append(sum(found() is not None for found in alive))
        return inputs

    monkeypatch.setattr(linear, "join_features", join)
    train(TOOLS, videos[:3], videos[3:], seeds=())
    monkeypatch.setattr(ms_tcn, "join_features", join)
    ms_tcn.Inputs.of(videos, joined=True)
    assert len(most) == 8 and max(most) <= 2  # one, and the one before it until it is replaced


def test_features_and_labels_of_different_length_are_refused():
    with pytest.raises(ValueError, match="3 frames of features and 4 of labels"):
        linear.stack([np.zeros((3, 2), np.float32)], 4)
