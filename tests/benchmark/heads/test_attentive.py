# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The attentive head: settings independent of one another, its parts against torch's own, planted tokens found."""

import json
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from zen_hf.benchmark.feature_cache import VideoFeatures
from zen_hf.benchmark.heads import attentive
from zen_hf.benchmark.heads.attentive import GRID, Setting, batches, fit, forward, gather, loss_of, train
from zen_hf.benchmark.heads.head import LabelledVideo
from zen_hf.benchmark.heads.side_by_side import SideBySideAdamW
from zen_hf.benchmark.metrics.multilabel_map.multilabel_map import MultilabelMap
from zen_hf.benchmark.metrics.phase_recognition.phase_recognition import PhaseRecognition
from zen_hf.benchmark.scoring import selection_scores
from zen_hf.benchmark.task import Target

TOOLS = Target("tool", "multi_label", tuple("abc"), MultilabelMap, score="map")
PHASES = Target("phase", "single_label", tuple("abcd"), PhaseRecognition, score="accuracy")
KINDS = pytest.mark.parametrize("target", [TOOLS, PHASES], ids=["multi_label", "single_label"])
CHANNELS, TOKENS = 8, 9


def video(target, name, frames=60, classes=3):
    """One token of each frame, somewhere, is marked in channel 0, and its channels 1 to 3 tell the class; others lie."""
    random = np.random.default_rng(ord(name))
    label = random.integers(0, classes, frames)
    tokens = random.normal(0, 0.1, (frames, TOKENS, CHANNELS))
    tokens[..., 1:4] += np.eye(3)[random.integers(0, 3, (frames, TOKENS))]
    at = random.integers(0, TOKENS, frames)
    tokens[np.arange(frames), at, :4] = np.concatenate([np.full((frames, 1), 3.0), np.eye(3)[label]], axis=1)
    labels = label if target is PHASES else np.eye(3, dtype=np.int8)[label]
    mean = tokens.mean(axis=1).astype(np.float32)
    return LabelledVideo(name, VideoFeatures(mean, mean, (5 * tokens + 2).astype(np.float16)), labels)


def videos(target, names):
    return [video(target, name) for name in names]


@pytest.fixture
def few_steps(monkeypatch):
    monkeypatch.setattr(attentive, "STEPS", 12)


@KINDS
def test_one_setting_alone_is_the_same_as_among_twenty(target, few_steps):
    data = videos(target, "pq")
    settings = [Setting(rate, decay, seed) for seed in (0, 1) for rate, decay in GRID]
    together = fit(target, data, settings)
    for index in (0, 7, 13, 19, 33):
        alone = fit(target, data[::-1], [settings[index]])  # nor does the order of the videos matter
        for name, values in together.only(index).parameters.items():
            np.testing.assert_allclose(alone.parameters[name], values, atol=1e-5)
    weight = together.parameters["weight"]
    assert (weight[7] - weight[13]).abs().max() > 1e-4 and (weight[7] - weight[27]).abs().max() > 1e-5


def test_optimizer_is_torch_adamw_per_setting():
    draw = torch.Generator().manual_seed(0)
    start, rates, decays = torch.randn(3, 4, 2, generator=draw), [1e-1, 1e-2, 1e-3], [0.0, 0.5, 10.0]
    parameter, bias = start.clone().requires_grad_(), start[:, :, 0].clone().requires_grad_()
    optimizer = SideBySideAdamW([parameter, bias], rates, decays, clip=1.0, undecayed=[bias])
    alone = []
    for one, rate, decay in zip(start, rates, decays, strict=True):
        values = [one.clone().requires_grad_(), one[:, 0].clone().requires_grad_()]
        groups = [{"params": values[:1], "weight_decay": decay}, {"params": values[1:], "weight_decay": 0.0}]
        alone.append((values, torch.optim.AdamW(groups, lr=rate), rate))
    for step in range(5):
        gradients = torch.randn(3, 4, 2, generator=draw) * torch.tensor([3.0, 1.0, 0.1]).view(3, 1, 1)
        parameter.grad, bias.grad = gradients.clone(), gradients[:, :, 1].clone()
        optimizer.step(1 - step / 5)
        for (values, oracle, rate), gradient in zip(alone, gradients, strict=True):
            values[0].grad, values[1].grad = gradient.clone(), gradient[:, 1].clone()
            nn.utils.clip_grad_norm_(values, 1.0)
            for group in oracle.param_groups:
                group["lr"] = rate * (1 - step / 5)
            oracle.step()
    for index, (values, _, _) in enumerate(alone):
        torch.testing.assert_close(parameter[index], values[0], atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(bias[index], values[1], atol=1e-6, rtol=1e-5)


def test_forward_is_attention_of_one_query_per_head():
    draw = torch.Generator().manual_seed(0)
    queries, weight = torch.randn(2, 3, CHANNELS, generator=draw), torch.randn(2, 4, 3 * CHANNELS, generator=draw)
    bias, tokens = torch.randn(2, 4, generator=draw), torch.randn(5, TOKENS, CHANNELS, generator=draw)
    found = forward({"queries": queries, "weight": weight, "bias": bias}, tokens)
    for setting in range(2):
        asked = queries[setting].expand(5, 3, CHANNELS)
        pooled = functional.scaled_dot_product_attention(asked, tokens, tokens)  # [frames, heads, channels]
        torch.testing.assert_close(
            found[setting], functional.linear(pooled.flatten(1), weight[setting], bias[setting])
        )


@KINDS
def test_loss_is_torch_cross_entropy(target):
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 6, len(target.labels), generator=random)
    if target is PHASES:
        labels = torch.tensor([0, 3, 2, 1, 1, 0])
        expected = sum(functional.cross_entropy(one, labels) for one in logits)
    else:
        labels = torch.randint(0, 2, (6, 3), generator=random).to(torch.int8)
        expected = sum(functional.binary_cross_entropy_with_logits(one, labels.float()) for one in logits)
    torch.testing.assert_close(loss_of(logits, labels, target), expected)


