# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The fusion computes its formula, pays no heed to padding or to rows beside it, and reloads to the same bits."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from zen_hf.benchmark.vqa.fusion import HEADS, WIDTH, Fusion, FusionHead, answer
from zen_hf.benchmark.vqa.question_encoder import EncodedQuestions
from zen_hf.benchmark.vqa.questions import AskedVideo, QuestionRows


@pytest.fixture
def fusion():
    torch.manual_seed(0)
    fusion = Fusion(answers=5, text_size=12, tokens=6, patch_size=7)
    torch.nn.init.normal_(fusion.classifier.weight)
    fusion.mean.normal_()
    fusion.scale.uniform_(0.5, 2)
    return fusion.eval().requires_grad_(False)


@pytest.fixture
def questions():
    generator = torch.Generator().manual_seed(1)
    mask = torch.tensor([[True] * 4, [True, True, False, False], [True, True, True, False]])
    return EncodedQuestions(torch.randn(3, 4, 12, generator=generator) * mask[..., None], mask)


@pytest.fixture
def tokens():
    return torch.randn(2, 6, 7, generator=torch.Generator().manual_seed(2))


def by_hand(fusion, patches, states):
    """The formula for one row in float64, loop by loop."""
    weights = {name: value.double() for name, value in fusion.state_dict().items()}

    def linear(x, name):
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(x, name):
        return functional.layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"])

    patches = (patches.double() - weights["mean"]) / weights["scale"]
    patches = norm(linear(patches, "patch") + weights["places"], "patch_norm")
    text = linear(functional.layer_norm(states.double(), states.shape[-1:]), "text.1")
    for layer in ("layers.0", "layers.1"):
        query = linear(norm(text, f"{layer}.norm"), f"{layer}.query")
        keys, values = linear(patches, f"{layer}.key_value").split(WIDTH, dim=1)
        size, seen = WIDTH // HEADS, []
        for head in range(HEADS):
            part = slice(head * size, (head + 1) * size)
            attention = (query[:, part] @ keys[:, part].T / size**0.5).softmax(dim=1)
            seen.append(attention @ values[:, part])
        text = text + linear(torch.cat(seen, dim=1), f"{layer}.output")
        hidden = functional.gelu(linear(norm(text, f"{layer}.mlp.0"), f"{layer}.mlp.1"))
        text = text + linear(hidden, f"{layer}.mlp.3")
    return linear(norm(text.mean(dim=0), "norm"), "classifier")


def test_logits_are_the_formula(fusion, questions, tokens):
    frame_of, question_of = np.array([0, 1, 1, 0]), np.array([2, 0, 1, 1])
    logits = answer(fusion, tokens, frame_of, questions, question_of)
    for row, (frame, question) in enumerate(zip(frame_of, question_of, strict=True)):
        states = questions.tokens[question][questions.mask[question]]
        torch.testing.assert_close(logits[row].double(), by_hand(fusion, tokens[frame], states), rtol=1e-4, atol=1e-4)


def test_an_answer_that_never_occurs_is_never_given(fusion, questions, tokens):
    fusion.start(np.array([0, 2, 2, 4]))
    torch.nn.init.normal_(fusion.classifier.weight, std=10)
    logits = answer(fusion, tokens, np.array([0, 1]), questions, np.array([0, 1]))
    assert logits.isfinite().all() and set(logits.argmax(dim=1).tolist()) <= {0, 2, 4}
    seen = logits[:, [0, 2, 4]].amax(dim=1)
    torch.testing.assert_close(logits[:, 1], seen - 100)
    assert torch.equal(logits[:, 1], logits[:, 3])


def test_it_starts_with_the_frequencies(questions, tokens):
    fusion = Fusion(answers=3, text_size=12, tokens=6, patch_size=7)
    fusion.start(np.array([0, 0, 0, 2]))
    shares = answer(fusion, tokens, np.array([0, 1]), questions, np.array([0, 1])).softmax(dim=1)
    torch.testing.assert_close(shares, torch.tensor([[0.75, 0.0, 0.25]] * 2))


def test_without_a_picture_only_the_question_counts(questions):
    torch.manual_seed(0)
    fusion = Fusion(answers=5, text_size=12, tokens=6, patch_size=0)
    torch.nn.init.normal_(fusion.classifier.weight)
    video = AskedVideo("v", QuestionRows(np.array([0, 1, 2, 2]), np.array([0, 0, 1, 0])))
    logits = FusionHead(fusion, questions).logits(video)
    np.testing.assert_allclose(logits[0], logits[1], rtol=1e-5)
    np.testing.assert_allclose(logits[0], logits[3], rtol=1e-5)
    assert not np.allclose(logits[0], logits[2])


def test_saved_and_loaded(fusion, questions, tokens, tmp_path):
    fusion.save(tmp_path / "fusion.safetensors")
    loaded = Fusion.load(tmp_path / "fusion.safetensors")
    rows = np.array([0, 1]), questions, np.array([0, 2])
    assert torch.equal(answer(loaded, tokens, *rows), answer(fusion, tokens, *rows))


def test_what_is_no_fusion_is_refused(tmp_path):
    file = tmp_path / "fusion.safetensors"
    with pytest.raises(FileNotFoundError, match="no such file"):
        Fusion.load(file)
    save_file({"x": torch.zeros(1)}, file)
    with pytest.raises(ValueError, match="its format is None"):
        Fusion.load(file)
    file.write_bytes(file.read_bytes()[:-2])
    with pytest.raises(ValueError, match="damaged"):
        Fusion.load(file)
