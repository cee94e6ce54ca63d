# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The temporal head: causal, settings independent of one another, its parts against torch's own layers."""

import json

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from zen_hf.benchmark.feature_cache import VideoFeatures
from zen_hf.benchmark.heads import ms_tcn
from zen_hf.benchmark.heads.head import LabelledVideo
from zen_hf.benchmark.heads.ms_tcn import Setting, fit, loss_of, stages_of, train
from zen_hf.benchmark.metrics.multilabel_map.multilabel_map import MultilabelMap
from zen_hf.benchmark.metrics.phase_recognition.phase_recognition import PhaseRecognition
from zen_hf.benchmark.task import Target

TOOLS = Target("tool", "multi_label", tuple("abc"), MultilabelMap, score="map")
PHASES = Target("phase", "single_label", tuple("abcd"), PhaseRecognition, score="accuracy")
KINDS = pytest.mark.parametrize("target", [TOOLS, PHASES], ids=["multi_label", "single_label"])


def video(target, name, frames=48, seed=0, classes=3):
    """Phases one after the other; features are their one-hot in heavy noise, so that time must help."""
    random = np.random.default_rng(seed)
    phase = np.arange(frames) * classes // frames
    summary = np.eye(5)[phase] + random.normal(0, 0.7, (frames, 5))
    labels = phase if target is PHASES else np.eye(3, dtype=np.int8)[phase]
    noise = random.normal(size=(frames, 2))
    return LabelledVideo(name, VideoFeatures(summary.astype(np.float32), noise.astype(np.float32)), labels)


def videos(target, names="pqr"):
    return [video(target, name, seed=ord(name)) for name in names]


def last(generator):
    return list(generator)[-1][1]


@pytest.fixture
def few_epochs(monkeypatch):
    monkeypatch.setattr(ms_tcn, "MOST_EPOCHS", 4)
    monkeypatch.setattr(ms_tcn, "EPOCHS_BETWEEN", 2)


@KINDS
def test_later_frames_change_nothing(target):
    (head,) = last(fit(target, videos(target), [Setting(2e-3, 0)], 2))
    features = video(target, "z", 70).features
    whole = head.logits(features)
    assert whole.shape == (70, len(target.labels)) and whole.dtype == np.float32
    changed = VideoFeatures(features.summary.copy(), features.mean_patch.copy())
    changed.summary[40:], changed.mean_patch[40:] = 1e3, -1e3
    np.testing.assert_allclose(head.logits(changed)[:40], whole[:40], atol=1e-5)
    assert np.abs(head.logits(changed)[40:] - whole[40:]).max() > 0.1
    prefix = VideoFeatures(features.summary[:40], features.mean_patch[:40])
    np.testing.assert_allclose(head.logits(prefix), whole[:40], atol=1e-5)
    np.testing.assert_array_equal(head.logits(features), whole)


def test_the_past_reaches_as_far_as_said():
    """An input is seen by 1 + 2 x 2 x 255 frames and no more."""
    draw = torch.Generator().manual_seed(0)
    parameters = {name: p[None].double() for name, p in ms_tcn.initial_parameters(2, 4, draw).items()}
    for values in parameters.values():
        values.abs_().mul_(0.05)  # nothing cancels, no ReLU is dead, no sigmoid is flat
    inputs = torch.ones(1100, 2, dtype=torch.float64, requires_grad=True)
    stages_of(parameters, inputs, TOOLS)[-1][0, 0, 1099].backward()
    reached = inputs.grad.abs().sum(dim=1).nonzero()[:, 0]
    assert reached.min() == 1099 - 1020 and reached.max() == 1099


@KINDS
def test_one_setting_alone_is_the_same_as_among_others(target):
    data = videos(target)
    settings = [Setting(5e-4, 0), Setting(2e-3, 1), Setting(2e-3, 0)]
    together = last(fit(target, data, settings, 3))
    for setting, among in zip(settings, together, strict=True):
        (alone,) = last(fit(target, data[::-1], [setting], 3))  # nor does the order of the videos matter
        for name, values in alone.parameters.items():
            np.testing.assert_allclose(values, among.parameters[name], atol=1e-5)
    one, two, three = (head.parameters["0.0.mix.weight"] for head in together)
    assert (one - three).abs().max() > 1e-4 and (two - three).abs().max() > 1e-2


def test_layers_are_torch_convolutions():
    draw = torch.Generator().manual_seed(0)
    parameters = {name: p[None] for name, p in ms_tcn.initial_parameters(6, 4, draw).items()}
    inputs = torch.randn(50, 6, generator=draw)

    def convolve(name, x, kernel=1, dilation=1):
        weight, bias = parameters[f"{name}.weight"][0], parameters[f"{name}.bias"][0, :, 0]
        weight = weight.view(len(weight), kernel, -1).transpose(1, 2)  # [out, in, kernel]
        return functional.conv1d(nn.ConstantPad1d(((kernel - 1) * dilation, 0), 0)(x), weight, bias, dilation=dilation)

    x, expected = inputs.T[None], []
    for stage in range(2):
        x = convolve(f"{stage}.in", x)
        for layer in range(8):
            change = convolve(f"{stage}.{layer}.dilated", x, kernel=3, dilation=2**layer).relu()
            x = x + convolve(f"{stage}.{layer}.mix", change)
        x = convolve(f"{stage}.out", x)
        expected.append(x)
        x = x.softmax(dim=1)
    for found, wanted in zip(stages_of(parameters, inputs, PHASES), expected, strict=True):
        torch.testing.assert_close(found, wanted)