def test_every_frame_comes_once_before_any_comes_again():
    rows = list(batches(3000))
    assert len(rows) == attentive.STEPS and all(len(set(batch)) == 256 for batch in rows[:11])
    assert len(set(np.concatenate(rows[:11]))) == 11 * 256
    assert len(next(batches(600))) == 60 and len(next(batches(100))) == 32  # few frames: fewer passes over them
    assert all((np.diff(batch) >= 0).all() for batch in rows)
    assert [len(batch) for batch in batches(10)] == [10] * attentive.STEPS


def test_gather_reads_the_rows_asked_for_alone(tmp_path):
    stored = [np.lib.format.open_memmap(tmp_path / f"{n}.npy", "w+", np.float16, (n, 2, 3)) for n in (4, 1, 6)]
    for number, array in enumerate(stored):
        array[:] = np.arange(array.size).reshape(array.shape) + 100 * number
    whole = np.concatenate(stored)
    for rows in ([0, 3, 4, 5, 10], [4], [5, 9], list(range(11))):
        np.testing.assert_array_equal(gather(stored, np.array(rows)), whole[rows])


def test_statistics_are_those_of_the_training_tokens(few_steps):
    data = videos(PHASES, "pq")
    tokens = np.concatenate([one.features.tokens for one in data]).astype(float).reshape(-1, CHANNELS)
    heads = fit(PHASES, data, [Setting(1e-3, 0.1, 0)])
    np.testing.assert_allclose(heads.mean, tokens.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(heads.scale, tokens.std(axis=0), rtol=1e-5)


@KINDS
def test_planted_token_is_found(target):
    """The mean over tokens hardly tells the class: only attention to the marked token does."""
    data = videos(target, "pqrstu")
    (found,) = train(target, data[:5], data[5:], seeds=(0,))
    unseen = video(target, "z", 200)
    labels = unseen.labels if target is PHASES else unseen.labels.argmax(axis=1)
    assert (found.head.logits(unseen.features).argmax(axis=1) == labels).mean() > 0.9
    assert found.chosen["judged_on"] == "validation videos" and len(found.chosen["scores"]) == 20
    json.dumps(found.chosen)


def test_setting_is_chosen_by_the_selection_score_whatever_the_seeds(few_steps):
    data = videos(PHASES, "pqrs")
    both = train(PHASES, data[:2], data[2:], seeds=(0, 1))
    (alone,) = train(PHASES, data[:2], data[2:], seeds=(1,))
    assert alone.chosen == both[0].chosen == both[1].chosen
    shown = [head.head.logits(data[0].features) for head in (alone, *both)]
    np.testing.assert_allclose(shown[0], shown[2], atol=1e-4)
    assert np.abs(shown[0] - shown[1]).max() > 1e-6
    heads = fit(PHASES, data[:2], [Setting(rate, decay, 0) for rate, decay in GRID])
    logits = [[heads.only(index).logits(one.features) for one in data[2:]] for index in range(20)]
    expected = selection_scores(PHASES, logits, [one.labels for one in data[2:]])
    assert list(alone.chosen["scores"].values()) == pytest.approx(expected)
    assert (alone.chosen["rate"], alone.chosen["decay"]) == GRID[int(np.argmax(expected))]


def test_inside_training_every_video_is_judged_by_heads_that_never_saw_it(few_steps, monkeypatch):
    fitted, judged = [], []
    original_fit, original_scores = attentive.fit, attentive.selection_scores

    def record(target, inside, settings):
        fitted.append(("".join(sorted(one.video for one in inside)), len(settings)))
        return original_fit(target, inside, settings)

    def record_scores(target, logits, labels):
        judged.append((len(logits), len(labels)))
        return original_scores(target, logits, labels)

    monkeypatch.setattr(attentive, "fit", record)
    monkeypatch.setattr(attentive, "selection_scores", record_scores)
    found = train(PHASES, videos(PHASES, "rqp"), [], seeds=(0, 1))
    assert fitted == [("q", 20), ("pr", 20), ("pqr", 2)] and judged == [(20, 3)]
    assert [one.chosen["judged_on"] for one in found] == ["left-out training videos"] * 2


def test_single_training_video_and_absent_classes(few_steps):
    (found,) = train(PHASES, [video(PHASES, "p", classes=2)], [], seeds=(0,))
    assert found.chosen == {
        "rate": 1e-3,
        "decay": 0.1,
        "judged_on": "nothing",
        "scores": {},
        "untrained": ["c", "d"],
    }
    logits = found.head.logits(video(PHASES, "z", 300).features)
    assert logits.shape == (300, 4) and logits.dtype == np.float32
    assert np.isfinite(logits).all() and set(logits.argmax(axis=1)) <= {0, 1}
    (tools,) = train(TOOLS, [video(TOOLS, "p", classes=2)], [], seeds=(0,))
    constant = tools.head.logits(video(TOOLS, "z").features)[:, 2]
    assert np.ptp(constant) == 0 and constant[0] == pytest.approx(math.log(1e-6), abs=1e-3)


def test_features_without_tokens():
    one = video(PHASES, "p")
    without = LabelledVideo("p", VideoFeatures(one.features.summary, one.features.mean_patch), one.labels)
    with pytest.raises(ValueError, match="needs patch tokens; extract the features with tokens=True"):
        train(PHASES, [without], [], seeds=(0,))
