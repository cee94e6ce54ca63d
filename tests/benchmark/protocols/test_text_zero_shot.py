# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Zero-shot by text against embeddings chosen by hand, and on miniatures with an untrained image-text model."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from image_text_models import save_image_text

from zen_hf.benchmark.exam import set_exam
from zen_hf.benchmark.feature_cache import VideoFeatures, extract_features
from zen_hf.benchmark.protocols.text_zero_shot import predict_by_text
from zen_hf.benchmark.task import Target, load_task
from zen_hf.benchmark.text_prompts import TargetPrompts, TaskPrompts
from zen_hf.modeling.image_text_encoder import ImageTextEncoder

SCALE = 10.0


class KnownTexts:
    """Stands in for a `TextEncoder`: each text is the vector that it spells."""

    scale, fingerprint = SCALE, "t" * 64

    def __call__(self, texts: list[str]) -> torch.Tensor:
        vectors = torch.tensor([[float(number) for number in text.split()] for text in texts])
        return torch.nn.functional.normalize(vectors, dim=-1)


KNOWN = SimpleNamespace(frames=SimpleNamespace(fingerprint="i" * 64), texts=KnownTexts())


def exam_of(*targets: Target, temporal: bool = False):
    """As much of an exam as this protocol looks at."""
    heads = {"frozen": ("linear", "ms_tcn") if temporal else ("linear",)}
    task = SimpleNamespace(name="made up", targets=targets, heads=heads)
    return SimpleNamespace(task=task, folds=[SimpleNamespace(fold=SimpleNamespace(test=("A", "B")))])


def frames(*rows) -> VideoFeatures:
    return VideoFeatures(summary=np.array(rows, np.float32), mean_patch=np.zeros((len(rows), 1), np.float32))


FEATURES = {"A": frames((3, 0), (0, 2)), "B": frames((1, 1))}


def prompts(**targets: TargetPrompts) -> TaskPrompts:
    return TaskPrompts("made up", 1, "0" * 64, targets)


def target(name: str, kind: str, *labels: str) -> Target:
    return Target(name, kind, labels, metric=None, score="")


def by_head(found, name: str) -> dict:
    return {entry.head: entry.outputs for entry in found if entry.target == name}


def test_single_label_by_hand():
    words = TargetPrompts({"x": ("1 0", "1 1"), "y": ("0 1", "0 1")}, {})
    found = by_head(
        predict_by_text(exam_of(target("phase", "single_label", "x", "y")), FEATURES, KNOWN, prompts(phase=words)),
        "phase",
    )
    assert set(found) == {"text", "text_set0", "text_set1"}
    np.testing.assert_allclose(found["text_set0"]["A"], SCALE * np.eye(2), atol=1e-6)
    half = np.sqrt(0.5)
    np.testing.assert_allclose(found["text_set1"]["A"], SCALE * np.array([[half, 0], [half, 1]]), atol=1e-5)
    # the ensemble of 0 and 45 degrees is 22.5 degrees
    angle = np.cos(np.pi / 8), np.sin(np.pi / 8)
    np.testing.assert_allclose(found["text"]["A"][:, 0], SCALE * np.array(angle), atol=1e-5)
    np.testing.assert_allclose(found["text_set0"]["B"], SCALE * np.array([[half, half]]), atol=1e-5)
    assert found["text"]["A"].dtype == np.float32


def test_a_result_names_prompts_and_weights():
    words = TargetPrompts({"x": ("1 0",), "y": ("0 1",)}, {})
    found = predict_by_text(exam_of(target("phase", "single_label", "x", "y")), FEATURES, KNOWN, prompts(phase=words))
    model = {"images": "i" * 64, "texts": "t" * 64, "scale": SCALE}
    said = {"prompts": "made up", "version": 1, "sha256": "0" * 64, "text_model": model}
    assert all(entry.chosen == [said] for entry in found)