@KINDS
def test_loss_by_hand(target):
    random = np.random.default_rng(0)
    logits = torch.from_numpy(random.normal(0, 4, (2, len(target.labels), 9))).requires_grad_()
    weights = torch.tensor([1.0, 2, 0.5, 3])
    if target is PHASES:
        labels = torch.from_numpy(random.integers(0, 4, 9))
        logs = functional.log_softmax(logits, dim=1)
        losses = [functional.cross_entropy(one.T, labels, weights.double()) for one in logits]
    else:
        labels = torch.from_numpy(random.integers(0, 2, (9, 3)))
        logs = functional.logsigmoid(logits)
        losses = [functional.binary_cross_entropy_with_logits(one.T, labels.double()) for one in logits]
    for one in logs.detach():
        change = [min(float(one[c, t] - one[c, t - 1]) ** 2, 16.0) for t in range(1, 9) for c in range(len(one))]
        losses.append(0.15 * np.mean(change))
    found = loss_of(logits, labels, target, weights.double())
    assert found.item() == pytest.approx(float(sum(losses).detach()))


def test_rare_classes_weigh_more_up_to_a_limit():
    labels = np.repeat([0, 1, 2], [2, 40, 400])
    features = video(PHASES, "p").features
    weights = ms_tcn.class_weights(PHASES, [LabelledVideo("p", features, labels)])
    assert weights.tolist() == pytest.approx([10, 1, 0.1, 0])


@KINDS
def test_planted_signal_is_recovered(target):
    data = videos(target, "pqrs")
    (found,) = train(target, data[:3], data[3:], seeds=(0,))
    assert found.chosen["judged_on"] == "validation videos" and found.chosen["score"] > 0.85
    unseen = video(target, "z", seed=99)
    labels = unseen.labels if target is PHASES else unseen.labels.argmax(axis=1)
    predicted = found.head.logits(unseen.features).argmax(axis=1)
    frame_alone = unseen.features.summary[:, :3].argmax(axis=1)
    assert (predicted == labels).mean() > max(0.85, (frame_alone == labels).mean())
    json.dumps(found.chosen)


def test_one_head_per_seed_whatever_the_others(few_epochs):
    data = videos(PHASES, "pqrs")
    for val in (data[3:], []):
        both = train(PHASES, data[:3], val, seeds=(0, 1))
        (alone,) = train(PHASES, data[:3], val, seeds=(1,))
        found, other = (head.head.logits(data[3].features) for head in both)
        np.testing.assert_allclose(alone.head.logits(data[3].features), other, atol=1e-3)
        assert np.abs(found - other).max() > 1e-2
        assert alone.chosen == both[1].chosen


def test_inside_training_every_video_is_judged_by_a_network_that_never_saw_it(few_epochs, monkeypatch):
    fitted, judged = [], []
    original_fit, original_scores = ms_tcn.fit, ms_tcn.selection_scores

    def record(target, inside, settings, most_epochs):
        fitted.append(("".join(sorted(v.video for v in inside)), len(settings)))
        return original_fit(target, inside, settings, most_epochs)

    def record_scores(target, logits, labels):
        judged.append([len(truth) for truth in labels])
        return original_scores(target, logits, labels)

    monkeypatch.setattr(ms_tcn, "fit", record)
    monkeypatch.setattr(ms_tcn, "selection_scores", record_scores)
    (found,) = train(PHASES, videos(PHASES, "rqp"), [], seeds=(3,))
    assert fitted == [("q", 2), ("pr", 2), ("pqr", 1)] and judged == [[48, 48, 48]] * 2
    assert found.chosen["judged_on"] == "left-out training videos"


def test_training_ends_when_nothing_improves(monkeypatch):
    epochs = []

    def scores(target, logits, labels):
        epochs.append(len(epochs))
        return [0.7 if len(epochs) == 2 else 0.5] * len(logits)

    monkeypatch.setattr(ms_tcn, "EPOCHS_BETWEEN", 1)
    monkeypatch.setattr(ms_tcn, "selection_scores", scores)
    data = videos(PHASES)
    (found,) = train(PHASES, data[:1], data[1:], seeds=(0,))
    assert len(epochs) == 2 + ms_tcn.PATIENCE
    assert (found.chosen["epochs"], found.chosen["rate"], found.chosen["score"]) == (2, 5e-4, 0.7)


def test_single_training_video_and_absent_classes():
    (found,) = train(PHASES, [video(PHASES, "p", classes=2)], [], seeds=(0,))
    assert found.chosen == {
        "rate": 2e-3,
        "epochs": 40,
        "judged_on": "nothing",
        "score": None,
        "untrained": ["c", "d"],
    }
    logits = found.head.logits(video(PHASES, "z").features)
    assert np.isfinite(logits).all() and set(logits.argmax(axis=1)) <= {0, 1}
    (tools,) = train(TOOLS, [video(TOOLS, "p", classes=2)], [], seeds=(0,))
    assert tools.chosen["untrained"] == ["c"]
    assert np.ptp(tools.head.logits(video(TOOLS, "z").features)[:, 2]) == 0


def test_two_hours_at_one_frame_per_second():
    long = video(PHASES, "p", frames=7200)
    settings = [Setting(rate, seed) for rate in ms_tcn.RATES for seed in range(3)]
    heads = last(fit(PHASES, [long], settings, 1))
    assert len(heads) == 6
    assert all(torch.isfinite(values).all() for head in heads for values in head.parameters.values())