def test_several_labels_are_pairs_of_present_and_absent():
    words = TargetPrompts({"x": ("1 0",), "y": ("0 1",)}, {"x": ("0 1",), "y": ("0 1",)})
    found = by_head(
        predict_by_text(exam_of(target("tool", "multi_label", "x", "y")), FEATURES, KNOWN, prompts(tool=words)),
        "tool",
    )
    np.testing.assert_allclose(found["text"]["A"], SCALE * np.array([[1, 0], [-1, 0]]), atol=1e-6)


def test_triplets_are_products_of_their_parts():
    parts = {
        "verb": TargetPrompts({"cut": ("1 0",), "hold": ("0 1",)}, {"cut": ("0 1",), "hold": ("1 0",)}),
        "target": TargetPrompts({"duct": ("1 1",)}, {"duct": ("0 1",)}),
        "triplet": TargetPrompts({}, {}, ("verb", "target")),
    }
    targets = (  # the product comes first, as in the task's file
        target("triplet", "multi_label", "cut,duct", "hold,duct"),
        target("verb", "multi_label", "cut", "hold"),
        target("target", "multi_label", "duct"),
    )
    found = predict_by_text(exam_of(*targets), FEATURES, KNOWN, prompts(**parts))
    verb, part, triplet = (by_head(found, name)["text"] for name in ("verb", "target", "triplet"))
    for video in FEATURES:
        expected = 1 / (1 + np.exp(-verb[video])) / (1 + np.exp(-part[video]))
        np.testing.assert_allclose(1 / (1 + np.exp(-triplet[video])), expected, rtol=1e-4)


def test_smoothed_where_frames_go_on_from_each_other():
    words = TargetPrompts({"x": ("1 0",), "y": ("0 1",)}, {})
    exam = exam_of(target("phase", "single_label", "x", "y"), temporal=True)
    found = predict_by_text(exam, FEATURES, KNOWN, prompts(phase=words))
    heads = by_head(found, "phase")
    assert set(heads) == {"text", "text_smoothed", "text_set0", "text_set0_smoothed"}
    probability = 1 / (1 + np.exp(-SCALE))
    means = np.exp(heads["text_smoothed"]["A"][1])
    np.testing.assert_allclose(means, [0.5, 0.5], atol=1e-4)
    np.testing.assert_allclose(np.exp(heads["text_smoothed"]["A"][0, 0]), probability, rtol=1e-4)
    smoothed = next(entry for entry in found if entry.head == "text_smoothed")
    assert smoothed.chosen[0]["window"] == 31 and smoothed.chosen[0]["prompts"] == "made up"


@pytest.mark.parametrize("name", ["cholect50_triplet", "cholec80_phase", "endoscapes_cvs"])
def test_miniatures_are_predicted_and_scored(name, miniature, tmp_path):
    """The words of our prompts are unknown to this tokenizer but for a few; what counts is that all fits together."""
    save_image_text("siglip", tmp_path / "model")
    task = load_task(name)
    folder = miniature(name)
    exam = set_exam(task, task.read(folder), task.split_in(folder))
    model = ImageTextEncoder.from_pretrained(str(tmp_path / "model"))
    model.texts.longest = 16
    model.texts.tokenizer.truncation_side = "right"
    short = lambda texts: model.texts([" ".join(text.split()[:10]) for text in texts])  # noqa: E731
    short.scale, short.fingerprint = model.texts.scale, model.texts.fingerprint
    videos = [video for fold in exam.folds for video in fold.fold.test]
    features = extract_features(model.frames, exam.frames, videos, 32, tmp_path / "cache")
    found = predict_by_text(exam, features, replace(model, texts=short))
    assert {entry.target for entry in found} == {target.name for target in task.targets}
    assert {"text", "text_set0", "text_set1", "text_set2"} <= {entry.head for entry in found}
    scores = exam.truth.score(found)[0]
    assert all(task.targets[0].primary in score for score in scores[:1])
